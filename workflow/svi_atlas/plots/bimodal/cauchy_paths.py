"""Where the scale and the angle of the tail go in the Cauchy guides."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.problems.bimodal.exact import ANGLE, CAUCHY_SCALE

CAPTION = (
    "Scale (left) and angle (right) of the tail at each step. Thin lines are seeds. Steps whose gradient is "
    "not finite, or huge, leave theta stuck; with theta fixed at 45° the scale is found although most "
    "losses are infinite."
)

SERIES = {
    "cauchy_as_suggested": ("cauchy_mixture, as suggested", "#D55E00"),
    "cauchy_clipped": ("the same with clipped gradients", "#E69F00"),
    "cauchy_mixture_fixed_angle": (
        "theta fixed at 45°, step {step_size:g}, 8 particles",
        "#56B4E9",
    ),
    "truncated_cauchy_mixture": ("truncated to the box, step {step_size:g}", "#009E73"),
}
"""Legend and colour by label or guide."""


def draw(
    suggested_paths: pd.DataFrame, fixed_angle_paths: pd.DataFrame, truncated_paths: pd.DataFrame
) -> Figure:
    """sig2_q and theta (degrees) at each step: two single fits, and all seeds of two more cells."""
    figure, ((left, right),) = _style.panels(1, 2, (9.4, 3.9))
    for paths in (suggested_paths, fixed_angle_paths, truncated_paths):
        for label, series in paths.groupby("label", sort=False):
            _draw_series(left, right, series, *SERIES[str(label)])
    if not left.lines:
        for axes in (left, right):
            _style.note(axes, "none of these guides was fitted")
    angle = float(np.degrees(ANGLE))
    for axes, exact in ((left, CAUCHY_SCALE), (right, angle)):
        axes.axhline(exact, color=_style.EXACT, lw=0.9, ls="--")
        axes.set_xlabel("step")
    left.plot([], [], color=_style.EXACT, lw=0.9, ls="--", label="exact")
    left.set_title(f"sig2_q (exact {CAUCHY_SCALE:.3f})")
    right.set_title(f"theta, degrees (exact {angle:g})")
    figure.legend(handles=left.get_legend_handles_labels()[0], loc="outside lower center", ncols=2)
    return figure


def _draw_series(left: Axes, right: Axes, series: pd.DataFrame, label: str, colour: str) -> None:
    if series["message"].notna().any():
        left.plot([], [], color=colour, label=f"{label.partition(', step')[0]}: failed")
        return
    label = label.format(step_size=series["step_size"].iloc[0])
    several = series["seed"].nunique() > 1
    width, alpha = (0.4, 0.55) if several else (1.5, 1.0)
    for _, path in series.groupby("seed", sort=False):
        left.plot(path["step"], path["sig2_q"], color=colour, lw=width, alpha=alpha)
        if path["theta_degrees"].notna().any():
            right.plot(path["step"], path["theta_degrees"], color=colour, lw=width, alpha=alpha)
    left.plot([], [], color=colour, label=label)
