"""Random numbers made ahead of the steps change nothing."""

import jax
import numpy as np
from minibatch_model import DATA, ROWS, make_guide, minibatches

from svi_atlas.inference import program
from svi_atlas.inference.fit import fit_cell


def test_large_random_arrays_are_made_for_fewer_steps_ahead_and_change_nothing(monkeypatch):
    def losses():
        return fit_cell(
            minibatches, make_guide, DATA, num_particles=1, step_sizes=(0.01,), seeds=(1,),
            num_steps=400, num_snapshots=2,
        ).loss  # fmt: skip

    ahead = losses()
    lengths = []
    scan = jax.lax.scan

    def watched(function, *arguments, **options):
        lengths.append(options.get("length"))
        return scan(function, *arguments, **options)

    monkeypatch.setattr(program, "MAX_AHEAD", 3 * ROWS)
    monkeypatch.setattr(program.jax.lax, "scan", watched)
    np.testing.assert_allclose(losses(), ahead, rtol=1e-6)
    assert {2, 10} <= set(lengths)  # blocks of 2 of the 20 steps to a snapshot, 10 of them
    assert 20 not in lengths
