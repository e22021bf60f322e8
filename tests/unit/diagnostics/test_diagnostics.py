"""Each statistic against a library, a closed form, or noise whose law is known."""

import inspect
import warnings

import numpy as np
import pytest
from arviz_stats.base import array_stats
from scipy import stats

from svi_atlas.diagnostics import drift
from svi_atlas.diagnostics.between_seeds import between_seeds
from svi_atlas.diagnostics.bounds import bounds
from svi_atlas.diagnostics.drift import (
    _rhat_error,
    effective_size,
    loss_acceleration,
    loss_drift,
    parameter_drift,
)
from svi_atlas.diagnostics.elbo import averaging_gain, elbo
from svi_atlas.diagnostics.final_loss import batch_mean, final_loss
from svi_atlas.diagnostics.khat import khat, khat_limit
from svi_atlas.diagnostics.moments import moments
from svi_atlas.diagnostics.rhat import split_rhat
from svi_atlas.diagnostics.wasserstein import wasserstein


@pytest.fixture
def rng():
    return np.random.default_rng(20)


def autoregression(rng, shape, coefficient, sd=1.0):
    """Stationary AR(1) noise along axis 1, of innovations with this standard deviation."""
    noise = rng.normal(size=shape) * sd
    values = np.empty(shape)
    values[:, 0] = noise[:, 0] / np.sqrt(1 - coefficient**2)
    for step in range(1, shape[1]):
        values[:, step] = coefficient * values[:, step - 1] + noise[:, step]
    return values


def autoregression_error(length, coefficient):
    """Exact sd of the mean of so much stationary AR(1) noise of innovations with sd 1."""
    lag = np.arange(1, length)
    covered = 1 + 2 * ((1 - lag / length) * coefficient**lag).sum()
    return np.sqrt(covered / (1 - coefficient**2) / length)


def gaussian_log_weights(rng, num_draws, mean, sd, log_evidence=0.0):
    """(1, draw) log weights of a Normal(mean, sd) guide for a standard Normal posterior."""
    draws = rng.normal(mean, sd, num_draws)
    weights = stats.norm.logpdf(draws) + log_evidence - stats.norm.logpdf(draws, mean, sd)
    return weights[None]


def gaussian_kl(mean, sd):
    """KL of Normal(mean, sd) from a standard Normal."""
    return (sd**2 + mean**2 - 1) / 2 - np.log(sd)


class TestLossTail:
    def test_tail_is_the_mean_of_the_last_twentieth(self, rng):
        loss = rng.normal(size=(2, 1000))
        expected = loss[:, -50:].mean(1)
        np.testing.assert_allclose(final_loss(loss)["final_loss"], expected, rtol=1e-12)

    def test_tail_leaves_out_what_is_not_finite(self):
        loss = np.full((1, 1000), 3.0)
        loss[0, -1], loss[0, -9] = np.inf, np.nan
        found = final_loss(loss, log_evidence=-3.0)
        assert found["final_loss"][0] == 3.0
        assert np.isfinite(found["final_loss_se"][0])

    def test_nothing_finite_gives_no_number_and_no_warning(self):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = final_loss(np.full((1, 1000), np.nan), log_evidence=0.0)
        assert np.isnan(found["final_loss"][0])
        assert np.isnan(found["evidence_violation_z"][0])

    def test_loss_below_the_evidence_is_flagged(self, rng):
        noise = rng.normal(size=(2, 2000)) * 0.5
        log_evidence = -10.0
        losses = np.stack([10.0 + noise[0], 9.5 + noise[1]])
        below = final_loss(losses, log_evidence)["evidence_violation_z"]
        assert abs(below[0]) < 4
        assert below[1] > 5

    def test_deterministic_loss_at_the_evidence_is_not_flagged(self):
        loss = np.full((1, 2000), 14.788322, np.float32)
        assert final_loss(loss, -14.788322)["evidence_violation_z"][0] < 1

    def test_evidence_violation_z_is_missing_without_evidence(self):
        assert np.isnan(final_loss(np.ones((1, 100)))["evidence_violation_z"][0])


class TestBatchMean:
    @pytest.mark.parametrize("coefficient", [0.0, 0.8])
    def test_error_of_the_mean_of_autocorrelated_noise(self, rng, coefficient):
        num_fits, num_steps = 400, 4000
        values = autoregression(rng, (num_fits, num_steps), coefficient)
        mean, error = batch_mean(values)
        truth = 1 / (1 - coefficient) / np.sqrt(num_steps)
        # The squared error has a relative sd of sqrt(2 / 19) a fit, so of 1.6 % over 400.
        assert np.sqrt((error**2).mean()) == pytest.approx(truth, rel=0.08)
        assert np.abs(mean / error).mean() == pytest.approx(np.sqrt(2 / np.pi), rel=0.15)

    def test_missing_entries_are_left_out(self, rng):
        values = rng.normal(size=(1, 1000))
        values[0, ::7] = np.nan
        assert batch_mean(values)[0][0] == pytest.approx(np.nanmean(values))


class TestLossDrift:
    def test_slope_and_its_error(self, rng):
        num_fits, num_steps, slope = 300, 8000, -0.05
        trend = slope * np.arange(num_steps) / 1000
        loss = 5 + trend + autoregression(rng, (num_fits, num_steps), 0.5, 0.3)
        found = loss_drift(loss)
        spread = found["loss_drift"].std(ddof=1)
        assert found["loss_drift"].mean() == pytest.approx(slope, abs=4 * spread / num_fits**0.5)
        assert np.sqrt((found["loss_drift_se"] ** 2).mean()) == pytest.approx(spread, rel=0.2)

    def test_slope_without_noise_is_exact(self):
        loss = np.linspace(3, 1, 10_000)[None]
        found = loss_drift(loss)
        assert found["loss_drift"][0] == pytest.approx(-0.2, rel=1e-3)
        assert found["loss_drift_se"][0] == pytest.approx(0, abs=1e-9)

    def test_only_the_last_quarter_counts(self):
        loss = np.concatenate([np.linspace(100, 1, 3000), np.ones(1000)])[None]
        assert loss_drift(loss)["loss_drift"][0] == pytest.approx(0, abs=1e-9)

    def test_infinite_losses_are_left_out(self):
        loss = np.linspace(3, 1, 10_000)[None].copy()
        loss[0, -77] = np.inf
        assert loss_drift(loss)["loss_drift"][0] == pytest.approx(-0.2, rel=1e-2)


SNAPSHOT_STEP = np.arange(10, 10_001, 10)


class TestParameterDrift:
    @pytest.mark.parametrize("length", [40, 41, 500])
    def test_split_rhat_equals_arviz(self, rng, length):
        values = rng.normal(size=(3, length, 2)) + np.linspace(0, 1, length)[None, :, None]
        found = split_rhat(values)
        for fit in range(3):
            for parameter in range(2):
                chain, half = values[fit, :, parameter], length // 2
                # ArviZ's method "split" asks for two chains; these are the halves it makes of one.
                halves = np.stack([chain[:half], chain[-half:]])
                expected = float(array_stats.rhat(halves, method="identity"))
                assert found[fit, parameter] == pytest.approx(expected, rel=1e-9)

    def test_split_rhat_of_a_constant_is_one(self):
        assert split_rhat(np.full((1, 100, 1), 3.0))[0, 0] == 1.0

    def test_effective_size_of_autocorrelated_noise(self, rng):
        coefficient, num_draws = 0.8, 20_000
        values = autoregression(rng, (1, num_draws), coefficient)
        truth = num_draws * (1 - coefficient) / (1 + coefficient)
        assert effective_size(values)[0][0] == pytest.approx(truth, rel=0.15)

    @pytest.mark.parametrize("num_draws", [20, 21, 22, 23, 100, 251])
    @pytest.mark.parametrize("coefficient", [-0.9, -0.3, 0.0, 0.5, 0.9, 0.999])
    def test_effective_size_equals_arviz(self, rng, num_draws, coefficient):
        chains = autoregression(rng, (20, num_draws), coefficient)
        chains[0], chains[1] = 3.0, np.linspace(0, 1, num_draws)
        expected = [
            float(array_stats.ess(chain[None], chain_axis=0, draw_axis=1, method="mean"))
            for chain in chains
        ]
        expected[0] = num_draws // 2 * 2  # constant
        np.testing.assert_allclose(effective_size(chains)[0], expected, rtol=1e-8)

    @pytest.mark.parametrize("coefficient", [0.0, 0.5, 0.9])
    def test_errors_are_the_spread_over_chains(self, rng, coefficient):
        snapshots = autoregression(rng, (1000, 600), coefficient)[:, :, None]
        snapshots[:, 300:] += 0.8 / (1 - coefficient**2) ** 0.5  # R-hat about 1.15
        longest = snapshots[:, -570:]
        error, spread = _rhat_error(longest[..., 0]), split_rhat(longest)[:, 0].std(ddof=1)
        assert error.mean() == pytest.approx(spread, rel=0.2)
        found = parameter_drift(snapshots, SNAPSHOT_STEP[:600], np.full(1000, 0.01))
        for steps in np.unique(found["window"]):
            of_window = found["window"] == steps
            chains = snapshots[of_window, -steps // 10 :, 0]
            size, size_error = effective_size(chains)
            expected = {"rhat_se": _rhat_error(chains), "ess": size, "ess_se": size_error}
            for name, values in expected.items():
                np.testing.assert_allclose(found[name][of_window], values)

    @pytest.mark.parametrize("coefficient", [0.5, 0.9])
    def test_error_of_the_effective_size(self, rng, coefficient):
        size, error = effective_size(autoregression(rng, (1000, 4000), coefficient))
        # The window of Geyer's sum is itself random: its formula is right within a third.
        assert error.mean() == pytest.approx(size.std(ddof=1), rel=0.35)

    def test_stationary_noise_is_at_rest(self, rng):
        snapshots = autoregression(rng, (2, 1000), 0.7)[:, :, None]
        found = parameter_drift(snapshots, SNAPSHOT_STEP, np.full(2, 0.01))
        assert (found["rhat"] < 1.05).all()
        assert (found["ess"] > 25).all()

    def test_drift_is_seen(self, rng):
        trend = np.linspace(0, 5, 1000)
        noise = rng.normal(size=(1, 1000, 1)) * 0.05
        found = parameter_drift(trend[None, :, None] + noise, SNAPSHOT_STEP, np.array([0.01]))
        assert found["rhat"][0] > 1.1

    def test_the_worst_parameter_counts(self, rng):
        noise = rng.normal(size=(1, 1000, 2))
        noise[:, :, 1] += np.linspace(0, 50, 1000)
        found = parameter_drift(noise, SNAPSHOT_STEP, np.array([0.01]))
        assert found["rhat"][0] > 1.1

    def test_rest_after_a_transient_is_found_by_a_short_window(self, rng):
        snapshots = rng.normal(size=(1, 1000, 1))
        snapshots[0, :400, 0] += np.linspace(100, 0, 400)
        found = parameter_drift(snapshots, SNAPSHOT_STEP, np.array([0.01]))
        assert found["rhat"][0] < 1.1
        assert found["ess"][0] > 25
        assert found["window"][0] < 6500

    @pytest.mark.parametrize("coefficient", [0.5, 0.9])
    def test_error_of_the_average_of_autocorrelated_noise(self, rng, coefficient):
        num_chains = 400
        noise = autoregression(rng, (num_chains, 1000), coefficient)[:, :, None]
        # The first of two parameters has the smaller errors.
        snapshots = np.concatenate([0.1 * noise[:, ::-1], noise], axis=-1)
        found = parameter_drift(snapshots, SNAPSHOT_STEP, np.full(num_chains, 0.01))
        exact = [autoregression_error(round(steps / 10), coefficient) for steps in found["window"]]
        ratio = found["averaged_mcse"] / exact
        tolerance = 4 * ratio.std(ddof=1) / np.sqrt(num_chains)
        assert ratio.mean() == pytest.approx(1.0, abs=tolerance)

    def test_a_parameter_that_came_to_rest_without_noise(self):
        snapshots = 1.0 + 1e-7 * np.sin(np.arange(1000))[None, :, None]
        found = parameter_drift(snapshots, SNAPSHOT_STEP, np.array([0.01]))
        assert found["rhat"][0] == 1.0
        assert found["averaged_mcse"][0] == 0.0
        assert found["ess"][0] == (SNAPSHOT_STEP > 500).sum()

    def test_a_tiny_step_size_is_no_rest(self):
        # Adam with step size 1e-6 moves a parameter by 1e-6 a step: little, but all it can.
        snapshots = (1e-6 * SNAPSHOT_STEP)[None, :, None]
        found = parameter_drift(snapshots, SNAPSHOT_STEP, np.array([1e-6]))
        assert found["rhat"][0] > 1.1

    def test_a_parameter_that_is_not_finite(self, rng):
        snapshots = rng.normal(size=(2, 1000, 1))
        snapshots[0, -1] = np.nan
        found = parameter_drift(snapshots, SNAPSHOT_STEP, np.full(2, 0.01))
        assert np.isinf(found["rhat"][0])
        assert np.isnan(found["averaged_mcse"][0])
        assert found["rhat"][1] < 1.1

    def test_few_snapshots(self, rng):
        snapshots = rng.normal(size=(1, 20, 1))
        found = parameter_drift(snapshots, np.arange(1, 21), np.array([0.01]))
        assert np.isfinite(found["rhat"][0])
        assert found["window"][0] <= 20


class TestElbo:
    @pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.2), (0.7, 0.8), (-0.2, 0.5)])
    def test_elbo_and_kl_of_gaussians(self, rng, mean, sd):
        log_evidence = -3.0
        weights = gaussian_log_weights(rng, 20_000, mean, sd, log_evidence)
        found = {name: float(value[0]) for name, value in elbo(weights, log_evidence).items()}
        kl = gaussian_kl(mean, sd)
        assert found["kl"] == pytest.approx(kl, abs=4 * found["kl_se"])
        assert found["elbo"] == pytest.approx(log_evidence - kl, abs=4 * found["elbo_se"])
        assert 0 < found["elbo_se"] < 0.02
        assert found["outside_support"] == 0

    def test_standard_error_is_the_spread_of_the_estimate(self, rng):
        weights = np.concatenate([gaussian_log_weights(rng, 500, 0.5, 1.3) for _ in range(1000)])
        found = elbo(weights)
        spread = found["elbo"].std(ddof=1)
        assert found["elbo_se"].mean() == pytest.approx(spread, rel=0.1)

    def test_kl_is_missing_without_evidence(self, rng):
        found = elbo(gaussian_log_weights(rng, 1000, 0.0, 1.1))
        assert np.isnan(found["kl"][0])
        assert np.isnan(found["kl_se"][0])
        assert np.isfinite(found["elbo"][0])

    def test_draws_outside_the_support_are_counted(self):
        weights = np.zeros((2, 1000))
        weights[1, :3] = -np.inf
        found = elbo(weights)
        np.testing.assert_allclose(found["outside_support"], [0, 0.003])
        np.testing.assert_allclose(found["elbo"], [0, 0])

    def test_averaging_gain_of_a_shared_noise_is_precise(self, rng):
        noise = rng.normal(size=(1, 1000)) * 10
        found = averaging_gain(noise, noise + 0.25)
        assert found["averaging_gain"][0] == pytest.approx(0.25)
        assert found["averaging_gain_se"][0] < 1e-6


class TestKhat:
    @pytest.mark.parametrize("sd", [0.5, 0.6, 0.8, 1.5])
    def test_equals_arviz(self, rng, sd):
        weights = gaussian_log_weights(rng, 4000, 0.0, sd)
        # ArviZ asks for log likelihoods, that is for minus the log weights.
        expected = float(array_stats.psislw(-weights[0])[1])
        assert khat(weights)["khat"][0] == pytest.approx(expected, abs=1e-6)

    def test_a_narrow_guide_is_bad_and_a_wide_one_good(self, rng):
        # The weights of a Normal(0, sd) guide have a tail of shape 1 - sd^2: 0.91, and none.
        narrow, wide = (
            np.concatenate([gaussian_log_weights(rng, 10_000, 0.0, sd) for _ in range(20)])
            for sd in (0.3, 1.3)
        )
        assert khat(narrow)["khat"].mean() > 0.7
        assert khat(wide)["khat"].max() < 0

    def test_a_tail_of_known_shape(self, rng):
        for shape in (0.3, 0.9):
            weights = np.log(stats.genpareto(shape).rvs((20, 10_000), random_state=rng) + 1)
            found = khat(weights)
            assert found["khat"].mean() == pytest.approx(shape, abs=0.1)
            # The spread of 20 values is known to 16 %; four of these.
            spread = found["khat"].std(ddof=1)
            assert spread == pytest.approx(found["khat_se"].mean(), rel=4 * 0.16)

    def test_a_perfect_guide_is_good(self, rng):
        exact = np.zeros((1, 1000))
        rounding = rng.normal(size=(1, 1000)) * 1e-6
        for weights in (exact, rounding, exact - 700.0):
            found = khat(weights)
            assert found["khat"][0] == -np.inf
            assert np.isnan(found["khat_se"][0])
            assert found["is_efficiency"][0] == pytest.approx(1.0)

    @pytest.mark.parametrize("spread", [1e-9, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1])
    def test_nearly_equal_weights_never_give_plus_infinity(self, rng, spread):
        for weights in (rng.normal(size=1000) * spread, rng.uniform(size=1000) * spread):
            found = khat(weights[None].astype(np.float32))["khat"][0]
            assert found < 0.7

    def test_a_missed_mode_is_invisible(self, rng):
        # Half of the posterior lies 20 sds away from a guide that fits the other half: documented
        # as what this statistic cannot see.
        draws = rng.normal(size=4000)
        posterior = np.logaddexp(stats.norm.logpdf(draws), stats.norm.logpdf(draws, 20.0))
        weights = posterior - np.log(2) - stats.norm.logpdf(draws) + rng.normal(size=4000) * 0.05
        assert khat(weights[None])["khat"][0] < 0.5
        module = inspect.getmodule(khat)
        assert "missed mode" in (module.__doc__ + khat.__doc__)

    def test_undefined_weights_give_no_number(self):
        for bad in (np.nan, np.inf):
            weights = np.zeros((1, 1000))
            weights[0, 5] = bad
            assert np.isnan(khat(weights)["khat"][0])

    def test_no_weight_at_all_gives_no_number(self):
        found = khat(np.full((1, 1000), -np.inf))
        assert np.isnan(found["khat"][0])
        assert np.isnan(found["is_efficiency"][0])

    def test_largest_weights_all_equal_are_a_bounded_tail(self, rng):
        weights = np.zeros((1, 1000))
        weights[0, ::3] = -1.0
        assert khat(weights)["khat"][0] == -np.inf

    def test_zero_weights_count_against_the_efficiency(self, rng):
        weights = gaussian_log_weights(rng, 4000, 0.0, 1.1)
        before = khat(weights)["is_efficiency"][0]
        weights[0, ::2] = -np.inf
        found = khat(weights)
        assert np.isfinite(found["khat"][0])
        assert found["is_efficiency"][0] == pytest.approx(before / 2, rel=0.05)

    def test_bounded_weights_are_no_heavy_tail(self, rng):
        # A Normal guide inside a Beta posterior: no weight is twice the mean.
        posterior = stats.beta(13, 9)
        mean, sd = 0.58988, 0.10085
        draws = rng.normal(mean, sd, 4000)
        weights = posterior.logpdf(draws) - stats.norm.logpdf(draws, mean, sd)
        assert khat(weights[None])["khat"][0] < 0.7

    def test_the_tail_share_is_what_the_largest_weights_add(self, rng):
        # The tail of 100 draws are the largest 20: these add 0.5 * 20 and 10 beyond their start.
        weights = np.log(
            np.concatenate([np.full(80, 1.0), np.full(1, 2.0), np.full(18, 2.5), [12.0]])
        )
        found = khat(rng.permutation(weights)[None])["tail_share"][0]
        assert found == pytest.approx((18 * 0.5 + 10) / (80 + 2 + 45 + 12))
        assert khat(np.zeros((1, 100)))["tail_share"][0] == 0

    def test_a_tail_that_carries_nothing_may_have_any_shape(self):
        """A logit-Normal guide for a Beta(12, 8): KL is 0.0007 nats, yet k-hat may be 4."""
        rng, found = np.random.default_rng(2), []
        mean, sd = 0.4169, 0.4731
        for _ in range(50):
            x = rng.normal(mean, sd, 4000)
            weights = (
                -12 * np.log1p(np.exp(-x))
                - 8 * np.log1p(np.exp(x))
                - stats.norm.logpdf(x, mean, sd)
            )
            found.append(khat(weights[None]))
        shapes, shares = (
            np.array([each[name][0] for each in found]) for name in ("khat", "tail_share")
        )
        assert (shapes > 0.7).any()
        assert (shares < 0.005).mean() >= 0.9

    def test_efficiency_of_gaussians(self, rng):
        sd = 1.2
        weights = gaussian_log_weights(rng, 200_000, 0.0, sd)
        truth = np.sqrt(2 * sd**2 - 1) / sd**2
        assert khat(weights)["is_efficiency"][0] == pytest.approx(truth, rel=0.01)

    def test_limit_depends_on_the_number_of_draws(self):
        assert khat_limit(100) == pytest.approx(0.5)
        assert khat_limit(1000) == pytest.approx(2 / 3)
        assert khat_limit(100_000) == 0.7
        assert khat_limit(100_000, 0.4) == 0.4


class TestMoments:
    def test_errors_in_units_of_the_posterior(self, rng):
        num_draws = 40_000
        draws = {
            "a": 5 + 2 * (0.3 + 1.5 * rng.normal(size=(1, num_draws))),
            "b": rng.normal(size=(1, num_draws, 2)) * [1.0, 0.5],
        }
        mean = {"a": np.asarray(5.0), "b": np.zeros(2)}
        sd = {"a": np.asarray(2.0), "b": np.ones(2)}
        found = {name: float(value[0]) for name, value in moments(draws, mean, sd).items()}
        assert found["mean_error"] == pytest.approx(0.3, abs=4 * found["mean_error_se"])
        assert found["mean_error_se"] == pytest.approx(1.5 / np.sqrt(num_draws), rel=0.05)
        # ln 0.5 is farther from 0 than ln 1.5.
        assert found["sd_ratio"] == pytest.approx(0.5, abs=4 * found["sd_ratio_se"])

    def test_standard_error_of_the_ratio(self, rng):
        draws = {"a": rng.normal(size=(2000, 400))}
        found = moments(draws, {"a": np.asarray(0.0)}, {"a": np.asarray(1.0)})
        spread = found["sd_ratio"].std(ddof=1)
        assert found["sd_ratio_se"].mean() == pytest.approx(spread, rel=0.1)

    def test_each_fit_by_itself(self, rng):
        draws = {"a": rng.normal(size=(2, 1000)) + np.array([[0.0], [3.0]])}
        found = moments(draws, {"a": np.asarray(0.0)}, {"a": np.asarray(1.0)})
        assert found["mean_error"][0] < 0.2
        assert found["mean_error"][1] == pytest.approx(3, abs=0.2)


def test_windows_run_from_200_steps_to_95_percent():
    windows = drift._windows(SNAPSHOT_STEP)
    counts, steps = zip(*windows, strict=True)
    assert counts[0] >= drift.FEWEST_SNAPSHOTS
    assert steps[-1] == pytest.approx(9500, abs=10)
    assert len(windows) == drift.NUM_WINDOWS


class TestBounds:
    """A Normal(0, s) guide of a standard Normal: E_q[w^2] = s^2 / sqrt(2 s^2 - 1), times Z^2."""

    def found(self, rng, sd, log_evidence=-3.0, khat=0.3):
        weights = gaussian_log_weights(rng, 200_000, 0.0, sd, log_evidence)
        return bounds(weights, elbo(weights)["elbo"], np.array([khat]), num_components=1)

    @pytest.mark.parametrize("sd", [0.9, 1.0, 1.2])
    def test_equal_the_closed_form(self, rng, sd):
        found = self.found(rng, sd)
        exact = 0.5 * np.log(sd**2 / np.sqrt(2 * sd**2 - 1))
        assert abs(found["cubo"][0] - (exact - 3.0)) <= 5 * found["cubo_se"][0] + 1e-9
        distance = 2 * (exact + gaussian_kl(0.0, sd))
        assert abs(found["d2"][0] - distance) <= 5 * found["d2_se"][0] + 1e-9

    def test_bound_the_evidence_and_the_error(self, rng):
        found = self.found(rng, 1.2)
        assert found["cubo"][0] > -3.0
        exact = 0.2 * np.sqrt(2 / np.pi) / 1.2  # 1-Wasserstein, in sds of the guide
        assert found["w1_bound"][0] > exact

    def test_say_nothing_where_the_weights_have_a_heavy_tail(self, rng):
        found = self.found(rng, 0.9, khat=0.8)
        assert all(np.isnan(values).all() for values in found.values())

    @pytest.mark.parametrize("bad", [-np.inf, np.inf, np.nan])
    def test_say_nothing_of_a_fit_with_a_draw_without_a_weight(self, rng, bad):
        weights = np.concatenate([gaussian_log_weights(rng, 1000, 0.0, 0.9) for _ in range(2)])
        weights[1, 7] = bad
        found = bounds(weights, elbo(weights)["elbo"], np.zeros(2), num_components=1)
        for values in found.values():
            np.testing.assert_array_equal(np.isnan(values), [False, True])


class TestLossFallsFaster:
    @pytest.mark.parametrize(
        ("shape", "grows"),
        [
            (lambda time: -(time**2), True),  # without bound
            (lambda time: np.exp(-5 * time), False),  # towards an optimum
            (lambda time: -time, False),  # at a constant rate
            (lambda time: 0 * time, False),
            (lambda time: time**2, False),  # it rises
            (lambda time: -1 / (1 + np.exp(-12 * (time - 0.6))), False),  # a plateau is left
        ],
    )
    def test_tells_a_growing_fall(self, rng, shape, grows):
        losses = 50 * shape(np.linspace(0, 1, 8000))
        noisy = losses + autoregression(rng, (40, 8000), 0.5, 0.3)
        found = loss_acceleration(noisy)["loss_acceleration_z"]
        assert (found > 5).all() if grows else (found < 5).all()

    @pytest.mark.parametrize("num_steps", [1, 8, 10, 16, 23])
    def test_is_missing_for_a_handful_of_steps(self, rng, num_steps):
        found = loss_acceleration(rng.normal(size=(2, num_steps)))["loss_acceleration_z"]
        np.testing.assert_array_equal(found, [np.nan, np.nan])


class TestAgreement:
    def test_equals_arviz(self, rng):
        snapshots = rng.normal(size=(4, 80, 2)) + rng.normal(size=(4, 1, 2))
        loss = rng.normal(size=(4, 400))
        found = between_seeds(snapshots, loss, np.zeros(4))
        expected = max(
            float(
                array_stats.rhat(
                    snapshots[:, -20:, k], chain_axis=0, draw_axis=1, method="identity"
                )
            )
            for k in range(2)
        )
        np.testing.assert_allclose(found["seeds_rhat"], expected, rtol=1e-10)

    def test_compares_the_seeds_of_one_setting_only(self, rng):
        snapshots = rng.normal(size=(4, 400, 1))
        snapshots[2:] += 50.0
        loss = rng.normal(size=(4, 4000))
        alike = between_seeds(snapshots, loss, np.array([1, 1, 2, 2]))
        assert (alike["seeds_rhat"] < 1.1).all()
        mixed = between_seeds(snapshots, loss, np.array([1, 2, 1, 2]))
        assert (mixed["seeds_rhat"] > 10).all()
        assert (mixed["seeds_rhat_loss"] < 1.3).all()

    def test_standard_error_is_the_spread_over_repetitions(self, rng):
        # Twelve seeds whose means differ, many times over.
        found = [
            between_seeds(
                rng.normal(size=(12, 400, 1)) + rng.normal(size=(12, 1, 1)),
                np.ones((12, 400)),
                np.ones(12),
            )
            for _ in range(200)
        ]
        values, errors = (
            np.array([one[name][0] for one in found]) for name in ("seeds_rhat", "seeds_rhat_se")
        )
        # The jackknife of a spread is biased by about the root of 1 / 12.
        assert np.median(errors) == pytest.approx(values.std(ddof=1), rel=0.3)

    def test_one_seed_and_broken_parameters(self, rng):
        snapshots = rng.normal(size=(3, 40, 1))
        snapshots[0, -1] = np.nan
        found = between_seeds(snapshots, np.ones((3, 80)), np.array([1, 1, 2]))
        np.testing.assert_array_equal(found["seeds_rhat"], [np.inf, np.inf, np.nan])
        np.testing.assert_array_equal(found["seeds_rhat_loss"], [1.0, 1.0, np.nan])


class TestWasserstein:
    def test_equals_scipy_in_sds(self, rng):
        draws, reference = rng.normal(0.3, 1.4, (2, 4000)), rng.normal(0.0, 2.0, 10_000)
        found = wasserstein({"x": draws}, {"x": reference}, {"x": np.array(2.0)})
        expected = [stats.wasserstein_distance(one, reference) / 2.0 for one in draws]
        # A thousand quantiles for all draws: the tails' last steps are left out.
        np.testing.assert_allclose(found["wasserstein"], expected, atol=2e-3)

    def test_standard_error_is_the_spread_over_repetitions(self, rng):
        draws, reference = rng.normal(0.5, 1.0, (50, 2000)), rng.normal(0.0, 1.0, 20_000)
        found = wasserstein({"x": draws}, {"x": reference}, {"x": np.array(1.0)})
        # The spread of 50 values is known to a tenth; four of these.
        spread = found["wasserstein"].std(ddof=1)
        assert spread == pytest.approx(found["wasserstein_se"].mean(), rel=0.4)

    def test_compares_the_quantiles_of_numpy(self, rng):
        draws, reference = rng.normal(0.3, 1.4, (2, 37)), rng.normal(size=23)
        found = wasserstein({"x": draws}, {"x": reference}, {"x": np.array(1.0)})
        levels = (np.arange(1000) + 0.5) / 1000
        apart = np.quantile(draws, levels, axis=1) - np.quantile(reference, levels)[:, None]
        np.testing.assert_allclose(found["wasserstein"], np.abs(apart).mean(0), rtol=1e-12)

    def test_a_handful_of_reference_draws_have_a_distance_without_an_error(self, rng):
        found = wasserstein(
            {"x": rng.normal(size=(1, 100))}, {"x": rng.normal(size=3)}, {"x": np.array(1.0)}
        )
        assert np.isfinite(found["wasserstein"][0])
        assert np.isnan(found["wasserstein_se"][0])

    def test_a_draw_that_is_not_finite_makes_it_missing(self, rng):
        draws = rng.normal(size=(2, 1000))
        draws[1, 7] = np.nan
        found = wasserstein({"x": draws}, {"x": rng.normal(size=1000)}, {"x": np.array(1.0)})
        assert np.isfinite(found["wasserstein"]).tolist() == [True, False]

    def test_takes_the_worst_component(self, rng):
        reference = rng.normal(size=(10_000, 2))
        draws = (reference + np.array([0.0, 0.5]))[None]
        found = wasserstein({"x": draws}, {"x": reference}, {"x": np.ones(2)})
        assert found["wasserstein"][0] == pytest.approx(0.5)
