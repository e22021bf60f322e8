"""Small hand-made tables and fits for tests of analyses."""

from itertools import product

import numpy as np
import pandas as pd
import xarray as xr


def grid(
    guides=("beta",),
    counts=(1, 4),
    step_sizes=(0.01,),
    seeds=(1, 2),
    schedules=("constant",),
    **columns,
):
    """A table of fits of a grid, adequate unless `verdict` says otherwise; columns are broadcast."""
    rows = [
        {
            "model": "m",
            "guide": guide,
            "block": "grid",
            "label": f"particles-{count}",
            "num_particles": count,
            "schedule": schedule,
            "step_size": step_size,
            "seed": seed,
        }
        for guide, count, schedule, step_size, seed in product(
            guides, counts, schedules, step_sizes, seeds
        )
    ]
    defaults = {
        "verdict": "adequate",
        "message": None,
        "reason": "",
        "num_steps": 100,
        "optimizer": "Adam",
        "whitened": False,
        "start": "uniform",
        "stopped": "all steps",
        "gradient_evaluations": 100,
        "seconds": 0.1,
    }
    return pd.DataFrame(rows).assign(**(defaults | columns))


class MadeUpFits(dict):
    """Datasets by (model, guide, label)."""

    def with_label(self, label):
        cells = [cell for cell in self if cell[2] == label]
        return self[cells[0]] if cells else None


def fits_of(table, loss):
    """Fits of a table's cells; loss(num_particles, seed, step_size) -> losses (step,).

    They have the dimension `setting` where they have several schedules.
    """
    cells = MadeUpFits()
    for (model, guide, label), rows in table.groupby(["model", "guide", "label"], sort=False):
        settings = rows[["schedule", "step_size"]].drop_duplicates().sort_values("step_size")
        seeds, step_sizes = sorted(rows["seed"].unique()), settings["step_size"]
        count = rows["num_particles"].iloc[0]
        values = [[loss(count, seed, step_size) for step_size in step_sizes] for seed in seeds]
        cell = xr.Dataset(
            {"loss": (("seed", "setting", "step"), np.array(values, float))},
            {
                "seed": seeds,
                "step_size": ("setting", list(step_sizes)),
                "schedule": ("setting", list(settings["schedule"])),
            },
            {"seconds_run": 8.0, "seconds_compile": 3.0},
        )
        one = settings["schedule"].nunique() == 1
        cells[model, guide, label] = cell.swap_dims(setting="step_size") if one else cell
    return cells


def failed(table):
    """The table and the fits of a run in which every fit failed: there are no statistics."""
    columns = [
        "model",
        "guide",
        "block",
        "label",
        "num_particles",
        "schedule",
        "step_size",
        "seed",
        "num_steps",
        "optimizer",
        "whitened",
        "start",
    ]
    table = table[columns].assign(verdict="failed", message="ValueError: no", reason="")
    cells = MadeUpFits()
    for key, rows in table.groupby(["model", "guide", "label"], sort=False):
        coords = {name: sorted(rows[name].unique()) for name in ("seed", "step_size")}
        cells[key] = xr.Dataset(coords=coords, attrs={"message": "ValueError: no"})
    return table, cells


def references(log_evidence=-10.0):
    """The reference of the model `m`."""
    return {"m": xr.Dataset(attrs={"log_evidence": log_evidence})}
