"""If a reference fails its own checks, no fit is compared with it."""

from __future__ import annotations

import numpy as np
import xarray as xr

POSTERIOR_PREFIXES = ("mean.", "sd.", "draw.", "mode_")
"""Variables of a reference that describe the posterior."""


def mask_unreliable(reference: xr.Dataset) -> xr.Dataset:
    """Replace the reference's moments, draws, modes and evidence by NaN if it is marked unreliable."""
    if not reference.attrs.get("unreliable"):
        return reference
    blank = {
        name: xr.full_like(values, np.nan)
        for name, values in reference.data_vars.items()
        if str(name).startswith(POSTERIOR_PREFIXES)
    }
    return (
        reference.assign(blank)
        .drop_vars("mode_mass", errors="ignore")
        .assign_attrs(log_evidence=np.nan)
    )
