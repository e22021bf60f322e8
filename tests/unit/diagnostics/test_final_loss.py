"""The mean of the last losses, and losses below minus the log evidence."""

import warnings

import numpy as np

from svi_atlas.diagnostics.final_loss import final_loss


def test_tail_is_the_mean_of_the_last_twentieth(rng):
    loss = rng.normal(size=(2, 1000))
    expected = loss[:, -50:].mean(1)
    np.testing.assert_allclose(final_loss(loss)["final_loss"], expected, rtol=1e-12)


def test_tail_leaves_out_what_is_not_finite():
    loss = np.full((1, 1000), 3.0)
    loss[0, -1], loss[0, -9] = np.inf, np.nan
    columns = final_loss(loss, min_loss=3.0)
    assert columns["final_loss"][0] == 3.0
    assert np.isfinite(columns["final_loss_se"][0])


def test_nothing_finite_gives_no_number_and_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        columns = final_loss(np.full((1, 1000), np.nan), min_loss=0.0)
    assert np.isnan(columns["final_loss"][0])
    assert np.isnan(columns["evidence_violation_z"][0])


def test_loss_below_the_evidence_is_flagged(rng):
    noise = rng.normal(size=(2, 2000)) * 0.5
    losses = np.stack([10.0 + noise[0], 9.5 + noise[1]])
    below = final_loss(losses, min_loss=10.0)["evidence_violation_z"]
    assert abs(below[0]) < 4
    assert below[1] > 5


def test_deterministic_loss_at_the_evidence_is_not_flagged():
    loss = np.full((1, 2000), 14.788322, np.float32)
    assert final_loss(loss, min_loss=14.788322)["evidence_violation_z"][0] < 1


def test_the_violation_is_missing_without_evidence():
    assert np.isnan(final_loss(np.ones((1, 100)))["evidence_violation_z"][0])
