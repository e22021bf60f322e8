"""ELBO + KL(q||p) = ln Z along a whole fit, within Monte Carlo error."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.plots.coin._tutorial import NO_FITS, empty_figure

CAPTION = (
    "The fit tutorial_beta_32_particles of the coin. Left: the ELBO from fresh draws rises to ln Z; the "
    "gap is the KL divergence. Middle: the sum of the two minus ln Z. Right: the same in units of its "
    "standard error; about one point in twenty falls outside the grey band by chance. Error bars are two "
    "standard errors."
)

ELBO, KL = "#0072B2", "#E69F00"


def draw(identity: pd.DataFrame) -> Figure:
    """Left ELBO and ln Z with the KL between, middle the sum minus ln Z, right in standard errors."""
    if identity.empty:
        return empty_figure(NO_FITS)
    log_evidence, error = identity["log_evidence"], identity["elbo_se"]
    # The start, step 0, has no place on a logarithmic axis.
    step = np.maximum(identity["step"], identity["step"].iloc[1] / 3)
    points = {"fmt": "o", "ms": 2.5, "lw": 1, "color": ELBO, "mew": 0}
    figure, ((left, middle, right),) = _style.panels(1, 3, (9.6, 3.3))
    left.fill_between(step, log_evidence - identity["kl"], log_evidence, color=KL, alpha=0.3, lw=0)
    left.errorbar(step, identity["elbo"], 2 * error, label="ELBO", **points)
    left.axhline(log_evidence.iloc[0], color=_style.EXACT, lw=1, ls="--", label="ln Z")
    left.fill_between([], [], color=KL, alpha=0.3, label="KL(q‖p), closed form")
    left.set_title("ELBO, fresh draws (nats)")
    left.legend(loc="lower right")
    middle.errorbar(step, 1e3 * identity["difference"], 2e3 * error, **points)
    middle.axhline(0, color=_style.EXACT, lw=1, ls="--")
    middle.set_title("ELBO + KL \N{MINUS SIGN} ln Z (thousandths of a nat)")
    right.axhspan(-2, 2, color="#e9e9e9", lw=0)
    right.plot(step, identity["difference_z"], "o", ms=3, color=ELBO, mew=0)
    right.axhline(0, color=_style.EXACT, lw=1, ls="--")
    right.set_ylim(-4.5, 4.5)
    right.set_title("the same in standard errors")
    for axes in (left, middle, right):
        axes.set_xscale("log")
        axes.set_xlabel("step (leftmost point: the start)")
    return figure
