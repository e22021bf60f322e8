"""What the page of an experiment says of its search."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from made_up import MadeUpFits, grid
from svi_atlas.analysis import experiment
from svi_atlas.analysis.general.search import search_families

MEAN_FIELD, FULL_RANK, FLOW = "AutoDiagonalNormal", "AutoMultivariateNormal", "AutoIAFNormal"


def searched(guide, **columns):
    return grid(
        guides=(guide,), counts=(8,), step_sizes=(0.03,), seeds=(1, 2, 3), schedules=("cosine",),
        block="search", label="search", **columns,
    )  # fmt: skip


def dataset(num_trials=4, **attrs):
    evaluations = np.full(num_trials, 3_000)
    attrs = {"whitened": 1, "start": "laplace"} | attrs
    return xr.Dataset({"trial_gradient_evaluations": ("trial", evaluations)}, attrs=attrs)


@pytest.fixture
def table():
    stopped = ["limit of steps", "arrived", "arrived"]
    inadequate = searched(
        MEAN_FIELD, verdict="inadequate", stopped=stopped,
        num_steps=[4_000, 500, 1_000], gradient_evaluations=[32_000, 5_000, 9_000],
    )  # fmt: skip
    adequate = searched(
        FULL_RANK, verdict="adequate",
        stopped="arrived", num_steps=500, gradient_evaluations=5_000,
    )  # fmt: skip
    return pd.concat([inadequate, adequate], ignore_index=True)


@pytest.fixture
def searches():
    # In the order of their names, as a job is given them.
    return MadeUpFits({
        ("m", MEAN_FIELD, "search"): dataset(),
        ("m", FLOW, "search"): xr.Dataset(attrs={"skipped": "AutoMultivariateNormal is adequate"}),
        ("m", FULL_RANK, "search"): dataset(
            whitened=0, start="uniform, since the Laplace approximation is not usable: it is flat"
        ),
    })  # fmt: skip


def test_families_from_cheap_to_expressive(table, searches):
    rows = search_families(table, searches)
    assert rows["guide"].tolist() == [MEAN_FIELD, FULL_RANK, FLOW]
    assert "model" not in rows.attrs["labels"]
    first, second, third = rows.itertuples()
    assert first.setting == "8 particles, step size 0.03,\ncosine, 500 to 4,000 steps"
    assert (first.arrived, first.adequate) == ("2 of 3", "0 of 3")
    assert (first.evaluations, first.trials, first.trial_evaluations) == ("9,000", "4", "12,000")
    assert first.whitened == "yes"
    assert (second.setting, second.adequate) == (
        "8 particles, step size 0.03,\ncosine, 500 steps",
        "3 of 3",
    )
    assert second.whitened.startswith("no: uniform, since")
    assert third.setting == "not tried: AutoMultivariateNormal is adequate"
    assert third.arrived == "\N{EN DASH}"


def test_a_family_that_failed_has_its_message(table):
    searches = MadeUpFits({("m", MEAN_FIELD, "search"): dataset(message="ValueError: no")})
    (row,) = search_families(table, searches).itertuples()
    assert row.setting == "failed: ValueError: no"


def overview(*tables):
    texts = experiment.facts(pd.concat(tables, ignore_index=True)).set_index("name")["text"]
    return texts["overview"]


def test_the_overview_names_grid_search_and_single_fits(table):
    of_grid = grid(counts=(1, 4), seeds=(1, 2))
    assert overview(of_grid) == ("4 fits: 1 guide, 2 particle counts, 1 step size and 2 seeds.")
    assert overview(grid(schedules=("constant", "cosine"))) == (
        "8 fits: 1 guide, 2 particle counts, 1 step size, 2 schedules and 2 seeds."
    )
    assert overview(table) == (
        "6 fits: the settings that a search found for 2 guides, with 3 seeds."
    )
    single = grid(counts=(1,), seeds=(1,), block="single", label="one")
    assert overview(of_grid, table, single) == (
        "11 fits: 1 guide, 2 particle counts, 1 step size and 2 seeds, and the settings that a "
        "search found for 2 guides, with 3 seeds, and 1 single fit."
    )
