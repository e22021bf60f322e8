"""A checked configuration with the specs of all its jobs: all that the workflow imports.

Nothing here needs JAX.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from svi_atlas.configuration.cells import Experiment, plan_experiment
from svi_atlas.configuration.load import load_config, load_expected, read_experiment
from svi_atlas.configuration.messages import did_you_mean
from svi_atlas.configuration.models import Config
from svi_atlas.errors import refuse, wrong_key
from svi_atlas.locations import PACKAGE
from svi_atlas.planning.code_digest import load_digests, save_digests
from svi_atlas.planning.data_files import find_data_files, unreadable
from svi_atlas.planning.job_spec import canonical_json, write_if_changed
from svi_atlas.planning.optimizers import optimizer_problems
from svi_atlas.planning.problems import describe_problems, problem_file
from svi_atlas.planning.report_specs import index_spec, page_spec
from svi_atlas.planning.specs import ExperimentSpecs, Spec
from svi_atlas.planning.studies import study_problems
from svi_atlas.planning.warm_starts import warm_start_problems
from svi_atlas.results.paths import Layout, beside_spec

CONFIG = "config/config.yaml"


@dataclass(frozen=True)
class Run:
    """A checked configuration.

    Attributes
    ----------
    project
        The folder of the Snakefile.
    experiments
        Every experiment of the configuration by name.
    """

    project: Path
    config: Config
    layout: Layout
    experiments: dict[str, Experiment]

    @cached_property
    def _contents(self) -> dict[str, Spec]:
        specs = {name: self._specs_of(experiment) for name, experiment in self.experiments.items()}
        contents: dict[str, Spec] = {}
        for experiment_specs in specs.values():
            contents |= dict(experiment_specs)
        contents |= dict(
            page_spec(self.layout, page, title, notebook, pages)
            for page, (title, notebook, pages) in self.pages.items()
        )
        default = {name: specs[name] for name in self.default_experiments}
        return contents | dict([index_spec(self.layout, default)])

    def _specs_of(self, experiment: Experiment) -> ExperimentSpecs:
        expected = self.project / "config" / "expected" / f"{experiment.name}.yaml"
        where = _relative(expected, self.project)
        rows = load_expected(expected, where) if expected.exists() else []
        notebooks = {name: self._notebook(experiment, name) for name in experiment.notebooks}
        return ExperimentSpecs(self.config, self.layout, experiment, rows, where, notebooks)

    def _notebook(self, experiment: Experiment, name: str) -> Path:
        file = self.project / "notebooks" / f"{name}.py"
        if not file.is_file():
            known = sorted(path.stem for path in file.parent.glob("*.py"))
            raise wrong_key(
                "unknown_name",
                experiment.file,
                "notebooks",
                f"there is no notebooks/{name}.py{did_you_mean(name, known)}, allowed are "
                + ", ".join(known),
            )
        return file

    @cached_property
    def specs(self) -> dict[str, str]:
        """Spec text by spec path, for every job of the run."""
        return {path: canonical_json(content) for path, content in self._contents.items()}

    def write_specs(self) -> None:
        """Bring the spec files up to date; unchanged ones keep their modification time."""
        for path, text in self.specs.items():
            write_if_changed(path, text)
        save_digests(_digests_file(self.layout))

    @cached_property
    def pages(self) -> dict[str, tuple[str, str, list[str]]]:
        """Title, executed notebook and experiment's pages of every page but the index, by page."""
        pages = {}
        for name, experiment in self.experiments.items():
            own = [name, *(f"{name}-{notebook}" for notebook in experiment.notebooks[1:])]
            for page, notebook in zip(own, experiment.notebooks, strict=True):
                executed = self.layout.path("notebook", experiment=name, notebook=notebook)
                pages[page] = (experiment.title, executed, own)
        return pages

    def pages_of(self, experiments: Iterable[str]) -> list[str]:
        """The report pages of some experiments."""
        executed = {
            self.layout.path("notebook", experiment=name, notebook=notebook)
            for name in experiments
            for notebook in self.experiments[name].notebooks
        }
        return [
            self.layout.path("page", page=page)
            for page, (_, notebook, _) in self.pages.items()
            if notebook in executed
        ]

    @property
    def default_experiments(self) -> list[str]:
        """Experiments that are not heavy; all of a run that names only heavy ones."""
        light = [name for name, experiment in self.experiments.items() if not experiment.heavy]
        return light or list(self.experiments)

    def cost_files(self, experiments: Iterable[str]) -> list[str]:
        """Where the jobs of some experiments record what they cost."""
        names = set(experiments)
        return [
            str(beside_spec(path, "costs", ".json"))
            for path, content in self._contents.items()
            if content.get("experiment") in names
        ]

    def stale_files(self) -> list[str]:
        """Files of jobs, pages and experiments that the configuration no longer has.

        Experiments that have a file but are not part of this run are left alone.
        """
        current = set(self.specs)
        for path, content in self._contents.items():
            current |= set(content["outputs"].values())
            current |= {
                str(beside_spec(path, folder, suffix))
                for folder, suffix in (("costs", ".json"), ("logs", ".log"))
            }
        root = Path(self.layout.root)
        folders = [root / name for name in self.experiments]
        if set(self.experiments) >= _configured(self.project):
            folders.append(root / "report")
        removed = [
            folder
            for folder in root.glob("*")
            if (folder / "specs").is_dir()
            and folder.name not in {*self.experiments, *_configured(self.project), "report"}
        ]
        return sorted(
            str(path)
            for folder in [*folders, *removed]
            for path in folder.rglob("*.*")
            if path.is_file()
            and not path.name.startswith(".")
            and str(path) not in current
            and not _is_kept(path.relative_to(folder))
        )


KEPT = ("checkpoints",)
"""Folders of an experiment whose files belong to fits under way."""

TARGET_LOGS = ("verify.log", "heavy.log", "clean_stale.log")


def _is_kept(path: Path) -> bool:
    return path.parts[0] in KEPT or path.name in TARGET_LOGS


def load(config: Any, project: str | Path) -> Run:
    """Check the configuration, its experiments and their problems.

    Raises
    ------
    InputError
        Names the file and the key of what cannot be used, and the fix.
    """
    project = Path(project)
    checked_config = load_config(config)
    layout = Layout(checked_config.results)
    load_digests(_digests_file(layout))
    for name in checked_config.override.data:
        if name not in checked_config.experiments:
            raise wrong_key(
                "unknown_name",
                CONFIG,
                "override.data",
                f"{name!r} is none of the experiments"
                f"{did_you_mean(name, checked_config.experiments)}: "
                + ", ".join(checked_config.experiments),
            )
    files = {name: _experiment_file(project, name) for name in checked_config.experiments}
    shown = {name: _relative(file, project) for name, file in files.items()}
    raws = {
        name: read_experiment(files[name], checked_config.override, shown[name]) for name in files
    }
    infos = describe_problems(
        {raw.problem: problem_file(raw.problem, shown[name]) for name, raw in raws.items()},
        Path(layout.path("planning")),
    )
    refuse(optimizer_problems(raws, shown, Path(layout.path("planning"))))
    for name, raw in raws.items():
        found = find_data_files(raw.data_files, files[name], shown[name])
        refuse(unreadable(found, infos[raw.problem].simulates, shown[name]))
        raws[name] = raw.model_copy(update={"data_files": list(found)})
    experiments = {
        name: plan_experiment(name, shown[name], raw, infos[raw.problem])
        for name, raw in raws.items()
    }
    refuse([*warm_start_problems(experiments), *study_problems(experiments, project)])
    for experiment in experiments.values():
        _check_figures(experiment)
    return Run(project, checked_config, layout, experiments)


def _digests_file(layout: Layout) -> Path:
    return Path(layout.path("planning")) / "digests.json"


def _relative(path: Path, project: Path) -> str:
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)


def _configured(project: Path) -> set[str]:
    """Experiments that have a file."""
    return {
        path.stem
        for base in (Path.cwd(), project)
        for path in (base / "config" / "experiments").glob("*.yaml")
    }


def _experiment_file(project: Path, name: str) -> Path:
    for base in (Path.cwd(), project):
        file = base / "config" / "experiments" / f"{name}.yaml"
        if file.is_file():
            return file
    known = sorted(_configured(project))
    raise wrong_key(
        "unknown_name",
        CONFIG,
        "experiments",
        f"there is no file config/experiments/{name}.yaml{did_you_mean(name, known)}; known "
        f"experiments are {', '.join(known)}",
    )


def _check_figures(experiment: Experiment) -> None:
    plots = PACKAGE / "plots"
    known = sorted(
        ".".join(path.relative_to(plots).with_suffix("").parts)
        for path in plots.rglob("*.py")
        if not path.stem.startswith("_")
    )
    for figure in experiment.figures:
        if figure not in known:
            raise wrong_key(
                "unknown_name",
                experiment.file,
                "figures",
                f"unknown figure {figure!r}{did_you_mean(figure, known)}, allowed are "
                + ", ".join(known),
            )
