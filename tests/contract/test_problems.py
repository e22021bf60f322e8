"""Every problem keeps the contract, with every model and guide."""

from dataclasses import dataclass
from functools import cached_property

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from arviz_stats.base import array_stats
from numpyro import handlers
from numpyro.distributions import ImproperUniform, Unit
from numpyro.infer import MCMC, NUTS, SVI, Trace_ELBO, init_to_uniform, init_to_value
from numpyro.optim import Adam

from support import ROOT
from svi_atlas import problems
from svi_atlas.configuration.cells import plan_experiment
from svi_atlas.configuration.data_schema import check_data
from svi_atlas.configuration.load import read_experiment
from svi_atlas.configuration.models import Override
from svi_atlas.configuration.problem_info import ProblemInfo
from svi_atlas.configuration.yaml import read_yaml
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.schedules import Setting
from svi_atlas.references.make import make_references

OF_THE_STUDY = ("verdict_study", "verdict_holdout", "posteriordb")
"""Problems of many posteriors, which are tested in tests/unit/problems."""

NAMES = [name for name in problems.built_in_names() if name not in OF_THE_STUDY]

SMALLER = Override(data=read_yaml(ROOT / "config/heavy_reduced.yaml")["override"]["data"])
"""The heavy experiments are tested at the sizes of their reduced setting."""

HAS_COVARIATES = ("arrival", "hierarchical_regression", "logistic_regression", "full_rank")
"""Problems whose models cannot draw mock data from nothing."""

RAISES = {
    ("factor_thread", "deterministic"): (RuntimeError, "must be sampled in trace"),
    ("factor_thread", "improper"): (NotImplementedError, None),
}
"""Guides that are meant to raise: these are the experiment."""

NOT_FINITE = {
    ("bimodal", "naive"): "its log of a sum underflows to the log of 0 for far draws",
    ("bimodal", "cauchy_mixture"): "its tail leaves the box",
    ("bimodal", "cauchy_mixture_fixed_angle"): "its tail leaves the box",
}
"""Models and guides whose loss is meant not to be finite at times."""

SAME_POSTERIOR = {("bimodal", "naive"): "stable"}
"""Models that need no NUTS of their own."""

SAME_REFERENCE = {("arrival", "raw_regression"): "standardised_regression"}
"""Models whose reference is the same function of other data, in units in which a short chain mixes."""


def _start_if_improper(site):
    if site["type"] == "sample" and isinstance(site["fn"], ImproperUniform):
        return init_to_uniform(site)
    return None


@dataclass(frozen=True)
class Case:
    """A problem with the settings, data and references of its experiment."""

    name: str

    @cached_property
    def problem(self):
        return problems.load(self.name)

    @cached_property
    def settings(self):
        path = ROOT / "config" / "experiments" / f"{self.name}.yaml"
        return read_experiment(path, SMALLER).data if path.exists() else {}

    @cached_property
    def data(self):
        simulated = self.problem.simulate(purpose_key(0, "data"), self.settings)
        return {name: np.asarray(value) for name, value in simulated.items()}

    @cached_property
    def references(self):
        return make_references(self.problem, self.data, self.settings)

    def trace(self, model, data):
        """Sites of the model; an improper prior, which cannot be drawn from, gets a start value."""
        seeded = handlers.seed(self.problem.models[model], jax.random.PRNGKey(0))
        filled = handlers.substitute(seeded, substitute_fn=_start_if_improper)
        return handlers.trace(filled).get_trace(data)

    def latent(self, model):
        """Shapes of the latent sites."""
        return {
            name: jnp.shape(site["value"])
            for name, site in self.trace(model, self.data).items()
            if site["type"] == "sample" and not site["is_observed"]
        }


CASES = {name: Case(name) for name in NAMES}
MODELS = [(name, model) for name in NAMES for model in CASES[name].problem.models]
GUIDES = [
    (name, model, guide)
    for name, model in MODELS
    for guide in (*CASES[name].problem.guides, "AutoNormal")
]


@pytest.fixture
def case(name):
    return CASES[name]


@pytest.mark.parametrize("name", NAMES)
def test_settings_satisfy_the_schema(case):
    check_data(case.settings, case.problem.data_schema, "the experiment")


@pytest.mark.parametrize("name", NAMES)
def test_the_experiment_can_be_planned(case):
    path = ROOT / "config" / "experiments" / f"{case.name}.yaml"
    problem = case.problem
    info = ProblemInfo(
        tuple(problem.models),
        tuple(problem.guides),
        dict(problem.data_schema),
    )
    assert plan_experiment(case.name, path, read_experiment(path), info).cells


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_that_of_the_folder(case):
    assert case.problem.name == case.name
    assert case.problem.source


@pytest.mark.parametrize("name", NAMES)
def test_data_are_the_same_every_time(case):
    again = case.problem.simulate(purpose_key(0, "data"), case.settings)
    assert again.keys() == case.data.keys()
    for key, value in again.items():
        np.testing.assert_array_equal(value, case.data[key])


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_model_traces_with_data(case, model):
    trace = case.trace(model, case.data)
    assert case.latent(model)
    for site in trace.values():
        if site["type"] == "sample" and not site["is_observed"]:
            assert jnp.isfinite(site["value"]).all()


@pytest.mark.parametrize(
    ("name", "model"), [case for case in MODELS if case[0] not in HAS_COVARIATES]
)
def test_model_without_data_draws_mock_data(case, model):
    with_data, without = case.trace(model, case.data), case.trace(model, None)
    observed = {
        name
        for name, site in with_data.items()
        if site["type"] == "sample" and site["is_observed"] and not isinstance(site["fn"], Unit)
    }
    for name in observed:
        assert not without[name]["is_observed"]
        assert jnp.isfinite(without[name]["value"]).all()
    assert case.latent(model).keys() <= without.keys()


@pytest.mark.parametrize(("name", "model", "guide"), GUIDES)
def test_guide(case, model, guide):
    """It covers the model's sites; loss, gradients and (for the first model) draws are finite."""
    make_guide = guide_factory(case.problem, model, guide)
    function = case.problem.models[model]
    data = {name: jnp.asarray(value) for name, value in case.data.items()}

    def start(key):
        svi = SVI(function, make_guide(), Adam(0.1), Trace_ELBO(num_particles=4))
        params = svi.optim.get_params(svi.init(key, data).optim_state)

        def loss(params):
            return svi.loss.loss(key, svi.constrain_fn(params), function, svi.guide, data)

        return params, *jax.value_and_grad(loss)(params)

    raises = RAISES.get((case.name, guide))
    if raises:
        with pytest.raises(raises[0], match=raises[1]):
            start(jax.random.PRNGKey(1))
        return
    params, loss, gradient = jax.jit(start)(jax.random.PRNGKey(1))
    if not {(case.name, guide), (case.name, model)} & NOT_FINITE.keys():
        assert jnp.isfinite(loss)
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradient))
    assert any((leaf != 0).any() for leaf in jax.tree.leaves(gradient))

    if model != next(iter(case.problem.models)):
        return
    iterates = jax.tree.map(lambda leaf: np.asarray(leaf)[None, None, None], params)
    draws = Drawer(
        function, make_guide, case.data, (1,), (Setting("constant", 0.1),), 7, case.problem.derived
    )(iterates)
    latent = case.latent(model)
    assert draws.sites.keys() == latent.keys(), "the guide covers the model's latent sites"
    for site, shape in latent.items():
        assert draws.sites[site].shape == (1, 1, 1, 7, *shape)
        assert np.isfinite(draws.sites[site]).all()
    assert draws.log_joint.shape == draws.log_guide.shape == (1, 1, 1, 7)
    assert np.isfinite(draws.log_guide).all()
    for value in draws.derived.values():
        assert value.shape == (1, 1, 1)


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_reference_has_the_models_sites(case, model):
    reference = case.references[model]
    for site, shape in case.latent(model).items():
        assert np.shape(reference.mean[site]) == shape
        assert np.shape(reference.sd[site]) == shape
        assert np.shape(reference.draws[site])[1:] == shape
        assert (reference.sd[site] > 0).all()
    assert reference.mean.keys() == case.latent(model).keys()
    assert reference.method
    if reference.modes:
        assert sum(mode.mass for mode in reference.modes) == pytest.approx(1)
        for mode in reference.modes:
            assert mode.centre.keys() <= case.latent(model).keys()


@pytest.mark.parametrize(("name", "model"), MODELS)
def test_draws_of_the_reference_have_its_moments(case, model):
    reference = case.references[model]
    for site, draws in reference.draws.items():
        number = len(draws)
        mean, sd = reference.mean[site], reference.sd[site]
        np.testing.assert_allclose(draws.mean(0), mean, atol=np.max(5 * sd / np.sqrt(number)))
        kurtosis = np.mean(((draws - mean) / sd) ** 4)
        error = np.sqrt((kurtosis - 1) / (4 * number))
        np.testing.assert_allclose(draws.std(0) / sd, 1, atol=5 * error)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "model"),
    [case for case in MODELS if case not in SAME_POSTERIOR | SAME_REFERENCE],
)
def test_reference_agrees_with_a_short_nuts(case, model):
    """Moments within 5 Monte Carlo standard errors; chains start at the modes, if there are any."""
    reference = case.references[model]
    data = {name: jnp.asarray(value) for name, value in case.data.items()}
    chains = {site: [] for site in reference.mean}
    weights = [mode.mass for mode in reference.modes] or [0.5, 0.5]
    assert np.ptp(weights) == 0, "the chains are pooled with equal weights"
    for index in range(len(weights)):
        centre = reference.modes[index].centre if reference.modes else reference.mean
        values = {site: jnp.asarray(value, float) for site, value in centre.items()}
        kernel = NUTS(
            NoSubsampling(case.problem.models[model]), init_strategy=init_to_value(values=values)
        )
        mcmc = MCMC(kernel, num_warmup=500, num_samples=2000, progress_bar=False)
        mcmc.run(jax.random.PRNGKey(index), data)
        for site, draws in mcmc.get_samples().items():
            if site in chains:
                chains[site].append(np.asarray(draws, float))
    for site, draws in chains.items():
        assert len(draws) == len(weights), site
        pooled, mean, sd = np.stack(draws), reference.mean[site], reference.sd[site]
        standard = ((pooled - mean) / sd).reshape(*pooled.shape[:2], -1)
        for component in np.moveaxis(standard, -1, 0):
            _check_moments(component, site)


def _check_moments(standard, site):
    """First and second moment of standardised draws (chain, draw) are 0 and 1."""
    for values, expected in ((standard, 0.0), (standard**2, 1.0)):
        # Each chain is judged by itself, so that chains in different modes are no slow mixing.
        errors = [
            chain.std() / np.sqrt(array_stats.ess(chain[None], method="mean")) for chain in values
        ]
        error = np.sqrt(np.sum(np.square(errors))) / len(values)
        assert abs(values.mean() - expected) < 5 * error, (site, expected, values.mean(), error)
        assert error < 0.2
