"""Guides by name, and the table of their traits."""

import inspect

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer import autoguide

from svi_atlas import problems
from svi_atlas.guide_traits import AUTOGUIDE_TRAITS, AUTOGUIDES, GuideTraits, guide_traits
from svi_atlas.inference.guides import guide_factory, is_point, posterior_guide

COIN = problems.load("coin")


def test_every_known_autoguide_is_numpyros_and_automatic():
    for name in AUTOGUIDES:
        assert inspect.isclass(getattr(autoguide, name))
        assert guide_traits(name).automatic
    assert list(AUTOGUIDES) == sorted(AUTOGUIDE_TRAITS)


def test_each_trait_names_its_guides():
    def having(trait):
        return {name for name in AUTOGUIDES if getattr(guide_traits(name), trait)}

    assert having("point") == {"AutoLaplaceApproximation"}
    assert having("mean_field") == {"AutoNormal", "AutoDiagonalNormal"}
    assert having("full_rank") == {"AutoMultivariateNormal"}
    assert having("low_rank") == {"AutoLowRankMultivariateNormal"}
    assert having("flow") == {"AutoBNAFNormal", "AutoIAFNormal"}


def test_a_label_has_the_traits_of_its_class_and_a_guide_by_hand_those_declared():
    entry = {"class": "AutoNormal", "options": {"init_scale": 0.5}}
    assert guide_traits("narrow", entry) == guide_traits("AutoNormal")
    assert guide_traits("beta") == GuideTraits()
    declared = {"mixture": GuideTraits(mixture=True)}
    assert guide_traits("mixture", declared=declared).mixture


@pytest.mark.parametrize("name", AUTOGUIDES)
def test_only_the_laplace_approximation_is_a_point(name):
    guide = guide_factory(COIN, "headstails", name)()
    assert is_point(guide) == guide_traits(name).point == (name == "AutoLaplaceApproximation")


def test_a_guide_of_the_problem_or_an_autoguide_with_options():
    assert guide_factory(COIN, "headstails", "beta")() is COIN.guides["beta"]
    entry = {"class": "AutoNormal", "options": {"init_scale": 0.5}}
    make_guide = guide_factory(COIN, "headstails", "narrow", entry)
    assert make_guide()._init_scale == 0.5
    assert make_guide() is not make_guide()


def test_the_laplace_approximation_is_drawn_from_as_a_normal():
    def model(data):
        numpyro.sample("x", dist.Normal(jnp.zeros(2), jnp.array([1.0, 3.0])).to_event(1))

    guide = autoguide.AutoLaplaceApproximation(model)
    with numpyro.handlers.seed(rng_seed=0):
        guide(None)
    full, params = posterior_guide(guide, {"auto_loc": jnp.zeros(2)})
    assert isinstance(full, autoguide.AutoMultivariateNormal)
    assert jnp.allclose(params["auto_scale_tril"], jnp.diag(jnp.array([1.0, 3.0])), atol=1e-5)
    assert posterior_guide(COIN.guides["beta"], {}) == (COIN.guides["beta"], {})
