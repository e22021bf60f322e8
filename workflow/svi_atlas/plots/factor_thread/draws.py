"""What the fitted guides draw: a factor changes no draw."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.factor_thread._exact import HALF_BOX, SIGMA1, SIGMA2
from svi_atlas.results.store import Results

GUIDES = {"factor": "#D55E00", "sample": "#0072B2"}


def draw(results: Results) -> Figure:
    """A panel a guide of the origin's runs on the factor model; ellipses: 1, 2, 3 target sds."""
    figure, (row,) = _style.panels(1, 2, (8.6, 4.3), sharey=True)
    angle = np.linspace(0, 2 * np.pi, 200)
    for axes, (guide, colour) in zip(row, GUIDES.items(), strict=True):
        fit = _fits.named_fit(results, f"thread_factor_{guide}")
        axes.set_title(f"{guide} guide")
        if "message" in fit.attrs:
            _style.note(axes, f"failed: {_style.short(fit.attrs['message'])}")
            continue
        last = fit.sel(iterate="last")
        x, y = (last[f"site.{site}"].to_numpy() for site in ("x", "y"))
        sig = [float(last[f"param.{name}"]) for name in ("sig1_q", "sig2_q")]
        axes.plot(x, y, ".", ms=2.2, color=colour, alpha=0.5, mew=0, rasterized=True)
        for radius in (1, 2, 3):
            axes.plot(radius * SIGMA1 * np.cos(angle), radius * SIGMA2 * np.sin(angle),
                      color=_style.EXACT, lw=0.9)  # fmt: skip
        axes.set_title(
            f"{guide} guide: sig1_q = {sig[0]:.3g}, sig2_q = {sig[1]:.3g}\n"
            f"sds of {len(x):,} draws: x {x.std():.3g}, y {y.std():.3g}"
        )
        axes.set_xlim(-HALF_BOX, HALF_BOX)
        axes.set_ylim(-HALF_BOX, HALF_BOX)
        axes.set_aspect("equal")
        axes.set_xlabel("x")
        axes.grid(False)
    row[0].set_ylabel("y")
    return figure
