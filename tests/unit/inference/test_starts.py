"""Fits that start where earlier fits ended."""

import numpy as np
import pytest
import xarray as xr

from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.starts import start_from, whitening_of, whitening_variables

DIMS = ("seed", "setting", "snapshot")
LOC = np.arange(24.0).reshape(2, 3, 2, 2)
NET = np.ones((2, 3, 2, 4))
EARLIER = xr.Dataset(
    {
        "unconstrained.loc": ((*DIMS, "loc_0"), LOC),
        "unconstrained.net.0.w": ((*DIMS, "w_0"), NET),
        "loss": (("seed", "setting", "step"), np.zeros((2, 3, 5))),
        "steps_used": (("seed", "setting"), np.full((2, 3), 20)),
    },
    {"snapshot_step": ("snapshot", [10, 20])},
)


def like(**shapes):
    zeros = {name: np.zeros((2, 3, *shape), np.float32) for name, shape in shapes.items()}
    return {"loc": zeros["loc"], "net": [{"w": zeros["w"]}]}


def test_the_last_snapshot_in_the_structure_of_the_parameters():
    start = start_from(EARLIER, like(loc=(2,), w=(4,)))
    np.testing.assert_array_equal(start["loc"], LOC[:, :, -1])
    np.testing.assert_array_equal(start["net"][0]["w"], NET[:, :, -1])
    assert start["loc"].dtype == np.float32


def test_each_fit_ends_at_its_own_last_step():
    """Fits that arrived after 10 steps have no snapshot after 20."""
    early = EARLIER["steps_used"].copy(data=[[20, 10, 20], [10, 20, 20]])
    kept = EARLIER["snapshot_step"] <= early
    earlier = EARLIER.assign(
        {"steps_used": early}
        | {
            name: EARLIER[name].where(kept)
            for name in ("unconstrained.loc", "unconstrained.net.0.w")
        }
    )
    start = start_from(earlier, like(loc=(2,), w=(4,)))
    last = (early.to_numpy() > 10).astype(int)
    expected = np.take_along_axis(LOC, last[:, :, None, None], axis=2)[:, :, 0]
    np.testing.assert_array_equal(start["loc"], expected)
    assert np.isfinite(start["net"][0]["w"]).all()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"loc": np.zeros((2, 3, 2))}, "these have the further parameter net.0.w"),
        (
            {**like(loc=(2,), w=(4,)), "scale": np.zeros((2, 3))},
            "these have no parameter scale",
        ),
        (
            like(loc=(3,), w=(4,)),
            r"loc is an array of \(2, 3, 2\) \(seed, setting, ...\) there and of \(2, 3, 3\) here",
        ),
    ],
)
def test_other_parameters(wanted, words):
    with pytest.raises(ModelError, match=words):
        start_from(EARLIER, wanted)


def test_whitening_is_kept_with_the_fits():
    laplace = Laplace(np.arange(2.0), np.eye(2), np.empty((0, 2)), np.empty(0), "")
    kept = whitening_of(EARLIER.assign(whitening_variables(laplace)))
    assert kept is not None
    assert kept.usable
    np.testing.assert_array_equal(kept.mode, laplace.mode)
    np.testing.assert_array_equal(kept.scale_tril, laplace.scale_tril)
    assert whitening_of(EARLIER) is None
