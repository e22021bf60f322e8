"""References made by quadrature and by NUTS against exact answers, and what they refuse."""

import json

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pandas as pd
import pytest
import xarray as xr
from svi_atlas.configuration.experiment import load_config

from svi_atlas import problems
from svi_atlas.diagnostics.table import diagnose
from svi_atlas.errors import InputError
from svi_atlas.inference.keys import purpose_key
from svi_atlas.jobs import job
from svi_atlas.jobs.stages import data as data_stage
from svi_atlas.jobs.stages import reference as reference_stage
from svi_atlas.judgement.verdict import judge
from svi_atlas.records import Problem, Reference
from svi_atlas.references import make_references, nuts, to_dataset
from svi_atlas.references.posterior import Posterior
from svi_atlas.references.quadrature import by_quadrature
from svi_atlas.results import store

KEY = purpose_key(0, "reference")


def quadrature(model, data=None):
    """The reference by quadrature, which must not be refused."""
    found = by_quadrature(Posterior.of(model, data or {}, "here"), KEY, lambda line: None)
    assert isinstance(found, Reference), found
    return found


def check_draws(reference):
    """Draws have the reference's moments within five standard errors."""
    for site, draws in reference.draws.items():
        standard = (draws - reference.mean[site]) / reference.sd[site]
        error = 1 / np.sqrt(len(draws))
        assert np.abs(standard.mean(0)).max() < 5 * error
        kurtosis = (standard**4).mean()
        assert np.abs(standard.std(0) - 1).max() < 5 * error * np.sqrt((kurtosis - 1) / 4)


def check_density(reference, site):
    grid, density = reference.density[site]
    assert (np.diff(grid) > 0).all()
    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    mean = np.trapezoid(density * grid, grid)
    assert mean == pytest.approx(reference.mean[site], abs=1e-3 * reference.sd[site])


class TestQuadrature:
    def test_coin_equals_the_beta_posterior(self):
        coin = problems.load("coin")
        data = coin.simulate(KEY, {"heads": 12, "tails": 8})
        found, exact = quadrature(coin.models["headstails"], data), coin.reference(data, {})
        site = "latent_fairness"
        assert found.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
        assert found.mean[site] == pytest.approx(13 / 22, abs=1e-7)
        assert found.sd[site] == pytest.approx(exact.sd[site], rel=1e-6)
        assert found.mean[site].shape == ()
        assert found.modes == ()
        check_draws(found)
        check_density(found, site)
        grid, density = found.density[site]
        expected = np.interp(grid, *exact.density[site])
        np.testing.assert_allclose(density, expected, atol=2e-3 * density.max())

    def test_rotated_gaussian_and_its_constrained_variant(self):
        problem = problems.load("rotated_gaussian")
        for name, model in problem.models.items():
            found, exact = quadrature(model), problem.reference[name]({}, {})
            assert found.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
            for site in exact.mean:
                assert found.mean[site] == pytest.approx(exact.mean[site], abs=1e-6)
                assert found.sd[site] == pytest.approx(exact.sd[site], rel=1e-6)
                check_density(found, site)
            check_draws(found)

    def test_vector_site(self):
        covariance = np.array([[2.0, 0.9], [0.9, 0.5]])

        def model(data):
            numpyro.sample("v", dist.MultivariateNormal(jnp.array([3.0, -1.0]), covariance))

        found = quadrature(model)
        assert found.log_evidence == pytest.approx(0, abs=1e-6)
        np.testing.assert_allclose(found.mean["v"], [3, -1], atol=1e-6)
        np.testing.assert_allclose(found.sd["v"], np.sqrt(np.diag(covariance)), rtol=1e-6)
        covered = np.cov(found.draws["v"].T)
        np.testing.assert_allclose(covered, covariance, atol=5 * 2 * np.sqrt(2 / 10_000))
        assert found.density == {}

    def test_two_modes_are_found_with_their_masses(self):
        def model(data):
            parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 0.5)]
            mixing = dist.Categorical(probs=jnp.array([0.3, 0.7]))
            numpyro.sample("x", dist.MixtureGeneral(mixing, parts))

        found = quadrature(model)
        assert found.log_evidence == pytest.approx(0, abs=1e-6)
        assert [mode.mass for mode in found.modes] == pytest.approx([0.7, 0.3], abs=1e-6)
        assert [mode.centre["x"] for mode in found.modes] == pytest.approx([10, -10], abs=1e-4)
        assert found.mean["x"] == pytest.approx(4, abs=1e-5)
        check_draws(found)

    def test_two_modes_of_the_bimodal_problem(self):
        problem = problems.load("bimodal")
        found, exact = quadrature(problem.models["stable"]), problem.reference({}, {})
        assert found.log_evidence == pytest.approx(exact.log_evidence, abs=1e-6)
        assert found.sd["x"] == pytest.approx(exact.sd["x"], rel=1e-6)
        assert [mode.mass for mode in found.modes] == pytest.approx([0.5, 0.5], abs=1e-6)
        assert sorted(mode.centre["x"] for mode in found.modes) == pytest.approx(
            [-3.53, 3.53], abs=0.01
        )

    @pytest.mark.parametrize(
        ("prior", "sd"),
        [(dist.Laplace(1.03, 0.5), np.sqrt(0.5)), (dist.StudentT(5.0, 0.0, 3.0), np.sqrt(15))],
        ids=["kink", "heavy tail"],
    )
    def test_slow_convergence(self, prior, sd):
        found = quadrature(lambda data: numpyro.sample("x", prior))
        assert found.log_evidence == pytest.approx(0, abs=2e-6)
        assert found.sd["x"] == pytest.approx(sd, rel=1e-4)

    def test_a_posterior_without_a_standard_deviation_is_refused(self):
        def model(data):
            numpyro.sample("x", dist.Cauchy(0.0, 1.0))

        found = by_quadrature(Posterior.of(model, {}, "here"), KEY, lambda line: None)
        assert "tail is too heavy" in found

    def test_many_dimensions_are_refused(self):
        def model(data):
            numpyro.sample("x", dist.Normal(0.0, 1.0).expand([4]).to_event(1))

        found = by_quadrature(Posterior.of(model, {}, "here"), KEY, lambda line: None)
        assert found == "it has 4 dimensions, more than 3"


@pytest.mark.slow
def test_quadrature_in_three_dimensions():
    """Linear regression with a scale, against the weights integrated in closed form."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    y = 1 + 2 * x + rng.normal(size=20)

    def model(data):
        weights = [numpyro.sample(name, dist.Normal(0.0, 10.0)) for name in ("a", "b")]
        scale = numpyro.sample("s", dist.HalfNormal(5.0))
        mean = weights[0] + weights[1] * data["x"]
        numpyro.sample("y", dist.Normal(mean, scale), obs=data["y"])

    found = quadrature(model, {"x": x, "y": y})
    design = np.stack([np.ones(20), x], axis=1)
    scales = np.linspace(0.2, 8, 2000)
    logs = []
    for scale in scales:
        covariance = scale**2 * np.eye(20) + 100 * design @ design.T
        logdet = np.linalg.slogdet(2 * np.pi * covariance)[1]
        logs.append(-0.5 * (logdet + y @ np.linalg.solve(covariance, y)))
    prior = np.log(2) - 0.5 * np.log(2 * np.pi * 25) - scales**2 / 50
    joint = np.exp(np.array(logs) + prior)
    evidence = np.trapezoid(joint, scales)
    assert found.log_evidence == pytest.approx(np.log(evidence), abs=1e-4)
    assert found.mean["s"] == pytest.approx(
        np.trapezoid(joint * scales, scales) / evidence, rel=1e-4
    )


GAUSSIAN_SD = np.array([1.0, 2.0, 0.5, 3.0, 1.0])


def gaussian(data):
    numpyro.sample("x", dist.Normal(jnp.arange(5.0), GAUSSIAN_SD).to_event(1))


class TestNuts:
    def test_gaussian_within_its_own_errors(self):
        lines = []
        found = nuts.by_nuts(Posterior.of(gaussian, {}, "here"), KEY, lines.append)
        assert found.unreliable == ""
        assert np.isnan(found.log_evidence)
        assert (np.abs(found.mean["x"] - np.arange(5)) < 5 * found.mean_se["x"]).all()
        assert (np.abs(found.sd["x"] - GAUSSIAN_SD) < 5 * found.sd_se["x"]).all()
        assert (found.mean_se["x"] < 0.03 * GAUSSIAN_SD).all()
        assert found.draws["x"].shape == (10_000, 5)
        assert any("2,500 of 2,500 draws" in line for line in lines)

    def test_two_modes_far_apart_are_unreliable(self, monkeypatch):
        monkeypatch.setattr(nuts, "ACCEPT", (0.9,))

        def model(data):
            mixing = dist.Categorical(probs=jnp.array([0.5, 0.5]))
            parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 1.0)]
            numpyro.sample("x", dist.MixtureGeneral(mixing, parts))

        found = nuts.by_nuts(Posterior.of(model, {}, "here"), KEY, lambda line: None)
        assert "the chains do not agree, R-hat of x is" in found.unreliable
        assert "unreliable" in found.method

    def test_starts_lie_in_both_modes(self):
        def model(data):
            mixing = dist.Categorical(probs=jnp.array([0.9, 0.1]))
            parts = [dist.Normal(-10.0, 1.0), dist.Normal(10.0, 1.0)]
            numpyro.sample("x", dist.MixtureGeneral(mixing, parts))

        starts = nuts._starts(Posterior.of(model, {}, "here"), KEY)
        assert starts.min() < -5
        assert starts.max() > 5

    def test_each_fault_is_named(self):
        rng = np.random.default_rng(0)
        good = rng.normal(size=(4, 1000, 1))
        assert nuts._faults(nuts._Run(good, ["x"], 0)) == []
        assert nuts._faults(nuts._Run(good, ["x"], 3)) == ["3 transitions (0.07%) diverged"]
        walk = np.cumsum(good, axis=1)
        words = "; ".join(nuts._faults(nuts._Run(walk, ["walk[2]"], 0)))
        for word in ("R-hat of walk[2]", "bulk effective", "tail effective"):
            assert word in words
        constant = np.concatenate([good, np.ones_like(good)], axis=2)
        assert nuts._faults(nuts._Run(constant, ["x", "one"], 0)) == []
        assert nuts._faults(nuts._Run(good * np.nan, ["x"], 0)) == ["some draws are not finite"]


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

    return {
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
    with pytest.raises(InputError) as caught:
        make_references(problem, {}, {})
    assert words in str(caught.value)
    assert f"problem 'mine', model '{name}'" in str(caught.value)


def test_auxiliary_sites_are_left_out():
    def model(data):
        numpyro.sample("helper", dist.Normal(0.0, 1.0), infer={"is_auxiliary": True})
        numpyro.sample("x", dist.Normal(0.0, 1.0))

    assert list(Posterior.of(model, {}, "here").shapes) == ["x"]


def line_model(data):
    mean = numpyro.sample("mean", dist.Normal(0.0, 1.0))
    numpyro.sample("y", dist.Normal(mean, 1.0), obs=data["y"])


def test_a_missing_entry_is_computed_and_a_given_one_is_used():
    given = Reference({}, {}, {}, 0.0, "mine")
    problem = Problem(
        "line",
        "here",
        lambda key, settings: {},
        {"given": line_model, "missing": line_model},
        {},
        {"given": lambda data, settings: given},
    )
    lines = []
    found = make_references(problem, {"y": np.float32(1.5)}, {}, lines.append)
    assert found["given"] is given
    assert found["missing"].mean["mean"] == pytest.approx(0.75, abs=1e-6)
    assert found["missing"].log_evidence == pytest.approx(
        -0.5 * np.log(4 * np.pi) - 1.5**2 / 4, abs=1e-6
    )
    assert any("log evidence" in line for line in lines)


USER_PROBLEM = """
import numpy as np
import numpyro
import numpyro.distributions as dist
from svi_atlas.records import Problem


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
    spec_file = tmp_path / "specs/spec.json"
    spec_file.parent.mkdir()
    spec = {"experiment": "line", "problem": str(problem), "data": {"y": 1.5}}
    spec_file.write_text(json.dumps(spec))
    data, made = tmp_path / "data.nc", [tmp_path / "one.nc", tmp_path / "two.nc"]
    job.run(data_stage.run, spec_file, {}, {"dataset": data}, 1)
    for path in made:
        job.run(reference_stage.run, spec_file, {"data": data}, {"dataset": path}, 1)
    assert made[0].read_bytes() == made[1].read_bytes()
    assert "no exact reference is given; 1 dimensions" in capsys.readouterr().err
    found = store.read_dataset(made[0], "line")
    assert found.attrs["method"].startswith("quadrature on ")
    assert found.attrs["unreliable"] == ""
    assert float(found["mean.mean"]) == pytest.approx(0.75, abs=1e-6)
    assert {"grid.mean", "density.mean", "draw.mean"} <= set(found.data_vars)


def test_errors_and_the_reason_are_written():
    one = np.ones(3)
    reference = Reference(
        {"x": np.ones((5, 3))}, {"x": one}, {"x": one}, np.nan, "NUTS",
        mean_se={"x": 0.1 * one}, sd_se={"x": 0.2 * one}, unreliable="R-hat is 3",
    )  # fmt: skip
    found = to_dataset(reference)
    np.testing.assert_array_equal(found["mean_se.x"], 0.1 * one)
    np.testing.assert_array_equal(found["sd_se.x"], 0.2 * one)
    assert found.attrs["unreliable"] == "R-hat is 3"


def perfect_fit(reference):
    """A cell of one settled fit whose draws are the posterior's, standard Normal."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal(1000).astype("f4")
    dims = ("seed", "step_size")
    log_guide = -0.5 * draws**2 - 0.5 * np.log(2 * np.pi)

    def of_iterates(values):
        return np.broadcast_to(values, (2, 1, 1, *values.shape))

    fits = xr.Dataset(
        {
            "loss": ((*dims, "step"), rng.normal(0, 0.01, (1, 1, 2000))),
            "unconstrained.loc": ((*dims, "snapshot"), rng.normal(0, 0.01, (1, 1, 500))),
            "site.x": (("iterate", *dims, "draw"), of_iterates(draws)),
            "log_joint": (("iterate", *dims, "draw"), of_iterates(log_guide)),
            "log_guide": (("iterate", *dims, "draw"), of_iterates(log_guide)),
            "elbo_gap": (("iterate", *dims), np.zeros((2, 1, 1))),
            "elbo_gap_se": (("iterate", *dims), np.full((2, 1, 1), 1e-6)),
            "step_kl": (("iterate", *dims), np.full((2, 1, 1), np.nan)),
            "step_kl_se": (("iterate", *dims), np.full((2, 1, 1), np.nan)),
            "nonfinite": (dims, np.zeros((1, 1))),
            "first_nonfinite": (dims, np.full((1, 1), np.nan)),
        },
        {"seed": [0], "step_size": [0.01], "snapshot_step": ("snapshot", np.arange(4, 2001, 4))},
        {"experiment": "e", "model": "m", "guide": "g", "block": "single", "label": "r", "num_particles": 1,
         "num_steps": 2000, "num_draws": 1000, "seconds_run": 1.0},
    )  # fmt: skip
    table = diagnose(fits, to_dataset(reference))
    return table, judge(table, load_config({"experiments": ["coin"]}).thresholds).iloc[0]


def test_a_reference_that_has_not_mixed_judges_nothing():
    rng = np.random.default_rng(1)
    right = {"draws": {"x": rng.normal(size=100)}, "mean": {"x": 0.0}, "sd": {"x": 1.0}}
    table, verdict = perfect_fit(Reference(**right, log_evidence=0.0, method="exact"))
    assert verdict["verdict"] == "adequate"
    assert table["reference_unreliable"].tolist() == [""]
    reason = "the chains do not agree, R-hat of x is 1.7 (limit 1.01)"
    unmixed = Reference(**right, log_evidence=0.0, method="NUTS", unreliable=reason)
    table, verdict = perfect_fit(unmixed)
    assert table["reference_unreliable"].tolist() == [reason]
    for column in ("mean_error", "sd_ratio", "kl", "evidence_violation_z"):
        assert table[column].isna().all(), column
    assert verdict["adequate"] is pd.NA
    assert verdict["verdict"] != "adequate"
    assert verdict["reason"] == f"It cannot be judged: the reference is unreliable ({reason})."


def test_modes_of_an_unreliable_reference_are_not_missed():
    modes = (problems.base.Mode({"x": 0.0}, 0.5), problems.base.Mode({"x": 9.0}, 0.5))
    right = {"draws": {"x": np.zeros(9)}, "mean": {"x": 0.0}, "sd": {"x": 1.0}, "modes": modes}
    table, _ = perfect_fit(Reference(**right, log_evidence=0.0, method="exact"))
    assert table["missed_mass"].tolist() == [0.5]
    table, _ = perfect_fit(Reference(**right, log_evidence=0.0, method="NUTS", unreliable="no"))
    assert "missed_mass" not in table or table["missed_mass"].isna().all()
