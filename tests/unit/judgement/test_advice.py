"""What to try next follows from the evidence, and says what it is."""

import numpy as np
import pandas as pd
import pytest

from made_up import grid
from svi_atlas.judgement.advice import advise, gather

NORMAL, FULL_RANK, FLOW = "AutoNormal", "AutoMultivariateNormal", "AutoIAFNormal"


def fits(guide=NORMAL, verdict="not_converged", **columns):
    """Fits of a setting with 8 particles."""
    statistics = {
        "elbo": -10.0, "elbo_gap": 0.2, "averaging_gain": 0.0, "averaging_gain_se": 0.1,
        "loss_drift": 0.0, "loss_drift_se": 0.1, "gap_beyond": 0.0, "gap_beyond_se": 0.01,
        "gradient_scale": 2.0, "missed_mass": 0.0, "outside_support": 0.0, "khat": 0.9, "mean_error": 0.25,
        "sd_ratio": 0.6, "num_parameters": 4, "nonfinite": 0.0,
    }  # fmt: skip
    table = grid(
        guides=(guide,), counts=(8,), seeds=range(4), **(statistics | {"verdict": verdict})
    )
    table = table.assign(funnel_ratio=1.1, funnel_site="x")
    return table.assign(elbo_gap_last=table["elbo_gap"]).assign(**columns)


NOISY = {"elbo_gap": 0.01, "averaging_gain": 0.9}


def advice(*tables):
    return advise(gather(pd.concat(tables, ignore_index=True)))


def arrived(guide=NORMAL, **columns):
    return fits(guide, "inadequate", **columns)


def says(text, *parts):
    missing = [part for part in parts if part not in text]
    assert not missing, (missing, text)
    return True


def test_gradients_of_different_scales_call_for_whitening():
    text = advice(fits(gradient_scale=4321.0))
    assert says(text, "a factor of 4,321", "whitened: {class: AutoDiagonalNormal, whitened: true}")
    assert says(advice(fits(FULL_RANK, gradient_scale=50.0)), "class: AutoMultivariateNormal")
    assert says(advice(fits("by_hand", gradient_scale=50.0)), "class: AutoMultivariateNormal")


@pytest.mark.parametrize(
    "columns",
    [
        {"whitened": True},
        {"start": "uniform, since the Laplace approximation is not usable: it is flat"},
    ],
)
def test_what_is_whitened_or_cannot_be_is_not_to_be_whitened(columns):
    assert "whiten" not in advice(fits(gradient_scale=4321.0, **columns))


def test_an_average_that_is_closer_is_noise():
    text = advice(fits(elbo_gap_last=0.3, elbo_gap=0.02, averaging_gain=1.0))
    assert says(text, "noise", "0.30 nats", "0.020", "`schedules: [cosine]`")
    text = advice(fits(**NOISY, schedule="cosine"))
    assert says(text, "noise", "`num_particles: [32]`")


def test_without_a_gap_the_gain_of_averaging_tells_noise():
    unknown = {"elbo_gap": np.nan, "elbo_gap_last": np.nan}
    assert says(advice(fits(averaging_gain=0.7, **unknown)), "noise", "0.70 nats")
    assert "have not arrived" in advice(fits(averaging_gain=0.1, **unknown))


def test_an_elbo_that_falls_with_the_step_size_is_noise():
    sizes = [fits(step_size=size, elbo=elbo) for size, elbo in ((0.01, -10.0), (0.1, -12.0))]
    assert says(advice(*sizes), "noise", "10.0 nats", "0.01 and 12.0 with 0.1", "cosine")


def test_a_gap_of_both_iterates_is_drift():
    text = advice(fits(loss_drift=-12.0, elbo_gap_last=3.0, elbo_gap=3.5))
    assert says(text, "lacks 3.0 nats", "3.5", "falls by 12 nats", "`num_steps: 400`")
    sizes = [fits(step_size=size, elbo=elbo) for size, elbo in ((0.01, -12.0), (0.1, -11.0))]
    assert says(advice(*sizes), "`step_sizes: [0.3]`", "`num_steps: 400`")
    assert says(advice(fits(schedule="cosine")), "`num_steps: 400`", "`num_particles: [32]`")


def test_a_search_that_runs_out_of_its_budget_needs_a_larger_one():
    text = advice(fits(block="search", label="search", num_steps=12_500))
    assert says(text, "`search: {budget: 400000}`")


def test_correlations_that_would_gain_something_call_for_a_family_that_has_them():
    text = advice(arrived(gap_beyond=1.234, gap_beyond_se=0.02))
    assert says(text, "1.23 ± 0.02 nats", "`guides: [AutoMultivariateNormal]`")
    text = advice(arrived(gap_beyond=1.2, num_parameters=1000))
    assert says(text, "`guides: [AutoLowRankMultivariateNormal]`")


def test_a_small_gain_is_no_reason_and_an_uncertain_one_is_not_known():
    text = advice(arrived(gap_beyond=0.04, gap_beyond_se=0.01))
    assert says(text, "no Normal matches", "0.04 ± 0.01 nats", "`guides: [AutoIAFNormal]`")
    text = advice(arrived(gap_beyond=1.2, gap_beyond_se=0.7))
    assert says(text, "only as 1.2 ± 0.7 nats known", "`guides: [AutoMultivariateNormal]`")


def test_where_no_normal_matches_a_flow_is_named_with_what_is_wrong():
    text = advice(arrived(FULL_RANK))
    assert says(text, "k-hat is 0.90", "0.25 posterior", "0.60 times", "`guides: [AutoIAFNormal]`")
    assert says(advice(arrived(FULL_RANK, num_parameters=2)), "`guides: [AutoBNAFNormal]`")


def test_a_family_that_was_tried_has_to_arrive():
    text = advice(arrived(gap_beyond=1.2), fits(FULL_RANK, **NOISY))
    assert says(text, "1.20 ± 0.01 nats, but", f"`{FULL_RANK}`", "`schedules: [cosine]`")
    text = advice(arrived(FULL_RANK), fits(FLOW))
    assert says(text, "no Normal", f"but fits of `{FLOW}` have not arrived")


def test_a_flow_that_has_arrived_leaves_words():
    text = advice(arrived(FULL_RANK), arrived(FLOW, elbo=-9.0))
    assert says(text, f"`{FLOW}`", "k-hat is 0.90", "parametrisation")
    text = advice(arrived(FULL_RANK), arrived(FLOW, elbo=-11.0))
    assert says(text, f"`{FULL_RANK}`", "no other autoguide")


def test_what_a_guide_by_hand_lacks_is_not_known():
    text = advice(arrived("by_hand", gap_beyond=np.nan, gap_beyond_se=np.nan))
    assert says(text, "not known", "k-hat is 0.90", "`guides: [AutoMultivariateNormal]`")


def test_missed_modes_call_for_a_mixture():
    text = advice(arrived(missed_mass=0.42, missed_mode="x = 3", gap_beyond=1.0))
    assert says(text, "x = 3", "42%", "mixture", "start: {value:")


def test_draws_outside_the_support_call_for_another_support():
    text = advice(arrived("by_hand", outside_support=0.02))
    assert says(text, "2.00%", "support", "`guides: [AutoNormal]`")


@pytest.mark.parametrize("verdict", ["not_converged", "inadequate"])
def test_a_funnel_calls_for_another_parametrisation(verdict):
    text = advice(fits(FLOW, verdict, funnel_ratio=4.9, funnel_site="tau"))
    assert says(text, "funnel", "4.9", "`tau`", "non-centred")


def test_divergence_calls_for_a_smaller_step_size_where_losses_are_not_finite():
    text = advice(fits(verdict="diverged", reason="3 % are not finite", nonfinite=0.03))
    assert says(text, "3 % are not finite", "`step_sizes: [0.001]`")
    text = advice(fits(verdict="diverged", reason="the guide has factors"))
    assert says(text, "the guide has factors", "correct the guide")


def test_fits_that_are_adequate_but_not_reliably_so_are_the_closest():
    some = fits(**NOISY).assign(verdict=["adequate", *3 * ["not_converged"]])
    evidence = gather(pd.concat([arrived(FULL_RANK, elbo=0.0), some], ignore_index=True))
    assert evidence.guide == NORMAL
    assert len(evidence.short) == 3
    assert says(advise(evidence), "noise")


def test_columns_that_are_missing_are_unknown():
    table = fits().drop(columns=["elbo_gap", "elbo_gap_last", "gradient_scale", "gap_beyond"])
    assert "have not arrived" in advice(table)
    table = arrived().drop(columns=["gap_beyond", "funnel_ratio", "missed_mass", "khat"])
    assert says(advice(table), "not known")
