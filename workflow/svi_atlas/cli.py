"""The command line of the jobs: `python -m svi_atlas STAGE SPEC --from NAME=PATH --to NAME=PATH`."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
from pathlib import Path

from svi_atlas.errors import InputError, StaleSpecError

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
        from svi_atlas import job

        stage = importlib.import_module(f"svi_atlas.stages.{options.command}")
        job.run(stage.run, options.spec, inputs, outputs, options.threads)
        return 0
    if options.command == "catalogue":
        from svi_atlas import problems
        from svi_atlas.prior_predictive import why_not_simulated

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
        from svi_atlas.config_readme import config_readme

        print(config_readme(), end="")
        return 0
    from svi_atlas import verify

    if options.command == "summary":
        print(verify.summary(options.results, options.experiments))
        return 0
    text, fine = verify.check(options.results, options.experiments)
    print(text)
    return 0 if fine else 1


def _paths(pairs: list[str]) -> dict[str, Path]:
    return {name: Path(path) for name, path in (pair.split("=", 1) for pair in pairs)}


XLA_FLAGS = "--xla_cpu_experimental_ynn_fusion_type=-reduce"
"""Sums stay in the loops that make their terms: it matters for arrays as small as ours."""


def limit_threads(threads: int) -> None:
    """Make JAX, BLAS and OpenMP use this many threads; call before JAX computes, BLAS is imported."""
    for variable in ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(threads)


def set_compiler_flags() -> None:
    """Add our XLA flag, before the user's own, which win; call before JAX is imported."""
    os.environ["XLA_FLAGS"] = f"{XLA_FLAGS} {os.environ.get('XLA_FLAGS', '')}".strip()


CACHE_BYTES = 1_000_000_000
"""The compiled programs of a run may take this much; the least recently used go first."""


def keep_compiled_programs(folder: Path) -> None:
    """Make JAX keep compiled programs in `folder` for later jobs.

    JAX's keys hold its version, the flags and the machine; a lock makes side by side use safe.
    """
    import jax

    jax.config.update("jax_compilation_cache_dir", str(folder))
    jax.config.update("jax_compilation_cache_max_size", CACHE_BYTES)
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
