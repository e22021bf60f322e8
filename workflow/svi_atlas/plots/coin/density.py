"""The exact posterior of the coin beside the fitted guides and the tutorial's posterior."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.plots import _style

CAPTION = (
    "Left: the exact posterior (filled) and the fitted guides; of each guide, the fit with the median KL "
    "divergence at its best setting. Right: the same curves minus the exact density. The dashed curve is "
    "what the tutorial takes for the posterior, the dotted one its own fit with one particle."
)


def draw(densities: pd.DataFrame) -> Figure:
    """Left the densities, right their difference from the exact one."""
    figure, ((left, right),) = _style.panels(1, 2, (9.2, 3.9))
    for _, curve in densities.groupby(
        ["curve", "guide"], sort=False, dropna=False, group_keys=False
    ):
        first = curve.iloc[0]
        if first["curve"] == "exact":
            label = f"exact posterior Beta({first['alpha']:g}, {first['beta']:g})"
            left.fill_between(
                curve["fairness"], curve["density"], color="#d9d9d9", lw=0, label=label
            )
            continue
        style = _line(first)
        left.plot(curve["fairness"], curve["density"], lw=1.3, label=_name(first), **style)
        right.plot(curve["fairness"], curve["difference"], lw=1.3, **style)
    right.axhline(0, color=_style.EXACT, lw=0.8)
    left.set_ylim(0)
    left.set_title("density")
    right.set_title("density minus exact density")
    for axes in (left, right):
        axes.set_xlim(0.1, 1.0)
        axes.set_xlabel("fairness f (probability of heads)")
    figure.legend(loc="outside lower center", ncols=2, handles=left.get_legend_handles_labels()[0])
    return figure


def _line(curve: pd.Series) -> dict[str, Any]:
    """Colour and dashes of a curve."""
    if curve["curve"] == "tutorial_posterior":
        return {"color": _style.WRONG, "ls": (0, (4, 2))}
    dashes = (0, (1, 1.2)) if curve["curve"] == "tutorial_fit" else "-"
    return {"color": _style.guide_colour(curve["guide"]), "ls": dashes}


def _name(curve: pd.Series) -> str:
    if curve["curve"] == "tutorial_posterior":
        return f"Beta({curve['alpha']:g}, {curve['beta']:g}), the tutorial's “truth”"
    particles = _style.particles(curve["num_particles"])
    if curve["curve"] == "tutorial_fit":
        return f"{curve['guide']}: the tutorial's fit, {particles}"
    return f"{curve['guide']}: step {_style.plain_number(curve['step_size'])}, {particles}"
