"""Unconstrained parameters of autoguides, for several tests."""

import jax
import jax.numpy as jnp
import numpyro
from numpyro.distributions.transforms import biject_to
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam


def unconstrain(guide, **params):
    """Parameters of a Normal autoguide as the optimiser sees them."""
    constraints = {"scale": guide.scale_constraint} if hasattr(guide, "scale_constraint") else {}
    if hasattr(guide, "scale_tril_constraint"):
        constraints["scale_tril"] = guide.scale_tril_constraint

    def inverse(name, value):
        value = jnp.asarray(value, jnp.float32)
        ending = name.split("auto_")[-1]
        return biject_to(constraints[ending]).inv(value) if ending in constraints else value

    return {name: inverse(name, value) for name, value in params.items()}


def first_params(model, guide, data=None, seed=0):
    """(unconstrained, constrained) parameters before the first step; sets the guide up."""
    svi = SVI(model, guide, Adam(0.0), Trace_ELBO())
    state = svi.init(jax.random.PRNGKey(seed), data or {})
    return svi.optim.get_params(state.optim_state), svi.get_params(state)


def normal_model(loc, scale_tril):
    """The model whose posterior of x is that Normal."""
    distribution = numpyro.distributions.MultivariateNormal(
        jnp.asarray(loc, jnp.float32), scale_tril=jnp.asarray(scale_tril, jnp.float32)
    )

    def model(data):
        numpyro.sample("x", distribution)

    return model
