"""The example of a problem of one's own is complete and right."""

import jax
import numpy as np
import pytest
from numpyro import handlers

from support import ROOT
from svi_atlas import problems
from svi_atlas.configuration.load import read_experiment
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.references.quadrature import integrate_posterior

FOLDER = ROOT / "examples" / "own_model"


@pytest.fixture(scope="module")
def problem():
    return problems.load(str(FOLDER / "line.py"))


@pytest.fixture(scope="module")
def experiment():
    return read_experiment(FOLDER / "line.yaml")


def test_the_experiment_names_the_problem_and_its_guides(problem, experiment):
    assert ROOT / experiment.problem == FOLDER / "line.py"
    for entry in experiment.grid:
        assert {guide for guide in entry.guides if not guide.startswith("Auto")} <= set(
            problem.guides
        )


def test_the_reference_is_that_of_quadrature(problem, experiment):
    data = problem.simulate(purpose_key(0, "data"), experiment.data)
    reference = problem.reference(data, experiment.data)
    posterior = Posterior.from_model(problem.models["line"], data, "example")
    computed = integrate_posterior(posterior, purpose_key(0, "reference"), lambda line: None)
    assert reference.log_evidence == pytest.approx(computed.log_evidence, abs=1e-6)
    assert reference.mean["mean"] == pytest.approx(computed.mean["mean"], abs=1e-6)
    assert reference.sd["mean"] == pytest.approx(computed.sd["mean"], rel=1e-6)
    draws = reference.draws["mean"]
    assert draws.mean() == pytest.approx(reference.mean["mean"], abs=5 * np.sqrt(0.5 / len(draws)))


def test_guide_and_mock_data(problem):
    for function in (problem.guides["wide"], problem.models["line"]):
        trace = handlers.trace(handlers.seed(function, jax.random.PRNGKey(0))).get_trace(None)
        assert "mean" in trace
    assert not trace["y"]["is_observed"]
