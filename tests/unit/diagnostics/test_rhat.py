"""Split R-hat against ArviZ."""

import numpy as np
import pytest
from arviz_stats.base import array_stats

from svi_atlas.diagnostics.rhat import split_rhat


@pytest.mark.parametrize("length", [40, 41, 500])
def test_split_rhat_equals_arviz(rng, length):
    values = rng.normal(size=(3, length, 2)) + np.linspace(0, 1, length)[None, :, None]
    columns = split_rhat(values)
    for fit in range(3):
        for parameter in range(2):
            chain, half = values[fit, :, parameter], length // 2
            # ArviZ's method "split" asks for two chains; these are the halves it makes of one.
            halves = np.stack([chain[:half], chain[-half:]])
            expected = float(array_stats.rhat(halves, method="identity"))
            assert columns[fit, parameter] == pytest.approx(expected, rel=1e-9)


def test_split_rhat_of_a_constant_is_one():
    assert split_rhat(np.full((1, 100, 1), 3.0))[0, 0] == 1.0
