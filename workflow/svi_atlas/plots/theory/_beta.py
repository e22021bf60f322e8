"""The coin's Beta guide along a fit: where it is, its KL to the posterior and its ELBO."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import special, stats

from svi_atlas.errors import InputError
from svi_atlas.plots import _fits
from svi_atlas.results.store import Results

RUN = "tutorial_beta_32_particles"
START = 10.0
"""Where the guide's two parameters start."""


@dataclass(frozen=True)
class Course:
    """The guide along one fit, arrays (point,), and the exact posterior Beta(alpha, beta)."""

    step: np.ndarray
    alpha_q: np.ndarray
    beta_q: np.ndarray
    alpha: float
    beta: float

    @property
    def log_evidence(self) -> float:
        return float(special.betaln(self.alpha, self.beta))

    @property
    def kl(self) -> np.ndarray:
        """KL(q||p), nats, in closed form."""
        a, b = self.alpha_q, self.beta_q
        return (
            special.betaln(self.alpha, self.beta) - special.betaln(a, b)
            + (a - self.alpha) * special.psi(a) + (b - self.beta) * special.psi(b)
            + (self.alpha - a + self.beta - b) * special.psi(a + b)
        )  # fmt: skip

    def elbo(self, num_draws: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """ELBO from fresh draws of the guide and its standard error, nats, each (point,)."""
        rng = np.random.default_rng(seed)
        a, b = self.alpha_q[:, None], self.beta_q[:, None]
        fairness = rng.beta(a, b, (len(a), num_draws))
        log_joint = (self.alpha - 1) * np.log(fairness) + (self.beta - 1) * np.log1p(-fairness)
        log_weight = log_joint - stats.beta.logpdf(fairness, a, b)
        return log_weight.mean(-1), log_weight.std(-1, ddof=1) / np.sqrt(num_draws)


def course(results: Results, num_points: int, run: str = RUN) -> Course:
    """The start and `num_points` snapshots, evenly spaced on a logarithmic scale of steps.

    Raises InputError if the named fit is not there or failed.
    """
    fit = _fits.named_fit(results, run)
    if "message" in fit.attrs:
        raise InputError(f"{results.experiment}: the fit {run} failed: {fit.attrs['message']}")
    obs = results.data()["obs"].to_numpy()
    last = fit.sizes["snapshot"]
    shown = np.unique(np.geomspace(1, last, num_points).round().astype(int)) - 1
    return Course(
        step=np.append(0, fit["snapshot_step"].to_numpy()[shown]),
        alpha_q=np.append(START, fit["path.alpha_q"].to_numpy()[shown].astype(float)),
        beta_q=np.append(START, fit["path.beta_q"].to_numpy()[shown].astype(float)),
        alpha=float(obs.sum()) + 1,
        beta=float(obs.size - obs.sum()) + 1,
    )
