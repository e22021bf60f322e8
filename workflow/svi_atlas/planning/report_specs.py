"""The specs of the report's pages and of its index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from svi_atlas.locations import PACKAGE
from svi_atlas.planning.code_digest import code_digest, text_digest
from svi_atlas.planning.plugins import figures
from svi_atlas.planning.specs import INDEX, ExperimentSpecs, Spec
from svi_atlas.results.paths import Layout


def page_spec(
    layout: Layout, page: str, title: str, notebook: str, pages: Sequence[str]
) -> tuple[str, Spec]:
    """The spec of a page made from an executed notebook; `pages` are those of its experiment."""
    return layout.spec("page").format(page=page), {
        "stage": "page",
        "inputs": {"notebook": notebook},
        "outputs": {"page": layout.path("page", page=page)},
        "page": page,
        "title": title,
        "pages": list(pages),
        "templates": _templates(),
        "code": code_digest("jobs.stages.page"),
    }


def index_spec(layout: Layout, experiments: Mapping[str, ExperimentSpecs]) -> tuple[str, Spec]:
    """The spec of the index of the report, over the default experiments."""
    return layout.spec("page").format(page="index"), {
        "stage": "index",
        "inputs": {name: _index_inputs(specs) for name, specs in experiments.items()},
        "outputs": {"page": layout.path("page", page="index")},
        "experiments": [
            {"name": name, **_index_entry(specs)} for name, specs in experiments.items()
        ],
        "templates": _templates(),
        "code": code_digest("jobs.stages.index"),
    }


def _templates() -> str:
    report = PACKAGE / "report"
    return text_digest(*sorted([*report.glob("*.j2"), *report.glob("*.css")]))


def _index_entry(specs: ExperimentSpecs) -> Spec:
    """The title, first figure and further pages of an experiment."""
    experiment = specs.experiment
    lead = next(iter(experiment.figures), None)
    return {
        "title": experiment.title,
        "caption": figures()[lead].caption if lead else "",
        "lead": lead,
        "pages": [[specs.page_of(name), name] for name in experiment.notebooks[1:]],
    }


def _index_inputs(specs: ExperimentSpecs) -> Spec:
    """The files that an experiment's part of the index reads."""
    lead = next(iter(specs.experiment.figures), None)
    names = [f"general.{name}" for name in INDEX]
    inputs = specs.files.paths([*names, "table", "verification"])
    if lead:
        inputs["figure"] = specs.files.path("figure_svg", figure=lead)
    return inputs
