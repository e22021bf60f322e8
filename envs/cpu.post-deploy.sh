# Snakemake runs this in a conda environment made from cpu.yaml: the project's own package.
python -m pip install --quiet --no-deps --no-build-isolation --editable .
