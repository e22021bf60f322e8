"""Predictive checks of the tutorial's fits: draws from the guides and mock tosses."""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._coin import (
    BETA_FITS,
    TUTORIAL_FITS,
    concatenate,
    parameters,
    single_fits,
    toss_counts,
)
from svi_atlas.analysis._tables import with_labels
from svi_atlas.problems.coin import exact
from svi_atlas.results.inputs import Fits, References

FITS = {
    "draw_histograms": {
        "label": ["tutorial_beta_1_particle", "tutorial_beta_32_particles", "tutorial_normal"]
    },
    "mock_tosses": {"label": ["tutorial_beta_1_particle", "tutorial_beta_32_particles"]},
    "mock_shares": {"label": ["tutorial_beta_1_particle", "tutorial_beta_32_particles"]},
}
"""Which fits an analysis reads, where it does not read all of them."""

NUM_BARS = 50

WAYS = ("guide", "draws")
"""How mock tosses are made: from model, guide and parameters, or from the model and posterior draws."""

IDENTITY = ("label", "guide", "num_particles")


def draw_histograms(fits: Fits) -> pd.DataFrame:
    """Histograms of the draws from the tutorial's guides (last iterate).

    Returns
    -------
    One row per fit and bar: `left` and `right` end, `density`; `num_draws`; `message` of a fit that
    failed, which has one row.
    """
    edges = np.linspace(0, 1, NUM_BARS + 1)
    parts = []
    for identity, fit in single_fits(fits, TUTORIAL_FITS):
        if identity["message"] is not None:
            rows = pd.DataFrame({"num_draws": [0]})
        else:
            draws = fit["site.latent_fairness"].sel(iterate="last").to_numpy()
            density, _ = np.histogram(draws, edges, density=True)
            bars = {"left": edges[:-1], "right": edges[1:], "density": density}
            rows = pd.DataFrame(bars).assign(num_draws=len(draws))
        parts.append(rows.assign(**identity))
    return concatenate(parts, (*IDENTITY, "num_draws", "left", "right", "density", "message"))


def fitted_densities(table: pd.DataFrame, reference: References) -> pd.DataFrame:
    """Densities of the tutorial's fitted guides: `label`, `fairness`, `density`, and the `exact` one."""
    parts = []
    for label in TUTORIAL_FITS:
        rows = table[(table["label"] == label) & (table["verdict"] != "failed")]
        if rows.empty:
            continue
        fit = rows.iloc[0]
        posterior = reference[fit["model"]]
        fairness = posterior["grid.latent_fairness"].to_numpy()[1:-1]
        columns = {
            "fairness": fairness,
            "density": exact.guide_density(fit["guide"], parameters(fit), fairness),
            "exact": posterior["density.latent_fairness"].to_numpy()[1:-1],
        }
        parts.append(pd.DataFrame(columns).assign(label=label))
    return concatenate(parts, ("label", "fairness", "density", "exact"))


def mock_tosses(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """Mock tosses of the tutorial's fits of the guide `beta`, made in two ways.

    Tosses of one mock data set share a fairness, so the errors count data sets, not tosses.

    Returns
    -------
    One row per fit, `way` (see `WAYS`), `quantity` and `outcome`. The quantity "tosses" counts all tosses
    that show tails (outcome 0) and heads (1); "data_sets" counts the data sets by their number of heads.
    `count`, `count_se`, and `expected` from the exact posterior. A fit without mock tosses has one row
    with a `message`.
    """
    posterior = exact.posterior(*toss_counts(data))
    parts = []
    for identity, fit in single_fits(fits, BETA_FITS):
        if not _has_mock_tosses(fit):
            message = identity["message"] or "no mock observations"
            parts.append(pd.DataFrame([identity | {"message": message}]))
            continue
        for way in WAYS:
            obs = fit[f"mock_{way}.obs"].to_numpy()
            counts = pd.concat([_all_tosses(obs, *posterior), _data_sets(obs, *posterior)])
            parts.append(counts.assign(**identity, way=way))
    columns = ("way", "quantity", "outcome", "count", "count_se", "expected", "message")
    return concatenate(parts, (*IDENTITY, *columns))


def _has_mock_tosses(fit: xr.Dataset) -> bool:
    return all(f"mock_{way}.obs" in fit for way in WAYS)


def _all_tosses(obs: np.ndarray, alpha: float, beta: float) -> pd.DataFrame:
    """Tosses that show tails and heads; obs: (data set, toss)."""
    heads = obs.sum(-1)
    return pd.DataFrame(
        {
            "quantity": "tosses",
            "outcome": [0, 1],
            "count": [obs.size - heads.sum(), heads.sum()],
            "count_se": heads.std(ddof=1) * np.sqrt(len(obs)),
            "expected": obs.size * np.array([beta, alpha]) / (alpha + beta),
        }
    )


def _data_sets(obs: np.ndarray, alpha: float, beta: float) -> pd.DataFrame:
    """Data sets by their number of heads; obs: (data set, toss)."""
    num_sets, num_tosses = obs.shape
    heads = np.arange(num_tosses + 1)
    count = np.bincount(obs.sum(-1).astype(int), minlength=num_tosses + 1)
    return pd.DataFrame(
        {
            "quantity": "data_sets",
            "outcome": heads,
            "count": count,
            "count_se": np.sqrt(count * (1 - count / num_sets)),
            "expected": num_sets * exact.predictive_heads(heads, num_tosses, alpha, beta),
        }
    )


def mock_shares(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """Shares of heads in the mock tosses made in two ways, and whether they agree."""
    alpha, beta = exact.posterior(*toss_counts(data))
    rows = []
    for identity, fit in single_fits(fits, BETA_FITS):
        if not _has_mock_tosses(fit):
            continue
        shares = [fit[f"mock_{way}.obs"].to_numpy().mean(-1) for way in WAYS]
        errors = [share.std(ddof=1) / np.sqrt(share.size) for share in shares]
        by_guide, by_draws = (share.mean() for share in shares)
        rows.append(
            {
                "label": identity["label"],
                "by_guide": by_guide,
                "by_draws": by_draws,
                "difference_z": abs(by_guide - by_draws) / np.hypot(*errors),
                "exact": alpha / (alpha + beta),
            }
        )
    labels = {
        "label": "label",
        "by_guide": "share of heads, (b)",
        "by_draws": "share of heads, (c)",
        "difference_z": "difference in standard errors",
        "exact": "exact",
    }
    return with_labels(pd.DataFrame(rows, columns=list(labels)), labels)
