"""The families of a grid or a search, in the order of its table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from svi_atlas.judgement.ranking import FAMILY, grid_fits


@dataclass(frozen=True)
class Family:
    """A guide on a model with a schedule of its step size, with the cells that fit it.

    Attributes
    ----------
    block
        "grid" or "search".
    title
        The guide; its schedule, or "search", if there are several of these.
    name
        The title on lines of its own, and the model if the experiment has several.
    labels
        The cell's label by number of particles.
    """

    model: str
    guide: str
    schedule: str
    block: str
    title: str
    name: str
    labels: dict[int, str]

    @property
    def key(self) -> dict[str, str]:
        """The values of the columns FAMILY."""
        return {name: getattr(self, name) for name in FAMILY}

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that belong to the family."""
        return table[
            np.logical_and.reduce([table[name] == value for name, value in self.key.items()])
        ]


def families(table: pd.DataFrame) -> list[Family]:
    """Every guide with every schedule of the grid or the search on every model, in the table's order."""
    grid = grid_fits(table)
    several_models = grid["model"].nunique() > 1
    several_ways = len(grid[["schedule", "block"]].drop_duplicates()) > 1
    found = []
    for key, rows in grid.groupby(FAMILY, sort=False):
        model, guide, schedule, block = map(str, key)
        lines = [guide]
        if several_ways:
            lines.append("search" if block == "search" else schedule)
        title = ", ".join(lines)
        if several_models:
            lines.append(f"on {model}")
        name = "\n".join(lines)
        found.append(Family(model, guide, schedule, block, title, name, _labels(rows)))
    return found


def _labels(rows: pd.DataFrame) -> dict[int, str]:
    cells = rows.drop_duplicates("label").sort_values("num_particles")
    return dict(zip(cells["num_particles"], cells["label"], strict=True))
