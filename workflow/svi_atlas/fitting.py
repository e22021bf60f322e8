"""Fits of a model from Python or a notebook: the search of the workflow, without Snakemake."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._moments import HEADINGS, moments
from svi_atlas.configuration.cells import SearchCell
from svi_atlas.configuration.experiment_models import Search
from svi_atlas.configuration.models import Thresholds
from svi_atlas.diagnostics.inputs import coordinate, number_fits, read_draws
from svi_atlas.diagnostics.table import diagnose
from svi_atlas.errors import InputError
from svi_atlas.formatting import number
from svi_atlas.guide_traits import FAMILIES
from svi_atlas.inference import laplace as laplace_module
from svi_atlas.inference.search_cell import search_and_draw
from svi_atlas.inference.signature import takes_data
from svi_atlas.judgement.recommendation import recommend, why_none_qualifies
from svi_atlas.judgement.sufficient import sufficient_family
from svi_atlas.judgement.table import judge_cells
from svi_atlas.records import MakeReference, Problem
from svi_atlas.references import dataset as reference_dataset
from svi_atlas.references.make import make_references

NAME = "model"
"""Of the one model of such a fit."""


@dataclass(frozen=True)
class FittedModel:
    """What a search has found for a model.

    Attributes
    ----------
    table
        One row per fit: its setting, its statistics, its verdict with the reason (docs/columns.md).
    fits
        The dataset of each family that was tried: parameters, losses, draws.
    reference
        The posterior that fits were compared with.
    """

    table: pd.DataFrame
    fits: Mapping[str, xr.Dataset]
    reference: xr.Dataset

    @cached_property
    def recommended(self) -> pd.Series | None:
        """The setting to use; None if none is adequate for at least 95 % of its seeds."""
        settings = recommend(self.table)
        return None if settings.empty else settings.iloc[0]

    @property
    def verdict(self) -> str:
        """Which setting can be relied on, or why none can and what to try, in words."""
        if self.recommended is None:
            why = why_none_qualifies(self.table)
            return f"{why[0].upper()}{why[1:]}."
        best, rows = self.recommended, self._recommended_rows
        reference = {"reference": "a reference posterior", "self": "self-checks alone"}
        grade = reference[rows.loc[rows["verdict"] == "adequate", "grade"].iloc[0]]
        return (
            f"{best['guide']} can be relied on: {(rows['verdict'] == 'adequate').sum()} of {len(rows)} fits are "
            f"adequate by {grade}, with {best['num_particles']} particles, a peak step size of "
            f"{best['step_size']:g} and {rows['num_steps'].median():.0f} steps."
        )

    @property
    def _recommended_rows(self) -> pd.DataFrame:
        assert self.recommended is not None
        rows: pd.DataFrame = self.table[self.table["guide"] == self.recommended["guide"]]
        return rows

    def draws(self) -> dict[str, np.ndarray]:
        """Draws from the first adequate fit of the recommended setting, by site, (draw, *site).

        Raises
        ------
        InputError
            If no setting can be relied on.
        """
        if self.recommended is None:
            raise InputError(f"draws: {self.verdict} `.fits` has the draws of all fits")
        rows = self._recommended_rows
        seed = rows.loc[rows["verdict"] == "adequate", "seed"].iloc[0]
        fits = number_fits(self.fits[self.recommended["guide"]])
        (first, *_) = np.flatnonzero(coordinate(fits, "seed") == seed)
        return {site: values[first] for site, values in read_draws(fits, "averaged").items()}

    def summary(self) -> pd.DataFrame:
        """Mean, sd and 5, 50 and 95 % quantiles of each component, of the fit and of the reference."""
        rows = {}
        for site, values in self.draws().items():
            known = self.reference.get(f"draw.{site}")
            for place in np.ndindex(values.shape[1:]):
                label = site + (f"[{','.join(map(str, place))}]" if place else "")
                rows[label] = _row(values[(slice(None), *place)])
                if known is not None:
                    reference = _row(known.to_numpy()[(slice(None), *place)])
                    rows[label] |= {f"{name} (reference)": v for name, v in reference.items()}
        return pd.DataFrame.from_dict(rows, orient="index")

    def __repr__(self) -> str:
        lines = [self.verdict]
        if self.recommended is not None:
            with pd.option_context("display.float_format", lambda value: number(value)):
                lines.append(self.summary().to_string())
        return "\n\n".join(lines)


def fit(
    model: Callable,
    data: Mapping[str, Any],
    *,
    guides: Sequence[str] | None = None,
    seeds: int = 8,
    budget: int = 100_000,
    num_draws: int = 4_000,
    reference: MakeReference | None = None,
    report: Callable[[str], None] = print,
) -> FittedModel:
    """Search for a guide whose fits can be trusted, from cheap to expressive families.

    As an experiment without `grid` does, by default with fewer seeds and a smaller budget: guides are whitened by the
    Laplace approximation, and the search ends at the first family that is adequate for at least 95 % of its seeds.

    Parameters
    ----------
    model
        A NumPyro model of any signature; its parameters are named after the data.
    data
        Arrays, numbers and text by name.
    guides
        Families to try (all that a search has if None): AutoDiagonalNormal, AutoMultivariateNormal, AutoIAFNormal,
        AutoBNAFNormal.
    seeds
        Number of fits of each setting.
    budget
        Gradient evaluations (particles times steps) that a fit may use.
    num_draws
        Draws from each fit.
    reference
        (data, {}) -> the exact posterior, a `svi_atlas.problems.base.Reference`; computed if None.
    report
        Receives lines of progress.

    Returns
    -------
    The fits with their verdicts.

    Raises
    ------
    InputError
        If a family is unknown.
    """
    problem = Problem("fit", models={NAME: takes_data(model)}, reference=reference)
    thresholds = Thresholds().model_dump()
    allowed = Search().guides
    if unknown := [guide for guide in guides or () if guide not in allowed]:
        raise InputError(
            f"fit: unknown guides {', '.join(unknown)}, allowed are {', '.join(allowed)}"
        )
    arrays = {name: np.asarray(value) for name, value in data.items()}
    made = make_references(problem, arrays, {}, report)[NAME]
    known = reference_dataset.to_dataset(made)
    approximation = laplace_module.approximate_models(problem, [NAME], arrays, report)[NAME]
    laplace = laplace_module.to_dataset(approximation)
    fits: dict[str, xr.Dataset] = {}
    tables: list[pd.DataFrame] = []
    for guide in (family for family in FAMILIES if family in (guides or allowed)):
        if sufficient_family(tables, thresholds):
            break
        report(f"{guide}: searching")
        fits[guide] = search_and_draw(
            problem,
            _cell(guide, seeds, budget, num_draws, tuple(fits)),
            arrays,
            laplace=laplace,
            max_gap=thresholds["elbo_gap"],
            report=report,
        )
        tables.append(diagnose(fits[guide], known))
    tried = {guide: dataset for guide, dataset in fits.items() if "skipped" not in dataset.attrs}
    return FittedModel(judge_cells(tables, thresholds), tried, known)


def _cell(
    guide: str, seeds: int, budget: int, num_draws: int, cheaper: tuple[str, ...]
) -> dict[str, Any]:
    cell = SearchCell(
        experiment="fit",
        model=NAME,
        guide=guide,
        block="search",
        label="search",
        seeds=tuple(range(1, seeds + 1)),
        budget=budget,
        num_draws=num_draws,
        optimizer={"name": "Adam", "options": {}},
        loss="Trace_ELBO",
        cheaper=cheaper,
    )
    return vars(cell)


def _row(draws: np.ndarray) -> dict[str, float]:
    return {HEADINGS[name]: value for name, value in moments(draws).items()}
