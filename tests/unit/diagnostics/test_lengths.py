"""Fits that stopped after different numbers of steps have the statistics that they would have alone."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from svi_atlas.diagnostics.table import diagnose

SHORT, LONG = 400, 1600
FIT, ITERATE = ("seed", "setting"), ("iterate", "seed", "setting")


def cell(lengths):
    """Fits (seed, setting) of noise with these lengths; after its end a fit holds nothing."""
    shape, longest = np.shape(lengths), np.max(lengths)
    lengths = np.asarray(lengths)
    variables = {
        "nonfinite": (FIT, np.zeros(shape)),
        "first_nonfinite": (FIT, np.full(shape, np.nan)),
        "steps_used": (FIT, lengths),
        "arrived": (FIT, lengths < longest),
        "gradient_evaluations": (FIT, 8 * lengths),
    }

    def noise(number, *size):
        """The same numbers for a fit whatever stands beside it: they depend on its place alone."""
        return np.random.default_rng([number, shape[1]]).normal(size=(2, 2, *size))[
            : shape[0], : shape[1]
        ]

    steps = np.arange(1, longest + 1)
    loss = 3 + noise(1, LONG)[..., :longest]
    variables["loss"] = (
        (*FIT, "step"), np.where(steps <= lengths[..., None], loss, np.nan), {"stride": 1},
    )  # fmt: skip
    snapshot_step = np.arange(10, longest + 1, 10)
    path = noise(2, LONG // 10)[..., : len(snapshot_step)]
    path = np.where(snapshot_step <= lengths[..., None], path, np.nan)
    variables["unconstrained.loc"] = ((*FIT, "snapshot"), path)
    for number, name in enumerate(("site.x", "log_joint", "log_guide"), start=3):
        variables[name] = ((*ITERATE, "draw"), np.stack([noise(number, 200)] * 2))
    for name in (
        "elbo_gap",
        "elbo_gap_se",
        "gap_beyond",
        "gap_beyond_se",
        "gradient_scale",
        "step_kl",
        "step_kl_se",
    ):
        variables[name] = (ITERATE, np.ones((2, *shape)))
    coords = {
        "seed": [1, 2][: shape[0]], "step_size": ("setting", [0.1, 0.2][: shape[1]]),
        "schedule": ("setting", ["cosine"] * shape[1]), "snapshot_step": ("snapshot", snapshot_step),
    }  # fmt: skip
    attrs = {
        "experiment": "e", "model": "m", "guide": "AutoNormal", "block": "grid", "label": "particles-8",
        "num_particles": 8, "num_draws": 200, "optimizer": "Adam", "whitened": 0, "start": "uniform",
        "until_arrived": 1, "seconds_run": 1.0, "gap_parameters": 2,
    }  # fmt: skip
    return xr.Dataset(variables, coords, attrs)


REFERENCE = xr.Dataset(
    {"mean.x": ((), 0.0), "sd.x": ((), 1.0), "draw.x": ("draw", np.linspace(-2, 2, 300))},
    attrs={"log_evidence": -2.0},
)


@pytest.fixture(scope="module")
def table():
    return diagnose(cell([[SHORT, LONG], [SHORT, SHORT]]), REFERENCE)


def test_rows_are_in_the_order_of_seeds_and_settings(table):
    assert table["seed"].tolist() == [1, 1, 2, 2]
    assert table["step_size"].tolist() == [0.1, 0.2, 0.1, 0.2]
    assert table["num_steps"].tolist() == [SHORT, LONG, SHORT, SHORT]
    assert table["stopped"].tolist() == ["arrived", "limit of steps", "arrived", "arrived"]
    np.testing.assert_allclose(table["seconds"], np.array([1, 4, 1, 1]) / 7)


@pytest.mark.parametrize("length", [SHORT, LONG])
def test_statistics_are_those_of_fits_of_equal_length(table, length):
    alone = diagnose(cell(np.full((2, 2), length)), REFERENCE)
    rows = np.flatnonzero(table["num_steps"] == length)
    # Seeds are compared with those that stopped together with them.
    others = ["stopped", "seconds", *(name for name in table if name.startswith("seeds_"))]
    expected = alone.loc[rows].drop(columns=others).reset_index(drop=True)
    found = table.loc[rows].drop(columns=others).reset_index(drop=True)
    pd.testing.assert_frame_equal(found, expected, check_dtype=False)
    assert found["final_loss"].notna().all()


def test_seeds_that_stopped_together_are_compared(table):
    assert table["seeds_rhat"].notna().tolist() == [True, False, True, False]
