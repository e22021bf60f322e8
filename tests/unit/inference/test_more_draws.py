"""Draws are added where the gap is too uncertain, as many as decide and no more than allowed."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints
from numpyro.infer import autoguide

from svi_atlas.inference import more_draws
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.more_draws import LIMIT, add_draws, undecided
from svi_atlas.inference.schedules import Setting

NUM_DRAWS = 100

PLENTY = np.full((1, 1), 400_000)


def model(data):
    numpyro.sample("x", dist.StudentT(5.0, 0.0, 1.0))


def by_hand(data):
    loc = numpyro.param("auto_loc", 0.0)
    scale = numpyro.param("auto_scale", 1.0, constraint=constraints.positive)
    numpyro.sample("x", dist.Normal(loc, scale))


def drawn(make_guide, num_draws=NUM_DRAWS):
    """Draws at two iterates: one near the optimum, and one far from it."""
    drawer = Drawer(model, make_guide, {}, (1,), (Setting("constant", 0.1),), num_draws)
    shape = (2, 1, 1) if make_guide is BY_HAND else (2, 1, 1, 1)
    at = {"auto_loc": [0.0, 3.0], "auto_scale": np.log([1.12, 1.12])}
    if make_guide is not BY_HAND:
        at["auto_scale"] = np.log(np.expm1([1.12, 1.12]))  # softplus
    iterates = {
        name: jnp.asarray(values, jnp.float32).reshape(shape) for name, values in at.items()
    }
    return drawer, iterates, drawer(iterates)


def BY_HAND():
    return by_hand


def AUTO():
    return autoguide.AutoDiagonalNormal(model)


@pytest.mark.parametrize("make_guide", [BY_HAND, AUTO])
def test_draws_are_added_until_the_error_decides(make_guide):
    drawer, iterates, draws = drawn(make_guide)
    limit = LIMIT * draws.gap_parameters
    found = undecided(draws.elbo_gap, draws.elbo_gap_se, limit)
    assert found.ravel().tolist() == [True, False]
    more = add_draws(drawer, iterates, draws, PLENTY)
    assert not undecided(more.elbo_gap, more.elbo_gap_se, limit).any()
    _, _, many = drawn(make_guide, 100_000)
    error = np.hypot(more.elbo_gap_se, many.elbo_gap_se)[0, 0, 0]
    assert abs(more.elbo_gap - many.elbo_gap)[0, 0, 0] < 4 * error
    # The far one was certain from the start.
    assert more.elbo_gap[1] == draws.elbo_gap[1]
    again = add_draws(drawer, iterates, draws, PLENTY)
    np.testing.assert_array_equal(again.elbo_gap, more.elbo_gap)


def test_a_fit_gets_no_more_draws_than_allowed(monkeypatch):
    drawer, iterates, draws = drawn(AUTO)
    spent = []
    program = more_draws._program(drawer)
    monkeypatch.setattr(
        more_draws, "_program", lambda drawer: lambda *fit: spent.append(1) or program(*fit)
    )
    same = add_draws(drawer, iterates, draws, np.full((1, 1), NUM_DRAWS))
    np.testing.assert_array_equal(same.elbo_gap, draws.elbo_gap)
    monkeypatch.setattr(more_draws, "LIMIT", 1e-9)  # nothing that nine times the draws could decide
    add_draws(drawer, iterates, draws, np.full((1, 1), 9 * NUM_DRAWS))
    assert not spent
