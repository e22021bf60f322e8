"""The posterior as the fit to use has it, beside the reference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from svi_atlas.analysis._moments import HEADINGS, moments
from svi_atlas.analysis._shown_fits import fit_of, shown_fits
from svi_atlas.analysis._tables import model_label, with_labels
from svi_atlas.results.inputs import Fits, References

FITS = {
    "posterior": {"label": ["particles-*", "search"]},
    "marginals": {"label": ["particles-*", "search"]},
}
"""Which fits an analysis reads, where it does not read all of them."""

MAX_COMPONENTS = 40
"""Components of a model that the table shows."""

MAX_PANELS = 12
"""Marginal densities that the figure shows."""

NUM_BINS = 40


class _Component(NamedTuple):
    """Draws of a scalar component of a site: of the fit, and of the reference if it has any."""

    name: str
    fitted: np.ndarray
    reference: np.ndarray | None


def posterior(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Means, standard deviations and quantiles of the components: one row each.

    Of every model the first adequate fit of the recommended setting, or, if none can be recommended, the best of
    the setting that came closest; beside it the reference. Models without a finite fit have no rows.
    """
    rows = [
        {
            "model": model,
            "guide": fit["guide"],
            "verdict": fit["verdict"],
            "component": component.name,
        }
        | _columns(component.fitted, "")
        | (_columns(component.reference, "_reference") if component.reference is not None else {})
        for model, fit, dataset in _shown(table, fits)
        for component in _components(dataset, fit, reference[model], MAX_COMPONENTS)
    ]
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    labels = {**model_label(frame), "component": "component"}
    for name, word in HEADINGS.items():
        labels[name] = word
        if f"{name}_reference" in frame:
            labels[f"{name}_reference"] = "reference"
    return with_labels(frame, labels)


def marginals(table: pd.DataFrame, fits: Fits, reference: References) -> pd.DataFrame:
    """Marginal densities of the same fits, as histograms on common bins.

    One row per component and bin: `model`, `guide`, `verdict`, `component`, `left`, `right`, `fitted` and `reference`
    (density; NaN where there is no reference).
    """
    shown = list(_shown(table, fits))
    per_model = max(1, MAX_PANELS // max(len(shown), 1))
    parts = [
        _histogram(component).assign(
            model=model, guide=fit["guide"], verdict=fit["verdict"], component=component.name
        )
        for model, fit, dataset in shown[:MAX_PANELS]
        for component in _components(dataset, fit, reference[model], per_model)
    ]
    columns = ["model", "guide", "verdict", "component", "left", "right", "fitted", "reference"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _shown(table: pd.DataFrame, fits: Fits) -> Iterator[tuple[str, pd.Series, xr.Dataset]]:
    """Model, row in the table and dataset of the fit that is shown of each model."""
    for model, fit in shown_fits(table):
        yield model, fit, fits[model, fit["guide"], fit["label"]]


def _components(
    dataset: xr.Dataset, fit: pd.Series, reference: xr.Dataset, limit: int
) -> Iterator[_Component]:
    """Components of the sites at the averaged iterate of a fit, as many as `limit`."""
    one = fit_of(dataset, fit)
    count = 0
    for variable in map(str, one.data_vars):
        if not variable.startswith("site."):
            continue
        site, values = variable.removeprefix("site."), one[variable].to_numpy()
        known = reference.get(f"draw.{site}")
        for index in np.ndindex(values.shape[1:]):
            if count == limit or not np.isfinite(values[(slice(None), *index)]).all():
                break
            count += 1
            suffix = f"[{','.join(map(str, index))}]" if index else ""
            draws = None if known is None else known.to_numpy()[(slice(None), *index)]
            yield _Component(site + suffix, values[(slice(None), *index)], draws)


def _columns(draws: np.ndarray, ending: str) -> dict[str, float]:
    return {name + ending: value for name, value in moments(draws).items()}


def _histogram(component: _Component) -> pd.DataFrame:
    samples = [component.fitted, *([] if component.reference is None else [component.reference])]
    low = min(np.quantile(draws, 0.002) for draws in samples)
    high = max(np.quantile(draws, 0.998) for draws in samples)
    edges = np.linspace(low, high if high > low else low + 1, NUM_BINS + 1)
    # Of all draws, those outside of the bins included.
    densities = [np.histogram(draws, edges)[0] / len(draws) / np.diff(edges) for draws in samples]
    return pd.DataFrame(
        {
            "left": edges[:-1],
            "right": edges[1:],
            "fitted": densities[0],
            "reference": densities[1] if len(densities) == 2 else np.nan,
        }
    )
