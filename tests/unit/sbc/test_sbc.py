"""Calibration: data sets from the model, refits equal to SVI.run, tests against exact cases."""

import itertools
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
import xarray as xr
from numpyro import optim
from numpyro.distributions import constraints
from numpyro.infer import SVI, Trace_ELBO
from numpyro.infer.autoguide import AutoNormal
from scipy import stats

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.inference.fit import fit_data_sets, flat
from svi_atlas.inference.guides import guide_factory
from svi_atlas.inference.keys import purpose_key
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.stages import calibration, refit
from svi_atlas.plots import calibration as calibration_figure
from svi_atlas.report import show as notebook
from svi_atlas.results import store
from svi_atlas.results.paths import Layout
from svi_atlas.sbc import uniformity as tests
from svi_atlas.sbc.ranks import rank_statistics
from svi_atlas.sbc.simulate import prior_predictive, why_not_simulated

SIMULATIONS, DRAWS = 300, 500


def keys(count, purpose="test"):
    return jnp.stack([purpose_key(seed, purpose) for seed in range(count)])


def line(data):
    """A slope and two intercepts, with a covariate."""
    slope = numpyro.sample("slope", dist.Normal(0.0, 1.0))
    with numpyro.plate("groups", 2):
        start = numpyro.sample("start", dist.Normal(0.0, 2.0))
    mean = start[:, None] + slope * data["x"]
    numpyro.sample("y", dist.Normal(mean, 1.0).to_event(2), obs=data["y"])


LINE_DATA = {"x": np.arange(3, dtype=np.float32), "y": np.zeros((2, 3), np.float32)}


# Data sets from the model.


def test_data_sets_follow_the_prior_and_the_model():
    truth, data_sets = prior_predictive(line, LINE_DATA, keys(400))
    assert {name: values.shape for name, values in truth.items()} == {
        "slope": (400,), "start": (400, 2)
    }  # fmt: skip
    assert {name: values.shape for name, values in data_sets.items()} == {"y": (400, 2, 3)}
    assert stats.kstest(truth["slope"], "norm").pvalue > 0.01
    mean = truth["start"][:, :, None] + truth["slope"][:, None, None] * LINE_DATA["x"]
    assert stats.kstest((data_sets["y"] - mean).ravel(), "norm").pvalue > 0.01


def test_data_sets_are_as_large_as_the_data_and_of_their_type():
    coin = problems.load("coin")
    data = coin.simulate(None, {"heads": 3, "tails": 4})
    _, data_sets = prior_predictive(coin.models["headstails"], data, keys(2))
    assert data_sets["obs"].shape == (2, 7)
    assert data_sets["obs"].dtype == data["obs"].dtype


def improper(data):
    mean = numpyro.sample("mean", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])


def improper_in_a_plate(data):
    with numpyro.plate("groups", 3):
        numpyro.sample("mean", dist.ImproperUniform(constraints.real, (), ()))
    numpyro.sample("y", dist.Normal(0.0, 1.0), obs=None if data is None else data["y"])


def factor(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.factor("likelihood", -0.5 * mean**2)


def other_name(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("observed", dist.Normal(mean, 1.0), obs=data["y"])


def other_shape(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0).expand([2]).to_event(1), obs=data["y"])


def no_data(data):
    numpyro.sample("mean", dist.Normal(0.0, 1.0))


def discrete(data):
    kind = numpyro.sample("kind", dist.Bernoulli(0.5))
    numpyro.sample("y", dist.Normal(kind, 1.0), obs=data["y"])


def prior_from_data(data):
    mean = numpyro.sample("mean", dist.Normal(data["y"], 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"])


def broken(data):
    raise ValueError("broken on purpose")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (improper, "the prior of site 'mean' is improper"),
        (improper_in_a_plate, "the prior of site 'mean' is improper"),
        (factor, "the factor 'likelihood'"),
        (other_name, "the observed site 'observed' has no data of its name.*'y'"),
        (other_shape, r"site 'y' has shape \(2,\), data 'y' shape \(\)"),
        (no_data, "it observes nothing"),
        (discrete, "the latent site 'kind' is discrete"),
        (prior_from_data, "depend on the values of data 'y'"),
        (broken, "ValueError: broken on purpose"),
    ],
)
def test_model_without_data_to_draw(model, words):
    with pytest.raises(InputError, match=words):
        prior_predictive(model, {"y": np.float32(0.5)}, keys(2))


def test_what_is_known_of_a_model_without_its_data():
    assert "'mean' is improper" in why_not_simulated(improper)
    assert "factor 'likelihood'" in why_not_simulated(factor)
    assert why_not_simulated(other_name) == ""
    assert why_not_simulated(problems.load("coin").models["headstails"]) == ""


# Refits.


def test_each_refit_equals_svi_run_on_its_data_set():
    _, data_sets = prior_predictive(line, LINE_DATA, keys(6))
    seeds = (1, 2, 3, 4, 5, 6)
    fitted = fit_data_sets(
        line, lambda: AutoNormal(line), LINE_DATA, data_sets,
        num_particles=2, step_size=0.05, seeds=seeds, num_steps=203,
    )  # fmt: skip

    @jax.jit
    def svi_run(key, data):
        svi = SVI(line, AutoNormal(line), optim.Adam(0.05), Trace_ELBO(num_particles=2))
        state = svi.run(key, 203, data, progress_bar=False).state
        return svi.optim.get_params(state.optim_state)

    for index in (0, 4):
        data = {**LINE_DATA, "y": data_sets["y"][index]}
        expected = flat(svi_run(jax.random.PRNGKey(seeds[index]), data))
        assert flat(fitted).keys() == expected.keys()
        for name, values in flat(fitted).items():
            np.testing.assert_allclose(values[index], expected[name], rtol=1e-4, atol=1e-5)


@pytest.fixture(scope="module")
def coin():
    """True fairness, heads and the converged beta guide of simulated data sets of 20 tosses."""
    problem = problems.load("coin")
    model, make_guide = problem.models["headstails"], guide_factory(problem, "headstails", "beta")
    data = problem.simulate(None, {"heads": 12, "tails": 8})
    truth, data_sets = prior_predictive(model, data, keys(SIMULATIONS))
    fitted = fit_data_sets(
        model, make_guide, data, data_sets,
        num_particles=4, step_size=0.01, seeds=tuple(range(SIMULATIONS)), num_steps=1000,
    )  # fmt: skip
    below = rank_statistics(
        model, make_guide, data, data_sets, truth, fitted, keys(SIMULATIONS, "draws"), DRAWS
    )
    return truth["latent_fairness"], data_sets["obs"].sum(1), fitted, below["latent_fairness"]


def test_refits_reach_the_exact_posteriors(coin):
    _, heads, fitted, _ = coin
    for name, exact in (("alpha_q", 1 + heads), ("beta_q", 21 - heads)):
        assert np.median(np.exp(fitted[name]) / exact) == pytest.approx(1, abs=0.05)


def test_a_converged_guide_that_holds_the_posterior_is_calibrated(coin):
    (row,) = tests.calibration(coin[3][:, None], DRAWS).itertuples()
    assert row.finding == "no deviation found"
    assert min(row.symmetry_p, row.uniformity_p) > 0.05


def test_draws_are_those_of_the_fitted_guide(coin):
    truth, _, fitted, below = coin
    share = stats.beta(np.exp(fitted["alpha_q"]), np.exp(fitted["beta_q"])).cdf(truth)
    error = np.sqrt(share * (1 - share) / DRAWS) + 1 / DRAWS
    assert np.abs((below / DRAWS - share) / error).max() < 5


PROBLEM = """
import numpy as np, numpyro, numpyro.distributions as dist
from svi_atlas.records import Problem

def model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=None if data is None else data["y"])

def broken(data):
    raise ValueError("broken on purpose")

PROBLEM = Problem("mine", "here", lambda key, settings: {}, {"m": model}, {"broken": broken})
"""


def test_a_guide_that_raises_is_a_result(tmp_path):
    (tmp_path / "mine.py").write_text(PROBLEM)
    layout, data = Layout(str(tmp_path)), tmp_path / "data.nc"
    store.write_dataset(xr.Dataset({"y": ((), 0.5)}), data, "")
    entry = {
        "name": "one", "model": "m", "guide": "broken", "num_particles": 1, "step_size": 0.1,
        "num_steps": 10, "simulations": 20, "num_draws": 100, "optimizer": "Adam",
    }  # fmt: skip
    spec = {
        "experiment": "mine", "problem": str(tmp_path / "mine.py"), "calibration": entry,
        "calibrations": [entry], "autoguide": None, "strict": False,
    }  # fmt: skip
    refits, table = Path(layout.refits("mine", "one")), Path(layout.calibration("mine"))
    refits.parent.mkdir(parents=True)
    inputs = {"data": data, "results": tmp_path}
    refit.run(Job(spec, "", inputs, {"table": refits}, 1))
    calibration.run(Job(spec, "", inputs, {"csv": table}, 1))
    (row,) = store.read_table(table).itertuples()
    assert row.finding == "failed"
    assert "ValueError: broken on purpose" in row.message
    results = store.Results(str(tmp_path), "mine")
    assert calibration_figure.draw(results).axes
    assert "broken on purpose" in notebook.calibration(results).data
    with pytest.raises(InputError, match=r"calibration\.one failed: ValueError: broken"):
        calibration.run(Job({**spec, "strict": True}, "", inputs, {"csv": table}, 1))


# Tests, against exact cases.


def coin_counts(coin, concentration=1.0, shift=0.0):
    """Counts of draws below the truth of Beta guides made from the exact posterior."""
    truth, heads, _, _ = coin
    mean, total = (1 + heads) / 22, 22 * concentration
    mean = np.clip(mean + shift, 0.02, 0.98)
    share = stats.beta(mean * total, (1 - mean) * total).cdf(truth)
    return np.random.default_rng(1).binomial(DRAWS, share)


def row_of(below, draws=DRAWS):
    return tests.calibration(below[:, None], draws).iloc[0]


def test_the_exact_posterior_is_calibrated(coin):
    assert row_of(coin_counts(coin))["finding"] == "no deviation found"


def test_only_uniformity_catches_a_narrow_guide(coin):
    row = row_of(coin_counts(coin, concentration=2.0))
    assert row["finding"] == "too narrow"
    assert row["uniformity_holm"] < 0.001 < 0.05 < row["symmetry_holm"]


def test_only_uniformity_catches_a_wide_guide(coin):
    row = row_of(coin_counts(coin, concentration=0.5))
    assert row["finding"] == "too wide"
    assert row["uniformity_holm"] < 0.001 < 0.05 < row["symmetry_holm"]


@pytest.mark.parametrize(("shift", "finding"), [(-0.05, "too low"), (0.05, "too high")])
def test_symmetry_catches_a_shifted_guide(coin, shift, finding):
    row = row_of(coin_counts(coin, shift=shift))
    assert row["finding"] == finding
    assert row["symmetry_holm"] < 0.001


def test_a_large_deviation_from_few_draws_is_found_too():
    normal = np.random.default_rng(2).standard_normal(200)
    row = row_of(np.random.default_rng(3).binomial(20, stats.norm.cdf(normal / 0.6)), 20)
    assert row["finding"] == "too narrow"


def test_symmetry_statistic_is_the_two_sample_ks_statistic():
    rng = np.random.default_rng(4)
    for draws in (1000, 10):
        below = rng.integers(0, draws + 1, 60)
        expected = stats.ks_2samp(below, draws - below).statistic
        assert tests.symmetry(below, draws).statistic == pytest.approx(expected)


def test_symmetry_p_value_is_that_of_all_sign_changes():
    below = np.array([9, 10, 7, 5, 8, 2, 10])
    flips = itertools.product((False, True), repeat=len(below))
    statistics = [
        stats.ks_2samp(mirrored, 10 - mirrored, method="asymp").statistic
        for flip in flips
        for mirrored in [np.where(flip, 10 - below, below)]
    ]
    found = tests.symmetry(below, 10)
    exact = np.mean(np.array(statistics) >= found.statistic - 1e-12)
    assert found.p_value == pytest.approx(exact, abs=4 * np.sqrt(exact / tests.NULL_DRAWS))


def uniformity_statistic(below, draws):
    """By SciPy's exact binomial distribution, point by point."""
    tails = []
    for point in range(1, draws + 1):
        law, number = stats.binom(len(below), point / (draws + 1)), (below < point).sum()
        tails.append(min(1, 2 * law.cdf(number), 2 * law.sf(number - 1)))
    return min(tails)


def test_uniformity_p_value_is_that_of_all_outcomes():
    outcomes = [np.array(each) for each in itertools.product(range(4), repeat=3)]
    statistics = np.array([uniformity_statistic(each, 3) for each in outcomes])
    for below in (outcomes[0], outcomes[1], outcomes[30]):
        found = tests.uniformity(below, 3)
        assert found.statistic == pytest.approx(uniformity_statistic(below, 3))
        exact = np.mean(statistics <= found.statistic + 1e-12)
        error = 4 * np.sqrt(exact * (1 - exact) / tests.NULL_DRAWS) + 1e-3
        assert found.p_value == pytest.approx(exact, abs=error)


def test_p_values_are_corrected_by_holm():
    given = np.array([0.01, 0.04, np.nan, 0.03, 0.005])
    expected = [0.03, 0.06, np.nan, 0.06, 0.02]
    np.testing.assert_allclose(tests.holm(given), expected)
    np.testing.assert_allclose(tests.holm(np.array([0.5, 0.9])), [1.0, 1.0])


def test_many_parameters_are_corrected_for():
    below = np.random.default_rng(5).integers(0, 101, (100, 40))
    table = tests.calibration(below, 100)
    assert len(table) == 40
    assert (table["uniformity_p"] < 0.05).any()
    assert (table["finding"] == "no deviation found").all()


def test_refits_that_are_not_finite_are_counted_and_named():
    below = np.random.default_rng(6).integers(0, 101, (100, 2)).astype(float)
    below[:7, 0] = np.nan
    below[:, 1] = np.nan
    table = tests.calibration(below, 100)
    assert table["not_finite"].tolist() == [7, 100]
    assert table["finding"].tolist() == ["7 refits not finite", "no refit is finite"]


def test_histogram_of_counts_with_its_band():
    below = np.arange(0, 400) % 101
    bars = tests.histogram(below, 100, 20)
    assert bars["count"].sum() == 400
    assert bars["left"].iloc[0] == 0
    assert bars["right"].iloc[-1] == 1
    assert ((bars["low"] <= bars["count"]) & (bars["count"] <= bars["high"])).all()
    crowded = tests.histogram(np.zeros(400, int), 100, 20)
    assert crowded["count"].iloc[0] == 400 > crowded["high"].iloc[0]
