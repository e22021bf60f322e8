"""The sample guide finds the scales."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from svi_atlas.plots import _style

CAPTION = (
    "The sample guide on the factor model. Left: the forum thread's run. Middle and right: the scales at "
    "the end, one point per seed, with their median. The smallest step size does not arrive in the steps "
    "that it is given."
)

COLOURS = {"sig1_q": "#0072B2", "sig2_q": "#009E73"}


def draw(
    scale_paths: pd.DataFrame,
    final_values: pd.DataFrame,
    final_medians: pd.DataFrame,
    exact_answers: pd.DataFrame,
) -> Figure:
    """Left the forum thread's run; then each scale at the end by step size, one point per seed."""
    values = final_values[final_values["guide"] == "sample"]
    medians = final_medians[final_medians["guide"] == "sample"]
    exact = exact_answers[exact_answers["model"] == "factor"].iloc[0]
    figure, (row,) = _style.panels(1, 3, (10.6, 3.5))
    _draw_path(row[0], scale_paths[scale_paths["guide"] == "sample"], exact)
    counts = values["num_particles"]
    colours = _style.scale_colours(counts, _style.PARTICLES) if len(counts) else {}
    for axes, name in zip(row[1:], COLOURS, strict=True):
        for index, (count, colour) in enumerate(colours.items()):
            offset = 1.25 ** (index - (len(colours) - 1) / 2)
            fits = values[values["num_particles"] == count]
            points: dict[str, Any] = {"s": 10, "color": colour, "alpha": 0.5, "lw": 0}
            axes.scatter(fits["step_size"] * offset, fits[name], **points)
            middle = medians[medians["num_particles"] == count].sort_values("step_size")
            line: dict[str, Any] = {"ms": 11, "mew": 1.6, "color": colour}
            axes.plot(middle["step_size"] * offset, middle[name], "_", **line)
        axes.axhline(exact[name], color=_style.EXACT, lw=0.9, ls="--")
        axes.set_xlabel("step size")
        axes.set_title(f"{name} at the end (exact {exact[name]:g})")
        if values.empty:
            _style.note(axes, "no fit of the sample guide")
        else:
            axes.set_xscale("log")
    handles = [
        Line2D([], [], color=colour, marker="o", ms=4, ls="none", label=_style.particles(count))
        for count, colour in colours.items()
    ]
    handles.append(Line2D([], [], color="#777777", marker="_", ms=10, ls="none", label="median"))
    handles.append(Line2D([], [], color=_style.EXACT, lw=0.9, ls="--", label="exact"))
    figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
    return figure


def _draw_path(axes: Axes, paths: pd.DataFrame, exact: pd.Series) -> None:
    message = paths["message"].iloc[0]
    if pd.notna(message):
        _style.note(axes, _style.short(message))
    else:
        for name, colour in COLOURS.items():
            path = paths[paths["parameter"] == name]
            axes.plot(path["step"], path["value"], color=colour, label=name)
            axes.axhline(exact[name], color=_style.EXACT, lw=0.9, ls="--")
        axes.legend(loc="center right")
    axes.set_xlabel("step")
    axes.set_title("the forum thread's run, factor model")
