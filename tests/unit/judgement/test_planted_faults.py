"""Faults planted in real fits, each to be caught by its verdict and named by its reason."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints
from numpyro.infer import autoguide

from svi_atlas.configuration.load import load_config
from svi_atlas.diagnostics.table import diagnose
from svi_atlas.inference.dataset import FIT, to_dataset
from svi_atlas.inference.draws import Drawer
from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.schedules import settings_of
from svi_atlas.judgement.verdict import deciding_checks, judge
from svi_atlas.records import Mode, Reference
from svi_atlas.references.dataset import to_dataset as reference_dataset

THRESHOLDS = load_config({"experiments": ["coin"]}).thresholds.model_dump()
SEEDS, NUM_DRAWS = (1, 2, 3, 4), 5000


def fit(model, make_guide, *, step_sizes, num_steps, num_particles=32):
    """Four seeds at each step size, drawn from, as the fit stage writes them."""
    fits = fit_cell(
        model, make_guide, {}, num_particles=num_particles, num_steps=num_steps, num_snapshots=200,
        step_sizes=step_sizes, seeds=SEEDS,
    )  # fmt: skip
    settings = settings_of(["constant"], step_sizes)
    draws = Drawer(model, make_guide, {}, SEEDS, settings, NUM_DRAWS)(fits.iterates)
    cell = {
        "experiment": "planted", "model": "model", "guide": "guide", "block": "grid", "label": "particles-32",
        "num_particles": num_particles, "num_draws": NUM_DRAWS, "optimizer": "Adam", "whitened": 0,
        "start": "uniform", "until_arrived": 0,
    }  # fmt: skip
    coords = {
        "step_size": ("setting", list(step_sizes)), "seed": list(SEEDS),
        "schedule": ("setting", ["constant"] * len(step_sizes)),
    }  # fmt: skip
    evaluations = (FIT, fits.steps_used * num_particles)
    dataset = to_dataset(fits, draws, {}).assign(gradient_evaluations=evaluations)
    return dataset.assign_coords(coords).assign_attrs(cell)


def judged(fits, reference, step_size=None):
    """The fits (of one step size) with their statistics and verdicts."""
    statistics = diagnose(fits, reference_dataset(reference))
    table = statistics.join(judge(statistics, THRESHOLDS))
    table["deciding"] = deciding_checks(statistics, THRESHOLDS)
    return table if step_size is None else table[np.isclose(table["step_size"], step_size)]


def verdicts(model, make_guide, reference, *, step_size, num_steps):
    return judged(fit(model, make_guide, step_sizes=(step_size,), num_steps=num_steps), reference)


CORRELATION = 0.8
COVARIANCE = np.array([[1.0, CORRELATION], [CORRELATION, 1.0]])


def plane(data):
    scale = jnp.asarray(np.linalg.cholesky(COVARIANCE))
    numpyro.sample("x", dist.MultivariateNormal(jnp.zeros(2), scale_tril=scale))


def full_rank():
    return autoguide.AutoMultivariateNormal(plane)


def plane_reference(unreliable=""):
    draws = np.random.default_rng(0).multivariate_normal(np.zeros(2), COVARIANCE, 5000)
    return Reference(
        {"x": draws}, {"x": np.zeros(2)}, {"x": np.ones(2)}, 0.0, "exact", unreliable=unreliable
    )


def line_reference(mean, sd, log_evidence=np.nan, modes=()):
    draws = np.random.default_rng(0).normal(mean, sd, 5000)
    return Reference(
        {"x": draws}, {"x": np.asarray(mean)}, {"x": np.asarray(sd)}, log_evidence, "exact",
        modes=modes,
    )  # fmt: skip


def line(data):
    loc = numpyro.param("loc", 6.0)
    numpyro.sample(
        "x", dist.Normal(loc, numpyro.param("scale", 1.0, constraint=constraints.positive))
    )


def standard(data):
    numpyro.sample("x", dist.Normal(0.0, 1.0))


@pytest.fixture(scope="module")
def plane_fits():
    return fit(plane, full_rank, step_sizes=(1e-5, 0.002, 0.5), num_steps=4000)


def test_without_a_fault_the_verdict_is_adequate(plane_fits):
    result = judged(plane_fits, plane_reference(), 0.002)
    assert (result["verdict"] == "adequate").all(), result["reason"].tolist()


def not_converged(result):
    assert (result["verdict"] == "not_converged").all(), result["reason"].tolist()
    assert (result["deciding"] == "elbo_gap").all()


def test_a_step_size_too_small(plane_fits):
    not_converged(judged(plane_fits, plane_reference(), 1e-5))


def test_a_step_size_too_large(plane_fits):
    """No last iterate is at rest; the average of the iterates may be, by chance."""
    result = judged(plane_fits, plane_reference(), 0.5)
    assert (result["verdict_last"] == "not_converged").all()
    not_converged(result[result["verdict"] != "adequate"])
    assert (result["verdict"] == "adequate").mean() <= 0.5


def test_too_few_steps():
    # After 1,000 steps most are adequate.
    result = verdicts(
        standard, lambda: line, line_reference(0.0, 1.0, 0.0), step_size=0.02, num_steps=200
    )
    not_converged(result)


def test_without_a_reference_to_be_trusted_the_fits_are_their_own_check(plane_fits):
    unmixed = plane_reference(unreliable="R-hat of x is 1.2")
    result = judged(plane_fits, unmixed, 0.002)
    assert (result["verdict"] == "adequate").all(), result["reason"].tolist()
    assert (result["grade"] == "self").all()
    assert (result["reference_unreliable"] == "R-hat of x is 1.2").all()
    not_converged(judged(plane_fits, unmixed, 1e-5))


def test_mean_field_without_a_reference():
    """Importance weights find what the family cannot fit."""
    result = verdicts(
        plane,
        lambda: autoguide.AutoNormal(plane),
        plane_reference(unreliable="there is none"),
        step_size=0.003,
        num_steps=5000,
    )
    assert (result["verdict"] == "inadequate").all(), result["reason"].tolist()


def test_mean_field_on_a_correlated_posterior():
    result = verdicts(
        plane,
        lambda: autoguide.AutoNormal(plane),
        plane_reference(),
        step_size=0.003,
        num_steps=5000,
    )
    assert (result["verdict"] == "inadequate").all(), result["reason"].tolist()
    np.testing.assert_allclose(result["sd_ratio"], np.sqrt(1 - CORRELATION**2), atol=0.06)


def test_a_missed_mode():
    def modes(data):
        both = dist.MixtureSameFamily(
            dist.Categorical(jnp.array([0.4, 0.6])), dist.Normal(jnp.array([-8.0, 8.0]), 1.0)
        )
        numpyro.sample("x", both)

    reference = line_reference(
        1.6, np.sqrt(1 + 64 - 1.6**2), 0.0,
        (Mode({"x": np.array(-8.0)}, 0.4), Mode({"x": np.array(8.0)}, 0.6)),
    )  # fmt: skip
    result = verdicts(modes, lambda: line, reference, step_size=0.002, num_steps=4000)
    assert (result["verdict"] == "inadequate").all(), result["reason"].tolist()
    assert (result["deciding"] == "missed_mass").all()
    assert (result["missed_mode"] == "x = -8").all()
    assert result["reason"].str.contains("x = -8", regex=False).all()


def not_finite(result):
    assert (result["verdict"] == "diverged").all(), result["reason"].tolist()
    assert (result["deciding"] == "nonfinite").all()
    for first, reason in zip(result["first_nonfinite"], result["reason"], strict=True):
        assert f" {first:.0f}." in reason


def test_a_guide_that_leaves_the_support():
    def model(data):
        x = numpyro.sample("x", dist.Uniform(0.0, 1.0, validate_args=False))
        numpyro.factor("support", jnp.where((x > 0) & (x < 1), -3 * x, -jnp.inf))

    def guide(data):
        loc = numpyro.param("loc", 0.3)
        numpyro.sample("x", dist.Normal(loc, 0.2))

    exact = (1 - np.exp(-3)) / 3
    mean = 1 / 3 - np.exp(-3) / (1 - np.exp(-3))
    result = verdicts(
        model, lambda: guide, line_reference(mean, 0.24, float(np.log(exact))),
        step_size=0.003, num_steps=2000,
    )  # fmt: skip
    not_finite(result)
    assert (result["first_nonfinite"] <= 5).all()
    assert (result["outside_support"] > 0.01).all()
    assert result["adequate"].isna().all()


def test_an_objective_without_a_bound():
    def guide(data):
        loc = numpyro.param("loc", 0.5)
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        numpyro.factor("pull", -loc + 0.0 * x)

    result = verdicts(
        standard, lambda: guide, line_reference(0.0, 1.0, 0.0), step_size=0.01, num_steps=2000
    )
    assert (result["verdict"] == "diverged").all(), result["reason"].tolist()
    assert (result["deciding"] == "evidence_violation_z").all()


def test_nan_after_some_steps():
    def model(data):
        x = numpyro.sample("x", dist.Normal(5.0, 1.0))
        numpyro.factor("cliff", jnp.where(x > 4.5, jnp.nan, 0.0))

    def guide(data):
        numpyro.sample("x", dist.Normal(numpyro.param("loc", 0.0), 0.1))

    result = verdicts(
        model, lambda: guide, line_reference(5.0, 1.0, 0.0), step_size=0.01, num_steps=2000
    )
    not_finite(result)
    assert (result["first_nonfinite"] > 100).all()


def product(data):
    x = numpyro.sample("x", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
    numpyro.deterministic("product", x[0] * x[1])


@pytest.mark.parametrize(("sd", "verdict"), [(1.0, "adequate"), (1.5, "inadequate")])
def test_deterministic_sites_are_judged(sd, verdict):
    """Fits that hold every latent site are still wrong if a quantity made of them is."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((20_000, 2))
    y = sd * x[:, 0] * x[:, 1]
    reference = Reference(
        draws={"x": x, "product": y},
        mean={"x": np.zeros(2), "product": np.zeros(())},
        sd={"x": np.ones(2), "product": np.asarray(sd)},
        log_evidence=0.0,
        method="exact",
    )
    result = verdicts(
        product, lambda: autoguide.AutoNormal(product), reference, step_size=0.01, num_steps=2000
    )
    assert (result["verdict"] == verdict).all(), result["reason"].iloc[0]
    assert (result["num_components"] == 2).all()
    assert (result["converged"] == True).all()  # noqa: E712
