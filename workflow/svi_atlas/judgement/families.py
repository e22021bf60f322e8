"""The guides of a grid, in the order of its table."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from svi_atlas.judgement.ranking import grid_fits


@dataclass(frozen=True)
class Family:
    """A guide on a model, with the cells of the grid that fit it.

    Attributes
    ----------
    name
        The guide, and its model if the experiment has several.
    labels
        The cell's label by number of particles.
    """

    model: str
    guide: str
    name: str
    labels: dict[int, str]

    def of(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of a table that belong to the family."""
        return table[(table["model"] == self.model) & (table["guide"] == self.guide)]


def families(table: pd.DataFrame) -> list[Family]:
    """Every guide of the grid on every model, in the table's order."""
    grid = grid_fits(table)
    several = grid["model"].nunique() > 1
    return [
        Family(
            str(model),
            str(guide),
            f"{guide}\non {model}" if several else str(guide),
            _labels(rows),
        )
        for (model, guide), rows in grid.groupby(["model", "guide"], sort=False)
    ]


def _labels(rows: pd.DataFrame) -> dict[int, str]:
    cells = rows.drop_duplicates("label").sort_values("num_particles")
    return dict(zip(cells["num_particles"], cells["label"], strict=True))
