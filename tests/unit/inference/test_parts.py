"""The parts of a fit cover its steps, keep enough snapshots, and stay within the storage limit."""

import numpy as np
import pytest

from svi_atlas.inference.parts import (
    CHUNKS,
    MIN_SNAPSHOTS,
    Part,
    choose_loss_stride,
    plan_parts,
    plan_rounds,
    snapshot_steps,
)


@pytest.mark.parametrize("num_steps", [1, 7, 39, 400, 1003, 10_000])
def test_parts_cover_all_steps(num_steps):
    parts = plan_parts(num_steps, 100, 8, 64e6)
    steps = snapshot_steps(parts)
    assert sum(part.num_steps for part in parts) == steps[-1] == num_steps
    assert (np.diff(steps) > 0).all()
    assert len(set(parts)) <= 3
    assert len(steps) <= 101
    assert len(steps) >= min(num_steps, 50)


def test_a_round_number_of_steps_makes_equal_parts():
    assert plan_parts(10_000, 1000, 8, 64e6) == [Part(50, 10)] * CHUNKS


def test_fewer_snapshots_are_kept_if_they_are_large():
    assert len(snapshot_steps(plan_parts(1000, 100, 10**6, 50e6))) == 50
    assert len(snapshot_steps(plan_parts(1000, 100, 10**6, 1.0))) == MIN_SNAPSHOTS


def test_the_loss_stride_divides_all_parts():
    assert choose_loss_stride([Part(2, 20), Part(1, 30)], 3.0) == 5
    assert choose_loss_stride([Part(2, 20)], 0.1) == 1
    assert choose_loss_stride([Part(2, 20), Part(1, 7)], 3.0) == 1


@pytest.mark.parametrize("max_steps", [31, 62, 620, 1000, 10_000, 400_000])
def test_rounds_double_and_have_equal_parts(max_steps):
    rounds = plan_rounds(max_steps, 1000, 8, 64e6)
    lengths = [sum(part.num_steps for part in parts) for parts in rounds]
    assert lengths == [lengths[0] * 2**number for number in range(5)]
    assert 0.9 * max_steps < sum(lengths) <= max_steps
    assert len({part for parts in rounds for part in parts}) == 1


def test_very_few_steps_are_one_round():
    assert plan_rounds(7, 1000, 8, 64e6) == [[Part(1, 1)] * 7]
