"""One look for every figure, and files whose bytes depend on nothing but the figure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

matplotlib.rcParams.update(
    {
        "font.family": "DejaVu Sans",
        "font.size": 9,
        "axes.titlesize": 9.5,
        "axes.titlelocation": "left",
        "axes.labelsize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.7,
        "axes.edgecolor": "#555555",
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#e6e6e6",
        "grid.linewidth": 0.6,
        "xtick.color": "#444444",
        "ytick.color": "#444444",
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "lines.linewidth": 1.4,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "figure.facecolor": "white",
        "savefig.facecolor": "white",
        "svg.hashsalt": "svi-atlas",
        "svg.fonttype": "path",
        "path.simplify_threshold": 0.4,
    }
)

EXACT = "#222222"
"""Colour of whatever is known exactly."""

WRONG = "#8c564b"
"""Colour of a value shown because it is wrong."""

GUIDE_COLOURS = {
    "beta": "#0072B2",
    "normal": "#D55E00",
    "truncated_normal": "#009E73",
    "AutoNormal": "#CC79A7",
    "AutoLaplaceApproximation": "#56B4E9",
    "AutoMultivariateNormal": "#E69F00",
    "AutoLowRankMultivariateNormal": "#7F6FBF",
    "AutoDiagonalNormal": "#A6761D",
    "AutoIAFNormal": "#666666",
    "AutoBNAFNormal": "#1B3A57",
    "normal_mixture": "#0072B2",
    "truncated_cauchy_mixture": "#009E73",
    "weighted_normal_mixture": "#44AA99",
    "cauchy_mixture": "#B2182B",
    "cauchy_mixture_fixed_angle": "#F4A582",
    "factor": "#D55E00",
    "sample": "#0072B2",
}
"""No two guides of one experiment have the same colour."""

VERDICT_COLOURS = {
    "adequate": "#009E73",
    "unjudged": "#B8B8B8",
    "inadequate": "#CC79A7",
    "not_converged": "#F0C75E",
    "diverged": "#D55E00",
    "failed": "#3B3B3B",
}
"""In the order in which they are stacked."""

STEP_SIZES, PARTICLES = "viridis_r", "inferno_r"
"""Colour scales of the two settings that figures compare."""

SPARE_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F6FBF")


def guide_colour(guide: str) -> str:
    """The guide's colour, the same in every figure."""
    spare = SPARE_COLOURS[sum(guide.encode()) % len(SPARE_COLOURS)]
    return GUIDE_COLOURS.get(guide, spare)


def scale_colours(values: Iterable[float], scale: str = STEP_SIZES) -> dict[float, tuple]:
    """A colour for each positive value, light to dark, evenly spaced on a logarithmic scale."""
    ordered = sorted(set(values))
    if not ordered:
        return {}
    colours = matplotlib.colormaps[scale]
    if len(ordered) == 1:
        return {ordered[0]: colours(0.6)}
    norm = LogNorm(ordered[0], ordered[-1])
    return {value: colours(0.15 + 0.8 * norm(value)) for value in ordered}


def panels(
    rows: int, columns: int, size: tuple[float, float], **options
) -> tuple[Figure, np.ndarray]:
    """Make a figure of `size` inches with axes (rows, columns); `options` go to `Figure.subplots`."""
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def robust_limits(values: Sequence | np.ndarray, share: float = 0.02) -> tuple[float, float] | None:
    """Axis limits that leave out the outermost `share` at both ends; None if nothing is finite."""
    finite = np.asarray(values, float)
    finite = finite[np.isfinite(finite)]
    if finite.size == 0:
        return None
    low, high = np.quantile(finite, [share, 1 - share])
    margin = 0.06 * (high - low) or 0.05 * max(abs(high), 1e-6)
    return low - margin, high + margin


def set_robust_ylim(axes: Axes, values: Sequence | np.ndarray, share: float = 0.02) -> None:
    """Limit the vertical axis to the values without the outermost `share` at both ends."""
    limits = robust_limits(values, share)
    if limits:
        axes.set_ylim(*limits)


def note(axes: Axes, text: str) -> None:
    """Say inside a panel why it shows nothing."""
    axes.text(
        0.5,
        0.5,
        text,
        transform=axes.transAxes,
        ha="center",
        va="center",
        color="#777777",
        fontsize=7.5,
        wrap=True,
    )


def empty_figure(why: str) -> Figure:
    """A figure that says why it shows nothing."""
    figure, ((axes,),) = panels(1, 1, (6.0, 1.6))
    axes.set_axis_off()
    note(axes, why)
    return figure


def short(text: str, length: int = 70) -> str:
    """The first line of a message, cut to `length` characters."""
    line = (str(text).splitlines() or [""])[0]
    return line if len(line) <= length else line[: length - 1] + "…"


def particles(count: float) -> str:
    """1 particle, 8 particles; nothing for a search that failed before it found a count."""
    if count == 0:
        return ""
    return "1 particle" if count == 1 else f"{count:g} particles"


def plain_number(value: float) -> str:
    """0.0001 as 1e-4, 0.05 as 0.05: short labels for step sizes."""
    if 0.01 <= value < 1000:
        return f"{value:g}"
    mantissa, exponent = f"{value:e}".split("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def save(figure: Figure, svg_path: str | Path, png_path: str | Path) -> None:
    """Write a figure as SVG and as PNG (150 dpi); equal figures give equal bytes."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)  # laid out once, for both files
    figure.savefig(svg_path, format="svg", metadata={"Date": None, "Creator": None})
    figure.savefig(png_path, format="png", dpi=150, metadata={"Software": None})
