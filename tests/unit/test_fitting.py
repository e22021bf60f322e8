"""A search from Python: a model and its data in, verdict and draws out."""

import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas import fit
from svi_atlas.errors import InputError

DATA = {"x": np.arange(4.0), "y": np.array([0.1, 0.9, 2.2, 2.8]), "unit": "mm"}

PRECISION = 1 + (DATA["x"] ** 2).sum() / 0.25
MEAN = (DATA["x"] * DATA["y"]).sum() / 0.25 / PRECISION


def line(x, unit, y=None):
    slope = numpyro.sample("slope", dist.Normal(0.0, 1.0))
    scale = 0.5 if unit == "mm" else 0.05
    numpyro.sample("y", dist.Normal(slope * x, scale), obs=y)


def two_modes(x, y=None):
    parts = dist.Normal(np.array([-6.0, 6.0]), 1.0)
    numpyro.sample("z", dist.MixtureSameFamily(dist.Categorical(np.full(2, 0.5)), parts))


def small(model, **settings):
    lines = []
    settings = {"seeds": 2, "num_draws": 2000, "budget": 20_000, "report": lines.append} | settings
    return fit(model, DATA, guides=["AutoDiagonalNormal"], **settings), lines


@pytest.mark.slow
def test_a_model_that_can_be_fitted():
    fitted, lines = small(line)
    assert fitted.recommended["guide"] == "AutoDiagonalNormal"
    assert "AutoDiagonalNormal can be relied on: 2 of 2 fits" in fitted.verdict
    assert "a reference posterior" in fitted.verdict
    assert fitted.draws()["slope"].shape == (2000,)
    row = fitted.summary().loc["slope"]
    assert row["mean"] == pytest.approx(MEAN, abs=0.1 * PRECISION**-0.5)
    assert row["sd"] == pytest.approx(PRECISION**-0.5, rel=0.1)
    assert row["mean (reference)"] == pytest.approx(MEAN, abs=0.1 * PRECISION**-0.5)
    assert "slope" in repr(fitted)
    assert any("searching" in text for text in lines)


@pytest.mark.slow
def test_a_model_that_no_guide_holds():
    fitted, _ = small(two_modes)
    assert fitted.recommended is None
    assert "`AutoDiagonalNormal` misses the mode" in fitted.verdict
    with pytest.raises(InputError, match="misses the mode"):
        fitted.draws()


def test_an_unknown_family():
    with pytest.raises(
        InputError, match="unknown guides AutoNormall, allowed are AutoDiagonalNormal"
    ):
        fit(line, DATA, guides=["AutoNormall"])
