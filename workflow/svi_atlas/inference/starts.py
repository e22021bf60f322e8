"""Fits that start where earlier fits ended."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import xarray as xr
from jaxtyping import Float, PyTree

from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.parameters import flatten_params


def start_from(dataset: xr.Dataset, like: PyTree) -> PyTree[Float[np.ndarray, "seed setting ..."]]:
    """The unconstrained parameters at which earlier fits ended.

    Parameters
    ----------
    dataset
        The earlier fits: variables `unconstrained.<name>` (seed, setting, snapshot, *shape), whose
        snapshots after the end of a fit, `steps_used` (seed, setting), hold nothing.
    like
        Unconstrained parameters of the fits that are to start, a pytree of (seed, setting, *shape).

    Returns
    -------
    A pytree like `like`.

    Raises
    ------
    ModelError
        If the earlier fits have other parameters, or parameters of other shapes.
    """
    prefix = "unconstrained."
    last = {}
    if "steps_used" in dataset:  # no fit of a cell that failed has any
        last["snapshot"] = xr.DataArray(
            np.searchsorted(dataset["snapshot_step"], dataset["steps_used"]),
            dims=("seed", "setting"),
        )
    ends = {
        str(name).removeprefix(prefix): values.isel(last)
        .transpose("seed", "setting", ...)
        .to_numpy()
        for name, values in dataset.data_vars.items()
        if str(name).startswith(prefix)
    }
    wanted = flatten_params(like)
    if problems := [*_differences(wanted, ends)]:
        raise ModelError(f"the fits cannot start from the earlier ones: {'; '.join(problems)}")
    leaves = [np.asarray(ends[name], values.dtype) for name, values in wanted.items()]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def _differences(wanted: dict[str, np.ndarray], ends: dict[str, np.ndarray]) -> Iterator[str]:
    """What keeps fits with the parameters `wanted` from starting at `ends`, in words."""
    if missing := sorted(wanted.keys() - ends.keys()):
        yield f"these have no parameter {', '.join(missing)}"
    if more := sorted(ends.keys() - wanted.keys()):
        yield f"these have the further parameter {', '.join(more)}"
    for name in wanted.keys() & ends.keys():
        if wanted[name].shape != ends[name].shape:
            yield (
                f"{name} is an array of {ends[name].shape} (seed, setting, ...) there and of "
                f"{wanted[name].shape} here"
            )


def whitening_variables(laplace: Laplace) -> dict[str, tuple]:
    """The variables of a dataset of fits that keep how their guide was whitened."""
    return {
        "whitening_loc": ("dim", laplace.mode),
        "whitening_scale_tril": (("dim", "dim_2"), laplace.scale_tril),
    }


def whitening_of(dataset: xr.Dataset) -> Laplace | None:
    """How the guide of earlier fits was whitened, None if it was not."""
    if "whitening_loc" not in dataset:
        return None
    mode = dataset["whitening_loc"].to_numpy()
    scale_tril = dataset["whitening_scale_tril"].to_numpy()
    return Laplace(mode, scale_tril, mode[None], np.array([np.nan]), "")
