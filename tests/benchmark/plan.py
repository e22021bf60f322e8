"""What planning a large run costs: dry runs of Snakemake, in CPU seconds and MB of peak memory.

Beside it the barest Snakefile of as many jobs, two a cell: what Snakemake itself costs. Medians over the
rounds, in which the two take turns. Also the bytes that each fit of a finished results folder takes.
"""

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd

ROOT = Path(__file__).parents[2]
PARTICLE_COUNTS = 10
EXPERIMENT = """\
title: Many
problem: coin
data: {{heads: 12, tails: 8}}
autoguides: {{{autoguides}}}
grid:
  - guides: [{guides}]
    num_particles: {num_particles}
    step_sizes: [1e-4, 1e-3, 1e-2, 1e-1]
    seeds: 250
figures: [verdicts]
"""
BAREST = """\
rule all:
    input: expand("second/{{i}}", i=range({cells}))
rule first:
    output: "first/{{i}}"
    shell: "touch {{output}}"
rule second:
    input: "first/{{i}}"
    output: "second/{{i}}"
    shell: "touch {{output}}"
"""
PARTS = ("Snakefile", "config", "envs", "notebooks", "profiles", "workflow")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, nargs="*", default=[], help="finished experiments")
    options = parser.parse_args()
    print(
        "| cells | fits | CPU seconds | MB | barest Snakefile | ratio |\n|---|---|---|---|---|---|"
    )
    for cells in options.cells:
        with tempfile.TemporaryDirectory() as folder:
            print(_row(Path(folder), cells, options.rounds), flush=True)
    if options.results:
        print("\n| results | fits | bytes a fit | of these fit files |\n|---|---|---|---|")
        for folder in options.results:
            print(_bytes(folder))


def _row(folder: Path, cells: int, rounds: int) -> str:
    ours, barest = folder / "ours", folder / "barest"
    for part in PARTS:
        source = ROOT / part
        copy = shutil.copytree if source.is_dir() else shutil.copy2
        ours.mkdir(exist_ok=True)
        copy(source, ours / part)
    names = [f"g{index}" for index in range(cells // PARTICLE_COUNTS)]
    # Names of their own, so that each is a guide of the grid.
    autoguide = "{class: AutoLowRankMultivariateNormal, options: {rank: 1}}"
    (ours / "config/experiments/many.yaml").write_text(
        EXPERIMENT.format(
            autoguides=", ".join(f"{name}: {autoguide}" for name in names),
            guides=", ".join(names),
            num_particles=list(range(1, PARTICLE_COUNTS + 1)),
        )
    )
    barest.mkdir()
    (barest / "Snakefile").write_text(BAREST.format(cells=cells))
    config = ["--config", 'experiments=["many"]']
    _dry_run(ours, config)  # asks the problem for its models and guides, once
    both = [(_dry_run(ours, config), _dry_run(barest, [])) for _ in range(rounds)]
    (seconds, megabytes), (least, least_megabytes) = [
        [statistics.median(run[which][part] for run in both) for part in (0, 1)] for which in (0, 1)
    ]
    ratio = statistics.median(one[0] / other[0] for one, other in both)
    return (
        f"| {cells:,} | {1000 * cells:,} | {seconds:.0f} | {megabytes:.0f} "
        f"| {least:.0f} s, {least_megabytes:.0f} MB | {ratio:.1f} |"
    )


def _dry_run(folder: Path, arguments: list[str]) -> tuple[float, float]:
    """(CPU seconds, MB) of a dry run, measured by a process that has no other child."""
    command = [sys.executable, "-m", "snakemake", "--dry-run", "--quiet", "--cores", "1"]
    watch = (
        "import json, resource, subprocess, sys\n"
        "subprocess.run(sys.argv[1:], check=True, capture_output=True)\n"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN)\n"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    )
    output = subprocess.run(
        [sys.executable, "-c", watch, *command, *arguments],
        cwd=folder, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    seconds, megabytes = map(float, output.split())
    return seconds, megabytes


def _bytes(folder: Path) -> str:
    fits = len(pd.read_parquet(folder / "fits.parquet"))
    sizes = {path: path.stat().st_size for path in folder.rglob("*") if path.is_file()}
    of_fits = sum(size for path, size in sizes.items() if "fits" in path.parts)
    return f"| {folder} | {fits:,} | {sum(sizes.values()) / fits:,.0f} | {of_fits / fits:,.0f} |"


if __name__ == "__main__":
    main()
