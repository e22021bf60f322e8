"""The benchmark of the engine: engine.csv, ladder.csv, fixed.csv, threads.csv and memory.csv.

Every measurement is a process of its own, without a compilation cache; the variants of a case take
turns, and the tables hold medians over the rounds. `svi_run` is timed on 2 replicas and scaled by their
number; `process` is that with one process for each replica, so its run is start, compile and run.
Rows already in a table are kept and not measured again, so an interrupted benchmark resumes.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
from cases import CASES

HERE = Path(__file__).parent
LADDER = {
    "plain": ("flag", "threefry", "gamma", "noise", "blocks", "sharing"),
    "+ compiler flag": ("threefry", "gamma", "noise", "blocks", "sharing"),
    "+ threefry": ("gamma", "noise", "blocks", "sharing"),
    "+ gamma": ("noise", "blocks", "sharing"),
    "+ known noise": ("blocks", "sharing"),
    "+ random numbers in blocks": ("sharing",),
    "+ step sizes share draws": (),
}
"""Steps, each with what is left out of the engine."""

TABLES = ("engine", "ladder", "fixed", "threads", "memory")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("results/benchmark"))
    parser.add_argument("--num-steps", type=int, default=10_000)
    parser.add_argument(
        "--replicas",
        type=int,
        nargs="+",
        default=[0, 1, 64, 256, 1024],
        help="0: 256 for one particle, else 64",
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--tables", nargs="+", default=list(TABLES), choices=TABLES)
    parser.add_argument("--quick", action="store_true", help="200 steps, 64 replicas, one round")
    options = parser.parse_args()
    if options.quick:
        options.num_steps, options.replicas, options.rounds = 200, [64], 1
    options.output.mkdir(parents=True, exist_ok=True)
    for name in options.tables:
        globals()[f"{name}_table"](options, _Table(options.output / f"{name}.csv"))


def engine_table(options, table) -> None:
    """The engine beside the other ways to run the same fits."""
    for replicas in options.replicas:
        for settings in _settings(options, replicas):
            variants = {"svi_run": ["svi_run"], "engine": ["engine"]}
            variants["vmap_scan"] = ["vmap_scan", "--repeats", "1"]
            if settings["case"] == "coin normal":
                variants["floor"] = ["floor"]
            one = {**settings, "replicas": 1}
            for name, found in _rounds(
                options, settings, table.missing(settings, variants)
            ).items():
                table.add({**settings, "variant": name, "threads": 1, **found})
            for name in table.missing(settings, {"process": []}):
                found = _rounds(options, one, {name: ["svi_run"]})[name]
                seconds = found["seconds_total"] * settings["replicas"]
                scaled = {"seconds_run": seconds, "seconds_total": seconds}
                table.add({**settings, "variant": name, "threads": 1, **found, **scaled})


def ladder_table(options, table) -> None:
    """Nanoseconds a fit-step with the parts of the engine added one by one."""
    variants = {
        name: ["engine", "--repeats", "1", "--without", *without]
        for name, without in LADDER.items()
    }
    for settings in _settings(options):
        wanted = table.missing(settings, variants)
        for name, found in _rounds(options, settings, wanted).items():
            nanoseconds = found["seconds_run"] / (options.num_steps * settings["replicas"]) * 1e9
            compiled = found["seconds_compile"]
            table.add(
                {
                    **settings,
                    "variant": name,
                    "ns_per_fit_step": nanoseconds,
                    "seconds_compile": compiled,
                }
            )


def fixed_table(options, table) -> None:
    """Seconds of a job beyond its fits: start with imports, compile cold and from the cache."""
    for settings in _settings(options):
        for name in table.missing(settings, {"fixed": []}):
            with tempfile.TemporaryDirectory() as cache:
                command = ["engine", "--repeats", "1", "--cache", cache]
                cold, warm = (_measured(settings, command) for _ in range(2))
            row = {
                "seconds_start": min(cold["seconds_start"], warm["seconds_start"]),
                "seconds_compile": cold["seconds_compile"],
                "seconds_compile_cached": warm["seconds_compile"],
            }
            table.add({**settings, "variant": name, **row})


def threads_table(options, table) -> None:
    """Wall seconds of two cells: as two one-thread jobs at once, and one after the other with two."""
    settings = {
        "case": "coin beta",
        "num_particles": 32,
        "num_steps": options.num_steps,
        "replicas": 64,
    }
    commands = {
        "two jobs of one thread": ([1, 1], True),
        "one job after the other, two threads": ([2, 2], False),
    }
    for name, (threads, together) in table.missing(settings, commands).items():
        seconds = []
        for _ in range(options.rounds):
            started = time.perf_counter()
            jobs = []
            for count in threads:
                jobs.append(_start(settings, ["engine", "--repeats", "1"], count))
                if not together:
                    jobs[-1].wait()
            for job in jobs:
                job.communicate()
            seconds.append(time.perf_counter() - started)
        table.add({**settings, "variant": name, "seconds_total": statistics.median(seconds)})


def memory_table(options, table) -> None:
    """Peak memory of the engine and what a replica adds."""
    for case, num_particles in (("coin normal", 1), ("coin beta", 32)):
        settings = {"case": case, "num_particles": num_particles, "num_steps": options.num_steps}
        found = {}
        for replicas in (64, 1024):
            size = {**settings, "replicas": replicas}
            if table.missing(size, {"engine": []}):
                found[replicas] = _measured(size, ["engine", "--repeats", "1"])["peak_mb"]
        if len(found) == 2:
            each = (found[1024] - found[64]) / (1024 - 64)
            for replicas, peak in found.items():
                row = {"replicas": replicas, "variant": "engine", "peak_mb": peak}
                table.add({**settings, **row, "mb_per_replica": each})


class _Table:
    """A table on disk that grows row by row."""

    def __init__(self, path: Path):
        self.path = path
        self.rows = pd.read_csv(path).to_dict("records") if path.exists() else []

    def missing(self, settings: dict, variants: dict) -> dict:
        """Those of the variants that have no row with these settings."""
        done = {
            row["variant"]
            for row in self.rows
            if all(row[name] == value for name, value in settings.items())
        }
        return {name: value for name, value in variants.items() if name not in done}

    def add(self, row: dict) -> None:
        self.rows.append(row)
        pd.DataFrame(self.rows).to_csv(self.path, index=False)


def _settings(options, replicas: int | None = None):
    """The cases, with `replicas` or else the number the targets are set for."""
    for case in options.cases:
        for num_particles in CASES[case][3]:
            yield {
                "case": case,
                "num_particles": num_particles,
                "num_steps": options.num_steps,
                "replicas": replicas or (64 if num_particles > 1 else 256),
            }


def _rounds(options, settings: dict, variants: dict[str, list[str]]) -> dict[str, dict]:
    """Medians by variant; the variants take turns."""
    found: dict[str, list[dict]] = {name: [] for name in variants}
    for _ in range(options.rounds):
        for name, arguments in variants.items():
            found[name].append(_measured(settings, arguments))
            print(settings, name, found[name][-1], file=sys.stderr, flush=True)
    return {
        name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        for name, rows in found.items()
    }


def _measured(settings: dict, arguments: list[str]) -> dict:
    process = _start(settings, arguments, threads=1)
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{settings} {arguments} failed")
    measured = json.loads(output.splitlines()[-1])
    return {**measured, "seconds_run": statistics.median(measured["seconds_run"])}


def _start(settings: dict, arguments: list[str], threads: int) -> subprocess.Popen:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("JAX_COMPILATION") and name != "XLA_FLAGS"
    }
    environment["PYTHONPATH"] = str(HERE.parents[1] / "workflow")
    environment["PYTHONHASHSEED"] = "0"  # as in a job, so that it finds its program in the cache
    command = [sys.executable, str(HERE / "measure.py"), settings["case"], *arguments]
    for name in ("num_particles", "num_steps", "replicas"):
        command += [f"--{name.replace('_', '-')}", str(settings[name])]
    command += ["--threads", str(threads)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    main()
