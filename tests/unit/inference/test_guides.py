"""Guides by name, and the table of their traits."""

import inspect

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer import SVI, Trace_ELBO, autoguide
from numpyro.optim import Adam

from svi_atlas import problems
from svi_atlas.guide_traits import AUTOGUIDE_TRAITS, AUTOGUIDES, GuideTraits, guide_traits
from svi_atlas.inference.guides import (
    describe_start,
    guide_factory,
    is_point,
    is_whitened,
    posterior_guide,
)
from svi_atlas.inference.keys import replica_key
from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.parameters import fitted_guide
from svi_atlas.inference.whitened import WhitenedDiagonalNormal, WhitenedIAFNormal
from svi_atlas.records import Problem

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
    assert having("whitenable") == set(AUTOGUIDES) - {"AutoNormal", "AutoLaplaceApproximation"}


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


def line(data):
    numpyro.sample("slope", dist.Normal(7.0, 1.0))
    numpyro.sample("width", dist.HalfNormal(1.0))


LINE = Problem("line", "here", lambda key, settings: {}, {"line": line}, {})
USABLE = Laplace(
    np.array([1.0, 2.0]), np.array([[2.0, 0.0], [1.0, 3.0]]), np.empty((0, 2)), np.empty(0), ""
)
NOT_USABLE = Laplace.unusable("a funnel", 2)


def entry(name, **more):
    return {"class": name, "options": {}, **more}


def first_params(autoguide, laplace=None):
    guide = guide_factory(LINE, "line", "label", autoguide, laplace)()
    svi = SVI(line, guide, Adam(0.1), Trace_ELBO())
    return guide, svi.get_params(svi.init(replica_key(0), {}))


@pytest.mark.parametrize(
    ("start", "loc"),
    [
        ("feasible", [0.0, 0.0]),
        ("mean", [7.0, np.log(np.sqrt(2 / np.pi))]),
        ({"value": {"slope": -3, "width": 2.0}}, [-3.0, np.log(2.0)]),
    ],
)
def test_numpyros_starts(start, loc):
    _, params = first_params(entry("AutoDiagonalNormal", start=start))
    np.testing.assert_allclose(params["auto_loc"], loc, atol=1e-6)


def test_the_median_of_the_prior():
    _, params = first_params(entry("AutoDiagonalNormal", start="median"))
    assert params["auto_loc"][0] == pytest.approx(7, abs=5 * 1.25 / np.sqrt(15)), "of 15 draws"


@pytest.mark.parametrize(
    ("autoguide", "laplace", "whitened", "words"),
    [
        (None, None, False, "uniform"),
        (entry("AutoNormal", start="median"), None, False, "median"),
        (
            entry("AutoNormal", start={"value": {"a": 1, "b": [2]}}),
            None,
            False,
            "given values of a, b",
        ),
        (entry("AutoNormal", start={"experiment": "first"}), None, False, "fits of first"),
        (entry("AutoNormal", start="laplace"), USABLE, False, "laplace"),
        (entry("AutoIAFNormal", whitened=True), USABLE, True, "laplace"),
        (
            entry("AutoIAFNormal", whitened=True, start={"experiment": "first"}),
            USABLE,
            True,
            "fits of first",
        ),
        (
            entry("AutoNormal", start="laplace"),
            NOT_USABLE,
            False,
            "uniform, since the Laplace approximation is not usable: a funnel",
        ),
        (
            entry("AutoIAFNormal", whitened=True),
            NOT_USABLE,
            False,
            "uniform, since the Laplace approximation is not usable: a funnel",
        ),
    ],
)
def test_words_for_the_start(autoguide, laplace, whitened, words):
    assert describe_start(autoguide, laplace) == words
    assert is_whitened(autoguide, laplace) == whitened


@pytest.mark.parametrize("more", [{"whitened": True}, {"start": "laplace"}])
def test_without_a_usable_approximation_the_guide_is_numpyros(more):
    guide, params = first_params(entry("AutoDiagonalNormal", **more), NOT_USABLE)
    assert type(guide) is autoguide.AutoDiagonalNormal
    _, plain = first_params(entry("AutoDiagonalNormal"))
    np.testing.assert_array_equal(params["auto_loc"], plain["auto_loc"])


def test_whitened_or_started_at_a_usable_approximation():
    guide, params = first_params(entry("AutoDiagonalNormal", whitened=True), USABLE)
    assert type(guide) is WhitenedDiagonalNormal
    np.testing.assert_array_equal(params["auto_loc"], 0)
    guide, params = first_params(entry("AutoDiagonalNormal", start="laplace"), USABLE)
    np.testing.assert_allclose(params["auto_loc"], USABLE.mode)
    np.testing.assert_allclose(params["auto_scale"], [2.0, np.sqrt(10.0)], rtol=1e-6)
    flow = entry("AutoIAFNormal", whitened=True)
    assert type(guide_factory(LINE, "line", "flow", flow, USABLE)()) is WhitenedIAFNormal


def test_a_whitened_normal_is_reported_in_the_coordinates_of_the_model():
    make_guide = guide_factory(
        LINE, "line", "label", entry("AutoMultivariateNormal", whitened=True), USABLE
    )
    svi = SVI(line, make_guide(), Adam(0.1), Trace_ELBO())
    unconstrained = svi.optim.get_params(svi.init(replica_key(0), {}).optim_state)
    fit = fitted_guide(line, make_guide, {}, unconstrained)
    np.testing.assert_allclose(fit.params["auto_loc"], USABLE.mode)
    np.testing.assert_allclose(fit.params["auto_scale_tril"], USABLE.scale_tril, rtol=1e-6)
    np.testing.assert_array_equal(fit.guide_params["auto_loc"], 0)
    assert fit.drawn_as_fitted


def test_a_point_is_not_drawn_as_fitted():
    make_guide = guide_factory(LINE, "line", "AutoLaplaceApproximation")
    svi = SVI(line, make_guide(), Adam(0.1), Trace_ELBO())
    unconstrained = svi.optim.get_params(svi.init(replica_key(0), {}).optim_state)
    fit = fitted_guide(line, make_guide, {}, unconstrained)
    assert set(fit.params) == {"auto_loc"}
    assert set(fit.guide_params) == {"auto_loc", "auto_scale_tril"}
    assert not fit.drawn_as_fitted
