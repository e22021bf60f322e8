"""Checks an experiment's names against what its problem offers, and its blocks against each other."""

from __future__ import annotations

from collections.abc import Iterator

from svi_atlas.configuration import messages
from svi_atlas.configuration.experiment_models import ExperimentFile
from svi_atlas.configuration.messages import KeyPath
from svi_atlas.configuration.problem_info import ProblemInfo
from svi_atlas.errors import InputProblem
from svi_atlas.guide_traits import AUTOGUIDES


def cross_problems(
    experiment: ExperimentFile, info: ProblemInfo, file: str
) -> Iterator[InputProblem]:
    """Every problem that cannot be seen in the file alone.

    Parameters
    ----------
    experiment
        What the file says.
    info
        What the experiment's problem offers.
    file
        The file, as named in messages.
    """
    yield from _autoguide_problems(experiment, info, file)
    yield from _grid_problems(experiment, info, file)
    guides = known_guides(experiment, info)
    for label, fit in experiment.single.items():
        yield from _entry_problems(file, ("single", label), fit.model, fit.guide, guides, info)
    for name, refit in experiment.sbc.items():
        path = ("sbc", name)
        yield from _entry_problems(file, path, refit.model, refit.guide, guides, info)
        yield from _simulation_problems(file, path, refit.model or info.models[0], info)
    yield from _study_problems(experiment, info, file)
    if "sbc" in experiment.figures and not experiment.sbc:
        text = "the figure 'sbc' needs the key 'sbc'; add it or remove the figure"
        yield messages.message("needs_sbc", file, ("figures",), text)


def known_guides(experiment: ExperimentFile, info: ProblemInfo) -> tuple[str, ...]:
    """Guides by name: the problem's own, the experiment's labels, NumPyro's autoguides."""
    return (*info.guides, *experiment.autoguides, *AUTOGUIDES)


def _autoguide_problems(
    experiment: ExperimentFile, info: ProblemInfo, file: str
) -> Iterator[InputProblem]:
    for label in experiment.autoguides:
        if label in info.guides or label in AUTOGUIDES:
            text = f"the label {label!r} is already the name of a guide; choose another"
            yield messages.message("name_taken", file, ("autoguides", label), text)


def _grid_problems(
    experiment: ExperimentFile, info: ProblemInfo, file: str
) -> Iterator[InputProblem]:
    guides = known_guides(experiment, info)
    cells: set[tuple[str, str, int]] = set()
    for index, block in enumerate(experiment.grid):
        path = ("grid", index)
        models = info.models if block.models is None else block.models
        for model in models:
            yield from _name_problems(file, path, "model", model, info.models)
        for guide in block.guides:
            yield from _name_problems(file, path, "guide", guide, guides)
        for cell in [(m, g, n) for m in models for g in block.guides for n in block.num_particles]:
            if cell in cells:
                text = (
                    f"model {cell[0]!r}, guide {cell[1]!r}, {cell[2]} particles is already in "
                    "another block of the grid; remove it from one of them"
                )
                yield messages.message("duplicate_cell", file, path, text)
            cells.add(cell)


def _entry_problems(
    file: str,
    path: KeyPath,
    model: str | None,
    guide: str,
    guides: tuple[str, ...],
    info: ProblemInfo,
) -> Iterator[InputProblem]:
    """The names of an entry of `single` or `sbc`."""
    if model is None and len(info.models) > 1:
        yield messages.missing_key(file, (*path, "model"), f"one of {', '.join(info.models)}")
    if model is not None:
        yield from _name_problems(file, path, "model", model, info.models)
    yield from _name_problems(file, path, "guide", guide, guides)


def _simulation_problems(
    file: str, path: KeyPath, model: str, info: ProblemInfo
) -> Iterator[InputProblem]:
    if model in info.not_simulated:
        text = (
            f"no data can be drawn from model {model!r}: {info.not_simulated[model]}; give it "
            "proper priors and sample statements, or remove the key"
        )
        yield messages.message("not_simulated", file, path, text)


def _study_problems(
    experiment: ExperimentFile, info: ProblemInfo, file: str
) -> Iterator[InputProblem]:
    study = experiment.study
    if study is None:
        return
    if not info.has_optimum:
        text = (
            "the problem does not know the optima of its families; give its PROBLEM an `optimum`, "
            "or remove the key"
        )
        yield messages.message("no_optimum", file, ("study",), text)
    for split, models in (("tuning", study.tuning), ("held_out", study.held_out)):
        for model in models:
            yield from _name_problems(file, ("study", split), "model", model, info.models)
    both = sorted(set(study.tuning) & set(study.held_out))
    if both:
        text = f"{', '.join(both)} is in both `tuning` and `held_out`; remove it from one"
        yield messages.message("in_both_splits", file, ("study",), text)


def _name_problems(
    file: str, path: KeyPath, what: str, name: str, allowed: tuple[str, ...]
) -> Iterator[InputProblem]:
    if name not in allowed:
        yield messages.unknown_name(file, path, what, name, allowed)
