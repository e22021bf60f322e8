"""Stopping rules on losses and parameters whose changes are known."""

import numpy as np
import pytest

from svi_atlas.diagnostics.stopping_rules import stopping_rules

SNAPSHOT_STEP = np.arange(10, 1001, 10)


def changes(loss, snapshots=None):
    """What the rules measure of one fit."""
    snapshots = np.ones((1, 100, 1)) if snapshots is None else snapshots
    return {k: v[0] for k, v in stopping_rules(loss, snapshots, SNAPSHOT_STEP).items()}


def test_plateau_compares_the_last_two_tenths():
    loss = np.full((1, 1000), 7.0)
    loss[0, 800:900], loss[0, 900:] = 11.0, 10.0
    assert changes(loss)["plateau_change"] == pytest.approx(0.1)


def test_stan_takes_the_smaller_of_mean_and_median():
    loss = np.repeat([9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 4.0, 4.0, 4.0, 4.0], 100)[None]
    relative = [1 / 8, 1 / 7, 1 / 6, 1 / 5, 1 / 4, 0, 0, 0, 0]
    assert changes(loss)["stan_change"] == pytest.approx(
        min(np.mean(relative), np.median(relative))
    )


def test_pymc_looks_at_the_parameter_that_moved_most_in_a_hundred_steps():
    snapshots = np.full((1, 100, 2), 5.0)
    snapshots[0, -1] = [5.0, 5.5]
    assert changes(np.ones((1, 1000)), snapshots)["pymc_change"] == pytest.approx(0.1)
