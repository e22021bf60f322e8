"""Random numbers made ahead of the steps change nothing, and stable steps are NumPyro's."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from minibatch_model import DATA, ROWS, make_guide, minibatches
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam

from svi_atlas.inference import program
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.optimizers import Optimizer
from svi_atlas.inference.parts import Part


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
        inputs = jax.tree.leaves(arguments[1:])
        lengths.append(len(inputs[0]) if inputs else options["length"])
        return scan(function, *arguments, **options)

    monkeypatch.setattr(program, "MAX_AHEAD", 3 * ROWS)
    monkeypatch.setattr(program.jax.lax, "scan", watched)
    np.testing.assert_allclose(losses(), ahead, rtol=1e-6)
    assert {2, 10} <= set(lengths)  # blocks of 2 of the 20 steps to a snapshot, 10 of them
    assert 20 not in lengths


def test_a_stable_step_with_a_gradient_that_is_not_finite_is_left_out():
    """Every fit of the steep model meets an infinite loss sooner or later; SVI.stable_update goes on."""

    def steep(data):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.factor("edge", jnp.where(x > 2.5, jnp.exp(1e4 * x), 0.0))

    def guide(data):
        numpyro.sample("x", dist.Normal(numpyro.param("loc", 0.0), 1.0))

    cell = program.CellProgram(steep, lambda: guide, 1, Optimizer(), stable=True)
    keys = jax.random.PRNGKey(3)[None]
    state, _ = program.init(cell, keys, 1, {})
    step_sizes = jnp.full((1000, 1, 1), 0.01, jnp.float32)
    _, losses, snapshots = program.advance(cell, state, step_sizes, {}, Part(1, 1000), 1)
    svi = SVI(steep, guide, Adam(0.01), Trace_ELBO())
    result = svi.run(jax.random.PRNGKey(3), 1000, {}, progress_bar=False, stable_update=True)
    assert np.isnan(result.losses).any()
    np.testing.assert_allclose(losses[0, :, 0, 0], result.losses, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        snapshots.constrained["loc"][0, 0, 0], result.params["loc"], rtol=1e-4
    )
