"""Which method makes a reference, and which models have none."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer.reparam import CircularReparam

from svi_atlas.diagnostics.moments import moments
from svi_atlas.diagnostics.tail_probabilities import tail_probabilities
from svi_atlas.inference.posterior import Posterior
from svi_atlas.jobs.job import Job
from svi_atlas.jobs.stages import data as data_stage
from svi_atlas.jobs.stages import reference as reference_stage
from svi_atlas.records import Problem, Reference
from svi_atlas.references.flat import improper
from svi_atlas.references.make import make_references
from svi_atlas.results import store


def bad_models():
    def discrete(data):
        k = numpyro.sample("k", dist.Bernoulli(0.5))
        numpyro.sample("x", dist.Normal(k, 1.0))

    def with_parameter(data):
        numpyro.sample("x", dist.Normal(numpyro.param("scale", 1.0), 1.0))

    def raises(data):
        raise ValueError("broken on purpose")

    def nothing(data):
        numpyro.sample("y", dist.Normal(0.0, 1.0), obs=1.0)

    def part(data):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        with numpyro.plate("rows", 10, subsample_size=2):
            numpyro.sample("y", dist.Normal(x, 1.0), obs=jnp.ones(2))

    def by_hand(data):
        x = numpyro.sample("x", dist.Normal(0.0, 1.0))
        noise = jax.random.normal(numpyro.prng_key())
        numpyro.sample("y", dist.Normal(x + noise, 1.0), obs=1.0)

    return {
        "by_hand": (by_hand, "its density is random"),
        "discrete": (discrete, "latent site 'k' is discrete"),
        "with_parameter": (with_parameter, "parameter 'scale'"),
        "raises": (raises, "ValueError: broken on purpose"),
        "nothing": (nothing, "no latent site"),
        "part": (part, "plate 'rows' takes 2 of 10"),
    }


@pytest.mark.parametrize("name", bad_models())
def test_models_without_a_computable_posterior(name):
    model, words = bad_models()[name]
    problem = Problem("mine", "here", lambda key, settings: {}, {name: model}, {})
    reference = make_references(problem, {}, {})[name]
    assert words in reference.unreliable
    assert f"problem 'mine', model '{name}'" in reference.unreliable
    assert reference.unreliable.endswith("give the problem a function `reference` for this model)")
    assert not reference.mean


def half_seen(data):
    """Nothing depends on the first two entries of `y_unobserved`, which are observed."""
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    seen = jnp.array([True, True, False])
    numpyro.sample("y", dist.Normal(mean, 1.0).expand([3]), obs=jnp.ones(3), obs_mask=seen)


def unused(data):
    numpyro.sample("x", dist.Normal(0.0, 1.0))
    numpyro.sample("left", dist.ImproperUniform(dist.constraints.real, (), ()))


def separated(data):
    """A logistic regression of separated classes with flat priors."""
    flat = dist.ImproperUniform(dist.constraints.real, (), ())
    a, b = numpyro.sample("a", flat), numpyro.sample("b", flat)
    x = jnp.array([-2.0, -1.0, 1.0, 2.0])
    numpyro.sample("y", dist.Bernoulli(logits=a + b * x), obs=jnp.array([0, 0, 1, 1]))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (half_seen, "2 of 3 of 'y_unobserved'"),
        (unused, "depend on 'left'"),
        (separated, "does not fall off along 'b'"),
    ],
)
def test_flat_coordinates_make_a_posterior_improper(model, words):
    problem = Problem("mine", "here", lambda key, settings: {}, {"m": model}, {})
    reference = make_references(problem, {}, {})["m"]
    assert words in reference.improper
    assert words in reference.unreliable


def cauchy(data):
    a = numpyro.sample("a", dist.Cauchy(0.0, 10.0))
    b = numpyro.sample("b", dist.Cauchy(0.0, 2.5))
    x = jnp.array([-2.0, -1.0, 1.0, 2.0])
    numpyro.sample("y", dist.Bernoulli(logits=a + b * x), obs=jnp.array([0, 0, 1, 1]))


def funnel(data):
    v = numpyro.sample("v", dist.Normal(0.0, 3.0))
    numpyro.sample("x", dist.Normal(0.0, jnp.exp(v / 2)).expand([3]))


def bounded(data):
    numpyro.sample("p", dist.Uniform(0.0, 1.0).expand([2]))
    numpyro.sample("s", dist.HalfCauchy(1.0))


def flat_regression(data):
    """Improper priors, and data that make the posterior proper."""
    flat = dist.ImproperUniform(dist.constraints.real, (), ())
    a, b = numpyro.sample("a", flat), numpyro.sample("b", flat)
    x = jnp.array([1990.0, 1991.0, 1992.0])
    numpyro.sample("y", dist.StudentT(4.0, a + b * x, 0.1), obs=jnp.array([1.0, 2.0, 2.5]))


def ridge(data):
    """As high everywhere along the axis of y, but ever narrower: the marginal of y is a Cauchy."""
    flat = dist.ImproperUniform(dist.constraints.real, (), ())
    x, y = numpyro.sample("x", flat), numpyro.sample("y", flat)
    numpyro.factor("density", -0.5 * (x * (1 + y**2)) ** 2)


@pytest.mark.parametrize("model", [cauchy, funnel, bounded, flat_regression, ridge])
def test_proper_posteriors_are_not_called_improper(model):
    posterior = Posterior.from_model(model, {}, "here")
    assert improper(posterior, jax.random.PRNGKey(0)) == ""


def angle(data):
    with numpyro.handlers.reparam(config={"mu": CircularReparam()}):
        mu = numpyro.sample("mu", dist.VonMises(0.0, 0.5))
    observed = jnp.array([2.9, 3.1, -3.1, 2.6])
    numpyro.sample("y", dist.VonMises(mu, 4.0).expand([4]).to_event(1), obs=observed)


def test_a_periodic_density_is_compared_by_what_it_determines():
    """One period of the unwrapped angle is as good as another; the angle itself has a posterior."""
    problem = Problem("mine", "here", lambda key, settings: {}, {"m": angle}, {})
    reference = make_references(problem, {}, {})["m"]
    assert (reference.unreliable, reference.improper) == ("", "")
    assert reference.periodic == ("mu_unwrapped",)
    assert set(reference.mean) == {"mu"}
    grid = np.linspace(-np.pi, np.pi, 10_001)
    heights = 0.5 * np.cos(grid) + 4 * sum(np.cos(grid - y) for y in (2.9, 3.1, -3.1, 2.6))
    weight = np.exp(heights - heights.max())
    exact = np.sum(weight * np.cos(grid)) / weight.sum()
    found = np.cos(reference.draws["mu"])
    assert abs(found.mean() - exact) < 5 * found.std() / np.sqrt(len(found) / 4)


def test_a_periodic_density_that_determines_nothing_is_improper():
    def waves(data):
        x = numpyro.sample("x", dist.ImproperUniform(dist.constraints.real, (), ()))
        numpyro.factor("wave", jnp.cos(x))

    problem = Problem("mine", "here", lambda key, settings: {}, {"m": waves}, {})
    assert "periodic in x" in make_references(problem, {}, {})["m"].improper


@pytest.mark.parametrize("dim", [2, 4])
def test_deterministic_sites_are_part_of_a_reference(dim):
    """By quadrature and by NUTS, with a jump that no grid resolves."""

    def model(data):
        x = numpyro.sample("x", dist.Normal(jnp.zeros(dim), 1.0).to_event(1))
        numpyro.deterministic("sum", x.sum())
        numpyro.deterministic("sign", jnp.where(x[0] > 0, 1.0, -1.0))
        numpyro.deterministic("means", jnp.ones(1000) * x[0])  # too long to be looked at

    problem = Problem("mine", "here", lambda key, settings: {}, {"m": model}, {})
    reference = make_references(problem, {}, {})["m"]
    assert reference.unreliable == ""
    assert set(reference.mean) == {"x", "sum", "sign"}
    assert reference.method.startswith("quadrature" if dim == 2 else "NUTS")
    np.testing.assert_allclose(reference.sd["sum"], np.sqrt(dim), rtol=0.05)
    np.testing.assert_allclose(reference.mean["sign"], 0.0, atol=0.05)
    np.testing.assert_array_equal(
        reference.draws["sign"], np.where(reference.draws["x"][:, 0] > 0, 1, -1)
    )


def line_model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"])


def given_reference(**changes):
    parts = {
        "draws": {"mean": np.zeros(10)},
        "mean": {"mean": np.asarray(0.75)},
        "sd": {"mean": np.asarray(0.5**0.5)},
        "log_evidence": 0.0,
        "method": "mine",
    }
    return Reference(**(parts | changes))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"mean": {}}, "no mean of the site 'mean'"),
        ({"mean": {}, "sd": {}, "draws": {}}, "no mean and no sd and no draws of the site 'mean'"),
        ({"mean": {"mean": 0.75, "men": 1.0}}, "'men', which is none of the model's (mean)"),
        ({"mean": {"mean": np.zeros(3)}}, "the shape of mean is (3,) and not ()"),
        ({"draws": {"mean": np.zeros((10, 2))}}, "the shape of draws is (2,) and not ()"),
        ({"sd": {"mean": np.asarray(np.nan)}}, "not finite in sd of the site 'mean'"),
        ({"sd": {"mean": np.asarray(-1.0)}}, "negative sd of the site 'mean'"),
        (
            {"sd": {"mean": np.asarray(0.0)}, "draws": {"mean": np.arange(10.0)}},
            "sd of zero for draws that vary of the site 'mean'",
        ),
    ],
)
def test_a_reference_that_is_not_that_of_the_model_is_not_trusted(changes, words):
    problem = Problem(
        "line", "here", lambda key, settings: {}, {"line": line_model}, {},
        lambda data, settings: given_reference(**changes),
    )  # fmt: skip
    reference = make_references(problem, {"y": np.float32(1.5)}, {})["line"]
    assert words in reference.unreliable
    assert "men" not in reference.mean


def test_a_function_that_raises_stops_no_other_model():
    def broken(data, settings):
        raise KeyError("nothing here")

    problem = Problem(
        "line", "here", lambda key, settings: {}, {"bad": line_model, "good": line_model}, {},
        {"bad": broken},
    )  # fmt: skip
    references = make_references(problem, {"y": np.float32(1.5)}, {})
    assert "`reference` raised KeyError: 'nothing here'" in references["bad"].unreliable
    assert references["good"].unreliable == ""


def test_a_missing_entry_is_computed_and_a_given_one_is_used():
    given = given_reference()
    problem = Problem(
        "line",
        "here",
        lambda key, settings: {},
        {"given": line_model, "missing": line_model},
        {},
        {"given": lambda data, settings: given},
    )
    lines = []
    references = make_references(problem, {"y": np.float32(1.5)}, {}, lines.append)
    assert references["given"] is given
    assert references["missing"].mean["mean"] == pytest.approx(0.75, abs=1e-6)
    assert references["missing"].log_evidence == pytest.approx(
        -0.5 * np.log(4 * np.pi) - 1.5**2 / 4, abs=1e-6
    )
    assert any("log evidence" in line for line in lines)


def test_models_that_share_a_function_share_its_reference():
    calls = []

    def make(data, settings):
        calls.append(settings)
        return given_reference()

    models = {"one": line_model, "two": line_model}
    problem = Problem("line", "here", lambda key, settings: {}, models, {}, make)
    references = make_references(problem, {"y": np.float32(1.5)}, {"observed": 1.0})
    assert references["one"] is references["two"]
    assert calls == [{"observed": 1.0}]


USER_PROBLEM = """
import numpy as np
import numpyro
import numpyro.distributions as dist
from svi_atlas.problems.base import Problem


def model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"])


PROBLEM = Problem(
    "line", "here", lambda key, settings: {"y": np.float32(settings["y"])}, {"line": model}, {}
)
"""


def test_a_users_problem_without_reference_gets_the_same_file_twice(tmp_path, capsys):
    problem = tmp_path / "problem.py"
    problem.write_text(USER_PROBLEM)
    spec = {"experiment": "line", "problem": str(problem), "data": {"y": 1.5}, "files": {}}
    data, made = tmp_path / "data.nc", [tmp_path / "one.nc", tmp_path / "two.nc"]

    def make_job(inputs, output):
        return Job(spec, tmp_path / "spec.json", json.dumps(spec), inputs, {"dataset": output})

    data_stage.run(make_job({}, data))
    for path in made:
        reference_stage.run(make_job({"data": str(data)}, path))
    assert made[0].read_bytes() == made[1].read_bytes()
    assert "no exact reference is given; 1 dimensions" in capsys.readouterr().err
    dataset = store.read_dataset(made[0], "line")
    assert dataset.attrs["method"].startswith("quadrature on ")
    assert dataset.attrs["unreliable"] == ""
    assert float(dataset["mean.mean"]) == pytest.approx(0.75, abs=1e-6)
    assert {"grid.mean", "density.mean", "draw.mean"} <= set(dataset.data_vars)


def heavy(data):
    numpyro.sample("x", dist.Cauchy(0.0, 1.0))


def test_a_component_without_a_variance_is_compared_by_its_tails():
    """Fits of a Cauchy: its own draws pass, those of a Normal do not, and the reason says why it is so."""
    problem = Problem("mine", "here", lambda key, settings: {}, {"m": heavy}, {})
    reference = make_references(problem, {}, {})["m"]
    assert np.isinf(reference.sd["x"])
    assert "x has no standard deviation" in reference.without_moments
    rng = np.random.default_rng(0)
    draws = {"x": np.stack([rng.standard_cauchy(4000), rng.normal(size=4000)])}
    known = (reference.mean, reference.sd, {}, {})
    assert moments(draws, *known)["mean_error"].tolist() == [0.0, 0.0]
    tails = tail_probabilities(draws, reference.draws)
    assert tails["tail_error_low"][0] <= 0.005 < 0.03 < tails["tail_error_low"][1]
