"""What the forum thread claims, counted over many seeds: one table per claim."""

from __future__ import annotations

import numpy as np
import pandas as pd

from svi_atlas.analysis._tables import with_labels
from svi_atlas.analysis.factor_thread._selection import (
    PAIRINGS,
    SCALES,
    grid_cell,
    pairing_label,
    pairing_name,
    single_fit,
)
from svi_atlas.formatting import count_of, mean_se, measured, median_range, number
from svi_atlas.problems.factor_thread import exact
from svi_atlas.results.inputs import Fits

FITS = {
    "loss_noise": {
        "model": ["factor", "sample"],
        "guide": ["factor", "sample"],
        "label": ["particles-*"],
    }
}

NOISE_CELLS = (
    ("factor", "sample", 1e-2),
    ("factor", "factor", 1e-4),
    ("sample", "sample", 1e-2),
)
"""(model, guide, step size) whose losses are compared."""

AUTOGUIDE_PARTICLES = 8
"""Particle count at which the autoguides are fitted."""

REFUSALS = {
    "deterministic_sites": (
        "Every latent site of the model must be sampled by the guide. A deterministic site is a name "
        "for a value; it has no density, so ln q has no term for it."
    ),
    "improper_sites": (
        "NumPyro gives no message of its own. An improper flat prior has no density that integrates to "
        "one and cannot be drawn from. In a model this is never asked of it; in a guide it is at once."
    ),
}
"""Why the guides of these single fits are refused."""


def loss_noise(table: pd.DataFrame, fits: Fits) -> pd.DataFrame:
    """Standard deviation of single losses in the last 5 % of the steps, by number of particles."""
    rows = []
    for model, guide, step_size in NOISE_CELLS:
        for count, cell in grid_cell(table, model, guide, None, step_size).groupby("num_particles"):
            losses = fits[model, guide, cell["label"].iloc[0]]["loss"]
            losses = losses.sel(step_size=step_size, method="nearest").transpose("seed", "step")
            deviations = _tail_deviations(losses.to_numpy().astype(float))
            rows.append(
                {
                    "pairing": pairing_name(model, guide),
                    "step_size": step_size,
                    "particles": count,
                    "seeds": len(deviations),
                    "sd": mean_se(deviations),
                    "end": mean_se(cell["final_loss"]),
                }
            )
    labels = {
        "pairing": "pairing",
        "step_size": "step size",
        "particles": "particles",
        "seeds": "seeds",
        "sd": "sd of one loss (nats)",
        "end": "final loss (nats)",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _tail_deviations(losses: np.ndarray) -> np.ndarray:
    """Standard deviation of the finite losses in the last 5 % of the steps: (seed, step) -> (seed,)."""
    tail = losses[:, -max(2, losses.shape[1] // 20) :]
    enough = np.isfinite(tail).sum(-1) > 1
    deviations = np.full(len(tail), np.nan)
    finite = np.where(np.isfinite(tail), tail, np.nan)[enough]
    deviations[enough] = np.nanstd(finite, axis=-1, ddof=1)
    return deviations


def convergence(table: pd.DataFrame) -> pd.DataFrame:
    """The sample guide on the factor model: one row per step size and particle count."""
    rows = []
    cells = grid_cell(table, "factor", "sample").groupby(["step_size", "num_particles"])
    for (step_size, count), fits in cells:
        rows.append(
            {
                "step_size": step_size,
                "particles": count,
                "seeds": len(fits),
                "kl": median_range(fits["kl_last"]),
                "sig1": mean_se(fits["param_last.sig1_q"]),
                "sig2": mean_se(fits["param_last.sig2_q"]),
                **_answers(fits),
            }
        )
    labels = {
        "step_size": "step size",
        "particles": "particles",
        "seeds": "seeds",
        "kl": "KL (nats)",
        "sig1": "sig1_q",
        "sig2": "sig2_q",
        "converged": "converged?",
        "adequate": "adequate",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def autoguides(table: pd.DataFrame) -> pd.DataFrame:
    """The sample guide and the autoguides on the sample model: one row per guide and step size."""
    rows = []
    for guide in ("sample", "AutoNormal", "AutoMultivariateNormal"):
        cells = grid_cell(table, "sample", guide, AUTOGUIDE_PARTICLES).groupby("step_size")
        for step_size, fits in cells:
            rows.append(
                {
                    "guide": guide,
                    "step_size": step_size,
                    "kl": median_range(fits["kl_last"]),
                    **_answers(fits),
                    "time": float((1e6 * fits["seconds"] / fits["num_steps"]).mean()),
                }
            )
    labels = {
        "guide": "guide",
        "step_size": "step size",
        "kl": "KL (nats)",
        "converged": "converged?",
        "adequate": "adequate",
        "time": "µs per step",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _answers(fits: pd.DataFrame) -> dict[str, str]:
    """How many fits have converged, and how many are adequate."""
    return {
        "converged": count_of(fits["converged"].eq(True).sum(), len(fits)),
        "adequate": count_of((fits["verdict"] == "adequate").sum(), len(fits)),
    }


def summaries(table: pd.DataFrame, pairing_draws: pd.DataFrame) -> pd.DataFrame:
    """What the four pairings' guides claim, and the standard deviations of what they draw."""
    rows = []
    for model, guide in PAIRINGS:
        fit = single_fit(table, pairing_label(model, guide))
        if fit is None:
            continue
        draws = pairing_draws[(pairing_draws["model"] == model) & (pairing_draws["guide"] == guide)]
        rows.append(
            {
                "pairing": pairing_name(model, guide),
                "claimed": ", ".join(number(fit[f"param_last.{name}"]) for name in SCALES),
                "x": _deviation(draws["x"].to_numpy(float)),
                "y": _deviation(draws["y"].to_numpy(float)),
                "kl": measured(fit["kl_last"], fit["kl_se_last"]),
            }
        )
    labels = {
        "pairing": "pairing",
        "claimed": "sig1_q, sig2_q of the fit",
        "x": f"sd of x drawn (exact {exact.SIGMA1:g})",
        "y": f"sd of y drawn (exact {exact.SIGMA2:g})",
        "kl": "KL of the draws (nats)",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)


def _deviation(values: np.ndarray) -> str:
    """Standard deviation with its standard error, that of Gaussian draws."""
    return measured(values.std(ddof=1), values.std() / np.sqrt(2 * values.size))


def refused_guides(table: pd.DataFrame) -> pd.DataFrame:
    """The guides that fail at once, with the message that was raised and the reason."""
    failed = table[(table["block"] == "single") & (table["verdict"] == "failed")]
    failed = failed.drop_duplicates("label").set_index("label")
    rows = [
        {
            "label": label,
            "verdict": "failed",
            "message": failed.loc[label, "message"],
            "why": why,
        }
        for label, why in REFUSALS.items()
        if label in failed.index
    ]
    labels = {
        "label": "label",
        "verdict": "verdict",
        "message": "message",
        "why": "the reason",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)
