"""The recipes of CONTRIBUTING.md, followed to the letter in a copy of the project."""

import re

import pandas as pd
import pytest

from support import ROOT

pytestmark = pytest.mark.slow

STATISTIC = '''\
"""Range of the losses along a fit."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float


def loss_range(loss: Float[np.ndarray, "fit step"]) -> dict[str, Float[np.ndarray, " fit"]]:
    """Largest minus smallest loss (nats) of each fit, as `loss_range`."""
    return {"loss_range": loss.max(-1) - loss.min(-1)}
'''

COLUMN = """\
    *_written(
        "diagnose",
        "svi_atlas.diagnostics.loss_range",
        Column("loss_range", "nats", "Largest minus smallest loss"),
    ),
"""

ANALYSIS = '''\
"""Tables behind the figure of the spread of the coin's losses."""

from __future__ import annotations

import pandas as pd


def loss_spread(table: pd.DataFrame) -> pd.DataFrame:
    """Final loss by step size: `step_size`, `final_loss` (nats)."""
    return table[["step_size", "final_loss"]]
'''

FIGURE = '''\
"""Final losses by step size."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from svi_atlas.plots import _style

CAPTION = "Final loss of every fit by step size."


def draw(loss_spread: pd.DataFrame) -> Figure:
    """One point per fit."""
    figure, ((axes,),) = _style.panels(1, 1, (4.0, 3.0))
    axes.plot(loss_spread["step_size"], loss_spread["final_loss"], "o")
    axes.set_xlabel("step size")
    axes.set_ylabel("final loss (nats)")
    return figure
'''

LIBRARY = "workflow/svi_atlas"


def recipe(letter: str) -> str:
    """The section of CONTRIBUTING.md that tells how to add something."""
    text = (ROOT / "CONTRIBUTING.md").read_text()
    headings = {"statistic": "new statistic", "figure": "new figure"}
    sections = re.split(r"^#+ ", text, flags=re.MULTILINE)
    return next(part for part in sections if headings[letter] in part.split("\n")[0].lower())


def test_a_new_statistic(project):
    """One file, one line in the registry, one entry in the dictionary of columns."""
    files = (
        f"{LIBRARY}/diagnostics/loss_range.py",
        f"{LIBRARY}/diagnostics/table.py",
        f"{LIBRARY}/results/column_tables.py",
    )
    text = recipe("statistic")
    assert "diagnostics/table.py" in text
    assert "results/column_tables.py" in text
    project.write(files[0], STATISTIC)
    project.edit(
        files[1],
        "from svi_atlas.diagnostics.missed_modes",
        "from svi_atlas.diagnostics.loss_range import loss_range\n"
        "from svi_atlas.diagnostics.missed_modes",
    )
    project.edit(files[1], "    stopping_rules,\n)", "    stopping_rules,\n    loss_range,\n)")
    anchor = (
        '    *_written(\n        "diagnose",\n        "svi_atlas.diagnostics.stopping_rules",\n'
    )
    project.edit(files[2], anchor, COLUMN + anchor)
    project.run("results/coin/fits.csv")
    table = pd.read_csv(project.path / "results/coin/fits.csv")
    assert (table["loss_range"] > 0).all()


def test_a_new_figure(project):
    """One analysis, one figure with its caption, its name in the experiment."""
    text = recipe("figure")
    assert "CAPTION" in text
    assert "analysis/" in text
    project.write(f"{LIBRARY}/analysis/coin/spread.py", ANALYSIS)
    project.write(f"{LIBRARY}/plots/coin/spread.py", FIGURE)
    project.edit("config/experiments/coin.yaml", "figures: [", "figures: [coin.spread, ")
    planned = project.planned("results/report/coin.html")
    assert {"coin/analyse/coin.spread", "coin/figure/coin.spread"} <= planned
    assert not any("/fit/" in job for job in planned)
    project.run("results/report/coin.html")
    assert project.exists("results/coin/figures/coin.spread.png")
    assert "Final loss of every fit by step size." in project.read("results/report/coin.html")
