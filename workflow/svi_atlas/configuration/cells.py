"""An experiment as frozen records: every cell that is to be run, written out and checked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from svi_atlas.configuration import messages
from svi_atlas.configuration.cross_checks import cross_problems, known_schedules
from svi_atlas.configuration.data_schema import data_problems
from svi_atlas.configuration.experiment_models import (
    AtMost,
    Autoguide,
    ExperimentFile,
    NumSteps,
    Optimizer,
    OptimizerOptions,
)
from svi_atlas.configuration.problem_info import ProblemInfo
from svi_atlas.errors import InputProblem, refuse
from svi_atlas.guide_traits import FAMILIES


@dataclass(frozen=True)
class Cell:
    """All fits that share one compiled program; settings and seeds are batched inside it.

    A setting is a pair of a schedule and a step size, the peak of the schedule; the settings are
    all such pairs, the schedule varying slowest. `block` is "grid" or "single"; `label` is
    "particles-<P>" in the grid, else the name of the single fit. `until_arrived`: a fit stops
    before `num_steps` if it has arrived. `num_draws` draws are made from each fitted guide, and
    `num_mock` mock data sets for predictive checks. `optimizer` holds `name` and `options`;
    `loss` is one of NumPyro's estimators of the negative ELBO.
    """

    experiment: str
    model: str
    guide: str
    block: str
    label: str
    num_particles: int
    step_sizes: tuple[float, ...]
    schedules: tuple[str, ...]
    seeds: tuple[int, ...]
    num_steps: int
    until_arrived: bool
    num_draws: int
    num_mock: int
    optimizer: dict[str, Any] = field(hash=False)
    loss: str


@dataclass(frozen=True)
class SearchCell:
    """The fits of a family of guides at the cheapest setting whose fits arrive, found by a search.

    `block` and `label` are "search". `budget` is the number of gradient evaluations (particles
    times steps) that a fit may use before the family is given up; `cheaper` are the families that
    are tried before it. The rest is as in `Cell`.
    """

    experiment: str
    model: str
    guide: str
    block: str
    label: str
    seeds: tuple[int, ...]
    budget: int
    num_draws: int
    optimizer: dict[str, Any] = field(hash=False)
    loss: str
    cheaper: tuple[str, ...]


AnyCell = Cell | SearchCell


@dataclass(frozen=True)
class NutsRun:
    """Chains of NUTS on a model, one per seed, looked at when they have spent each of the budgets."""

    model: str
    seeds: tuple[int, ...]
    budgets: tuple[int, ...]


@dataclass(frozen=True)
class SbcSettings:
    """A guide refitted to `simulations` data sets drawn from the model, all in one program."""

    experiment: str
    name: str
    model: str
    guide: str
    num_particles: int
    step_size: float
    schedule: str
    num_steps: int
    simulations: int
    num_draws: int
    optimizer: dict[str, Any] = field(hash=False)
    loss: str


@dataclass(frozen=True)
class Experiment:
    """One experiment with its cells written out.

    `study` holds the keys of `experiment_models.Study`; `autoguides` the class, the options,
    `whitened` and `start` of each label. The cells of a search come last, those of a model from
    cheap to expressive families.
    """

    name: str
    file: str
    title: str
    problem: str
    data: dict[str, Any]
    data_files: tuple[str, ...]
    num_snapshots: int
    max_stored_mb: float
    study: dict[str, Any] | None
    autoguides: dict[str, dict[str, Any]]
    cells: tuple[AnyCell, ...]
    sbc: tuple[SbcSettings, ...]
    nuts: tuple[NutsRun, ...]
    figures: tuple[str, ...]
    notebooks: tuple[str, ...]
    heavy: bool
    gpu: bool

    @property
    def search(self) -> tuple[SearchCell, ...]:
        """The cells of the search, if there is one."""
        return tuple(cell for cell in self.cells if isinstance(cell, SearchCell))


def plan_experiment(
    name: str, path: str | Path, raw: ExperimentFile, info: ProblemInfo
) -> Experiment:
    """Write the cells out and check every name against what the problem offers.

    Parameters
    ----------
    name
        The experiment's name.
    path
        Its file, as named in messages.
    raw
        What the file says, with the overrides.
    info
        What the experiment's problem offers.

    Raises
    ------
    InputError
        Listing every problem.
    """
    file = str(path)
    refuse([*data_problems(raw.data, info.data_schema, file), *cross_problems(raw, info, file)])
    sbc = tuple(_sbc_settings(name, raw, info))
    refuse(_equal_refits(sbc, file))
    return Experiment(
        name=name,
        file=file,
        title=raw.title,
        problem=raw.problem,
        data=raw.data,
        data_files=tuple(raw.data_files),
        num_snapshots=raw.num_snapshots,
        max_stored_mb=raw.max_stored_mb,
        study=None if raw.study is None else raw.study.model_dump(),
        autoguides={label: _autoguide(guide) for label, guide in raw.autoguides.items()},
        cells=(
            *_grid_cells(name, raw, info),
            *_single_cells(name, raw, info),
            *_search_cells(name, raw, info),
        ),
        sbc=sbc,
        nuts=tuple(_nuts_runs(raw, info)),
        figures=tuple(dict.fromkeys([*raw.figures, *(["sbc"] if raw.sbc else [])])),
        notebooks=tuple(raw.notebooks),
        heavy=raw.heavy,
        gpu=raw.gpu,
    )


def _autoguide(guide: Autoguide) -> dict[str, Any]:
    entry = guide.model_dump(by_alias=True)
    if isinstance(entry["start"], dict):
        entry["start"] = {key: value for key, value in entry["start"].items() if value is not None}
    return entry


def _grid_cells(experiment: str, raw: ExperimentFile, info: ProblemInfo) -> Iterator[Cell]:
    for block in raw.grid:
        num_steps, until_arrived = _steps(block.num_steps or raw.num_steps)
        for model in info.models if block.models is None else block.models:
            for guide in block.guides:
                for num_particles in block.num_particles:
                    yield Cell(
                        experiment,
                        model,
                        guide,
                        "grid",
                        f"particles-{num_particles}",
                        num_particles=num_particles,
                        step_sizes=tuple(sorted(block.step_sizes)),
                        schedules=_schedules(block.schedules, info),
                        seeds=_seeds(block.seeds),
                        num_steps=num_steps,
                        until_arrived=until_arrived,
                        num_draws=raw.num_draws,
                        num_mock=0,
                        optimizer=optimizer_entry(block.optimizer or raw.optimizer),
                        loss=block.loss or raw.loss,
                    )


def _single_cells(experiment: str, raw: ExperimentFile, info: ProblemInfo) -> Iterator[Cell]:
    for label, fit in raw.single.items():
        num_steps, until_arrived = _steps(fit.num_steps or raw.num_steps)
        yield Cell(
            experiment,
            fit.model or info.models[0],
            fit.guide,
            "single",
            label,
            num_particles=fit.num_particles,
            step_sizes=(fit.step_size,),
            schedules=(fit.schedule,),
            seeds=(fit.seed,),
            num_steps=num_steps,
            until_arrived=until_arrived,
            num_draws=fit.num_draws or raw.num_draws,
            num_mock=min(fit.num_mock or 0, fit.num_draws or raw.num_draws),
            optimizer=optimizer_entry(fit.optimizer or raw.optimizer),
            loss=fit.loss or raw.loss,
        )


def _search_cells(experiment: str, raw: ExperimentFile, info: ProblemInfo) -> Iterator[SearchCell]:
    search = raw.search
    if search is None:
        return
    families = tuple(family for family in FAMILIES if family in search.guides)
    for model in info.models if search.models is None else search.models:
        for index, family in enumerate(families):
            yield SearchCell(
                experiment,
                model,
                family,
                "search",
                "search",
                seeds=_seeds(search.seeds),
                budget=search.budget,
                num_draws=raw.num_draws,
                optimizer=optimizer_entry(raw.optimizer),
                loss=raw.loss,
                cheaper=families[:index],
            )


def _nuts_runs(raw: ExperimentFile, info: ProblemInfo) -> Iterator[NutsRun]:
    if raw.nuts is not None:
        for model in info.models if raw.nuts.models is None else raw.nuts.models:
            yield NutsRun(model, _seeds(raw.nuts.seeds), tuple(sorted(raw.nuts.budgets)))


def _sbc_settings(experiment: str, raw: ExperimentFile, info: ProblemInfo) -> Iterator[SbcSettings]:
    for name, refit in raw.sbc.items():
        num_steps, _ = _steps(refit.num_steps or raw.num_steps)
        yield SbcSettings(
            experiment,
            name,
            refit.model or info.models[0],
            refit.guide,
            num_particles=refit.num_particles,
            step_size=refit.step_size,
            schedule=refit.schedule,
            num_steps=num_steps,
            simulations=refit.simulations,
            num_draws=refit.num_draws or raw.num_draws,
            optimizer=optimizer_entry(refit.optimizer or raw.optimizer),
            loss=raw.loss,
        )


def _equal_refits(sbc: tuple[SbcSettings, ...], file: str) -> Iterator[InputProblem]:
    """Entries of `sbc` that would do the same work twice."""
    first: dict[SbcSettings, str] = {}
    for settings in sbc:
        earlier = first.setdefault(replace(settings, name=""), settings.name)
        if earlier != settings.name:
            text = f"the same as {'sbc.' + earlier!r}; remove one of them"
            yield messages.message("duplicate_refit", file, ("sbc", settings.name), text)


def _seeds(seeds: int | list[int]) -> tuple[int, ...]:
    """Seeds in order: 1, 2, ... if only their number is given."""
    return tuple(range(1, seeds + 1)) if isinstance(seeds, int) else tuple(sorted(seeds))


def _schedules(names: list[str], info: ProblemInfo) -> tuple[str, ...]:
    """Schedules in an order that does not depend on how the file lists them."""
    return tuple(name for name in known_schedules(info) if name in names)


def _steps(num_steps: NumSteps) -> tuple[int, bool]:
    """The number of steps, and whether a fit stops before if it has arrived."""
    return (num_steps.at_most, True) if isinstance(num_steps, AtMost) else (num_steps, False)


def optimizer_entry(optimizer: Optimizer) -> dict[str, Any]:
    """`name` and `options` of an optimiser, whether the file gives options or not."""
    written = OptimizerOptions(name=optimizer) if isinstance(optimizer, str) else optimizer
    return written.model_dump()
