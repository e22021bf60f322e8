"""Where the package and the project lie."""

from pathlib import Path

PACKAGE = Path(__file__).parent
PROJECT = PACKAGE.parents[1]
"""The folder of the Snakefile, `notebooks/` and `envs/`."""
