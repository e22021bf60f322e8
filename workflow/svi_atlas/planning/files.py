"""The files behind the inputs of an experiment's analyses, figures and pages."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from svi_atlas.configuration.cells import AnyCell, Experiment
from svi_atlas.planning.plugins import Plugin, Selection, analyses, analysis_modules
from svi_atlas.results.paths import Layout, Paths, cell_key

ASKED_FOR = {
    "rates": "study",
    "known": "study",
    "pooled": "study",
    "sbc": "sbc",
    "sbc_ranks": "sbc",
    "nuts": "nuts",
    "searches": "search",
}
"""Results that an experiment has only if its configuration has this key."""


@dataclass(frozen=True)
class ExperimentFiles:
    """Resolves the names of inputs to the files of one experiment."""

    layout: Layout
    experiment: Experiment

    def missing_key(self, name: str) -> str:
        """The configuration key without which there is no such input, or "" if there is one."""
        if name in analyses():
            inputs = inputs_of_module(module_of(name))
            return next((key for key in map(self.missing_key, inputs) if key), "")
        key = ASKED_FOR.get(name, "")
        return key if key and not getattr(self.experiment, key) else ""

    def paths(self, names: Iterable[str]) -> dict[str, Paths]:
        """The files of inputs by name; thresholds are those of the table."""
        wanted = ["table" if name == "thresholds" else name for name in names]
        return {name: self._paths(name) for name in dict.fromkeys(wanted)}

    def of_module(self, module: str) -> dict[str, Paths]:
        """The files that the analyses of a module read; only the fits that they select."""
        members = [analyses()[name] for name in analysis_modules()[module]]
        paths = self.paths(inputs_of_module(module))
        if "fits" in paths:
            readers = [member for member in members if "fits" in member.inputs.values()]
            cells = [cell for member in readers for cell in self._select(member)]
            paths["fits"] = {
                key_of(cell): cell_path(self.layout, "fit", cell) for cell in dict.fromkeys(cells)
            }
        return paths

    def _select(self, analysis: Plugin) -> list[AnyCell]:
        """The cells whose fits an analysis reads."""
        cells = [cell for cell in self.experiment.cells if _matches(cell, analysis.fits)]
        return cells[:1] if analysis.fits == "first" else cells

    def _paths(self, name: str) -> Paths:
        if name in ("fits", "searches"):
            cells = self.experiment.search if name == "searches" else self.experiment.cells
            return {key_of(cell): cell_path(self.layout, "fit", cell) for cell in cells}
        if name == "sbc_ranks":
            return {
                entry.name: self.path("sbc_ranks", entry=entry.name)
                for entry in self.experiment.sbc
            }
        if name == "nuts":
            return {run.model: self.path("nuts", model=run.model) for run in self.experiment.nuts}
        if name in analyses():
            return self.path("analysis", analysis=name)
        return self.path(name)

    def path(self, kind: str, **values: str) -> str:
        """One result of the experiment."""
        return self.layout.path(kind, experiment=self.experiment.name, **values)


def key_of(cell: AnyCell) -> str:
    """How a cell is named among the inputs of a job."""
    return cell_key(cell.model, cell.guide, cell.label)


def cell_path(layout: Layout, kind: str, cell: AnyCell) -> str:
    """A result of one cell."""
    return layout.path(
        kind, experiment=cell.experiment, model=cell.model, guide=cell.guide, label=cell.label
    )


def _matches(cell: AnyCell, wildcards: Selection) -> bool:
    return isinstance(wildcards, str) or all(
        any(fnmatchcase(getattr(cell, name), pattern) for pattern in patterns)
        for name, patterns in wildcards.items()
    )


def module_of(analysis: str) -> str:
    """The module of an analysis, by its name below `analysis`."""
    return analyses()[analysis].module.removeprefix("analysis.")


def inputs_of_module(module: str) -> list[str]:
    """What the analyses of a module read, but for each other."""
    members = analysis_modules()[module]
    inputs = [name for member in members for name in analyses()[member].inputs.values()]
    return [name for name in dict.fromkeys(inputs) if name not in members]


def needed_modules(names: Iterable[str]) -> list[str]:
    """The modules of the analyses among `names`, and of all that these read in turn."""
    needed: dict[str, None] = {}
    pending = [module_of(name) for name in names if name in analyses()]
    while pending:
        module = pending.pop()
        if module not in needed:
            needed[module] = None
            pending += [module_of(name) for name in inputs_of_module(module) if name in analyses()]
    return sorted(needed)
