"""The fits and draws of a cell as one dataset."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Shaped

from svi_atlas.inference.draws import Draws
from svi_atlas.inference.fit import Fits
from svi_atlas.inference.parameters import flatten_params

FIT = ("seed", "setting")

ITERATES = ("last", "averaged")

Variable = tuple[str, tuple]
"""A variable's name, and its dimensions and values as xarray takes them."""


def to_dataset(
    fits: Fits, draws: Draws, mock: dict[str, Shaped[np.ndarray, "seed setting mock ..."]]
) -> xr.Dataset:
    """Put fits, draws and mock observations into one dataset.

    Parameters
    ----------
    fits
        Losses and parameters at the snapshots.
    draws
        Draws from both iterates.
    mock
        Mock observations by variable name; may be empty.

    Returns
    -------
    Dimensions lead in the order (iterate, seed, setting), then step, snapshot, draw or mock, then
    those of the parameter or site itself, `<name>_0`, `<name>_1`, ... Log densities, losses and
    divergences are in nats.
    """
    variables: dict[str, Any] = dict(_fit_variables(fits))
    variables.update(_draw_variables(draws))
    for name, values in mock.items():
        variables[name] = ((*FIT, "mock", *_own_dims(name, values.ndim - 3)), values)
    coords = {
        "iterate": np.array(ITERATES, dtype=object),
        "snapshot_step": ("snapshot", fits.snapshot_step),
    }
    attrs = {
        "seconds_compile": fits.seconds_compile,
        "seconds_run": fits.seconds_run,
        "guide_factors": ", ".join(draws.guide_factors),
        "gap_parameters": draws.gap_parameters,
    }
    return xr.Dataset(variables, coords, attrs)


def _fit_variables(fits: Fits) -> Iterator[Variable]:
    yield "loss", ((*FIT, "step"), fits.loss, {"units": "nats", "stride": fits.loss_stride})
    yield "nonfinite", (FIT, fits.nonfinite)
    yield "first_nonfinite", (FIT, fits.first_nonfinite)
    yield "steps_used", (FIT, fits.steps_used)
    yield "arrived", (FIT, fits.arrived)
    for name, values in fits.unconstrained.items():
        dims = _own_dims(f"unconstrained_{name}", values.ndim - 3)
        yield f"unconstrained.{name}", ((*FIT, "snapshot", *dims), values)
    for name, values in fits.path.items():
        yield f"path.{name}", ((*FIT, "snapshot", *_own_dims(name, values.ndim - 3)), values)


def _draw_variables(draws: Draws) -> Iterator[Variable]:
    fit = ("iterate", *FIT)
    for name, values in flatten_params(draws.params).items():
        yield f"param.{name}", ((*fit, *_own_dims(name, values.ndim - 3)), values)
    for name, values in draws.derived.items():
        yield f"derived.{name}", (fit, values)
    for name, values in (draws.sites | draws.deterministic).items():
        dims = (*fit, "draw", *_own_dims(name, values.ndim - 4))
        yield f"site.{name}", (dims, values, {"deterministic": int(name in draws.deterministic)})
    for name in ("log_joint", "log_guide"):
        yield name, ((*fit, "draw"), getattr(draws, name), {"units": "nats"})
    for name in ("elbo_gap", "elbo_gap_se", "gap_beyond", "gap_beyond_se", "step_kl", "step_kl_se"):
        yield name, (fit, getattr(draws, name), {"units": "nats"})
    yield "gradient_scale", (fit, draws.gradient_scale)


def _own_dims(name: str, count: int) -> tuple[str, ...]:
    return tuple(f"{name}_{axis}" for axis in range(count))
