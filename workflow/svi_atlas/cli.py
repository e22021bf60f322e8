"""The command line: `new` and `check` help to write an experiment, `export` takes fits elsewhere; the other commands serve the workflow."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from svi_atlas.errors import InputError, StaleSpecError


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code; errors meant for people come without a traceback."""
    options = _parser().parse_args(arguments)
    try:
        return options.function(options)
    except (InputError, StaleSpecError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="svi-atlas", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    new = commands.add_parser("new", help="write a model and an experiment that run as they are")
    new.add_argument("name", help="of the experiment")
    new.add_argument("--data", metavar="FILE", help="a table whose columns the model takes")
    new.set_defaults(function=_new)
    check_one = commands.add_parser("check", help="check an experiment in seconds, before any job")
    check_one.add_argument("experiment", help="its name, or the path of its file")
    check_one.set_defaults(function=_check)
    export = commands.add_parser("export", help="write fits for ArviZ and for plain NumPyro")
    export.add_argument("experiment", help="its name")
    export.add_argument("--output", type=Path, help="folder (results/EXPERIMENT/export if absent)")
    export.add_argument("--results", default="results", help="folder of the run")
    export.set_defaults(function=_export)
    run = commands.add_parser("run", help="run the job of a spec, as Snakemake does")
    run.add_argument("spec", type=Path)
    run.add_argument("--threads", type=int, default=1)
    run.set_defaults(function=_run)
    describe = commands.add_parser("describe-problems", help="print what problems offer, as JSON")
    describe.add_argument("problems", nargs="+")
    describe.set_defaults(function=_describe_problems)
    optimizers = commands.add_parser("check-optimizers", help="print why each cannot be used")
    optimizers.add_argument(
        "optimizers", help="JSON: a list of names with options", type=json.loads
    )
    optimizers.set_defaults(function=_check_optimizers)
    summary = commands.add_parser("summary", help="print the verdicts and the cost of a run")
    summary.add_argument("files", help="JSON: tables by experiment, and cost files", type=Path)
    summary.set_defaults(function=_summary)
    check = commands.add_parser("check-verification", help="fail if a value is out of tolerance")
    check.add_argument("files", nargs="+", help="verification.csv of each experiment")
    check.set_defaults(function=_check_verification)
    generate = commands.add_parser("generate", help="rewrite generated documentation")
    generate.add_argument("project", type=Path)
    generate.set_defaults(function=_generate)
    return parser


def _new(options: argparse.Namespace) -> int:
    from svi_atlas.planning.new_experiment import new_experiment

    for path in new_experiment(options.name, options.data):
        print(f"wrote {path}")
    print(f"check it:  svi-atlas check {options.name}")
    print(f'run it:    snakemake --cores 2 --config "experiments=[{options.name}]"')
    return 0


def _check(options: argparse.Namespace) -> int:
    from svi_atlas.jobs import runtime

    runtime.limit_threads(1)
    from svi_atlas.jobs.check_experiment import check_experiment

    has_error = False
    for line in check_experiment(options.experiment):
        print(line, flush=True)
        has_error |= line.kind == "error"
    return int(has_error)


def _export(options: argparse.Namespace) -> int:
    from svi_atlas.report.export import export

    folder = options.output or Path(options.results) / options.experiment / "export"
    for fit in export(options.experiment, folder, options.results):
        print(f"wrote {fit.draws}: arviz.from_netcdf reads it")
        print(f"wrote {fit.params}: the parameters by name")
        if fit.how_to_load:
            print(fit.how_to_load)
    return 0


def _run(options: argparse.Namespace) -> int:
    from svi_atlas.jobs import runtime

    runtime.limit_threads(options.threads)
    runtime.set_compiler_flags()
    if compiled := json.loads(options.spec.read_text()).get("scratch", {}).get("compiled"):
        runtime.keep_compiled_programs(Path(compiled))
    from svi_atlas.jobs import job

    job.run(options.spec)
    return 0


def _describe_problems(options: argparse.Namespace) -> int:
    from svi_atlas.problems.describe import describe

    print(json.dumps({name: describe(name) for name in options.problems}))
    return 0


def _check_optimizers(options: argparse.Namespace) -> int:
    from svi_atlas.inference.optimizers import check_optimizer

    reasons = []
    for optimizer in options.optimizers:
        try:
            check_optimizer(**optimizer)
            reasons.append("")
        except InputError as error:
            reasons.append(str(error))
    print(json.dumps(reasons))
    return 0


def _summary(options: argparse.Namespace) -> int:
    from svi_atlas.report.summary import summarise_costs, summarise_fits

    files = json.loads(options.files.read_text())
    lines = summarise_fits(files["tables"]) + summarise_costs(files["costs"], files["tables"])
    print("\n".join(lines))
    return 0


def _check_verification(options: argparse.Namespace) -> int:
    from svi_atlas.judgement.verification import check

    text, within = check(options.files)
    print(text)
    return 0 if within else 1


def _generate(options: argparse.Namespace) -> int:
    from svi_atlas.planning.documentation import generate

    generate(options.project)
    return 0
