"""NUTS at a given number of gradient evaluations."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from scipy import stats

from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import Problem, Reference
from svi_atlas.references import equal_cost
from svi_atlas.references.dataset import to_dataset

MEAN, SD = {"x": np.array([1.0, -2.0])}, {"x": np.array([1.0, 3.0])}
BUDGETS, SEEDS = [2000, 20_000], range(1, 5)


def gaussian(data):
    numpyro.sample("x", dist.Normal(jnp.array([1.0, -2.0]), jnp.array([1.0, 3.0])).to_event(1))


@pytest.fixture(scope="module")
def table():
    posterior = Posterior.from_model(gaussian, {}, "here")
    return equal_cost.run_nuts(posterior, MEAN, SD, BUDGETS, SEEDS, lambda line: None)


def raises(data):
    raise ValueError("broken on purpose")


@pytest.mark.parametrize("model", [gaussian, raises])
def test_nothing_to_sample_or_to_compare_with_gives_no_chains_and_a_reason(model):
    """The experiment goes on: other models have chains, and its page shows what there is."""
    none = Reference(
        draws={}, mean={}, sd={}, log_evidence=np.nan, method="none", unreliable="why not"
    )
    problem = Problem("here", "", lambda key, settings: {}, {"m": model}, {})
    lines = []
    table = equal_cost.nuts_of_model(
        problem, "m", {}, to_dataset(none), BUDGETS, SEEDS, lines.append
    )
    assert table.empty
    assert set(table) == {*equal_cost.COLUMNS, "model"}
    reason = "why not" if model is gaussian else "ValueError: broken on purpose"
    assert reason in lines[0]


@pytest.mark.slow
def test_each_seed_has_a_row_for_each_budget(table):
    assert table["seed"].tolist() == [*SEEDS] * 2
    assert table["budget"].tolist() == [2000] * 4 + [20_000] * 4


@pytest.mark.slow
def test_a_budget_is_used_up_and_not_exceeded(table):
    """The next trajectory would have exceeded it; one on a Gaussian in two dimensions is short."""
    left = table["budget"] - table["gradient_evaluations"]
    assert (left >= 0).all()
    assert (left < 32).all()


@pytest.mark.slow
def test_the_warm_up_leaves_half_of_the_budget_for_draws(table):
    assert set(table["num_warmup"]) <= set(equal_cost.WARMUPS)
    small, large = (table.loc[table["budget"] == budget, "num_warmup"] for budget in BUDGETS)
    assert small.nunique() == large.nunique() == 1
    assert small.iloc[0] < large.iloc[0]
    assert (table["num_draws"] > 100).all()


@pytest.mark.slow
def test_errors_are_those_of_as_many_draws(table):
    """NUTS on a Gaussian is about as good as independent draws, and hardly twice as bad."""
    expected = 5 * 2 / np.sqrt(table["num_draws"])
    assert (table["mean_error"] < expected).all()
    assert (np.abs(np.log(table["sd_ratio"])) < expected).all()
    large = table["budget"] == BUDGETS[1]
    assert table.loc[large, "mean_error"].max() < table.loc[~large, "mean_error"].max()


@pytest.mark.slow
def test_seconds_grow_with_the_budget_and_compilation_is_shared(table):
    small, large = (table[table["budget"] == budget] for budget in BUDGETS)
    assert (small["seconds_run"].to_numpy() < large["seconds_run"].to_numpy()).all()
    assert (table["seconds_total"] > table["seconds_run"]).all()


@pytest.mark.slow
def test_chains_that_lag_far_behind_are_given_up(monkeypatch):
    """A lead of 0.5: all chains are given up when one of them has spent half of the budget."""
    monkeypatch.setattr(equal_cost, "LEAD", 0.5)
    posterior = Posterior.from_model(gaussian, {}, "here")
    table = equal_cost.run_nuts(posterior, MEAN, SD, [20_000], SEEDS, lambda line: None)
    assert table["gradient_evaluations"].max() >= 10_000
    assert (table["gradient_evaluations"] < 15_000).all()
    assert table["mean_error"].notna().all()


def test_errors_from_sums_are_those_of_the_draws():
    draws = np.random.default_rng(0).normal([0.1, -0.4], [1.0, 0.7], (50, 2))
    sums = equal_cost.Sums(
        spent=np.array([[10, 10]]),
        num_draws=np.array([[50, 1]]),
        first=np.stack([draws.sum(0), draws[0]])[None],
        second=np.stack([(draws**2).sum(0), draws[0] ** 2])[None],
        steps=np.array([[60, 11]]),
    )
    mean_error, sd_ratio = equal_cost.errors(sums)
    ratios = draws.std(0, ddof=1)
    assert mean_error[0, 0] == pytest.approx(np.abs(draws.mean(0)).max())
    assert sd_ratio[0, 0] == pytest.approx(ratios[np.abs(np.log(ratios)).argmax()])
    assert np.isnan([mean_error[0, 1], sd_ratio[0, 1]]).all(), "one draw has no spread"


@pytest.mark.slow
def test_a_budget_that_ends_within_the_warm_up_has_no_errors():
    posterior = Posterior.from_model(gaussian, {}, "here")
    table = equal_cost.run_nuts(posterior, MEAN, SD, [20], (1,), lambda line: None)
    assert table["num_draws"].tolist() == [0]
    assert table[["mean_error", "sd_ratio"]].isna().all(axis=None)


@pytest.mark.slow
def test_the_draws_are_those_of_the_posterior():
    """Standardised draws of many chains have mean 0 and sd 1 in a skewed, constrained posterior."""

    def exponential(data):
        numpyro.sample("rate", dist.Exponential(2.0))

    posterior = Posterior.from_model(exponential, {}, "here")
    half = {"rate": np.array(0.5)}
    table = equal_cost.run_nuts(posterior, half, half, [20_000], range(1, 5), lambda line: None)
    # Draws in the logarithm of the rate are correlated: about one in four is independent.
    errors = np.sqrt(4 / table["num_draws"])
    kurtosis = float(stats.expon.stats(moments="k")) + 3
    assert (table["mean_error"] < 5 * errors).all()
    assert (np.abs(table["sd_ratio"] - 1) < 5 * errors * np.sqrt((kurtosis - 1) / 4)).all()
