"""The benchmark of the engine: writes engine.csv, ladder.csv and threads.csv.

Every measurement is a process of its own, without a compilation cache; the variants of a case take
turns, and the tables hold medians over the rounds. `svi_run` is timed on 2 replicas and scaled by their
number; `process` is that with one process for each replica, so its run is start, compile and run.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
from cases import CASES

HERE = Path(__file__).parent
LADDER = {
    "plain": ("flags", "threefry", "gamma", "sharing"),
    "+ flags": ("threefry", "gamma", "sharing"),
    "+ threefry": ("gamma", "sharing"),
    "+ gamma": ("sharing",),
    "+ step sizes share draws": (),
}
"""Steps, each with what is still left out of the engine. All make random numbers in blocks."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("results/benchmark"))
    parser.add_argument("--num-steps", type=int, default=10_000)
    parser.add_argument("--replicas", type=int, nargs="+", default=[1, 64, 256, 1024])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cases", nargs="+", default=list(CASES), choices=list(CASES))
    parser.add_argument("--quick", action="store_true", help="200 steps, 64 replicas, one round")
    options = parser.parse_args()
    if options.quick:
        options.num_steps, options.replicas, options.rounds = 200, [64], 1
    options.output.mkdir(parents=True, exist_ok=True)
    engine_table(options).to_csv(options.output / "engine.csv", index=False)
    ladder_table(options).to_csv(options.output / "ladder.csv", index=False)
    threads_table(options).to_csv(options.output / "threads.csv", index=False)


def engine_table(options) -> pd.DataFrame:
    rows = []
    for case in options.cases:
        for num_particles in CASES[case][3]:
            variants = ["svi_run", "vmap_scan", "engine"]
            if case == "coin normal":
                variants.append("floor")
            for replicas in options.replicas:
                settings = {
                    "case": case,
                    "num_particles": num_particles,
                    "num_steps": options.num_steps,
                    "replicas": replicas,
                }
                found = _rounds(options, settings, {name: [name] for name in variants})
                rows += [{**settings, "variant": name, **found[name]} for name in variants]
                one = _rounds(options, {**settings, "replicas": 1}, {"process": ["svi_run"]})
                seconds = one["process"]["seconds_total"] * replicas
                rows.append(
                    {
                        **settings,
                        "variant": "process",
                        **one["process"],
                        "seconds_run": seconds,
                        "seconds_total": seconds,
                    }
                )
    columns = ["case", "num_particles", "num_steps", "replicas", "variant", "threads"]
    return pd.DataFrame(rows)[
        columns + ["seconds_run", "seconds_total", "peak_mb", "seconds_compile"]
    ]


def ladder_table(options) -> pd.DataFrame:
    """Nanoseconds a fit-step with the parts of the engine added one by one."""
    rows = []
    variants = {name: ["engine", "--without", *without] for name, without in LADDER.items()}
    for case in options.cases:
        for num_particles in CASES[case][3]:
            settings = {
                "case": case,
                "num_particles": num_particles,
                "num_steps": options.num_steps,
                "replicas": 64 if num_particles > 1 else 256,
            }
            fit_steps = options.num_steps * settings["replicas"]
            for name, found in _rounds(options, settings, variants).items():
                nanoseconds = found["seconds_run"] / fit_steps * 1e9
                rows.append({**settings, "parts": name, "ns_per_fit_step": nanoseconds})
    return pd.DataFrame(rows)


def threads_table(options) -> pd.DataFrame:
    """Wall seconds of two cells: as two one-thread jobs at once, and one after the other with two."""
    rows = []
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
    for name, (threads, together) in commands.items():
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
        rows.append({**settings, "jobs": name, "seconds_total": statistics.median(seconds)})
    return pd.DataFrame(rows)


def _rounds(options, settings: dict, variants: dict[str, list[str]]) -> dict[str, dict]:
    """Medians by variant; the variants take turns."""
    found: dict[str, list[dict]] = {name: [] for name in variants}
    for _ in range(options.rounds):
        for name, arguments in variants.items():
            output, _ = _start(settings, arguments, threads=1).communicate()
            measured = json.loads(output.splitlines()[-1])
            measured["seconds_run"] = statistics.median(measured["seconds_run"])
            found[name].append({**measured, "threads": 1})
            print(settings, name, measured, file=sys.stderr, flush=True)
    return {
        name: {key: statistics.median(row[key] for row in rows) for key in rows[0]}
        for name, rows in found.items()
    }


def _start(settings: dict, arguments: list[str], threads: int) -> subprocess.Popen:
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("JAX_COMPILATION") and name != "XLA_FLAGS"
    }
    environment["PYTHONPATH"] = str(HERE.parents[1] / "workflow")
    command = [sys.executable, str(HERE / "measure.py"), settings["case"], *arguments]
    for name in ("num_particles", "num_steps", "replicas"):
        command += [f"--{name.replace('_', '-')}", str(settings[name])]
    command += ["--threads", str(threads)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)


if __name__ == "__main__":
    main()
