"""A reference that did not pass its own checks judges nothing."""

from __future__ import annotations

import numpy as np
import xarray as xr

OF_POSTERIOR = ("mean.", "sd.", "draw.", "mode_")


def mask_unreliable(reference: xr.Dataset) -> xr.Dataset:
    """The reference as it is, or with nothing known in it where it is marked unreliable."""
    if not reference.attrs.get("unreliable"):
        return reference
    blank = {
        name: xr.full_like(values, np.nan)
        for name, values in reference.data_vars.items()
        if str(name).startswith(OF_POSTERIOR)
    }
    return (
        reference.assign(blank)
        .drop_vars("mode_mass", errors="ignore")
        .assign_attrs(log_evidence=np.nan)
    )
