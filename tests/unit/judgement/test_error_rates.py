"""The study of the verdict's error rate: exact distances and counted rates."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from svi_atlas import problems
from svi_atlas.judgement.error_rates import rates, truth
from svi_atlas.problems.verdict_study.model import LOG_EVIDENCE, TARGETS
from svi_atlas.records import FamilyOptimum

THRESHOLDS = {"elbo_gap": 0.001, "mean_error": 0.1, "sd_ratio": 0.1}
STUDY = problems.load("verdict_study")


def gaussian_kl(mean, covariance, other_mean, other_covariance):
    """KL(N(mean, covariance)||N(other)), nats."""
    inverse = np.linalg.inv(other_covariance)
    shift = np.subtract(other_mean, mean)
    logs = np.linalg.slogdet(other_covariance)[1] - np.linalg.slogdet(covariance)[1]
    return 0.5 * (np.trace(inverse @ covariance) + shift @ inverse @ shift - len(shift) + logs)


def mean_field_fits(mean, scale, model="m"):
    """A table of one fit with these parameters of an AutoNormal guide."""
    columns = {f"param.x_auto_loc[{k}]": [value] for k, value in enumerate(mean)}
    columns |= {f"param.x_auto_scale[{k}]": [value] for k, value in enumerate(scale)}
    return pd.DataFrame({"model": model, "guide": "AutoNormal", **columns})


class TestTruth:
    optimum = FamilyOptimum(np.array([1.0, -2.0]), np.diag([0.5, 2.0]) ** 2)
    posterior = (np.array([1.0, -2.0]), np.array([0.5, 2.0]))

    def truth_of(self, fits, posterior=None):
        key = (fits["model"].iloc[0], fits["guide"].iloc[0])
        return truth(
            fits, {key: [self.optimum]}, {key[0]: posterior or self.posterior}, THRESHOLDS
        ).iloc[0]

    def test_distance_is_the_divergence_from_the_optimum_per_parameter(self):
        result = self.truth_of(mean_field_fits([1.1, -1.5], [0.6, 1.9]))
        exact = gaussian_kl(
            [1.1, -1.5], np.diag([0.6, 1.9]) ** 2, self.optimum.mean, self.optimum.covariance
        )
        assert result["distance"] == pytest.approx(exact / 4)
        assert not result["is_converged"]

    def test_the_optimum_is_right_and_far_away_is_wrong(self):
        assert self.truth_of(mean_field_fits([1.0, -2.0], [0.5, 2.0]))["is_right"]
        assert not self.truth_of(mean_field_fits([1.0, -2.0], [0.5, np.nan]))["is_right"]

    def test_a_family_that_cannot_fit_is_never_right(self):
        narrow = (np.array([1.0, -2.0]), np.array([0.5, 2.5]))
        result = self.truth_of(mean_field_fits([1.0, -2.0], [0.5, 2.0]), narrow)
        assert result["is_converged"]
        assert not result["is_right"]

    def test_full_rank_guides_count_their_own_parameters(self):
        scale = np.linalg.cholesky(self.optimum.covariance) * 1.1
        fits = pd.DataFrame({"model": "m", "guide": "AutoMultivariateNormal"}, index=[0])
        for k, value in enumerate(self.optimum.mean):
            fits[f"param.auto_loc[{k}]"] = value
        for index in np.ndindex(2, 2):
            fits[f"param.auto_scale_tril[{index[0]},{index[1]}]"] = scale[index]
        exact = gaussian_kl(
            self.optimum.mean, scale @ scale.T, self.optimum.mean, self.optimum.covariance
        )
        assert self.truth_of(fits)["distance"] == pytest.approx(exact / 5)

    def test_of_several_optima_the_nearest_counts(self):
        scale = np.diag([1.0, 1.0])
        optima = [FamilyOptimum(np.full(2, place), scale) for place in (-3.0, 3.0)]
        fits = [mean_field_fits([place] * 2, [1.0] * 2) for place in (-3.0, 0.0, 3.0)]
        table = pd.concat(fits, ignore_index=True)
        posterior = {"m": (np.full(2, 3.0), np.ones(2))}
        result = truth(table, {("m", "AutoNormal"): optima}, posterior, THRESHOLDS)
        assert result["is_converged"].tolist() == [True, False, True]
        assert result["is_adequate"].tolist() == [False, False, True]


class TestOptima:
    def test_two_equal_modes_have_two_optima(self):
        def places(model):
            return [each.mean[0] for each in STUDY.optimum(model, "AutoNormal")]

        assert places("even_modes") == pytest.approx([-6.0, 6.0], abs=1e-3)
        assert places("uneven_modes") == pytest.approx([4.0], abs=1e-3)

    @pytest.mark.parametrize("model", TARGETS)
    def test_densities_are_normalised_and_have_their_moments(self, model):
        target = TARGETS[model]
        if target.gaussian:
            exact = stats.multivariate_normal(target.mean, target.covariance)
            points = exact.rvs(50, random_state=1)
            np.testing.assert_allclose(target(points), exact.logpdf(points), atol=2e-4)
        else:
            grid = np.linspace(-40, 40, 80_001)
            density = np.exp(target(grid[:, None]))
            assert np.trapezoid(density, grid) == pytest.approx(1.0, abs=1e-4)
            mean = np.trapezoid(grid * density, grid)
            assert mean == pytest.approx(target.mean[0], abs=2e-3)

    @pytest.mark.parametrize("model", [name for name in TARGETS if not TARGETS[name].gaussian])
    def test_no_step_away_from_the_optimum_lowers_the_divergence(self, model):
        grid = np.linspace(-30, 30, 60_001)
        log_target = TARGETS[model](grid[:, None])

        def divergence(mean, sd):
            log_guide = stats.norm(mean, sd).logpdf(grid)
            weight = np.exp(log_guide)
            return np.trapezoid(weight * (log_guide - log_target), grid)

        for optimum in STUDY.optimum(model, "AutoNormal"):
            mean, sd = optimum.mean[0], np.sqrt(optimum.covariance[0, 0])
            best = divergence(mean, sd)
            steps = [(0.02 * sd, 0), (-0.02 * sd, 0), (0, 0.02 * sd), (0, -0.02 * sd)]
            assert all(divergence(mean + a, sd + b) > best for a, b in steps)

    def test_the_models_have_the_evidence_that_the_reference_states(self):
        for reference in STUDY.reference.values():
            assert reference({}, {}).log_evidence == LOG_EVIDENCE


def test_rates_are_counted_by_split_with_exact_intervals():
    table = pd.DataFrame(
        {
            "model": ["a"] * 40 + ["b"] * 10,
            "verdict": ["adequate"] * 3 + ["inadequate"] * 17 + ["adequate"] * 19 + ["not_converged"]
            + ["adequate"] * 5 + ["inadequate"] * 5,
            "converged": True, "plateau_change": 0.5, "stan_change": 0.5, "pymc_change": 0.5,
            "rhat": 1.0, "ess": 100.0, "khat": 0.2, "num_draws": 1000, "message": None,
        }
    )  # fmt: skip
    right = pd.Series([False] * 20 + [True] * 20 + [True] * 10)
    limits = dict.fromkeys(
        ("nonfinite", "elbo_gap", "rhat", "ess", "loss_drift", "averaging_gain", "outside_support",
         "missed_mass", "khat", "mean_error", "sd_ratio", "tail_share", "evidence_violation_z", "loss_acceleration_z",
         "elbo_deficit", "mass_elsewhere"), 1.0,
    )  # fmt: skip
    result = rates(table, right, {"tuning": ("a",), "held_out": ("b",)}, limits)
    row = result[(result["rule"] == "verdict") & (result["split"] == "tuning")].iloc[0]
    counts = ["wrong", "wrong_called_adequate", "right", "right_called_adequate"]
    assert row[counts].tolist() == [20, 3, 20, 19]
    # Clopper and Pearson by their definition: quantiles of Beta distributions.
    assert row["wrong_rate_low"] == pytest.approx(stats.beta.ppf(0.025, 3, 18))
    assert row["wrong_rate_high"] == pytest.approx(stats.beta.ppf(0.975, 4, 17))
    other = result[(result["rule"] == "verdict") & (result["split"] == "held_out")].iloc[0]
    assert other[counts].tolist() == [0, 0, 10, 5]
    assert np.isnan(other["wrong_rate"])
    flat = result[result["rule"].str.startswith("loss looks flat")]
    assert (flat["right_called_adequate"] == 0).all()
