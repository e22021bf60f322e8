"""The files behind the inputs of an experiment's analyses, figures and pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from svi_atlas.configuration.cells import Cell, Experiment
from svi_atlas.planning.plugins import Plugin, Selection, analyses
from svi_atlas.results.paths import Layout, Paths, cell_key

ASKED_FOR = {"rates": "study", "truth": "study", "sbc": "sbc", "sbc_ranks": "sbc"}
"""Results that an experiment has only if its configuration has this key."""


@dataclass(frozen=True)
class ExperimentFiles:
    """Resolves the names of inputs to the files of one experiment."""

    layout: Layout
    experiment: Experiment

    def missing_key(self, name: str) -> str:
        """The configuration key without which there is no such input, or "" if there is one."""
        if name in analyses():
            inputs = analyses()[name].inputs.values()
            return next((key for key in map(self.missing_key, inputs) if key), "")
        key = ASKED_FOR.get(name, "")
        return key if key and not getattr(self.experiment, key) else ""

    def paths(self, names: Iterable[str], fits: Selection | None = None) -> dict[str, Paths]:
        """The files of inputs by name; thresholds are those of the table."""
        wanted = ["table" if name == "thresholds" else name for name in names]
        return {name: self._paths(name, fits or {}) for name in dict.fromkeys(wanted)}

    def of_plugin(self, plugin: Plugin) -> dict[str, Paths]:
        """The files that an analysis or a figure reads."""
        return self.paths(plugin.inputs.values(), plugin.fits)

    def _paths(self, name: str, fits: Selection) -> Paths:
        if name == "fits":
            cells = [cell for cell in self.experiment.cells if _matches(cell, fits)]
            cells = cells[:1] if fits == "first" else cells
            return {key_of(cell): cell_path(self.layout, "fit", cell) for cell in cells}
        if name == "sbc_ranks":
            return {
                entry.name: self.path("sbc_ranks", entry=entry.name)
                for entry in self.experiment.sbc
            }
        if name in analyses():
            return self.path("analysis", analysis=name)
        return self.path(name)

    def path(self, kind: str, **values: str) -> str:
        """One result of the experiment."""
        return self.layout.path(kind, experiment=self.experiment.name, **values)


def key_of(cell: Cell) -> str:
    """How a cell is named among the inputs of a job."""
    return cell_key(cell.model, cell.guide, cell.label)


def cell_path(layout: Layout, kind: str, cell: Cell) -> str:
    """A result of one cell."""
    return layout.path(
        kind, experiment=cell.experiment, model=cell.model, guide=cell.guide, label=cell.label
    )


def _matches(cell: Cell, wildcards: Selection) -> bool:
    return isinstance(wildcards, str) or all(
        any(fnmatchcase(getattr(cell, name), pattern) for pattern in patterns)
        for name, patterns in wildcards.items()
    )


def needed_analyses(names: Iterable[str]) -> list[str]:
    """The analyses among `names`, and all that these read in turn."""
    needed: dict[str, None] = {}
    pending = [name for name in names if name in analyses()]
    while pending:
        name = pending.pop()
        if name not in needed:
            needed[name] = None
            pending += [name for name in analyses()[name].inputs.values() if name in analyses()]
    return sorted(needed)
