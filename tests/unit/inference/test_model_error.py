"""What the user's model and guide raise is told apart from faults of the machine."""

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import pytest
from plane_fits import PLANE_DATA, plane

from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.model_error import ModelError


def test_guide_that_raises_becomes_a_model_error_with_its_message():
    def broken(data):
        raise ValueError("the guide is broken on purpose")

    with pytest.raises(ModelError, match="ValueError: the guide is broken on purpose"):
        fit_cell(
            plane,
            lambda: broken,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )


def test_guide_without_a_message_still_says_what_it_raised():
    def broken(data):
        raise NotImplementedError

    with pytest.raises(ModelError, match=r"NotImplementedError: \(no message\)"):
        fit_cell(
            plane,
            lambda: broken,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )


def test_guide_that_misses_a_site_becomes_a_model_error():
    def only_x(data):
        numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.deterministic("y", jnp.zeros(()))

    with pytest.raises(ModelError, match="must be sampled in trace"):
        fit_cell(
            plane,
            lambda: only_x,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )


def test_lack_of_memory_is_no_model_error():
    def hungry(data):
        raise MemoryError

    with pytest.raises(MemoryError):
        fit_cell(
            plane,
            lambda: hungry,
            PLANE_DATA,
            num_particles=1,
            step_sizes=(0.1,),
            seeds=(1,),
            num_steps=10,
        )
