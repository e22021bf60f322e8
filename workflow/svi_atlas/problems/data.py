"""The data of an experiment as a dataset, as it is stored in `data.nc`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr


def to_dataset(arrays: Mapping[str, Any], experiment: str, source: str) -> xr.Dataset:
    """Arrays by name as variables, with a dimension `<name>_<axis>` for each of their axes.

    Parameters
    ----------
    arrays : as the problem simulated them.
    experiment, source : name of the experiment and origin of its problem, kept as attributes.
    """
    variables = {
        name: ([f"{name}_{axis}" for axis in range(np.ndim(value))], np.asarray(value))
        for name, value in arrays.items()
    }
    return xr.Dataset(variables, attrs={"experiment": experiment, "source": source})
