"""The command line of the jobs: `python -m svi_atlas STAGE SPEC --from NAME=PATH --to NAME=PATH`."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from svi_atlas.errors import InputError, StaleSpecError
from svi_atlas.jobs.runtime import keep_compiled_programs, limit_threads, set_compiler_flags

STAGES = (
    "data", "reference", "fit", "diagnose", "table", "rates", "refit", "calibration", "figure",
    "verify", "notebook", "page",
)  # fmt: skip


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns the exit code. Errors meant for people are printed without traceback."""
    parser = argparse.ArgumentParser(prog="svi_atlas", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for stage in STAGES:
        command = commands.add_parser(stage, help=f"run a {stage} job")
        command.add_argument("spec", type=Path)
        command.add_argument("--from", dest="inputs", nargs="+", default=[], metavar="NAME=PATH")
        command.add_argument("--to", dest="outputs", nargs="+", required=True, metavar="NAME=PATH")
        command.add_argument("--threads", type=int, default=1)
    catalogue = commands.add_parser("catalogue", help="print the models and guides of problems")
    catalogue.add_argument("problems", nargs="+")
    for name, text in (
        ("summary", "print verdict counts and failures of a run"),
        ("check-verification", "fail if a compared value is out of tolerance"),
    ):
        command = commands.add_parser(name, help=text)
        command.add_argument("results")
        command.add_argument("experiments", nargs="+")
    commands.add_parser("config-readme", help="print config/README.md made from the schemas")
    options = parser.parse_args(arguments)
    try:
        return _run(options)
    except (InputError, StaleSpecError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _run(options: argparse.Namespace) -> int:
    if options.command in STAGES:
        inputs, outputs = _paths(options.inputs), _paths(options.outputs)
        limit_threads(options.threads)
        set_compiler_flags()
        if "cache" in inputs:
            keep_compiled_programs(inputs["cache"])
        from svi_atlas.jobs import job

        stage = importlib.import_module(f"svi_atlas.jobs.stages.{options.command}")
        job.run(stage.run, options.spec, inputs, outputs, options.threads)
        return 0
    if options.command == "catalogue":
        from svi_atlas import problems
        from svi_atlas.sbc.simulate import why_not_simulated

        loaded = {name: problems.load(name) for name in options.problems}
        content = {
            name: {
                "models": list(problem.models),
                "guides": list(problem.guides),
                "data_schema": problem.data_schema,
                "has_optimum": problem.optimum is not None,
                "not_simulated": {
                    model: reason
                    for model, function in problem.models.items()
                    if (reason := why_not_simulated(function))
                },
            }
            for name, problem in loaded.items()
        }
        print(json.dumps(content))
        return 0
    if options.command == "config-readme":
        from svi_atlas.configuration.reference import config_readme

        print(config_readme(), end="")
        return 0
    from svi_atlas.judgement import verification as verify

    if options.command == "summary":
        print(verify.summary(options.results, options.experiments))
        return 0
    text, fine = verify.check(options.results, options.experiments)
    print(text)
    return 0 if fine else 1


def _paths(pairs: list[str]) -> dict[str, Path]:
    return {name: Path(path) for name, path in (pair.split("=", 1) for pair in pairs)}
