"""Where every result lives: the one place that knows the paths below the results folder.

Called without values, each method returns the path as a Snakemake pattern with its wildcards.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from svi_atlas.configuration.experiment import Cell


@dataclass(frozen=True)
class Layout:
    """Paths below the results folder `root`."""

    root: str

    def data(self, experiment: str = "{experiment}") -> str:
        return f"{self.root}/{experiment}/data.nc"

    def reference(self, experiment: str = "{experiment}") -> str:
        return f"{self.root}/{experiment}/reference.nc"

    def fit(self, cell: Cell | None = None) -> str:
        return f"{self.root}/{_cell(cell, 'fits')}.nc"

    def diagnostics(self, cell: Cell | None = None) -> str:
        return f"{self.root}/{_cell(cell, 'diagnostics')}.parquet"

    def fit_of(self, experiment: str, model: str, guide: str, label: str) -> str:
        return self.fit().format(experiment=experiment, model=model, guide=guide, label=label)

    def diagnostics_of(self, experiment: str, model: str, guide: str, label: str) -> str:
        return self.diagnostics().format(
            experiment=experiment, model=model, guide=guide, label=label
        )

    def checkpoint(self, cell: Cell | None = None) -> str:
        return f"{self.root}/{_cell(cell, 'checkpoints')}.npz"

    def compiled(self) -> str:
        """Folder of the compilation cache, shared by all jobs of a run."""
        return f"{self.root}/.compiled"

    def table(self, experiment: str = "{experiment}", suffix: str = "parquet") -> str:
        return f"{self.root}/{experiment}/fits.{suffix}"

    def figure(
        self, suffix: str, experiment: str = "{experiment}", figure: str = "{figure}"
    ) -> str:
        return f"{self.root}/{experiment}/figures/{figure}.{suffix}"

    def notebook(self, experiment: str = "{experiment}", notebook: str = "{notebook}") -> str:
        return f"{self.root}/{experiment}/notebooks/{notebook}.ipynb"

    def verification(self, experiment: str = "{experiment}") -> str:
        return f"{self.root}/{experiment}/verification.csv"

    def rates(self, experiment: str = "{experiment}") -> str:
        """Error rates of the verdict, of experiments that study it."""
        return f"{self.root}/{experiment}/rates.csv"

    def truth(self, experiment: str = "{experiment}") -> str:
        return f"{self.root}/{experiment}/truth.parquet"

    def refits(self, experiment: str = "{experiment}", name: str = "{calibration}") -> str:
        """Where true values lie among the draws of refitted guides, of one entry of `calibration`."""
        return f"{self.root}/{experiment}/calibration/{name}.parquet"

    def calibration(self, experiment: str = "{experiment}") -> str:
        """Tests of all entries of `calibration`."""
        return f"{self.root}/{experiment}/calibration.csv"

    def page(self, page: str = "{page}") -> str:
        return f"{self.root}/report/{page}.html"

    def index_notebook(self) -> str:
        return f"{self.root}/report/index.ipynb"

    def spec(self, stage: str, experiment: str = "{experiment}", item: str = "") -> str:
        """The spec of a job; `item` tells jobs of one stage apart (a cell, a figure)."""
        return f"{self.root}/{experiment}/specs/{stage}{'/' + item if item else ''}.json"

    def cell_spec(self, stage: str, cell: Cell | None = None) -> str:
        return f"{self.root}/{_cell(cell, f'specs/{stage}')}.json"

    def page_spec(self, page: str = "{page}") -> str:
        return f"{self.root}/report/specs/page/{page}.json"

    def index_spec(self) -> str:
        return f"{self.root}/report/specs/index.json"

    def log(self, stage: str, item: str = "") -> str:
        return f"{self.root}/{{experiment}}/logs/{stage}{'/' + item if item else ''}.log"

    @staticmethod
    def cost(spec: Path) -> Path:
        """What a job cost, beside its spec: `.../specs/fit/x.json` has `.../costs/fit/x.json`."""
        folder = next(parent for parent in spec.parents if parent.name == "specs")
        return folder.with_name("costs") / spec.relative_to(folder)


CELL = "{model}/{guide}/{label}"


def _cell(cell: Cell | None, kind: str) -> str:
    if cell is None:
        return f"{{experiment}}/{kind}/{CELL}"
    return f"{cell.experiment}/{kind}/{cell.model}/{cell.guide}/{cell.label}"
