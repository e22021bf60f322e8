"""Long NUTS against exact answers, and the checks that it must pass."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest

from svi_atlas.errors import InputError
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.laplace import Laplace
from svi_atlas.inference.posterior import Posterior
from svi_atlas.references import nuts

KEY = purpose_key(0, "reference")
GAUSSIAN_SD = np.array([1.0, 2.0, 0.5, 3.0, 1.0])


def gaussian(data):
    numpyro.sample("x", dist.Normal(jnp.arange(5.0), GAUSSIAN_SD).to_event(1))


@pytest.mark.slow
def test_gaussian_within_its_own_errors():
    lines = []
    reference = nuts.sample_posterior(Posterior.from_model(gaussian, {}, "here"), KEY, lines.append)
    assert reference.unreliable == ""
    assert np.isnan(reference.log_evidence)
    assert (np.abs(reference.mean["x"] - np.arange(5)) < 5 * reference.mean_se["x"]).all()
    assert (np.abs(reference.sd["x"] - GAUSSIAN_SD) < 5 * reference.sd_se["x"]).all()
    assert (reference.mean_se["x"] < 0.03 * GAUSSIAN_SD).all()
    assert reference.draws["x"].shape == (10_000, 5)
    assert any("2,500 of 2,500 draws" in line for line in lines)


@pytest.mark.slow
def test_predictors_as_they_are_recorded_do_not_keep_chains_apart():
    """A year and an income: the posterior is Normal, with a condition number of 10^11."""
    rng = np.random.default_rng(5)
    columns = [np.ones(60), np.arange(1950, 2010), rng.lognormal(10, 0.5, 60), rng.normal(size=60)]
    design = np.column_stack(columns)
    outcome = design @ np.array([-40.0, 0.02, 1e-4, 0.5]) + rng.normal(size=60)

    def model(data):
        weights = numpyro.sample("weights", dist.Normal(0.0, 100.0).expand([4]).to_event(1))
        numpyro.sample("y", dist.Normal(design @ weights, 1.0), obs=outcome)

    precision = design.T @ design + np.eye(4) / 1e4
    mean = np.linalg.solve(precision, design.T @ outcome)
    sd = np.sqrt(np.diag(np.linalg.inv(precision)))
    reference = nuts.sample_posterior(
        Posterior.from_model(model, {}, "here"), KEY, lambda line: None
    )
    assert reference.unreliable == ""
    assert (np.abs(reference.mean["weights"] - mean) < 5 * reference.mean_se["weights"]).all()
    assert (np.abs(reference.sd["weights"] - sd) < 5 * reference.sd_se["weights"]).all()
    assert (reference.mean_se["weights"] < 0.03 * sd).all()


def test_whitened_coordinates_go_there_and_back():
    scale = np.array([[2.0, 0.0], [1.0, 3.0]])
    posterior = Posterior.from_model(gaussian, {}, "here")
    whitened = nuts.AffinePosterior(posterior, np.array([1.0, -1.0]), scale)
    positions = np.array([[3.0, 6.0], [1.0, -1.0]])
    x = whitened.to_x(positions)
    np.testing.assert_allclose(x, [[1.0, 2.0], [0.0, 0.0]], atol=1e-12)
    np.testing.assert_allclose(whitened.to_position(x), positions)


def test_chains_start_about_every_mode_that_is_high_enough():
    posterior = Posterior.from_model(gaussian, {}, "here")
    modes = np.array([np.arange(5.0), np.arange(5.0) + 20, np.arange(5.0) - 20])
    laplace = Laplace(modes[0], np.diag(GAUSSIAN_SD), modes, np.array([0.0, -1.0, -1e4]), "")
    starts = nuts.starts_near_modes(posterior, laplace, KEY)
    near = np.abs(starts[:, None] - modes).max(-1).argmin(-1)
    assert near.tolist() == [0, 1, 0, 1]
    assert (np.abs(starts[[0, 2]] - modes[0]) < 10 * GAUSSIAN_SD).all()


@pytest.mark.slow
def test_two_modes_far_apart_are_unreliable(monkeypatch):
    monkeypatch.setattr(nuts, "TARGET_ACCEPTANCE", (0.9,))

    def model(data):
        mixing = dist.Categorical(probs=jnp.array([0.5, 0.5]))
        parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 1.0)]
        numpyro.sample("x", dist.MixtureGeneral(mixing, parts))

    reference = nuts.sample_posterior(
        Posterior.from_model(model, {}, "here"), KEY, lambda line: None
    )
    assert "the chains do not agree, R-hat of x is" in reference.unreliable
    assert "unreliable" in reference.method


@pytest.mark.parametrize(
    ("shift", "unreliable"), [(6.0, True), (0.3, False)], ids=["other modes", "slow mixing"]
)
def test_places_that_chains_have_found_once_are_not_forgotten(monkeypatch, shift, unreliable):
    """Chains that ended apart start the second attempt there, and their disagreement is kept."""
    rng = np.random.default_rng(0)
    offset = np.array([0.0, 0.0, shift, shift])[:, None, None]
    ends = np.arange(20.0).reshape(4, 5)
    attempts = [
        nuts.Chains(draws, list("abcde"), 0, ends, rng.normal(size=(4, 1000)))
        for draws in (rng.normal(size=(4, 1000, 5)) + offset, rng.normal(size=(4, 1000, 5)))
    ]
    starts = []

    def sample(whitened, key, start, length, acceptance, report):
        starts.append(start)
        return attempts[length - 1]

    monkeypatch.setattr(nuts, "_sample", sample)
    posterior = Posterior.from_model(gaussian, {}, "here")
    reference = nuts.sample_posterior(posterior, KEY, lambda line: None)
    np.testing.assert_array_equal(starts[1], ends)
    assert ("chains of the first attempt ended apart" in reference.unreliable) == unreliable
    assert bool(reference.unreliable) == unreliable


def test_starts_lie_in_both_modes():
    def model(data):
        mixing = dist.Categorical(probs=jnp.array([0.9, 0.1]))
        parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 1.0)]
        numpyro.sample("x", dist.MixtureGeneral(mixing, parts))

    starts = nuts.find_starts(Posterior.from_model(model, {}, "here"), KEY)
    assert starts.min() < -5
    assert starts.max() > 5


def test_each_fault_is_named():
    rng = np.random.default_rng(0)
    energy = rng.normal(size=(4, 1000))

    def faults(draws, names, divergences=0, energy=energy):
        return nuts.find_faults(nuts.Chains(draws, names, divergences, np.zeros((4, 1)), energy))

    good = rng.normal(size=(4, 1000, 1))
    assert faults(good, ["x"]) == []
    assert faults(good, ["x"], 3) == ["3 transitions (0.07%) diverged"]
    walk = np.cumsum(good, axis=1)
    words = "; ".join(faults(walk, ["walk[2]"]))
    for word in ("R-hat of walk[2]", "bulk effective", "tail effective"):
        assert word in words
    slow = faults(good, ["x"], energy=np.cumsum(energy, axis=1))
    assert len(slow) == 1
    assert "E-BFMI" in slow[0]
    constant = np.concatenate([good, np.ones_like(good)], axis=2)
    assert faults(constant, ["x", "one"]) == []
    assert faults(good * np.nan, ["x"]) == ["some draws are not finite"]


def test_a_density_that_is_zero_everywhere_has_no_starts():
    posterior = Posterior.from_model(gaussian, {}, "here")
    nowhere = replace(posterior, _log_density=lambda position: -jnp.inf + 0 * position.sum())
    message = r"here: .* zero or undefined at all of 128 starts; .*fix the model"
    with pytest.raises(InputError, match=message):
        nuts.find_starts(nowhere, KEY)
