"""Advice, followed, makes the next run better: on problems planted for each, fitted by the engine."""

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints

from svi_atlas.configuration.load import load_config
from svi_atlas.diagnostics.table import diagnose
from svi_atlas.inference.cell import fit_and_draw
from svi_atlas.inference.laplace import approximate_models, to_dataset
from svi_atlas.inference.search_cell import search_and_draw
from svi_atlas.judgement.advice import advise, gather
from svi_atlas.judgement.table import judge_cells
from svi_atlas.records import Mode, Problem, Reference
from svi_atlas.references.dataset import to_dataset as reference_dataset

THRESHOLDS = load_config({"experiments": ["coin"]}).thresholds.model_dump()
NUM_DRAWS = 4_000
CELL = {
    "experiment": "planted", "model": "model", "block": "grid", "num_particles": 8, "step_sizes": [0.03],
    "schedules": ["cosine"], "seeds": [1, 2, 3, 4], "num_steps": 1_500, "num_draws": NUM_DRAWS,
    "num_mock": 0, "until_arrived": False, "optimizer": {"name": "Adam", "options": {}}, "loss": "Trace_ELBO",
}  # fmt: skip


def silent(line):
    pass


def reference(draws, mean=None, sd=None, **known):
    """The exact posterior; means and standard deviations are those of the draws if not given."""
    mean = mean or {site: values.mean(0) for site, values in draws.items()}
    sd = sd or {site: values.std(0) for site, values in draws.items()}
    return reference_dataset(Reference(draws, mean, sd, 0.0, "exact", **known))


def planted(model, guides=None):
    return Problem("planted", "a test", lambda key, data: {}, {"model": model}, guides or {})


def run(model, guide, posterior, *, guides=None, autoguide=None, **settings):
    """The judged fits of a cell of a grid."""
    problem = planted(model, guides)
    cell = CELL | {"guide": guide} | settings
    cell["label"] = f"particles-{cell['num_particles']}"
    laplace = None
    if autoguide:
        laplace = to_dataset(approximate_models(problem, ["model"], {}, silent)["model"])
    fits = fit_and_draw(
        problem, cell, {}, autoguide=autoguide, laplace=laplace, num_snapshots=100, report=silent
    )
    return judge_cells([diagnose(fits, posterior)], THRESHOLDS)


def advice(table):
    assert (table["verdict"] != "failed").all(), table["message"].iloc[0]
    return advise(gather(table))


def adequate(table):
    """The share of adequate fits."""
    return (table["verdict"] == "adequate").mean()


def draws_of(distribution):
    return np.asarray(distribution.sample(jax.random.PRNGKey(0), (NUM_DRAWS,)))


def normal(mean, covariance):
    """A model with a Normal posterior, and its reference."""
    posterior = dist.MultivariateNormal(jnp.asarray(mean), jnp.asarray(covariance))
    sd = {"x": np.sqrt(np.diag(covariance))}
    known = reference({"x": draws_of(posterior)}, {"x": np.asarray(mean, float)}, sd)
    return lambda data: numpyro.sample("x", posterior), known


def test_whitening():
    # The coefficients of a line through a yearly series, at unit residual variance.
    years = np.arange(-15.0, 16.0)
    design = np.column_stack([np.ones(31), years + 20])
    model, known = normal([3.0, 0.5], np.linalg.inv(design.T @ design))
    plain = run(model, "AutoMultivariateNormal", known)
    text = advice(plain)
    assert "`autoguides: {whitened: {class: AutoMultivariateNormal, whitened: true}}`" in text
    autoguide = {
        "class": "AutoMultivariateNormal", "options": {}, "whitened": True, "start": "uniform",
    }  # fmt: skip
    whitened = run(model, "whitened", known, autoguide=autoguide)
    assert adequate(plain) == 0
    assert adequate(whitened) == 1


def test_a_schedule_that_falls():
    model, known = normal(np.zeros(4), np.eye(4))
    # So large a step size biases even the average of the iterates.
    settings = {"num_particles": 2, "step_sizes": [0.5], "num_steps": 2_000}
    constant = run(model, "AutoNormal", known, schedules=["constant"], **settings)
    text = advice(constant)
    assert "noise" in text
    assert "`schedules: [cosine]`" in text
    falling = run(model, "AutoNormal", known, schedules=["cosine"], **settings)
    assert falling["kl"].median() < constant["kl"].median() / 2


def test_more_particles():
    model, known = normal(np.zeros(4), np.eye(4))
    settings = {"step_sizes": [0.3], "num_steps": 300}
    few = run(model, "AutoNormal", known, num_particles=1, **settings)
    text = advice(few)
    assert "`num_particles: [4]`" in text
    more = run(model, "AutoNormal", known, num_particles=4, **settings)
    assert more["kl"].median() < few["kl"].median()


def test_more_steps():
    model, known = normal(np.full(2, 5.0), np.eye(2))
    settings = {"step_sizes": [0.01], "schedules": ["constant"]}
    short = run(model, "AutoNormal", known, num_steps=200, **settings)
    text = advice(short)
    assert "have not arrived" in text
    assert "`num_steps: 800`" in text
    longer = run(model, "AutoNormal", known, num_steps=800, **settings)
    assert longer["kl"].median() < short["kl"].median() / 2


def test_a_larger_step_size():
    model, known = normal(np.full(2, 5.0), np.eye(2))
    settings = {"num_steps": 200, "schedules": ["constant"]}
    short = run(model, "AutoNormal", known, step_sizes=[0.003, 0.01], **settings)
    text = advice(short)
    assert "`step_sizes: [0.03]`" in text
    larger = run(model, "AutoNormal", known, step_sizes=[0.03], **settings)
    assert larger["kl"].median() < short["kl"].min()


def test_a_larger_budget():
    model, known = normal(np.full(2, 30.0), np.eye(2))
    problem = planted(model)
    unusable = to_dataset(approximate_models(problem, ["model"], {}, silent)["model"])
    unusable = unusable.assign_attrs(usable="no", why="none for this test")

    def search(budget):
        cell = {
            "experiment": "planted", "model": "model", "guide": "AutoDiagonalNormal", "block": "search",
            "label": "search", "seeds": [1, 2], "budget": budget, "num_draws": NUM_DRAWS,
            "optimizer": {"name": "Adam", "options": {}}, "loss": "Trace_ELBO", "cheaper": [],
        }  # fmt: skip
        fits = search_and_draw(
            problem, cell, {}, laplace=unusable, max_gap=THRESHOLDS["elbo_gap"], report=silent
        )
        return judge_cells([diagnose(fits, known)], THRESHOLDS)

    small = search(2_000)
    assert "`search: {budget: 8000}`" in advice(small)
    assert search(8_000)["kl"].median() < small["kl"].median()


def test_a_family_with_correlations():
    model, known = normal(np.zeros(2), np.array([[1.0, 0.9], [0.9, 1.0]]))
    mean_field = run(model, "AutoNormal", known, num_steps=6_000)
    text = advice(mean_field)
    assert "`guides: [AutoMultivariateNormal]`" in text
    # Half the sum of the squares of the correlation matrix's off-diagonal element, in the scale of the
    # best mean-field guide: M = -0.9, so that |M|^2 / 4 = 2 * 0.81 / 4 = 0.405 nats.
    assert mean_field["gap_beyond"].median() == pytest.approx(0.405, abs=0.05)
    assert adequate(mean_field) == 0
    assert adequate(run(model, "AutoMultivariateNormal", known)) == 1


def banana(data):
    x = numpyro.sample("x", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(x**2, 1.0))


def test_a_flow():
    rng = np.random.default_rng(0)
    x = rng.normal(size=NUM_DRAWS)
    known = reference({"x": x, "y": x**2 + rng.normal(size=NUM_DRAWS)})
    full_rank = run(banana, "AutoMultivariateNormal", known)
    text = advice(full_rank)
    assert "no Normal matches" in text
    assert "`guides: [AutoIAFNormal]`" in text
    flow = run(banana, "AutoIAFNormal", known, step_sizes=[0.01])
    assert flow["kl"].max() < full_rank["kl"].min()


HALF_DISTANCE = 4.0


def two_modes(data):
    normals = dist.Normal(jnp.array([-HALF_DISTANCE, HALF_DISTANCE]), 1.0)
    numpyro.sample("x", dist.MixtureSameFamily(dist.Categorical(probs=jnp.full(2, 0.5)), normals))


def mixture(data):
    """A Normal component in each mode, with equal weights."""
    distance = numpyro.param("distance", 3.0, constraint=constraints.positive)
    scale = numpyro.param("scale", 0.5, constraint=constraints.positive)
    parts = [dist.Normal(-distance, scale), dist.Normal(distance, scale)]
    numpyro.sample("x", dist.MixtureGeneral(dist.Categorical(probs=jnp.full(2, 0.5)), parts))


def test_a_mixture():
    rng = np.random.default_rng(0)
    x = rng.normal(rng.choice([-HALF_DISTANCE, HALF_DISTANCE], NUM_DRAWS), 1.0)
    modes = tuple(Mode({"x": centre}, 0.5) for centre in (-HALF_DISTANCE, HALF_DISTANCE))
    known = reference({"x": x}, {"x": 0.0}, {"x": np.sqrt(17.0)}, modes=modes)
    one = run(two_modes, "AutoNormal", known)
    text = advice(one)
    assert "misses the mode at x = " in text
    assert "mixture" in text
    both = run(two_modes, "mixture", known, guides={"mixture": mixture})
    assert adequate(one) == 0
    assert adequate(both) == 1


def truncated(data):
    """A Normal(0.5, 0.2) cut to the unit interval."""
    x = numpyro.sample("x", dist.Uniform(0.0, 1.0, validate_args=False))
    inside = (x > 0) & (x < 1)
    numpyro.factor("density", jnp.where(inside, dist.Normal(0.5, 0.2).log_prob(x), -jnp.inf))


def unbounded(data):
    numpyro.sample("x", dist.Normal(numpyro.param("loc", 0.5), 0.17))


def test_another_support():
    x = np.random.default_rng(0).normal(0.5, 0.2, 2 * NUM_DRAWS)
    known = reference({"x": x[(x > 0) & (x < 1)][:NUM_DRAWS]})
    guides = {"unbounded": unbounded}
    by_hand = run(truncated, "unbounded", known, guides=guides, num_particles=1)
    text = advice(by_hand)
    assert "where the density of the model is zero" in text
    assert "`guides: [AutoNormal]`" in text
    assert (by_hand["outside_support"] > 0).all()
    inside = run(truncated, "AutoNormal", known)
    assert (inside["outside_support"] == 0).all()
    assert inside["kl"].max() < 0.1


def centred(data):
    tau = numpyro.sample("tau", dist.LogNormal(0.0, 0.7))
    numpyro.sample("theta", dist.Normal(0.0, tau).expand([3]).to_event(1))


def non_centred(data):
    numpyro.sample("tau", dist.LogNormal(0.0, 0.7))
    numpyro.sample("z", dist.Normal(0.0, 1.0).expand([3]).to_event(1))


def test_another_parametrisation():
    rng = np.random.default_rng(0)
    tau, z = np.exp(0.7 * rng.normal(size=NUM_DRAWS)), rng.normal(size=(NUM_DRAWS, 3))
    mean, sd = np.exp(0.49 / 2), np.sqrt(np.expm1(0.49) * np.exp(0.49))
    theta = {"tau": tau, "theta": z * tau[:, None]}
    moments = {"tau": mean, "theta": np.zeros(3)}, {"tau": sd, "theta": np.full(3, np.exp(0.49))}
    funnel = run(centred, "AutoNormal", reference(theta, *moments))
    text = advice(funnel)
    assert "funnel" in text
    assert "`tau`" in text
    moments = {"tau": mean, "z": np.zeros(3)}, {"tau": sd, "z": np.ones(3)}
    other = run(non_centred, "AutoNormal", reference({"tau": tau, "z": z}, *moments))
    assert adequate(funnel) == 0
    assert adequate(other) > 0.5
