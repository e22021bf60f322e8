"""Where the angle and the scale of the tail go in the Cauchy guides."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from svi_atlas.plots import _fits, _style
from svi_atlas.plots.bimodal._exact import CAUCHY_SCALE
from svi_atlas.results.store import Results

NAMED = {
    "cauchy_as_suggested": ("cauchy_mixture, as suggested", "#D55E00"),
    "cauchy_clipped": ("the same with clipped gradients", "#E69F00"),
}
OTHERS = {
    "cauchy_mixture_fixed_angle": ("theta fixed at 45°, step 0.001, 8 particles", "#56B4E9"),
    "truncated_cauchy_mixture": ("truncated to the box, step 0.0005", "#009E73"),
}
CELLS = {
    "cauchy_mixture_fixed_angle": ("particles-8", 1e-3),
    "truncated_cauchy_mixture": ("particles-16", 5e-4),
}


def draw(results: Results) -> Figure:
    """sig2_q and theta (degrees) at each step: the named runs, and all seeds of two more cells."""
    figure, ((left, right),) = _style.panels(1, 2, (9.4, 3.9))
    fits: list[tuple[xr.Dataset, str, str]] = []
    for run, (label, colour) in NAMED.items():
        fits.append((_fits.named_fit(results, run), label, colour))
    table = results.table()
    for guide, (run, step_size) in CELLS.items():
        if not ((table["guide"] == guide) & (table["label"] == run)).any():
            continue
        model = table.loc[table["guide"] == guide, "model"].iloc[0]
        fit = results.fit(model, guide, run).sel(step_size=step_size, method="nearest")
        fits.append((fit, *OTHERS[guide]))
    for fit, label, colour in fits:
        if "message" in fit.attrs:
            left.plot([], [], color=colour, label=f"{label}: failed")
            continue
        many = "seed" in fit["path.sig2_q"].dims
        style = {"color": colour, "lw": 0.4 if many else 1.5, "alpha": 0.55 if many else 1.0}
        steps = fit["snapshot_step"]
        left.plot(steps, _paths(fit, "sig2_q"), **style)
        left.plot([], [], color=colour, label=label)
        if "path.theta" in fit:
            right.plot(steps, np.degrees(_paths(fit, "theta")), **style)
    for axes, exact in ((left, CAUCHY_SCALE), (right, 45.0)):
        axes.axhline(exact, color=_style.EXACT, lw=0.9, ls="--")
        axes.set_xlabel("step")
    left.plot([], [], color=_style.EXACT, lw=0.9, ls="--", label="exact")
    left.set_title(f"sig2_q (exact {CAUCHY_SCALE:.3f})")
    right.set_title("theta, degrees (exact 45)")
    figure.legend(handles=left.get_legend_handles_labels()[0], loc="outside lower center", ncols=2)
    return figure


def _paths(fit: xr.Dataset, name: str) -> np.ndarray:
    """(snapshot,) or (snapshot, seed)."""
    return fit[f"path.{name}"].transpose("snapshot", ...).to_numpy()
