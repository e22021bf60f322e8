"""Writes docs/engine.md from the tables of the benchmark: `python tests/benchmark/report.py`."""

import argparse
import json
import platform
from importlib.metadata import version
from pathlib import Path

import pandas as pd

SETTING = ["case", "num_particles", "replicas"]

TEXT = """\
# How fast the engine is

Made by `make benchmark` and `python tests/benchmark/report.py`, on a machine with {machine}; JAX {jax},
NumPyro {numpyro}, Python {python}. Every measurement is a process of its own with one thread, and the
variants of a case take turns, so that a ratio compares what ran side by side. 10,000 steps a fit.
Seconds are medians; they move by up to a factor of two on this machine, ratios by much less.

- `svi_run`: a loop of NumPyro's `SVI.run(progress_bar=False)` in one process. It compiles at every call,
  and its user waits for that, so its run includes it. Timed on two fits and scaled.
- `process`: one process a fit, as a pipeline without batching does. Timed on one fit and scaled.
- `vmap_scan`: `jit(vmap(scan(SVI.update)))` over all fits, as an expert would write it by hand.
- `engine`: `svi_atlas.inference.fit.fit_cell`. Each of its fits equals `SVI.run` (tests/unit/inference/test_fit.py).
- `floor`: the same arithmetic written by hand in NumPy, for the coin's Normal guide only. The engine is
  below it where XLA fuses into one loop what NumPy does array by array.

## Against the other ways

Run: compilation and start of the process apart (except for `svi_run`). Total: a fresh process with a
cold cache, start to end.

{ratios}

In seconds:

{seconds}

The flow gains least: 4.5 of its 6.3 ms a step are spent in the flow itself, in products of small matrices
that every way computes alike. Other matrix routines of XLA (its `ynn` and XNNPACK libraries with and
without these products) and wider vectors brought nothing. In the regression with the full-rank guide, 1.2
of 1.7 ms a step are its model's `line[group]`: gathers, and scatters in the gradient; a product with a
one-hot matrix instead was slower. (One core, 64 replicas, 16 particles.)

## Where a run's CPU time goes

The whole default reproduction ({fits:,} fits, {minutes:.0f} minutes of CPU time), from what its jobs
recorded (`costs/`). A fit job traces and compiles three programs (start, steps, draws) for every cell;
running the compiled fits is the smallest part of it. Among cells of 64 fits the median job takes
{fit:.1f} s of CPU time to fit, of which {inside:.1f} s inside the compiled fits, and {diagnose:.1f} s to
diagnose.

{stages}

## What each part brings

Nanoseconds a fit and step, with the parts of the engine added one by one. `compiler flag`: XLA leaves
sums in the loops that make their terms. `threefry`, `gamma`: random numbers in unrolled chunks instead of
sequential loops. `known noise`: ln q of a full-rank guide from the noise of its draw, without solving for it.
`random numbers in blocks`: what depends on the keys alone is made for 50 steps at once.
`step sizes share draws`: the random numbers of a seed are made once for all its step sizes.

{ladder}

## What a job costs beyond its fits

Seconds. Inside a run the start falls away: jobs are forks of one process with the libraries imported.

{fixed}

## Threads

Two cells of the coin's beta guide with 32 particles, wall seconds.

{threads}

## Memory

Peak of the process, losses and snapshots included (`max_stored_mb` bounds these; beyond it losses are kept as
means and fewer snapshots are kept).

{memory}
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tables", type=Path, default=Path("results/benchmark"))
    parser.add_argument("--output", type=Path, default=Path("docs/engine.md"))
    parser.add_argument("--results", type=Path, default=Path("results"), help="a finished run")
    options = parser.parse_args()
    tables = {
        name: pd.read_csv(options.tables / f"{name}.csv")
        for name in ("engine", "ladder", "fixed", "threads", "memory")
    }
    ladder = tables["ladder"].pivot_table(
        index=SETTING, columns="variant", values="ns_per_fit_step", sort=False
    )
    fixed = tables["fixed"].set_index(SETTING)
    words = ["start", "compile, cold", "compile, cached"]
    fixed = fixed[["seconds_start", "seconds_compile", "seconds_compile_cached"]]
    threads = tables["threads"][["variant", "seconds_total"]].set_index("variant")
    memory = tables["memory"].set_index(SETTING)[["peak_mb", "mb_per_replica"]]
    text = TEXT.format(
        machine=_machine(),
        python=platform.python_version(),
        jax=version("jax"),
        numpyro=version("numpyro"),
        ratios=_markdown(_ratios(tables["engine"])),
        seconds=_markdown(_seconds(tables["engine"])),
        ladder=_markdown(ladder, "{:,.0f}"),
        **_costs(options.results),
        fixed=_markdown(fixed.set_axis(words, axis=1), "{:.1f}"),
        threads=_markdown(threads.set_axis(["seconds"], axis=1), "{:.0f}"),
        memory=_markdown(memory.set_axis(["peak, MB", "MB a replica"], axis=1), "{:,.2f}"),
    )
    options.output.write_text(text)


def _costs(results: Path) -> dict:
    """Of a finished run: CPU time by stage, and of the cells with 64 fits."""
    experiments = ["coin", "bimodal", "rotated_gaussian", "factor_thread"]
    fits = pd.concat([pd.read_parquet(results / name / "fits.parquet") for name in experiments])
    rows = [
        {"stage": stage, "cell": f"{name}/{cell}", **json.loads(file.read_text())}
        for name in experiments
        for file in (results / name / "costs").rglob("*.json")
        for stage, _, cell in [
            str(file.relative_to(results / name / "costs").with_suffix("")).partition("/")
        ]
    ]
    costs = pd.DataFrame(rows)
    total = costs["cpu_seconds"].sum()
    stages = costs.groupby("stage")["cpu_seconds"].agg(["size", "sum"])
    stages = stages.sort_values("sum", ascending=False).rename_axis("stage")
    stages.loc["fit: inside compiled fits"] = [len(fits), fits["seconds"].sum()]
    stages["%"] = 100 * stages["sum"] / total
    keys = ["experiment", "model", "guide", "label"]
    cells = fits.groupby(keys)["seconds"].agg(["size", "sum"]).query("size == 64")
    cells.index = ["/".join(key) for key in cells.index]
    of_cell = costs.pivot_table(index="cell", columns="stage", values="cpu_seconds")
    of_cell = of_cell.loc[cells.index]
    return {
        "fits": len(fits),
        "minutes": total / 60,
        "fit": of_cell["fit"].median(),
        "inside": cells["sum"].median(),
        "diagnose": of_cell["diagnose"].median(),
        "stages": _markdown(stages.set_axis(["jobs", "CPU seconds", "%"], axis=1), "{:,.0f}"),
    }


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} cores ({names[0]})"


def _wide(table: pd.DataFrame, column: str) -> pd.DataFrame:
    return table.pivot_table(index=SETTING, columns="variant", values=column, sort=False)


def _ratios(table: pd.DataFrame) -> pd.DataFrame:
    run, total = _wide(table, "seconds_run"), _wide(table, "seconds_total")
    found = {
        "run: svi_run / engine": run["svi_run"] / run["engine"],
        "run: vmap_scan / engine": run["vmap_scan"] / run["engine"],
        "run: floor / engine": run["floor"] / run["engine"],
        "total: svi_run / engine": total["svi_run"] / total["engine"],
        "total: process / engine": total["process"] / total["engine"],
    }
    return pd.DataFrame(found)


def _seconds(table: pd.DataFrame) -> pd.DataFrame:
    run, total = _wide(table, "seconds_run"), _wide(table, "seconds_total")
    order = [name for name in ("svi_run", "vmap_scan", "engine", "floor") if name in run]
    found = {f"run: {name}": run[name] for name in order}
    return pd.DataFrame(
        {**found, "total: engine": total["engine"], "total: process": total["process"]}
    )


def _three_digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.10g}"


def _markdown(table: pd.DataFrame, number: str = "") -> str:
    names = {"num_particles": "particles"}
    heads = [*(names.get(name, name) for name in table.index.names), *table.columns]
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    for key, row in table.iterrows():
        keys = key if isinstance(key, tuple) else (key,)
        cells = [
            "" if pd.isna(value) else (number.format(value) if number else _three_digits(value))
            for value in row
        ]
        lines.append(
            "| "
            + " | ".join(
                [*(f"{part:,}" if isinstance(part, int) else str(part) for part in keys), *cells]
            )
            + " |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
