"""Fits that start at the fits of another experiment of the run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from svi_atlas.configuration import messages
from svi_atlas.configuration.cells import AnyCell, Cell, Experiment
from svi_atlas.errors import InputProblem


def warm_start(autoguide: Mapping[str, Any] | None) -> str:
    """The experiment at whose fits an entry of `autoguides` starts, or ""."""
    start = autoguide["start"] if autoguide else None
    return start.get("experiment", "") if isinstance(start, Mapping) else ""


def warm_start_problems(experiments: Mapping[str, Experiment]) -> Iterator[InputProblem]:
    """Every fit of the run that cannot start where its guide says.

    Parameters
    ----------
    experiments
        The experiments of the run by name.
    """
    for experiment in experiments.values():
        for label, autoguide in experiment.autoguides.items():
            if earlier := warm_start(autoguide):
                path = ("autoguides", label, "start", "experiment")
                for code, text in _problems(experiment, label, earlier, experiments):
                    yield messages.message(code, experiment.file, path, text)


def _problems(
    experiment: Experiment, label: str, earlier: str, experiments: Mapping[str, Experiment]
) -> Iterator[tuple[str, str]]:
    """Code and text of all that is wrong with the start of a guide at the fits of `earlier`."""
    others = [name for name in experiments if name != experiment.name]
    if earlier not in others:
        hint = messages.did_you_mean(earlier, others)
        known = ", ".join(others) or "none; add it to `experiments` in config/config.yaml"
        yield "unknown_name", f"unknown experiment {earlier!r}{hint}, others of the run are {known}"
        return
    if chain := _circle(experiment.name, label, experiments):
        text = f"no fit comes first: {' starts at '.join(chain)}; start one of them elsewhere"
        yield "circle", text
        return
    source = experiments[earlier]
    if source.problem != experiment.problem:
        text = f"the experiment {earlier!r} has another problem, {source.problem!r}"
        yield "other_problem", text
        return
    if label in source.autoguides and any(
        source.autoguides[label][key] != experiment.autoguides[label][key]
        for key in ("class", "options")
    ):
        text = f"in {source.file} the label {label!r} stands for another guide; make them equal"
        yield "other_guide", text
        return
    for cell in experiment.cells:
        if isinstance(cell, Cell) and cell.guide == label and (why := _why_not(cell, source)):
            yield why


def _circle(name: str, label: str, experiments: Mapping[str, Experiment]) -> list[str]:
    """The experiments from which `name` starts, in order, if they lead back to it; else nothing."""
    chain = [name]
    while chain[-1] in experiments:
        following = warm_start(experiments[chain[-1]].autoguides.get(label))
        if following in chain:
            return [*chain, following] if following == name else []
        chain.append(following)
    return []


def _why_not(cell: Cell, source: Experiment) -> tuple[str, str] | None:
    """Why a cell cannot start at the one of the same name of another experiment, if it cannot."""
    fits = f"model {cell.model!r}, guide {cell.guide!r}, {cell.label}"
    other = next((other for other in source.cells if _identity(other) == _identity(cell)), None)
    if not isinstance(other, Cell):
        return "no_such_fits", f"{source.file} has no fits of {fits}; add them there"
    for what, own, theirs in (
        ("seeds", len(cell.seeds), len(other.seeds)),
        ("step sizes", list(cell.step_sizes), list(other.step_sizes)),
        ("schedules", list(cell.schedules), list(other.schedules)),
    ):
        if own != theirs:
            text = (
                f"each fit starts at one of {source.file}, but of {fits} there are other {what} "
                f"there: {theirs}, here {own}; make them equal"
            )
            return "other_fits", text
    return None


def _identity(cell: AnyCell) -> tuple[str, str, str]:
    return cell.model, cell.guide, cell.label
