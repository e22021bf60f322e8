"""What the tutorial says of particles, autoguides and summaries, checked over many seeds."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._tables import negative_log_evidence, with_labels
from svi_atlas.analysis.bimodal._selection import (
    NUM_PARTICLES_TIMED,
    TRUNCATED,
    WRITTEN_GUIDES,
    Setting,
    best_setting_of_each_guide,
    microseconds_per_step,
    misses_a_mode,
    successful_grid,
    with_setting,
)
from svi_atlas.formatting import count_of, mean_se, measured, median_range
from svi_atlas.problems.bimodal import exact
from svi_atlas.results.inputs import Fits, References

FITS = {
    "loss_noise": {
        "guide": ["normal_mixture", "truncated_cauchy_mixture"],
        "label": ["particles-*"],
    },
    "summaries": {"label": ["particles-*"]},
}
"""Which fits an analysis reads."""

NOISE_STEP_SIZE = 1e-2
"""The noise of a loss is measured at the step size nearest to this one, on a log scale."""

NOISE_PARTS = 20
"""It is measured over the last of so many equal parts of the steps."""

MIN_STEP_SIZE, MAX_STEP_SIZE = 5e-4, 5e-2
"""Step sizes strictly between these arrive within their steps without jumping far."""

FAR = 10.0
"""A draw with a larger |u2| lies in the far tail."""


def loss_noise(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Standard deviation of one loss (nats) over the last steps, by guide and particle count."""
    grid = successful_grid(table)
    grid = grid[grid["guide"].isin(WRITTEN_GUIDES)]
    labels = {
        "guide": "guide",
        "num_particles": "particles",
        "step_size": "step size",
        "seeds": "seeds",
        "sd": "sd of one loss (nats)",
        "scaled": "times √particles",
    }
    rows = [
        _noise_of_cell(grid[(grid["guide"] == guide) & (grid["num_particles"] == count)], fits)
        for guide in WRITTEN_GUIDES
        for count in sorted(grid.loc[grid["guide"] == guide, "num_particles"].unique())
    ]
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _noise_of_cell(rows: pd.DataFrame, fits: Fits) -> dict:
    step_sizes = rows["step_size"].unique()
    step_size = min(step_sizes, key=lambda size: abs(np.log(size / NOISE_STEP_SIZE)))
    row = rows[rows["step_size"] == step_size].iloc[0]
    loss = fits[row["model"], row["guide"], row["label"]]["loss"]
    sd = _sd_of_tail(loss.sel(step_size=step_size, method="nearest").to_numpy().astype(float))
    return {
        "guide": row["guide"],
        "num_particles": row["num_particles"],
        "step_size": step_size,
        "seeds": len(sd),
        "sd": median_range(sd),
        "scaled": median_range(sd * np.sqrt(row["num_particles"])),
    }


def _sd_of_tail(loss: np.ndarray) -> np.ndarray:
    """Standard deviation of the finite losses at the end: (seed, step) -> (seed,)."""
    tail = loss[:, -max(2, loss.shape[1] // NOISE_PARTS) :]
    return np.nanstd(np.where(np.isfinite(tail), tail, np.nan), axis=-1, ddof=1)


def particles_and_convergence(table: pd.DataFrame, reference: References) -> pd.DataFrame:
    """How near to its family's optimum each setting ends, and at which cost."""
    grid = successful_grid(table)
    optima = {
        "normal_mixture": exact.normal_mixture_optimum()[1],
        TRUNCATED.guide: negative_log_evidence(reference, table["model"].iloc[0]),
    }
    labels = {
        "guide": "guide",
        "step_size": "step size",
        "num_particles": "particles",
        "gap": "loss above its family's optimum",
        "converged": "converged?",
        "adequate": "adequate",
        "seconds": "seconds per fit",
    }
    between = (grid["step_size"] > MIN_STEP_SIZE) & (grid["step_size"] < MAX_STEP_SIZE)
    rows = []
    for guide in WRITTEN_GUIDES:
        settings = grid[between & (grid["guide"] == guide)].groupby(["step_size", "num_particles"])
        for (step_size, count), fits in settings:
            if fits["seed"].nunique() > 1:
                rows.append(
                    {
                        "guide": guide,
                        "step_size": step_size,
                        "num_particles": count,
                        "gap": median_range(fits["final_loss"] - optima[guide]),
                        "converged": count_of((fits["converged"] == True).sum(), len(fits)),  # noqa: E712
                        "adequate": count_of((fits["verdict"] == "adequate").sum(), len(fits)),
                        "seconds": fits["seconds"].mean(),
                    }
                )
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def guides_compared(table: pd.DataFrame) -> pd.DataFrame:
    """Every guide at its best setting: minus its ELBO, missed modes, verdicts, time per step."""
    grid = successful_grid(table)
    labels = {
        "guide": "guide",
        "num_particles": "particles",
        "step_size": "step size",
        "elbo": "minus ELBO (nats)",
        "missed": "miss a mode",
        "adequate": "adequate",
        "time": f"µs per step, {NUM_PARTICLES_TIMED} particles",
    }
    rows = []
    for guide, setting in best_setting_of_each_guide(table).items():
        fits = with_setting(grid, setting)
        rows.append(
            {
                "guide": guide,
                "num_particles": setting.num_particles,
                "step_size": setting.step_size,
                "elbo": mean_se(-fits["elbo"]),
                "missed": count_of(misses_a_mode(fits).sum(), len(fits)),
                "adequate": count_of((fits["verdict"] == "adequate").sum(), len(fits)),
                "time": microseconds_per_step(grid, guide),
            }
        )
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def summaries(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Summaries of the draws of each guide's best setting beside those of the exact draws."""
    posterior = reference[table["model"].iloc[0]]
    sd = float(posterior["sd.x"])
    rows = [_exact_summaries(posterior, sd)]
    grid = successful_grid(table)
    for guide, setting in best_setting_of_each_guide(table).items():
        rows.append({"guide": guide, **_summaries_of_setting(grid, setting, fits, sd)})
    labels = {
        "guide": "guide",
        "mean": "mean of x (sd)",
        "sd": "sd of x, ratio",
        "upper": "share in the upper mode",
        "far": f"|u2| > {FAR:g} (%)",
    }
    return with_labels(pd.DataFrame(rows), labels)


def _exact_summaries(posterior: xr.Dataset, sd: float) -> dict:
    x, y = (posterior[f"draw.{site}"].to_numpy().astype(float) for site in ("x", "y"))
    far = float(_summaries(x, y, sd)["far"])
    error = 100 * float(np.sqrt(far / 100 / x.size))
    return {
        "guide": f"exact ({x.size:,} draws)",
        "mean": "0",
        "sd": "1",
        "upper": "0.5",
        "far": measured(far, error),
    }


def _summaries_of_setting(
    grid: pd.DataFrame, setting: Setting, fits: Fits, sd: float
) -> dict[str, str]:
    row = with_setting(grid, setting).iloc[0]
    cell = fits[row["model"], row["guide"], row["label"]]
    last = cell.sel(iterate="last").sel(step_size=setting.step_size, method="nearest")
    x, y = (
        last[f"site.{site}"].transpose("seed", "draw").to_numpy().astype(float)
        for site in ("x", "y")
    )
    return {name: median_range(values) for name, values in _summaries(x, y, sd).items()}


def _summaries(x: np.ndarray, y: np.ndarray, sd: float) -> dict[str, np.ndarray]:
    """Mean and standard deviation of x in posterior standard deviations, share of the draws in the
    upper mode, and percentage in the far tail; over the last axis."""
    return {
        "mean": x.mean(-1) / sd,
        "sd": x.std(-1, ddof=1) / sd,
        "upper": (x + y > 0).mean(-1),
        "far": 100 * (np.abs(x - y) / np.sqrt(2) > FAR).mean(-1),
    }
