"""The four statements, counted over fits whose answers are known."""

import json

import numpy as np
import pandas as pd
import pytest

from made_up import failed, fits_of, grid, references
from svi_atlas.analysis.statements import convergence, cost, loss_noise, summaries
from svi_atlas.analysis.statements._selection import (
    best_step_size,
    compared_families,
    fits_with_kl,
    usable_settings,
)
from svi_atlas.analysis.statements._text import range_over_seeds, share
from svi_atlas.analysis.statements.facts import facts

THRESHOLDS = {"outside_support": 0.01, "mean_error": 0.1, "sd_ratio": 0.1}


def alternating(count, seed, step_size):
    """A loss that jumps by 2 / count: the sd from its differences is sqrt(2) / count."""
    return 10 + (-1.0) ** np.arange(100) / count


def test_the_noise_of_a_loss_ignores_a_drift_and_what_is_not_finite():
    noise = np.random.default_rng(0).standard_normal((1, 100_000))
    drift = np.linspace(0, 50, 100_000)
    with_drift = loss_noise._noise_of(noise + drift)
    assert with_drift == pytest.approx(1.0, rel=0.01)
    noise[0, ::1000] = np.inf
    assert loss_noise._noise_of(noise) == pytest.approx(1.0, rel=0.01)
    assert np.isnan(loss_noise._noise_of(np.full((1, 10), np.nan))).all()


def test_the_exponent_of_the_noise_is_found():
    table = grid(counts=(1, 4, 16), seeds=(1, 2, 3))
    noise = loss_noise.loss_noise(table, fits_of(table, alternating))
    assert noise["noise"].tolist() == pytest.approx(
        [np.sqrt(2)] * 3 + [np.sqrt(2) / 4] * 3 + [np.sqrt(2) / 16] * 3
    )
    (exponent,) = loss_noise.noise_exponents(noise).itertuples()
    assert exponent.median == pytest.approx(1.0)
    assert exponent.error == pytest.approx(0.0, abs=1e-12)
    assert exponent.counts == "1, 16"
    ranges = loss_noise.loss_noise_ranges(noise)
    assert ranges["expected"].tolist() == pytest.approx(np.sqrt(2) / np.sqrt([1, 4, 16]))


def test_one_number_of_particles_and_points_are_not_compared():
    table = pd.concat([grid(counts=(1,)), grid(guides=("AutoLaplaceApproximation",))])
    assert compared_families(table) == []
    assert loss_noise.loss_noise(table, {}).empty


def test_a_setting_whose_fits_mostly_diverged_is_not_used():
    table = grid(seeds=(1, 2, 3), verdict=["diverged", "diverged", "adequate"] + ["adequate"] * 3)
    (family,) = compared_families(table)
    assert usable_settings(table, family) == {(4, 0.01)}


def test_the_best_step_size_is_among_those_fitted_with_most_particle_counts():
    verdict = ["inadequate", "not_converged", "inadequate", "not_converged"]
    table = grid(step_sizes=(0.01, 0.1), seeds=(1,), verdict=verdict)
    table = pd.concat([table, grid(counts=(1,), step_sizes=(1.0,), seeds=(1,))])
    (family,) = compared_families(table)
    assert best_step_size(table, family) == 0.01


def test_a_kl_divergence_off_the_support_is_not_known():
    table = grid(kl=[0.1, 0.2, np.inf, 0.4], outside_support=[0.0, 0.5, 0.0, 0.0], sd_ratio=1.0)
    assert fits_with_kl(table, 0.01)["kl"].tolist() == [0.1, 0.4]


def test_shares_have_binomial_errors():
    verdict = ["adequate", "inadequate", "adequate", "diverged"] + ["adequate"] * 4
    table = grid(seeds=(1, 2, 3, 4), verdict=verdict)
    shares = convergence.adequate_shares(table)
    assert shares["share"].tolist() == [0.5, 1.0]
    assert shares["error"].tolist() == [0.25, 0.0]
    (change,) = convergence.share_changes(table).itertuples()  # without the fit that diverged
    assert change.gain == pytest.approx(1 / 3)
    assert change.error == pytest.approx(np.sqrt(2 / 3 * 1 / 3 / 3))


def falling(count, seed, step_size):
    """A loss of 10 + seed + 1 / step whatever the number of particles."""
    return 10 + seed + 1 / np.arange(1, 201)


def test_equal_draws_are_as_many_as_the_fewest_particles_make():
    table = grid(seeds=(0, 1))
    excess = convergence.excess_losses(table, fits_of(table, falling), references(-10.0))
    levels = convergence.loss_levels(excess).set_index(["num_particles", "seed"])
    assert levels["at_end"][4.0, 1] - levels["at_end"][4.0, 0] == pytest.approx(1.0)
    assert levels["at_draws"][1.0, 0] == levels["at_end"][1.0, 0]
    assert levels["at_draws"][4.0, 0] == pytest.approx(1 / 50, rel=0.15)  # a fourth of 200 steps
    (change,) = convergence.level_changes(levels.reset_index()).itertuples()
    assert change.change == pytest.approx(levels["at_draws"][4.0, 0] - levels["at_draws"][1.0, 0])
    assert change.error == pytest.approx(1.25 * 0.5 / np.sqrt(2) * np.sqrt(2))
    course = convergence.loss_course(excess)
    ends = course.groupby("num_particles").last()
    assert ends["median"].tolist() == pytest.approx([levels["at_end"][1.0].median()] * 2)
    assert (course["draws"] == course["step"] * course["num_particles"]).all()
    assert (
        convergence.convergence_table(table, levels.reset_index())["adequate"].tolist()
        == ["2 of 2"] * 2
    )


def test_without_evidence_losses_are_above_the_lowest_level_reached():
    table = grid(seeds=(0,))
    excess = convergence.excess_losses(table, fits_of(table, falling), references(np.nan))
    assert excess["excess"].min() == 0.0


def test_a_loss_arrives_at_the_end_of_its_first_window_near_the_final_level():
    def loss(count, seed, step_size):
        return np.where(np.arange(1000) < 300, 5.0, 1.0)

    table = grid(counts=(4,), guides=("beta", "AutoNormal"), seconds=2.0, kl=1e-9, kl_se=1e-9)
    table = table.assign(outside_support=0.0, sd_ratio=1.0)
    fits = fits_of(table, loss)
    arrivals = cost.arrivals(table, fits, THRESHOLDS)
    assert arrivals[arrivals["quantity"] == "steps"]["value"].tolist() == [302.0] * 4
    assert arrivals[arrivals["quantity"] == "kl"]["value"].tolist() == [cost.MIN_KL] * 4
    costs = cost.guide_costs(table, fits, arrivals)
    assert costs["automatic"].tolist() == [False, True]
    assert costs["seconds_per_fit"].tolist() == [4.0, 4.0]
    assert costs["shared"].tolist() == [4, 4]
    assert len(cost.cost_table(table, costs)) == 2


def test_a_loss_that_never_is_finite_does_not_arrive():
    table = grid(counts=(4,), seeds=(1,), seconds=2.0)
    arrivals = cost.arrivals(table, fits_of(table, lambda *_: np.full(100, np.nan)), THRESHOLDS)
    assert arrivals["value"].isna().all()


def known_fits(count=1):
    return grid(
        counts=(1,), seeds=range(4 * count), kl=[1e-4, 5e-3, 0.5, 2.0] * count, kl_se=1e-3,
        mean_error=[0.0, 0.1, 0.2, 2.0] * count, sd_ratio=[1.0, 1.05, 0.95, 0.5] * count,
        mean_error_se=0.01, sd_ratio_se=0.02, outside_support=0.0,
    )  # fmt: skip


def test_summaries_are_useful_within_the_thresholds():
    found = summaries.summaries(known_fits(), THRESHOLDS)
    assert found["useful"].tolist() == [True, True, False, False]
    assert found["distance"].tolist() == [1e-3, 5e-3, 0.5, 2.0]
    assert found["sd_error"].tolist() == pytest.approx([0, 0.05, 1 / 0.95 - 1, 1.0])
    rows = summaries.summary_table(found)
    assert rows["range"].tolist() == ["under 0.001", "0.001 to 0.01", "0.1 to 1", "over 1"]
    assert rows["useful"].tolist() == ["100 %", "100 %", "0 %", "0 %"]
    limits = summaries.summary_limits(found, THRESHOLDS)
    assert limits["measurement_error"].tolist() == [0.01, 0.02]


def test_a_bin_with_few_fits_has_no_band():
    few = summaries.summary_bands(summaries.summaries(known_fits(), THRESHOLDS))
    assert few["median"].isna().all()
    many = summaries.summary_bands(summaries.summaries(known_fits(20), THRESHOLDS))
    assert many["median"].notna().any()


def test_the_bounds_of_gaussians_are_their_kl_divergences():
    bounds = summaries.gaussian_bounds(summaries.summaries(known_fits(), THRESHOLDS))
    mean = bounds[bounds["quantity"] == "mean_error"]
    np.testing.assert_allclose(mean["error"] ** 2 / 2, mean["distance"])
    sd = bounds[bounds["quantity"] == "sd_error"]
    ratio = 1 / (1 + sd["error"])
    np.testing.assert_allclose((ratio**2 - 1) / 2 - np.log(ratio), sd["distance"])


def page_facts(table, fits):
    table.attrs["spec"] = json.dumps({"experiment": "coin"})
    noise = loss_noise.noise_exponents(loss_noise.loss_noise(table, fits))
    excess = convergence.excess_losses(table, fits, references())
    changes = convergence.level_changes(convergence.loss_levels(excess))
    shares, known = convergence.share_changes(table), summaries.summaries(table, THRESHOLDS)
    frame = facts(table, noise, shares, changes, known, THRESHOLDS)
    return dict(zip(frame["name"], frame["text"], strict=True))


def test_the_page_counts_settings_and_fits():
    table = grid(guides=("beta", "AutoNormal"), kl=1e-3, outside_support=0.0, sd_ratio=1.0)
    table = table.assign(mean_error=0.05, mean_error_se=0.01, sd_ratio_se=0.01, kl_se=1e-4)
    texts = page_facts(table, fits_of(table, alternating))
    assert texts["experiment_page"] == "coin.html"
    assert texts["num_fits"] == "8"
    assert texts["num_seeds"] == "2"
    assert "in 2 of 2 settings the noise falls clearly" in texts["smoother"]
    assert "in 2 it falls faster" in texts["smoother"]
    assert "in 0 of 2 settings" in texts["convergence"]
    assert "100 % of the fits of autoguides are adequate, and 100 %" in texts["autoguides"]
    assert "below 0.01 nats, 100 % have every mean within 0.1" in texts["useful"]


def test_a_run_in_which_every_fit_failed_has_empty_tables_with_the_reason():
    table, fits = failed(grid(guides=("beta", "AutoNormal")))
    noise = loss_noise.loss_noise(table, fits)
    assert noise["note"].tolist() == ["failed", "failed"]
    assert loss_noise.loss_noise_ranges(noise)["note"].tolist() == ["failed", "failed"]
    excess = convergence.excess_losses(table, fits, references())
    assert excess["note"].tolist() == ["failed", "failed"]
    assert convergence.convergence_table(table, convergence.loss_levels(excess)).empty
    arrivals = cost.arrivals(table, fits, THRESHOLDS)
    costs = cost.guide_costs(table, fits, arrivals)
    assert costs["note"].tolist() == ["failed", "failed"]
    assert cost.cost_table(table, costs).empty
    known = summaries.summaries(table, THRESHOLDS)
    assert summaries.summary_table(known).empty
    assert summaries.summary_bands(known).empty
    texts = page_facts(table, fits)
    assert texts["useful"] == texts["smoother"] == texts["convergence"] == ""
    assert "0 % of the fits of autoguides" in texts["autoguides"]


def test_ranges_and_shares_as_text():
    assert range_over_seeds([1.0, 2.0, 3.0, np.nan, np.inf]) == "2.0 (1.2 to 2.8)"
    assert range_over_seeds([]) == "\N{EN DASH}"
    assert share(1, 4) == "25 ± 22 %"
    assert share(990, 1000) == "99.0 ± 0.3 %"
    assert share(0, 0) == "\N{EN DASH}"
