"""One spec per job: exactly the settings, the files and the code that the job uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from svi_atlas.configuration.cells import AnyCell, Cell, Experiment, NutsRun, SearchCell
from svi_atlas.configuration.models import Config
from svi_atlas.errors import InputError
from svi_atlas.formatting import humanise
from svi_atlas.planning.code_digest import code_digest, own_imports, text_digest
from svi_atlas.planning.data_files import digests
from svi_atlas.planning.files import ExperimentFiles, cell_path, needed_modules
from svi_atlas.planning.plugins import (
    analyses,
    analysis_modules,
    figures,
    notebook_inputs,
    sections,
)
from svi_atlas.planning.problems import problem_code
from svi_atlas.planning.warm_starts import warm_start
from svi_atlas.results.paths import Layout

Spec = dict[str, Any]

RATES_OUTPUTS = {"csv": "rates", "known": "known", "pooled": "pooled"}

INDEX = ("advice", "by_guide", "diverged_or_failed", "provenance")
"""General analyses of each experiment that the index of the report shows."""


@dataclass(frozen=True)
class ExperimentSpecs:
    """The specs of one experiment's jobs."""

    config: Config
    layout: Layout
    experiment: Experiment
    expected: list[Spec]
    expected_file: str
    notebooks: Mapping[str, Path]

    def __iter__(self) -> Iterator[tuple[str, Spec]]:
        """(path, content) of every spec."""
        yield self._data()
        yield self._reference()
        if self._models_with_laplace:
            yield self._laplace()
        for cell in self.experiment.cells:
            yield self._fit(cell) if isinstance(cell, Cell) else self._search(cell)
            yield self._diagnose(cell)
        yield self._table()
        if self.experiment.study:
            for cell in self.experiment.cells:
                yield self._truth(cell)
            yield self._rates()
        if self.experiment.sbc:
            yield from self._sbc()
        for run in self.experiment.nuts:
            yield self._nuts(run)
        yield self._compare()
        for module in needed_modules(self._shown):
            yield self._analyse(module)
        for name in self.experiment.figures:
            yield self._figure(name)
        for name in self.notebooks:
            yield self._notebook(name)

    @cached_property
    def files(self) -> ExperimentFiles:
        return ExperimentFiles(self.layout, self.experiment)

    @property
    def name(self) -> str:
        return self.experiment.name

    def _spec(self, stage: str, inputs: Spec, outputs: Spec, **content: Any) -> tuple[str, Spec]:
        items = content.pop("wildcards", {})
        path = self.layout.spec(stage).format(experiment=self.name, **items)
        return path, {
            "stage": stage,
            "experiment": self.name,
            "inputs": inputs,
            "outputs": outputs,
            **content,
        }

    def _data(self) -> tuple[str, Spec]:
        return self._spec(
            "data",
            {},
            {"dataset": self.files.path("data")},
            problem=self.experiment.problem,
            data=self.experiment.data,
            files=digests(self.experiment.data_files, self.experiment.data),
            code=problem_code(self.experiment.problem, "jobs.stages.data"),
        )

    def _reference(self) -> tuple[str, Spec]:
        return self._spec(
            "reference",
            self.files.paths(["data"]),
            {"dataset": self.files.path("reference")},
            problem=self.experiment.problem,
            data=self.experiment.data,
            code=problem_code(self.experiment.problem, "jobs.stages.reference"),
        )

    @cached_property
    def _models_with_laplace(self) -> list[str]:
        """Models whose Laplace approximation a fit or a search starts from."""
        autoguides = self.experiment.autoguides
        return sorted(
            {
                cell.model
                for cell in self.experiment.cells
                if isinstance(cell, SearchCell) or _needs_laplace(autoguides.get(cell.guide))
            }
        )

    def _laplace(self) -> tuple[str, Spec]:
        return self._spec(
            "laplace",
            self.files.paths(["data"]),
            {"dataset": self.files.path("laplace")},
            problem=self.experiment.problem,
            models=self._models_with_laplace,
            code=problem_code(self.experiment.problem, "jobs.stages.laplace"),
        )

    @cached_property
    def _fit_code(self) -> Spec:
        return problem_code(self.experiment.problem, "jobs.stages.fit")

    def _fit(self, cell: Cell) -> tuple[str, Spec]:
        autoguide = self.experiment.autoguides.get(cell.guide)
        inputs = self.files.paths(["data", "laplace"] if _needs_laplace(autoguide) else ["data"])
        if earlier := warm_start(autoguide):
            inputs["start"] = cell_path(self.layout, "fit", replace(cell, experiment=earlier))
        max_gap = self.config.thresholds.elbo_gap if cell.until_arrived else None
        return self._fits_of(
            "fit", cell, inputs, autoguide=autoguide, max_gap=max_gap, code=self._fit_code
        )

    @cached_property
    def _search_code(self) -> Spec:
        return problem_code(self.experiment.problem, "jobs.stages.search")

    def _search(self, cell: SearchCell) -> tuple[str, Spec]:
        cheaper = [replace(cell, guide=guide) for guide in cell.cheaper]
        return self._fits_of(
            "search",
            cell,
            self.files.paths(["data", "laplace"])
            | {"cheaper": [cell_path(self.layout, "diagnostics", other) for other in cheaper]},
            thresholds=self.config.thresholds.model_dump(),
            code=self._search_code,
        )

    def _fits_of(self, stage: str, cell: AnyCell, inputs: Spec, **content: Any) -> tuple[str, Spec]:
        """The spec of a job that makes the fits of a cell."""
        return self._spec(
            stage,
            inputs,
            {"dataset": cell_path(self.layout, "fit", cell)},
            wildcards=_wildcards(cell),
            scratch={
                "checkpoint": cell_path(self.layout, "checkpoint", cell),
                "compiled": self.layout.path("compiled"),
            },
            problem=self.experiment.problem,
            cell=asdict(cell),
            num_snapshots=self.experiment.num_snapshots,
            max_stored_mb=self.experiment.max_stored_mb,
            gpu=self.experiment.gpu and not self.config.allow_cpu,
            **content,
        )

    @cached_property
    def _diagnose_code(self) -> Spec:
        return code_digest("jobs.stages.diagnose")

    def _diagnose(self, cell: AnyCell) -> tuple[str, Spec]:
        return self._spec(
            "diagnose",
            {
                "fits": cell_path(self.layout, "fit", cell),
                "reference": self.files.path("reference"),
            },
            {"table": cell_path(self.layout, "diagnostics", cell)},
            wildcards=_wildcards(cell),
            model=cell.model,
            code=self._diagnose_code,
        )

    def _table(self) -> tuple[str, Spec]:
        cells = self.experiment.cells
        diagnostics = [cell_path(self.layout, "diagnostics", cell) for cell in cells]
        return self._spec(
            "table",
            {"diagnostics": diagnostics},
            {"parquet": self.files.path("table"), "csv": self.files.path("table_csv")},
            thresholds=self.config.thresholds.model_dump(),
            strict=self.config.strict,
            code=code_digest("jobs.stages.table"),
        )

    def _truth(self, cell: AnyCell) -> tuple[str, Spec]:
        return self._spec(
            "truth",
            self.files.paths(["data", "reference"]) | {"fits": cell_path(self.layout, "fit", cell)},
            {"table": cell_path(self.layout, "truth", cell)},
            wildcards=_wildcards(cell),
            problem=self.experiment.problem,
            cell=asdict(cell),
            autoguide=self.experiment.autoguides.get(cell.guide),
            code=problem_code(self.experiment.problem, "jobs.stages.truth"),
        )

    def _rates(self) -> tuple[str, Spec]:
        cells = self.experiment.cells
        assert self.experiment.study is not None
        others = [
            self.layout.path("known", experiment=name)
            for name in self.experiment.study["also"]
            if name in self.config.experiments
        ]
        return self._spec(
            "rates",
            self.files.paths(["table"])
            | {"truth": [cell_path(self.layout, "truth", cell) for cell in cells], "also": others},
            {name: self.files.path(kind) for name, kind in RATES_OUTPUTS.items()},
            thresholds=self.config.thresholds.model_dump(),
            code=code_digest("jobs.stages.rates"),
        )

    def _sbc(self) -> Iterator[tuple[str, Spec]]:
        for entry in self.experiment.sbc:
            yield self._spec(
                "sbc_refit",
                self.files.paths(["data"]),
                {"table": self.files.path("sbc_ranks", entry=entry.name)},
                wildcards={"entry": entry.name},
                scratch={"compiled": self.layout.path("compiled")},
                problem=self.experiment.problem,
                sbc=asdict(entry),
                autoguide=self.experiment.autoguides.get(entry.guide),
                code=problem_code(self.experiment.problem, "jobs.stages.sbc_refit"),
            )
        yield self._spec(
            "sbc",
            {"ranks": self.files.paths(["sbc_ranks"])["sbc_ranks"]},
            {"csv": self.files.path("sbc")},
            sbc=[asdict(entry) for entry in self.experiment.sbc],
            strict=self.config.strict,
            code=code_digest("jobs.stages.sbc"),
        )

    def _nuts(self, run: NutsRun) -> tuple[str, Spec]:
        return self._spec(
            "nuts",
            self.files.paths(["data", "reference"]),
            {"table": self.files.path("nuts", model=run.model)},
            wildcards={"model": run.model},
            problem=self.experiment.problem,
            nuts=asdict(run),
            code=problem_code(self.experiment.problem, "jobs.stages.nuts"),
        )

    def _compare(self) -> tuple[str, Spec]:
        inputs = ["table", "rates"] if self.experiment.study else ["table"]
        return self._spec(
            "compare",
            self.files.paths(inputs),
            {"csv": self.files.path("verification")},
            expected=self.expected,
            file=self.expected_file,
            code=code_digest("jobs.stages.compare"),
        )

    @cached_property
    def _shown(self) -> set[str]:
        """Global names of all that figures, pages and the index read."""
        shown = {f"general.{name}" for name in INDEX} if not self.experiment.heavy else set()
        for name in self.experiment.figures:
            shown |= set(figures()[name].inputs.values())
        for file in self.notebooks.values():
            inputs = notebook_inputs(file)
            shown |= set(inputs.tables)
            for section in inputs.sections:
                shown |= set(sections()[section].inputs.values())
        return {name for name in shown if not self.files.missing_key(name)}

    def _analyse(self, module: str) -> tuple[str, Spec]:
        names = analysis_modules()[module]
        return self._spec(
            "analyse",
            self.files.of_module(module),
            {name: self.files.path("analysis", analysis=name) for name in names},
            wildcards={"module": module},
            module=f"analysis.{module}",
            analyses=[[name, analyses()[name].inputs] for name in names],
            code=code_digest("jobs.stages.analyse", f"analysis.{module}"),
        )

    def _figure(self, name: str) -> tuple[str, Spec]:
        figure = figures()[name]
        for needed in figure.inputs.values():
            if key := self.files.missing_key(needed):
                raise InputError(
                    f"{self.experiment.file}: key 'figures': the figure {name!r} needs the key "
                    f"{key!r}; add it or remove the figure"
                )
        return self._spec(
            "figure",
            self.files.paths(figure.inputs.values()),
            {
                "svg": self.files.path("figure_svg", figure=name),
                "png": self.files.path("figure_png", figure=name),
            },
            wildcards={"figure": name},
            module=figure.module,
            arguments=figure.inputs,
            code=code_digest("jobs.stages.figure", figure.module),
        )

    def _notebook(self, name: str) -> tuple[str, Spec]:
        file = self.notebooks[name]
        shown = notebook_inputs(file)
        available = {
            section: sections()[section].inputs
            for section in shown.sections
            if not any(map(self.files.missing_key, sections()[section].inputs.values()))
        }
        names = [name for name in shown.tables if not self.files.missing_key(name)]
        names += [name for inputs in available.values() for name in inputs.values()]
        others = self._figures_on_no_page if shown.all_figures else []
        kept = [name for name in self.experiment.figures if name in {*shown.figures, *others}]
        return self._spec(
            "notebook",
            self.files.paths(names)
            | {"figures": {kind: self.files.path("figure_svg", figure=kind) for kind in kept}},
            {"notebook": self.files.path("notebook", notebook=name)},
            wildcards={"notebook": name},
            title=self.experiment.title,
            page=self.layout.path("page", page=self.page_of(name)),
            captions={figure: figures()[figure].caption for figure in kept},
            other_figures=others,
            pages=[
                [self.page_of(other), self._page_title(other)]
                for other in self.notebooks
                if other != name
            ],
            sections=available,
            notebook=f"notebooks/{file.name}",
            text=text_digest(file),
            code=code_digest("jobs.stages.notebook", *own_imports(file)),
        )

    @cached_property
    def _figures_on_no_page(self) -> list[str]:
        """Figures of the experiment that none of its notebooks shows by name."""
        named = {name for file in self.notebooks.values() for name in notebook_inputs(file).figures}
        return [name for name in self.experiment.figures if name not in named]

    def _page_title(self, notebook: str) -> str:
        first = notebook == self.experiment.notebooks[0]
        return self.experiment.title if first else humanise(notebook).capitalize()

    def page_of(self, notebook: str) -> str:
        """The report page of a notebook: the first one's has the experiment's name."""
        first = notebook == self.experiment.notebooks[0]
        return self.name if first else f"{self.name}-{notebook}"


def _needs_laplace(autoguide: Spec | None) -> bool:
    return autoguide is not None and (autoguide["whitened"] or autoguide["start"] == "laplace")


def _wildcards(cell: AnyCell) -> dict[str, str]:
    return {"model": cell.model, "guide": cell.guide, "label": cell.label}
