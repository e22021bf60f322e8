"""The coin's exact posterior, evidence and divergences, in closed form.

The tosses are Bernoulli(f) and f is uniform on (0, 1), so that the posterior is
Beta(1 + heads, 1 + tails). Needs NumPy and SciPy only; `scipy.stats` is slow to import and is
loaded only by the functions that use it, since fits need the constants alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy import special

BETA_START = 10.0
"""Where both parameters of the guide `beta` start."""

MEAN_START, SD_START = 0.5, 0.1
"""Where the parameters of the guides `normal` and `truncated_normal` start."""


def posterior(heads: float, tails: float) -> tuple[float, float]:
    """Parameters (alpha, beta) of the Beta posterior."""
    return 1.0 + heads, 1.0 + tails


def log_evidence(heads: float, tails: float) -> float:
    """Natural logarithm of the probability of one sequence of tosses (nats)."""
    return float(special.betaln(*posterior(heads, tails)))


def kl_between_betas(a, b, alpha, beta):
    """KL(Beta(a, b) || Beta(alpha, beta)) in nats; numbers or arrays that broadcast."""
    return (
        special.betaln(alpha, beta)
        - special.betaln(a, b)
        + (a - alpha) * special.psi(a)
        + (b - beta) * special.psi(b)
        + (alpha - a + beta - b) * special.psi(a + b)
    )


def elbo_by_draws(
    a: np.ndarray, b: np.ndarray, alpha: float, beta: float, num_draws: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """ELBO of Beta guides, estimated from fresh draws.

    Parameters
    ----------
    a, b : (guide,) parameters of the guides.
    alpha, beta : parameters of the posterior.
    num_draws : draws of each guide.
    seed : seed of the draws.

    Returns
    -------
    elbo, se : (guide,) the estimate and its Monte Carlo standard error, nats.
    """
    from scipy import stats

    rng = np.random.default_rng(seed)
    a, b = a[:, None], b[:, None]
    fairness = rng.beta(a, b, (len(a), num_draws))
    log_joint = (alpha - 1) * np.log(fairness) + (beta - 1) * np.log1p(-fairness)
    log_weight = log_joint - stats.beta.logpdf(fairness, a, b)
    return log_weight.mean(-1), log_weight.std(-1, ddof=1) / np.sqrt(num_draws)


def guide_density(guide: str, params: Mapping[str, float], fairness: np.ndarray) -> np.ndarray:
    """Density of a fitted guide.

    Parameters
    ----------
    guide : "beta", "normal", "truncated_normal", or "AutoNormal" (a Normal for the logit).
    params : the guide's constrained parameters by name.
    fairness : (point,) inside (0, 1).

    Returns
    -------
    density : (point,)

    Raises
    ------
    ValueError
        For a guide whose density is not known here.
    """
    from scipy import stats

    if guide == "beta":
        return stats.beta.pdf(fairness, params["alpha_q"], params["beta_q"])
    if guide == "AutoNormal":
        loc, scale = (params[f"latent_fairness_auto_{name}"] for name in ("loc", "scale"))
        logit_density = stats.norm.pdf(special.logit(fairness), loc, scale)
        return logit_density / (fairness * (1 - fairness))
    if guide not in ("normal", "truncated_normal"):
        raise ValueError(f"the density of the coin's guide {guide!r} is not known in closed form")
    mean, sd = params["mean"], params["sd"]
    if guide == "truncated_normal":
        return stats.truncnorm.pdf(fairness, -mean / sd, (1 - mean) / sd, mean, sd)
    return stats.norm.pdf(fairness, mean, sd)


def mass_outside_support(mean, sd):
    """Mass of Normal(mean, sd) outside (0, 1); numbers or arrays that broadcast."""
    from scipy import stats

    law = stats.norm(mean, sd)
    return law.cdf(0) + law.sf(1)


def predictive_heads(heads: np.ndarray, num_tosses: int, alpha: float, beta: float) -> np.ndarray:
    """Probability of each number of `heads` (point,) in new tosses, if f ~ Beta(alpha, beta)."""
    from scipy import stats

    return stats.betabinom.pmf(heads, num_tosses, alpha, beta)
