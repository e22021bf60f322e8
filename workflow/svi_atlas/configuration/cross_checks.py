"""Checks an experiment's names against what its problem offers, and its blocks against each other."""

from __future__ import annotations

from collections.abc import Iterator

from svi_atlas.configuration import messages
from svi_atlas.configuration.experiment_models import (
    AtMost,
    ExperimentFile,
    SbcRefit,
    SingleFit,
    StartFrom,
)
from svi_atlas.configuration.messages import KeyPath
from svi_atlas.configuration.problem_info import ProblemInfo
from svi_atlas.errors import InputProblem
from svi_atlas.guide_traits import AUTOGUIDES, FAMILIES
from svi_atlas.records import SCHEDULE_NAMES


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
    for key, entry in (("search", experiment.search), ("nuts", experiment.nuts)):
        for model in (entry.models if entry else None) or ():
            yield from _name_problems(file, (key,), "model", model, info.models)
    for label, fit in experiment.single.items():
        yield from _entry_problems(file, ("single", label), fit, experiment, info)
    for name, refit in experiment.sbc.items():
        path = ("sbc", name)
        yield from _entry_problems(file, path, refit, experiment, info)
        yield from _simulation_problems(file, path, refit.model or info.models[0], info)
        yield from _refit_problems(file, path, refit, experiment)
    if "sbc" in experiment.figures and not experiment.sbc:
        text = "the figure 'sbc' needs the key 'sbc'; add it or remove the figure"
        yield messages.message("needs_sbc", file, ("figures",), text)


def known_guides(experiment: ExperimentFile, info: ProblemInfo) -> tuple[str, ...]:
    """Guides by name: the problem's own, the experiment's labels, NumPyro's autoguides."""
    return (*info.guides, *experiment.autoguides, *AUTOGUIDES)


def known_schedules(info: ProblemInfo) -> tuple[str, ...]:
    """Schedules by name: those that every problem has, and the problem's own."""
    return (*SCHEDULE_NAMES, *info.schedules)


def _autoguide_problems(
    experiment: ExperimentFile, info: ProblemInfo, file: str
) -> Iterator[InputProblem]:
    for label, guide in experiment.autoguides.items():
        path = ("autoguides", label)
        if label in info.guides or label in AUTOGUIDES:
            text = f"the label {label!r} is already the name of a guide; choose another"
            yield messages.message("name_taken", file, path, text)
        if guide.whitened and guide.class_ not in FAMILIES:
            fix = (
                "write AutoDiagonalNormal, which is the same family"
                if guide.class_ == "AutoNormal"
                else f"those that can are {', '.join(FAMILIES)}"
            )
            text = f"{guide.class_} cannot be whitened; {fix}"
            yield messages.message("cannot_be_whitened", file, (*path, "whitened"), text)
        if isinstance(guide.start, StartFrom):
            models = _models_of(label, experiment, info)
            yield from _start_problems(guide.start, models, info, file, (*path, "start"))


def _models_of(guide: str, experiment: ExperimentFile, info: ProblemInfo) -> set[str]:
    """The models that are fitted with a guide."""
    blocks = [block for block in experiment.grid if guide in block.guides]
    models = {model for block in blocks for model in block.models or info.models}
    entries: list[SingleFit | SbcRefit] = [*experiment.single.values(), *experiment.sbc.values()]
    return models | {entry.model or info.models[0] for entry in entries if entry.guide == guide}


def _start_problems(
    start: StartFrom, models: set[str], info: ProblemInfo, file: str, path: KeyPath
) -> Iterator[InputProblem]:
    if (start.value is None) == (start.experiment is None):
        text = "give either `value`, the value of each site, or `experiment`, the name of another"
        yield messages.message("one_of_two", file, path, text)
    if start.value is None:
        return
    known = [info.sites[model] for model in info.models if model in models and model in info.sites]
    sites = tuple(dict.fromkeys(site for of_model in known for site in of_model))
    for site, value in start.value.items():
        place = (*path, "value", site)
        if known and len(known) == len(models) and site not in sites:
            yield messages.unknown_name(file, place, "site", site, sites)
        if not _is_number(value):
            requirement = "must be a number or a list of numbers"
            yield messages.wrong_value("wrong_type", file, place, requirement, value, "")


def _is_number(value: object) -> bool:
    """Whether a value is a number, or a list of numbers or of such lists."""
    if isinstance(value, list):
        return bool(value) and all(map(_is_number, value))
    return isinstance(value, int | float) and not isinstance(value, bool)


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
        for schedule in block.schedules:
            yield from _name_problems(file, path, "schedule", schedule, known_schedules(info))
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
    entry: SingleFit | SbcRefit,
    experiment: ExperimentFile,
    info: ProblemInfo,
) -> Iterator[InputProblem]:
    """The names of an entry of `single` or `sbc`."""
    if entry.model is None and len(info.models) > 1:
        yield messages.missing_key(file, (*path, "model"), f"one of {', '.join(info.models)}")
    if entry.model is not None:
        yield from _name_problems(file, path, "model", entry.model, info.models)
    guides = known_guides(experiment, info)
    yield from _name_problems(file, path, "guide", entry.guide, guides)
    yield from _name_problems(file, path, "schedule", entry.schedule, known_schedules(info))


def _refit_problems(
    file: str, path: KeyPath, refit: SbcRefit, experiment: ExperimentFile
) -> Iterator[InputProblem]:
    """What refits to simulated data cannot do, though fits to the data can."""
    if refit.num_steps is None and isinstance(experiment.num_steps, AtMost):
        text = (
            "refits take a fixed number of steps, and the experiment's is `at_most`; give this "
            "entry a `num_steps` of its own"
        )
        yield messages.message("fixed_steps", file, path, text)
    guide = experiment.autoguides.get(refit.guide)
    start = guide.start if guide else None
    of_the_data = start == "laplace" or (isinstance(start, StartFrom) and start.experiment)
    if guide and (guide.whitened or of_the_data):
        text = (
            f"the guide {refit.guide!r} starts at the posterior of the experiment's data, which is "
            "not that of simulated data; use a guide that is not whitened and starts at `uniform`, "
            "`median`, `mean`, `feasible` or given values"
        )
        yield messages.message("not_for_refits", file, path, text)


def _simulation_problems(
    file: str, path: KeyPath, model: str, info: ProblemInfo
) -> Iterator[InputProblem]:
    if model in info.not_simulated:
        text = (
            f"no data can be drawn from model {model!r}: {info.not_simulated[model]}; give it "
            "proper priors and sample statements, or remove the key"
        )
        yield messages.message("not_simulated", file, path, text)


def _name_problems(
    file: str, path: KeyPath, what: str, name: str, allowed: tuple[str, ...]
) -> Iterator[InputProblem]:
    if name not in allowed:
        yield messages.unknown_name(file, path, what, name, allowed)
