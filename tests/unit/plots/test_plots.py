"""What figures compute of what they show."""

import numpy as np
import pandas as pd
import pytest

from svi_atlas.plots import _fits, seeds


@pytest.mark.parametrize("num_steps", [1, 7, 10, 20, 25, 500, 10_000])
def test_log_bins_cover_every_step_and_none_is_narrow(num_steps):
    edges = _fits.log_bins(num_steps, 60)
    assert edges[0] == 0
    assert edges[-1] == num_steps
    assert (np.diff(edges) >= min(_fits.FIRST_BIN, num_steps)).all()


class Table:
    """As much of the results as a figure of the table reads."""

    def __init__(self, **columns):
        self._table = pd.DataFrame(columns)

    def table(self):
        return self._table


def test_seeds_counts_the_fits_that_go_wrong_and_how_far():
    verdict = ["adequate"] * 15 + ["diverged"] * 5
    results = Table(
        model="m", guide="g", block="grid", label="particles-1", num_particles=1, step_size=0.01,
        seed=range(20), verdict=verdict, kl=[1e-3] * 18 + [np.nan, np.inf], kl_se=1e-4,
    )  # fmt: skip
    left, right = seeds.draw(results).axes
    (share,) = [line.get_xdata() for line in left.lines if len(line.get_xdata()) == 1]
    assert share == [25.0]
    (curve,) = right.lines
    assert curve.get_ydata()[0] == 100
    assert curve.get_ydata()[-1] == pytest.approx(100 * 3 / 20)  # the two that are not finite
