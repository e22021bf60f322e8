"""Gap checks: what is small, what is undecided, and the draws that are spent."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoDiagonalNormal, AutoIAFNormal
from numpyro.optim import Adam

from svi_atlas.inference.optimality import NUM_DRAWS, Gap, GapCheck

FEW, MANY = NUM_DRAWS

UNKNOWN = np.full((2, 1), np.nan)


def standard(data):
    numpyro.sample("x", dist.Normal(jnp.zeros(3), 1.0).to_event(1))


def check(limit):
    return GapCheck(standard, lambda: AutoDiagonalNormal(standard), {"n": np.zeros(1)}, limit)


def at(loc):
    """One iterate of two seeds at one setting; softplus(0.5413) is 1."""
    loc = np.broadcast_to(np.float32(loc), (1, 2, 1, 3))
    return {"auto_loc": loc, "auto_scale": np.full((1, 2, 1, 3), 0.541324, np.float32)}


@pytest.mark.parametrize(
    ("value", "error", "small", "undecided"),
    [
        (0.0, 0.4, True, False),
        (0.0, 0.6, False, True),
        (2.0, 0.6, False, True),
        (2.0, 0.4, False, False),
        (np.nan, np.nan, False, False),
    ],
)
def test_what_is_small_and_what_is_undecided(value, error, small, undecided):
    gap = Gap(np.array([value]), np.array([error]), np.array([np.nan]), np.array([FEW]))
    assert check(1.0).is_small(gap).tolist() == [small]
    assert check(1.0).is_undecided(gap).tolist() == [undecided]


def test_a_displaced_mean_leaves_half_its_square_to_gain():
    # Six parameters; |u|^2 / 2 = 3 * 0.2^2 / 2 nats.
    gap = check(1e-4)(at(0.2))
    np.testing.assert_allclose(gap.value, 0.06 / 6, atol=4 * gap.error.max())
    assert (gap.num_draws == FEW).all()
    look = check(1e-4).look(at(0.2), UNKNOWN)
    assert not look.stopped.any()
    assert look.num_draws.tolist() == [[FEW], [FEW]]


def test_the_posterior_itself_has_arrived():
    assert check(1e-6).look(at(0.0), UNKNOWN).stopped.all()


def test_more_draws_are_spent_where_few_leave_it_undecided():
    few = check(1e-4)(at(0.2))
    limit = float(few.value.mean())
    gap = check(limit)(at(0.2))
    assert (gap.num_draws == FEW + MANY).all()
    assert (gap.error < few.error / 2).all()


def test_a_guide_without_a_standard_base_never_arrives():
    def by_hand(data):
        numpyro.sample("x", dist.Normal(numpyro.param("loc", jnp.zeros(3)), 1.0).to_event(1))

    unknown = GapCheck(standard, lambda: by_hand, {"n": np.zeros(1)}, 1.0)
    look = unknown.look({"loc": np.zeros((2, 1, 1, 3), np.float32)}, UNKNOWN[:1])
    assert not look.stopped.any()


def test_a_flow_has_arrived_only_once_its_elbo_rises_no_more():
    gap = Gap(np.zeros(4), np.zeros(4), np.array([-1.0, -1.0, -1.0, np.nan]), np.full(4, FEW))
    earlier = np.array([np.nan, -1.5, -1.05, np.nan])
    assert check(0.1).is_rising(gap, earlier).tolist() == [True, True, False, False]


def test_the_elbo_of_a_flow_is_that_of_its_draws():
    flow = GapCheck(standard, lambda: AutoIAFNormal(standard), {"n": np.zeros(1)}, 1.0)
    svi = SVI(standard, AutoIAFNormal(standard), Adam(0.1), Trace_ELBO(num_particles=20_000))
    state = svi.init(jax.random.PRNGKey(0), {"n": np.zeros(1)})
    params = svi.optim.get_params(state.optim_state)
    iterates = jax.tree.map(lambda leaf: np.asarray(leaf)[None, None, None], params)
    # The log evidence is 0, and nine changes of the base are shared among.
    elbo = -float(svi.evaluate(state, {"n": np.zeros(1)}))
    np.testing.assert_allclose(9 * flow(iterates).elbo, elbo, atol=0.1)
