"""The specs of every job of a run: exactly the settings and the code each job uses.

This is all the workflow imports; nothing here needs JAX.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from svi_atlas.configuration.experiment import (
    Cell,
    Config,
    Experiment,
    ProblemInfo,
    load_config,
    plan_experiment,
    read_experiment,
)
from svi_atlas.configuration.schema import checked, did_you_mean, read_yaml
from svi_atlas.errors import InputError
from svi_atlas.planning import code_digest as spec
from svi_atlas.results.paths import Layout

PROBLEMS = spec.PACKAGE / "problems"


@dataclass(frozen=True)
class Run:
    """A checked configuration with the specs of all its jobs."""

    project: Path
    config: Config
    layout: Layout
    experiments: dict[str, Experiment]

    @cached_property
    def specs(self) -> dict[str, str]:
        """Spec text by spec path, for every job of the run."""
        found: dict[str, dict[str, Any]] = {}
        for experiment in self.experiments.values():
            found |= _experiment_specs(self, experiment)
        found |= _index_specs(self)
        return {path: spec.canonical(content) for path, content in found.items()}

    def write_specs(self) -> None:
        """Bring the spec files up to date; unchanged ones keep their time."""
        for path, text in self.specs.items():
            spec.write_if_changed(path, text)
        spec.save_digests(_digests_file(self.config))

    def stale_files(self) -> list[str]:
        """Results of cells and figures that the configuration no longer has."""
        current = {*self.specs}
        for experiment in self.experiments.values():
            for cell in experiment.cells:
                current |= {self.layout.fit(cell), self.layout.diagnostics(cell)}
            current |= {
                self.layout.refits(experiment.name, entry.name) for entry in experiment.calibrations
            }
            for figure in experiment.figures:
                current |= {
                    self.layout.figure(suffix, experiment.name, figure) for suffix in ("svg", "png")
                }
        found = [
            str(path)
            for name in self.experiments
            for kind in ("fits", "diagnostics", "calibration", "figures", "specs")
            for path in (Path(self.layout.root) / name / kind).rglob("*.*")
            if path.is_file() and not path.name.startswith(".")
        ]
        return sorted(path for path in found if path not in current)

    @cached_property
    def pages(self) -> dict[str, tuple[str, str]]:
        """Title and executed notebook of every report page, by page name."""
        pages = {"index": ("SVI Atlas", self.layout.index_notebook())}
        for name, experiment in self.experiments.items():
            for index, notebook in enumerate(experiment.notebooks):
                page = f"{name}-{notebook}" if index else name
                pages[page] = (experiment.title, self.layout.notebook(name, notebook))
        return pages

    def pages_of(self, experiments: list[str]) -> list[str]:
        """The report pages of some experiments."""
        wanted = {
            self.layout.notebook(name, notebook)
            for name in experiments
            for notebook in self.experiments[name].notebooks
        }
        return [self.layout.page(page) for page, (_, made) in self.pages.items() if made in wanted]

    @property
    def default_experiments(self) -> list[str]:
        return [name for name, experiment in self.experiments.items() if not experiment.heavy]


def load(config: Any, project: str | Path) -> Run:
    """Check the configuration, its experiments and their problems. Raises InputError."""
    project = Path(project)
    checked = load_config(config)
    layout = Layout(checked.results)
    spec.load_digests(_digests_file(checked))
    for name in checked.override.get("data", {}):
        if name not in checked.experiments:
            raise InputError(
                f"config/config.yaml: key 'override.data': {name!r} is none of the experiments"
                f"{did_you_mean(name, checked.experiments)}: {', '.join(checked.experiments)}"
            )
    files = {name: _experiment_file(project, name) for name in checked.experiments}
    raws = {name: read_experiment(files[name], checked.override) for name in files}
    catalogues = _catalogues(
        {raw["problem"]: problem_file(raw["problem"], files[name]) for name, raw in raws.items()},
        _cache(checked),
    )
    experiments = {
        name: plan_experiment(name, _shown(files[name], project), raw, catalogues[raw["problem"]])
        for name, raw in raws.items()
    }
    for experiment in experiments.values():
        _check_pages(project, experiment)
    return Run(project, checked, layout, experiments)


def _digests_file(config: Config) -> Path:
    return _cache(config) / "digests.json"


def _cache(config: Config) -> Path:
    """What planning need not work out again."""
    return Path(config.results) / ".catalogue"


def problem_file(problem: str, where: str | Path = "") -> Path:
    """The Python file behind a built-in problem's name or a user's path. Raises InputError."""
    if problem.endswith(".py"):
        if not Path(problem).is_file():
            raise InputError(
                f"{where}: key 'problem': no such file {problem!r}; give a path relative to "
                f"{Path.cwd()}"
            )
        return Path(problem)
    known = sorted(path.stem for path in PROBLEMS.glob("[a-z]*.py") if path.stem != "base")
    if problem not in known:
        raise InputError(
            f"{where}: key 'problem': unknown problem {problem!r}{did_you_mean(problem, known)}, "
            f"allowed are {', '.join(known)} or the path of a .py file that defines PROBLEM"
        )
    return PROBLEMS / f"{problem}.py"


def _shown(path: Path, project: Path) -> str:
    return str(path.relative_to(project)) if path.is_relative_to(project) else str(path)


def _experiment_file(project: Path, name: str) -> Path:
    folder = Path("config/experiments")
    for base in (Path.cwd(), project):
        if (base / folder / f"{name}.yaml").is_file():
            return base / folder / f"{name}.yaml"
    known = sorted(path.stem for path in (project / folder).glob("*.yaml"))
    raise InputError(
        f"config/config.yaml: key 'experiments': there is no file {folder}/{name}.yaml"
        f"{did_you_mean(name, known)}; known experiments are {', '.join(known)}"
    )


def _problem_code(problem: str, *modules: str) -> dict[str, Any]:
    """Code digest of modules together with one problem, built in or a file."""
    if problem.endswith(".py"):
        return spec.code_of(*modules, "problems.base", files=(problem,))
    return spec.code_of(*modules, f"problems.{problem}")


def _catalogues(problems: dict[str, Path], cache: Path) -> dict[str, ProblemInfo]:
    """Models and guides of each problem, asked of the problem itself in a process with JAX.

    Answers are kept by code digest, so that an unchanged problem costs nothing.
    """
    files = {
        problem: cache / f"{_problem_code(problem, 'problems', 'prior_predictive')['digest']}.json"
        for problem in problems
    }
    todo = [problem for problem, file in files.items() if not file.exists()]
    if todo:
        command = [sys.executable, "-m", "svi_atlas", "catalogue", *todo]
        path = os.pathsep.join([str(spec.PACKAGE.parent), os.environ.get("PYTHONPATH", "")])
        process = subprocess.run(
            command,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": path, "JAX_PLATFORMS": "cpu"},
        )
        if process.returncode:
            raise InputError(process.stderr.strip())
        for problem, content in json.loads(process.stdout.splitlines()[-1]).items():
            spec.write_if_changed(files[problem], spec.canonical(content))
    contents = {problem: json.loads(file.read_text()) for problem, file in files.items()}
    return {
        problem: ProblemInfo(
            tuple(found["models"]),
            tuple(found["guides"]),
            found["data_schema"],
            found["has_optimum"],
            found["not_simulated"],
        )
        for problem, found in contents.items()
    }


def _check_pages(project: Path, experiment: Experiment) -> None:
    plots = spec.PACKAGE / "plots"
    known = sorted(
        ".".join(path.relative_to(plots).with_suffix("").parts)
        for path in plots.rglob("*.py")
        if not path.stem.startswith("_") and path.parent.name != "__pycache__"
    )
    for figure in experiment.figures:
        if figure not in known:
            raise InputError(
                f"{experiment.file}: key 'figures': unknown figure {figure!r}"
                f"{did_you_mean(figure, known)}, allowed are {', '.join(known)}"
            )
    for notebook in experiment.notebooks:
        if not notebook_file(project, notebook).is_file():
            names = sorted(path.stem for path in (project / "notebooks").glob("*.py"))
            raise InputError(
                f"{experiment.file}: key 'notebooks': there is no notebooks/{notebook}.py"
                f"{did_you_mean(notebook, names)}, allowed are {', '.join(names)}"
            )


def notebook_file(project: Path, notebook: str) -> Path:
    """A text notebook of the project."""
    return project / "notebooks" / f"{notebook}.py"


def expected_file(project: Path, experiment: Experiment) -> Path:
    """The experiment's table of published and exact values; it need not exist."""
    return project / "config" / "expected" / f"{experiment.name}.yaml"


def _expected_rows(path: Path, where: str) -> list[dict[str, Any]]:
    return checked(read_yaml(path), "expected", where)["rows"] if path.exists() else []


def _cell_id(cell: Cell) -> dict[str, str]:
    return {"model": cell.model, "guide": cell.guide, "label": cell.label}


def _experiment_specs(run: Run, experiment: Experiment) -> dict[str, dict[str, Any]]:
    layout, name, problem = run.layout, experiment.name, experiment.problem
    specs: dict[str, dict[str, Any]] = {}
    identity = {"experiment": name, "problem": problem}
    cells = [_cell_id(cell) for cell in experiment.cells]

    specs[layout.spec("data", name)] = {
        **identity,
        "data": experiment.data,
        "code": _problem_code(problem, "stages.data"),
    }
    specs[layout.spec("reference", name)] = {
        **identity,
        "code": _problem_code(problem, "stages.reference"),
    }
    fit_code = _problem_code(problem, "stages.fit")
    diagnose_code = spec.code_of("stages.diagnose")
    for cell in experiment.cells:
        specs[layout.cell_spec("fit", cell)] = {
            **identity,
            "cell": vars(cell),
            "autoguide": experiment.autoguides.get(cell.guide),
            "num_snapshots": experiment.num_snapshots,
            "max_stored_mb": experiment.max_stored_mb,
            "gpu": experiment.gpu and not run.config.allow_cpu,
            "code": fit_code,
        }
        specs[layout.cell_spec("diagnose", cell)] = {**_cell_id(cell), "code": diagnose_code}
    specs[layout.spec("table", name)] = {
        "experiment": name,
        "cells": cells,
        "thresholds": run.config.thresholds,
        "strict": run.config.strict,
        "code": spec.code_of("stages.table"),
    }
    if experiment.study:
        specs[layout.spec("rates", name)] = {
            **identity,
            "study": experiment.study,
            "thresholds": run.config.thresholds,
            "code": _problem_code(problem, "stages.rates"),
        }
    specs |= _calibration_specs(run, experiment)
    for figure in experiment.figures:
        specs[layout.spec("figure", name, figure)] = {
            "experiment": name,
            "figure": figure,
            "code": spec.code_of("stages.figure", f"plots.{figure}"),
        }
    expected = expected_file(run.project, experiment)
    specs[layout.spec("verify", name)] = {
        "experiment": name,
        "expected": _expected_rows(expected, _shown(expected, run.project)),
        "file": _shown(expected, run.project),
        "study": experiment.study is not None,
        "code": spec.code_of("stages.verify"),
    }
    for notebook in experiment.notebooks:
        specs[layout.spec("notebook", name, notebook)] = {
            "experiment": name,
            "title": experiment.title,
            "figures": list(experiment.figures),
            **_notebook_spec(run, notebook),
        }
    return specs


def _calibration_specs(run: Run, experiment: Experiment) -> dict[str, dict[str, Any]]:
    layout, name, problem = run.layout, experiment.name, experiment.problem
    if not experiment.calibrations:
        return {}
    specs: dict[str, dict[str, Any]] = {
        layout.spec("refit", name, entry.name): {
            "experiment": name,
            "problem": problem,
            "calibration": asdict(entry),
            "autoguide": experiment.autoguides.get(entry.guide),
            "code": _problem_code(problem, "stages.refit"),
        }
        for entry in experiment.calibrations
    }
    specs[layout.spec("calibration", name)] = {
        "experiment": name,
        "calibrations": [asdict(entry) for entry in experiment.calibrations],
        "strict": run.config.strict,
        "code": spec.code_of("stages.calibration"),
    }
    return specs


def _notebook_spec(run: Run, notebook: str) -> dict[str, Any]:
    file = notebook_file(run.project, notebook)
    return {
        "notebook": _shown(file, run.project),
        "text": spec.text_digest(file),
        "code": spec.code_of("stages.notebook", *spec.own_imports(file)),
    }


def _page_spec(page: str, title: str, notebook: str) -> dict[str, Any]:
    report = spec.PACKAGE / "report"
    templates = sorted([*report.glob("*.j2"), *report.glob("*.css")])
    return {
        "page": page,
        "title": title,
        "notebook": notebook,
        "templates": spec.text_digest(*templates),
        "code": spec.code_of("stages.page"),
    }


def _index_specs(run: Run) -> dict[str, dict[str, Any]]:
    entries = {}
    for place, name in enumerate(run.default_experiments):
        experiment = run.experiments[name]
        further = {f"{name}-{notebook}": notebook for notebook in experiment.notebooks[1:]}
        lead = experiment.figures[0] if experiment.figures else None
        entry = {"title": experiment.title, "lead": lead, "pages": further, "place": place}
        entries[name] = entry
    specs = {
        run.layout.page_spec(page): _page_spec(page, *found) for page, found in run.pages.items()
    }
    specs[run.layout.index_spec()] = {"experiments": entries, **_notebook_spec(run, "index")}
    return specs
