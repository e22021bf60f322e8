"""ELBO + KL(q||p) = ln Z along a whole fit, within Monte Carlo error."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.theory._beta import course
from svi_atlas.results.store import Results

NUM_POINTS, NUM_DRAWS, SEED = 60, 20_000, 0
ELBO, KL = "#0072B2", "#E69F00"


def draw(results: Results) -> Figure:
    """Left ELBO and ln Z with the KL between, middle the sum minus ln Z, right in standard errors.

    The ELBO is from fresh draws at each point, the KL in closed form; error bars are two standard
    errors.
    """
    fit = course(results, NUM_POINTS)
    elbo, error = fit.elbo(NUM_DRAWS, SEED)
    off = elbo + fit.kl - fit.log_evidence
    step = np.maximum(fit.step, fit.step[1] / 3)
    figure, ((left, middle, right),) = _style.panels(1, 3, (9.6, 3.3))
    left.fill_between(step, fit.log_evidence - fit.kl, fit.log_evidence, color=KL, alpha=0.3, lw=0)
    left.errorbar(step, elbo, 2 * error, fmt="o", ms=2.5, lw=1, color=ELBO, mew=0, label="ELBO")
    left.axhline(fit.log_evidence, color=_style.EXACT, lw=1, ls="--", label="ln Z")
    left.fill_between([], [], color=KL, alpha=0.3, label="KL(q‖p), closed form")
    left.set_title("ELBO, fresh draws (nats)")
    left.legend(loc="lower right")
    middle.errorbar(step, 1e3 * off, 2e3 * error, fmt="o", ms=2.5, lw=1, color=ELBO, mew=0)
    middle.axhline(0, color=_style.EXACT, lw=1, ls="--")
    middle.set_title("ELBO + KL \N{MINUS SIGN} ln Z (thousandths of a nat)")
    right.axhspan(-2, 2, color="#e9e9e9", lw=0)
    right.plot(step, off / error, "o", ms=3, color=ELBO, mew=0)
    right.axhline(0, color=_style.EXACT, lw=1, ls="--")
    right.set_ylim(-4.5, 4.5)
    right.set_title("the same in standard errors")
    for axes in (left, middle, right):
        axes.set_xscale("log")
        axes.set_xlabel("step (leftmost point: the start)")
    return figure
