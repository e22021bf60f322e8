"""Tables for the page on KL divergence, ELBO and evidence, from one fit of the coin.

The fit is the tutorial's, of the guide `beta` with 32 particles. All tables are empty if it failed or if
the configuration does not have it.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import xarray as xr
from scipy import stats

from svi_atlas.analysis import _tables
from svi_atlas.analysis._coin import MANY_PARTICLES, single_fits, toss_counts
from svi_atlas.analysis._tables import with_labels
from svi_atlas.formatting import MINUS, count_of, measured, number
from svi_atlas.problems.coin import exact
from svi_atlas.results.inputs import Fits

FITS = {
    "identity": {"guide": ["beta"], "label": ["tutorial_beta_32_particles"]},
    "check": {"guide": ["beta"], "label": ["tutorial_beta_32_particles"]},
    "closing_in": {"guide": ["beta"], "label": ["tutorial_beta_32_particles"]},
}
"""Which fits an analysis reads, where it does not read all of them."""

NUM_POINTS, NUM_DRAWS = 60, 20_000
"""Points along the fit, and draws of the guide at each, for estimates of the ELBO."""

IDENTITY_SEED, CHECK_SEED = 0, 1
"""Seeds of the draws for the figure and for the page."""

NUM_SHOWN = 9
"""Points that the page lists."""

NEAR_OPTIMUM = 0.01
"""KL divergence (nats) below which the page calls the fit near the optimum."""

NUM_PANELS, NUM_PANEL_POINTS, MIN_KL = 8, 300, 1e-6
"""Panels of the figure `closing_in`, points they are chosen from, and the smallest KL divergence (nats)
that they resolve."""

PATH_COLUMNS = ("step", "alpha_q", "beta_q", "alpha", "beta", "log_evidence", "kl")


def _path(data: xr.Dataset, fits: Fits, num_points: int) -> pd.DataFrame:
    """The start and at most `num_points` snapshots, evenly spaced on a logarithmic scale of steps.

    One row per point: `step`, the guide's `alpha_q` and `beta_q`, the posterior's `alpha` and `beta`,
    `log_evidence` and `kl`, KL(q||p) in closed form (nats).
    """
    tosses = toss_counts(data)
    alpha, beta = exact.posterior(*tosses)
    for identity, fit in single_fits(fits, [MANY_PARTICLES]):
        if identity["message"] is not None:
            break
        last = fit.sizes["snapshot"]
        shown = np.unique(np.geomspace(1, last, num_points).round().astype(int)) - 1
        a, b = (
            np.append(exact.BETA_START, fit[f"path.{name}"].to_numpy()[shown].astype(float))
            for name in ("alpha_q", "beta_q")
        )
        return pd.DataFrame(
            {
                "step": np.append(0, fit["snapshot_step"].to_numpy()[shown]),
                "alpha_q": a,
                "beta_q": b,
                "alpha": alpha,
                "beta": beta,
                "log_evidence": exact.log_evidence(*tosses),
                "kl": exact.kl_between_betas(a, b, alpha, beta),
            }
        )
    return pd.DataFrame(columns=list(PATH_COLUMNS), dtype=float)


def _with_elbo(path: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Adds the ELBO from fresh draws, and how far ELBO + KL is from the log evidence.

    New columns: `elbo` and `elbo_se`, `difference` = ELBO + KL - ln Z (nats), and `difference_z`, in
    standard errors.
    """
    if path.empty:
        return path.assign(elbo=np.nan, elbo_se=np.nan, difference=np.nan, difference_z=np.nan)
    a, b = path["alpha_q"].to_numpy(), path["beta_q"].to_numpy()
    alpha, beta = (float(path[name].iloc[0]) for name in ("alpha", "beta"))
    elbo, error = exact.elbo_by_draws(a, b, alpha, beta, NUM_DRAWS, seed)
    difference = elbo + path["kl"] - path["log_evidence"]
    return path.assign(
        elbo=elbo, elbo_se=error, difference=difference, difference_z=difference / error
    )


def identity(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """ELBO, KL divergence and log evidence along the fit, for the figure (see `_path`, `_with_elbo`)."""
    return _with_elbo(_path(data, fits, NUM_POINTS), IDENTITY_SEED)


def check(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """The same as `identity` with other draws of the guide, for the numbers on the page."""
    return _with_elbo(_path(data, fits, NUM_POINTS), CHECK_SEED)


def closing_in(data: xr.Dataset, fits: Fits) -> pd.DataFrame:
    """The guide's density where the KL divergence has fallen by equal factors, and at the end.

    Returns
    -------
    One row per `panel` (from 0) and `fairness`: `density` of the guide and of the `posterior`, and the
    columns of `_path`.
    """
    path = _path(data, fits, NUM_PANEL_POINTS)
    columns = ["panel", *PATH_COLUMNS, "fairness", "density", "posterior"]
    if path.empty:
        return pd.DataFrame(columns=columns)
    kl = path["kl"].to_numpy()
    bounds = np.geomspace(max(kl[0], MIN_KL), max(kl[-1], MIN_KL), NUM_PANELS)
    shown = [int((kl <= bound * (1 + 1e-9)).argmax()) for bound in bounds[:-1]]
    points = path.iloc[[*shown, len(path) - 1]].reset_index(names="point")
    fairness = pd.DataFrame({"fairness": np.linspace(0.1, 1, 400)})
    rows = points.rename_axis("panel").reset_index().merge(fairness, how="cross")
    return rows.assign(
        density=stats.beta.pdf(rows["fairness"], rows["alpha_q"], rows["beta_q"]),
        posterior=stats.beta.pdf(rows["fairness"], rows["alpha"], rows["beta"]),
    )[columns]


def points(check: pd.DataFrame) -> pd.DataFrame:
    """Some points along the fit: ELBO, KL divergence and their sum."""
    rows = check.iloc[_shown_points(check)]
    pairs = list(zip(rows["elbo"], rows["kl"], rows["elbo_se"], strict=True))
    shown = rows.assign(
        elbo=[measured(elbo, error) for elbo, _, error in pairs],
        sum=[measured(elbo + kl, error) for elbo, kl, error in pairs],
    )
    return with_labels(
        shown,
        {
            "step": "step",
            "alpha_q": "alpha_q",
            "beta_q": "beta_q",
            "elbo": "ELBO, fresh draws",
            "kl": "KL, closed form",
            "sum": "sum",
            "difference_z": f"sum {MINUS} ln Z, in standard errors",
        },
    )


def _shown_points(check: pd.DataFrame) -> np.ndarray:
    if check.empty:
        return np.array([], int)
    return np.unique(np.linspace(0, len(check) - 1, NUM_SHOWN).round().astype(int))


def signs(check: pd.DataFrame) -> pd.DataFrame:
    """What each way of writing the identities gives at the start and at the end of the fit (nats)."""
    if check.empty:
        return pd.DataFrame()
    log_evidence, elbo, kl = check["log_evidence"], check["elbo"], check["kl"]
    ways = {
        "closed form (the truth)": (kl, ""),
        f"ln Z {MINUS} ELBO": (log_evidence - elbo, "right"),
        f"ELBO {MINUS} ln Z": (elbo - log_evidence, "wrong: negative"),
        "ln Z + ELBO": (log_evidence + elbo, "wrong: off by twice the ELBO"),
        f"mean of ln p {MINUS} ln q under q": (-kl, "wrong: negative"),
    }
    rows = [
        {"way": way, "start": values.iloc[0], "end": values.iloc[-1], "judgement": judgement}
        for way, (values, judgement) in ways.items()
    ]
    return with_labels(
        pd.DataFrame(rows),
        {
            "way": "KL(q‖p) written as",
            "start": "at the start (nats)",
            "end": "at the end (nats)",
            "judgement": "",
        },
    )


def directions(check: pd.DataFrame) -> pd.DataFrame:
    """KL divergences in both directions at the start, in the middle and at the end of the fit."""
    if check.empty:
        return pd.DataFrame()
    rows = check.iloc[[0, len(check) // 2, len(check) - 1]]
    reverse = exact.kl_between_betas(rows["alpha"], rows["beta"], rows["alpha_q"], rows["beta_q"])
    return with_labels(
        rows.assign(reverse=reverse),
        {
            "step": "step",
            "kl": "KL(q‖p), which is minimised (nats)",
            "reverse": "KL(p‖q) (nats)",
        },
    )


def facts(data: xr.Dataset, check: pd.DataFrame) -> pd.DataFrame:
    """What the page says about the fit, as texts for the slots of its notebook."""
    end = check.iloc[-1] if len(check) else None
    return _tables.facts(
        experiment=data.attrs["experiment"],
        log_evidence=number(exact.log_evidence(*toss_counts(data)), 8),
        points=_points_sentence(check),
        in_short_sum=_sum_sentence(check),
        in_short_flat=_flat_sentence(check),
        swapped="" if end is None else _swapped_sentence(end),
    )


def _points_sentence(check: pd.DataFrame) -> str:
    if check.empty:
        return ""
    return (
        f"The table shows {len(_shown_points(check))} of these points, with {number(NUM_DRAWS)} draws each, "
        "which are not those of the figure."
    )


def _sum_sentence(check: pd.DataFrame) -> str:
    if check.empty:
        return f"There is no fit `{MANY_PARTICLES}`, or it failed, so that nothing can be checked here."
    difference, scores = check["difference"], check["difference_z"]
    inside = count_of((scores.abs() <= 2).sum(), len(scores))
    return (
        f"At {len(check)} points of one fit, from its start to step {number(int(check['step'].iloc[-1]))}, "
        f"ELBO + KL $-$ ln $Z$ lies between {number(difference.min(), 2)} and "
        f"{number(difference.max(), 2)} nats. In units of its own Monte Carlo error its mean is "
        f"{number(scores.mean(), 2)} and its standard deviation {number(scores.std(ddof=1), 3)}; "
        f"{inside} points are within two errors."
    )


def _flat_sentence(check: pd.DataFrame) -> str:
    near = check[check["kl"] < NEAR_OPTIMUM]
    if near.empty:
        return ""
    first, last = near.iloc[0], check.iloc[-1]
    return (
        f"Near the optimum the loss says little: between steps {number(int(first['step']))} and "
        f"{number(int(last['step']))} it falls by {number(first['kl'] - last['kl'], 2)} nats while alpha_q "
        f"still moves from {number(first['alpha_q'], 4)} to {number(last['alpha_q'], 4)}."
    )


def _swapped_sentence(end: pd.Series) -> str:
    elbo, error = end["elbo"], end["elbo_se"]
    return (
        "In the same way the ELBO is $\\mathbb{E}_q[\\ln\\, P - \\ln\\, q]$: "
        f"{measured(elbo, error)} at the end. With the two swapped it is the loss, "
        f"{measured(-elbo, error)}, and maximising that would drive the guide away from the posterior."
    )
