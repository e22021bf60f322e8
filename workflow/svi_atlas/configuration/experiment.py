"""The configuration as frozen records: what is to be run, checked once, at the edge."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from svi_atlas.configuration.schema import check, checked, did_you_mean, read_yaml
from svi_atlas.errors import InputError

AUTOGUIDES = (
    "AutoBNAFNormal",
    "AutoDiagonalNormal",
    "AutoIAFNormal",
    "AutoLaplaceApproximation",
    "AutoLowRankMultivariateNormal",
    "AutoMultivariateNormal",
    "AutoNormal",
)
"""NumPyro's autoguides with a density, so that an ELBO and importance weights exist."""


@dataclass(frozen=True)
class Config:
    """The global configuration."""

    experiments: tuple[str, ...]
    results: str
    strict: bool
    allow_cpu: bool
    override: dict[str, Any]
    thresholds: dict[str, float]


@dataclass(frozen=True)
class Cell:
    """All fits that share one compiled program; step sizes and seeds are batched inside it.

    `block` is "grid" or "single"; `label` is "particles-<P>" in the grid, else the name of the single fit. `num_draws` draws
    are made from each fitted guide; `num_mock` mock data sets for predictive checks.
    """

    experiment: str
    model: str
    guide: str
    block: str
    label: str
    num_particles: int
    step_sizes: tuple[float, ...]
    seeds: tuple[int, ...]
    num_steps: int
    num_draws: int
    num_mock: int
    optimizer: str


@dataclass(frozen=True)
class SbcSettings:
    """A guide refitted to `simulations` data sets drawn from the model, all in one program."""

    experiment: str
    name: str
    model: str
    guide: str
    num_particles: int
    step_size: float
    num_steps: int
    simulations: int
    num_draws: int
    optimizer: str


@dataclass(frozen=True)
class ProblemInfo:
    """What a problem file offers: its models and guides by name, the schema of its data settings.

    not_simulated: why no data can be drawn from a model, for the models where this is known.
    """

    models: tuple[str, ...]
    guides: tuple[str, ...]
    data_schema: dict[str, Any]
    has_optimum: bool = False
    not_simulated: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """One experiment with its cells written out."""

    name: str
    file: str
    title: str
    problem: str
    data: dict[str, Any]
    num_snapshots: int
    max_stored_mb: float
    study: dict[str, list[str]] | None
    autoguides: dict[str, dict[str, Any]]
    cells: tuple[Cell, ...]
    sbc: tuple[SbcSettings, ...]
    figures: tuple[str, ...]
    notebooks: tuple[str, ...]
    heavy: bool
    gpu: bool


TRUTH = {"true": True, "false": False}
"""Words for truth values, as YAML has them."""


def load_config(value: Any, where: str = "config/config.yaml") -> Config:
    """The global configuration from its parsed YAML. Raises InputError.

    Words for truth values are taken as such: `snakemake --config strict=true` hands over a word.
    """
    if isinstance(value, Mapping):
        value = {
            name: TRUTH.get(entry, entry) if isinstance(entry, str) else entry
            for name, entry in value.items()
        }
    filled = checked(value, "config", where)
    return Config(
        experiments=tuple(filled["experiments"]),
        results=str(filled["results"]).rstrip("/"),
        strict=filled["strict"],
        allow_cpu=filled["allow_cpu"],
        override=filled["override"],
        thresholds={key: float(number) for key, number in filled["thresholds"].items()},
    )


def read_experiment(path: str | Path, override: dict[str, Any]) -> dict[str, Any]:
    """One experiment's YAML, checked, with defaults and the global overrides. Raises InputError."""
    raw = checked(read_yaml(path), "experiment", str(path))
    override = dict(override)
    seeds = override.pop("seeds", None)
    data = override.pop("data", {})
    raw.update(override)
    raw["data"] = {**raw["data"], **data.get(Path(path).stem, {})}
    for block in raw["grid"]:
        block["seeds"] = block["seeds"] if seeds is None else seeds
        if "num_steps" in override:
            block.pop("num_steps", None)
    for fit in [*raw["single"].values(), *raw["sbc"].values()]:
        for key in {"num_steps", "num_draws"} & set(override):
            fit.pop(key, None)
    return raw


def plan_experiment(
    name: str, path: str | Path, raw: dict[str, Any], catalogue: ProblemInfo
) -> Experiment:
    """Write the cells out and check every name against what the problem offers. Raises InputError."""
    check(raw["data"], catalogue.data_schema, str(path), ("data",))
    _check_autoguides(raw["autoguides"], catalogue, str(path))
    guides = (*catalogue.guides, *raw["autoguides"], *AUTOGUIDES)
    cells: dict[tuple[str, str, str], Cell] = {}

    def add(where: str, model: str, guide: str, block: str, label: str, **settings: Any) -> None:
        _check_name(path, where, "model", model, catalogue.models)
        _check_name(path, where, "guide", guide, guides)
        if (model, guide, label) in cells:
            raise InputError(
                f"{path}: key {where!r}: model {model!r}, guide {guide!r}, {label} is already in "
                "another block of the grid; remove it from one of them"
            )
        cells[model, guide, label] = Cell(name, model, guide, block, label, **settings)

    for index, block in enumerate(raw["grid"]):
        for model in block.get("models", catalogue.models):
            for guide in block["guides"]:
                for num_particles in block["num_particles"]:
                    add(
                        f"grid[{index}]",
                        model,
                        guide,
                        "grid",
                        f"particles-{num_particles}",
                        num_particles=num_particles,
                        step_sizes=tuple(sorted(map(float, block["step_sizes"]))),
                        seeds=_seeds(block["seeds"]),
                        num_steps=block.get("num_steps", raw["num_steps"]),
                        num_draws=raw["num_draws"],
                        num_mock=0,
                        optimizer=block.get("optimizer", raw["optimizer"]),
                    )
    for label, fit in raw["single"].items():
        add(
            f"single.{label}",
            _model_of(path, f"single.{label}", fit, catalogue),
            fit["guide"],
            "single",
            label,
            num_particles=fit["num_particles"],
            step_sizes=(float(fit["step_size"]),),
            seeds=(fit["seed"],),
            num_steps=fit.get("num_steps", raw["num_steps"]),
            num_draws=fit.get("num_draws", raw["num_draws"]),
            num_mock=fit.get("num_mock", 0),
            optimizer=fit.get("optimizer", raw["optimizer"]),
        )
    return Experiment(
        name=name,
        file=str(path),
        title=raw["title"],
        problem=raw["problem"],
        data=raw["data"],
        num_snapshots=raw["num_snapshots"],
        max_stored_mb=float(raw["max_stored_mb"]),
        study=_checked_study(path, raw.get("study"), catalogue),
        autoguides=raw["autoguides"],
        cells=tuple(cells.values()),
        sbc=_sbc(name, path, raw, catalogue),
        figures=_figures(path, raw),
        notebooks=tuple(raw["notebooks"]),
        heavy=raw["heavy"],
        gpu=raw["gpu"],
    )


def _model_of(path, where: str, entry: dict[str, Any], catalogue: ProblemInfo) -> str:
    """The model an entry names, or the problem's only one."""
    if "model" not in entry and len(catalogue.models) > 1:
        raise InputError(
            f"{path}: key {where!r}: missing key 'model', one of {', '.join(catalogue.models)}"
        )
    return entry.get("model", catalogue.models[0])


def _sbc(
    experiment: str, path, raw: dict[str, Any], catalogue: ProblemInfo
) -> tuple[SbcSettings, ...]:
    guides = (*catalogue.guides, *raw["autoguides"], *AUTOGUIDES)
    found: dict[tuple, SbcSettings] = {}
    for name, entry in raw["sbc"].items():
        where = f"sbc.{name}"
        model = _model_of(path, where, entry, catalogue)
        _check_name(path, where, "model", model, catalogue.models)
        _check_name(path, where, "guide", entry["guide"], guides)
        if model in catalogue.not_simulated:
            raise InputError(
                f"{path}: key {where!r}: no data can be drawn from model {model!r}: "
                f"{catalogue.not_simulated[model]}; give it proper priors and sample statements, or "
                "remove the key"
            )
        one = SbcSettings(
            experiment,
            name,
            model,
            entry["guide"],
            num_particles=entry["num_particles"],
            step_size=float(entry["step_size"]),
            num_steps=entry.get("num_steps", raw["num_steps"]),
            simulations=entry["simulations"],
            num_draws=entry.get("num_draws", raw["num_draws"]),
            optimizer=entry.get("optimizer", raw["optimizer"]),
        )
        settings = tuple(value for key, value in asdict(one).items() if key != "name")
        if settings in found:
            raise InputError(
                f"{path}: key {where!r}: the same as {'sbc.' + found[settings].name!r}; "
                "remove one of them"
            )
        found[settings] = one
    return tuple(found.values())


def _figures(path, raw: dict[str, Any]) -> tuple[str, ...]:
    """The figures asked for, with that of the calibration if there is one."""
    figures = raw["figures"]
    if "sbc" in figures and not raw["sbc"]:
        raise InputError(
            f"{path}: key 'figures': the figure 'sbc' needs the key 'sbc'; add it or "
            "remove the figure"
        )
    return tuple(dict.fromkeys([*figures, *(["sbc"] if raw["sbc"] else [])]))


def _checked_study(path, study: dict[str, list[str]] | None, catalogue: ProblemInfo):
    if study is None:
        return None
    if not catalogue.has_optimum:
        raise InputError(
            f"{path}: key 'study': the problem does not know the optima of its families; give its "
            "PROBLEM an `optimum`, or remove the key"
        )
    for half, models in study.items():
        for model in models:
            _check_name(path, f"study.{half}", "model", model, catalogue.models)
    both = sorted(set(study["tuning"]) & set(study["held_out"]))
    if both:
        raise InputError(
            f"{path}: key 'study': {', '.join(both)} is in both halves; remove it from one"
        )
    return study


def _seeds(value: int | list[int]) -> tuple[int, ...]:
    return tuple(range(1, value + 1)) if isinstance(value, int) else tuple(sorted(value))


def _check_name(path: str | Path, where: str, what: str, name: str, allowed) -> None:
    if name not in allowed:
        raise InputError(
            f"{path}: key {where!r}: unknown {what} {name!r}{did_you_mean(name, allowed)}, "
            f"allowed are {', '.join(allowed)}"
        )


def _check_autoguides(labels: dict[str, dict], catalogue: ProblemInfo, path: str) -> None:
    for label, entry in labels.items():
        where = f"autoguides.{label}"
        _check_name(path, f"{where}.class", "autoguide", entry["class"], AUTOGUIDES)
        if label in catalogue.guides or label in AUTOGUIDES:
            raise InputError(
                f"{path}: key {where!r}: the label {label!r} is already the name of a guide; "
                "choose another"
            )
