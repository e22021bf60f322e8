"""Where every result lives: the one place that knows the paths below the results folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

CELL = "{model}/{guide}/{label}"

RESULTS = {
    "data": "{experiment}/data.nc",
    "reference": "{experiment}/reference.nc",
    "laplace": "{experiment}/laplace.nc",
    "fit": f"{{experiment}}/fits/{CELL}.nc",
    "diagnostics": f"{{experiment}}/diagnostics/{CELL}.parquet",
    "table": "{experiment}/fits.parquet",
    "table_csv": "{experiment}/fits.csv",
    "verification": "{experiment}/verification.csv",
    "rates": "{experiment}/rates.csv",
    "truth": f"{{experiment}}/truth/{CELL}.parquet",
    "known": "{experiment}/truth.parquet",
    "pooled": "{experiment}/study.parquet",
    "sbc_ranks": "{experiment}/sbc/{entry}.parquet",
    "sbc": "{experiment}/sbc.csv",
    "nuts": "{experiment}/nuts/{model}.parquet",
    "analysis": "{experiment}/analysis/{analysis}.parquet",
    "figure_svg": "{experiment}/figures/{figure}.svg",
    "figure_png": "{experiment}/figures/{figure}.png",
    "notebook": "{experiment}/notebooks/{notebook}.ipynb",
    "page": "report/{page}.html",
    "checkpoint": f"{{experiment}}/checkpoints/{CELL}.npz",
    "compiled": ".compiled",
    "planning": ".planning",
}
"""Pattern of every kind of result, relative to the results folder."""

JOBS = {
    "data": "",
    "reference": "",
    "laplace": "",
    "fit": CELL,
    "search": "{model}/{guide}",
    "diagnose": CELL,
    "table": "",
    "truth": CELL,
    "rates": "",
    "sbc_refit": "{entry}",
    "sbc": "",
    "nuts": "{model}",
    "compare": "",
    "analyse": "{module}",
    "figure": "{figure}",
    "notebook": "{notebook}",
    "page": "{page}",
}
"""What tells the jobs of each stage apart, within their experiment (or the report)."""

Paths = Any
"""The file behind an input of a job (str), several in order (list) or by key (dict)."""


@dataclass(frozen=True)
class Layout:
    """Paths below the results folder `root`."""

    root: str

    def pattern(self, kind: str) -> str:
        """A kind of result as a Snakemake pattern with its wildcards."""
        return f"{self.root}/{RESULTS[kind]}"

    def path(self, kind: str, **values: str) -> str:
        """One result, its wildcards filled in."""
        return self.pattern(kind).format(**values)

    def spec(self, stage: str) -> str:
        """Pattern of the specs of a stage's jobs; those of pages lie in the folder `report`."""
        return self._of_job("specs", stage, "json")

    def log(self, stage: str) -> str:
        """Pattern of the logs of a stage's jobs."""
        return self._of_job("logs", stage, "log")

    def _of_job(self, folder: str, stage: str, suffix: str) -> str:
        owner = "report" if stage == "page" else "{experiment}"
        item = f"/{JOBS[stage]}" if JOBS[stage] else ""
        return f"{self.root}/{owner}/{folder}/{stage}{item}.{suffix}"


def beside_spec(spec: str | Path, folder: str, suffix: str) -> Path:
    """A file that belongs to a job: `.../specs/fit/x.json` has `.../costs/fit/x.json`."""
    spec = Path(spec)
    specs = next(parent for parent in spec.parents if parent.name == "specs")
    return specs.with_name(folder) / spec.relative_to(specs).with_suffix(suffix)


def cell_key(model: str, guide: str, label: str) -> str:
    """How a cell is named among the inputs of a job."""
    return f"{model}/{guide}/{label}"


def cell_of(key: str) -> tuple[str, str, str]:
    """(model, guide, label) of such a name."""
    model, guide, label = key.rsplit("/", 2)
    return model, guide, label
