"""What figures compute of what they show."""

import numpy as np
import pytest

from svi_atlas.plots import _fits


@pytest.mark.parametrize("num_steps", [1, 7, 10, 20, 25, 500, 10_000])
def test_log_bins_cover_every_step_and_none_is_narrow(num_steps):
    edges = _fits.log_bins(num_steps, 60)
    assert edges[0] == 0
    assert edges[-1] == num_steps
    assert (np.diff(edges) >= min(_fits.FIRST_BIN, num_steps)).all()
