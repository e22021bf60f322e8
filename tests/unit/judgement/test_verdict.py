"""Every verdict can be reached, and each planted violation is named."""

import numpy as np
import pandas as pd
import pytest
from good_fit import GOOD, THRESHOLDS

from svi_atlas.judgement.checks import CHECKS
from svi_atlas.judgement.excess import elbo_gap_known
from svi_atlas.judgement.verdict import VERDICTS, deciding_checks, judge, violations, within_limits


def judged(**changes):
    """The verdict of a good fit with these changes, its evidence, and the key of what decided it."""
    table = pd.DataFrame([{**GOOD, **changes}])
    verdict = judge(table, THRESHOLDS)
    return verdict.assign(deciding=deciding_checks(table, THRESHOLDS)).iloc[0]


def test_a_good_fit_is_adequate():
    result = judged()
    assert result["verdict"] == "adequate"
    assert result["converged"]
    assert result["adequate"]
    assert result["deciding"] == ""
    assert result["reason"]


def test_a_growing_fall_is_no_matter_where_the_evidence_bounds_the_loss():
    assert judged(loss_acceleration_z=9.0)["verdict"] == "adequate"
    assert judged(loss_acceleration_z=4.0, evidence_violation_z=np.nan)["verdict"] == "adequate"


NO_REFERENCE = {
    f"{name}{suffix}": np.nan
    for name in GOOD
    if name.startswith(("mean_error", "sd_ratio", "sd_error", "combination_", "tail_error", "kl"))
    and not name.endswith("_last")
    for suffix in ("", "_last")
}
"""Then what the fits say themselves counts."""

UNKNOWN_GAP = {"elbo_gap": np.nan, "elbo_gap_se": np.nan}
"""Then the signs of drift count."""

VIOLATIONS = [
    ("nonfinite", {"nonfinite": 0.2, "first_nonfinite": 17}, "diverged", ["20.00%", "17"]),
    ("finite_parameters", {"finite_parameters": 0.0}, "diverged", []),
    (
        "evidence_violation_z",
        {"evidence_violation_z": 40.0, "final_loss": -3.0},
        "diverged",
        ["-3", "40"],
    ),
    (
        "loss_acceleration_z",
        {"loss_acceleration_z": 9.0, "evidence_violation_z": np.nan, "loss_drift": -40.0},
        "diverged",
        ["40"],
    ),
    ("improper", {"improper": "its density does not depend on 'a'"}, "diverged", ["'a'"]),
    ("guide_factors", {"guide_factors": "g"}, "diverged", [" g,", "18", "14.79"]),
    (
        "elbo_gap",
        {"elbo_gap": 0.003, "elbo_gap_se": 0.0001},
        "not_converged",
        ["0.003", "0.0005"],
    ),
    ("elbo_deficit", {"elbo_deficit": 2.5}, "not_converged", ["2.5", "local optimum"]),
    ("rhat", {"rhat": 1.7, **UNKNOWN_GAP}, "not_converged", ["1.70", "1.1"]),
    ("rhat", {"rhat": np.inf, "ess": np.nan, **UNKNOWN_GAP}, "not_converged", ["inf"]),
    ("ess", {"ess": 11.0, **UNKNOWN_GAP}, "not_converged", ["11", "25"]),
    ("loss_drift", {"loss_drift": -0.3, **UNKNOWN_GAP}, "not_converged", ["0.300"]),
    ("is_point", {"is_point": 1.0}, "inadequate", ["point"]),
    ("mass_elsewhere", {"mass_elsewhere": 0.4}, "inadequate", ["40%"]),
    ("outside_support", {"outside_support": 0.04}, "inadequate", ["4.00%"]),
    (
        "missed_mass",
        {"missed_mass": 0.5, "missed_mode": "x = 3"},
        "inadequate",
        ["x = 3", "50%"],
    ),
    ("khat", {**NO_REFERENCE, "khat": 0.95}, "inadequate", ["0.95"]),
    (
        "mean_error",
        {"mean_error": 0.3, "mean_error_low": 0.27},
        "inadequate",
        ["0.30"],
    ),
    ("sd_ratio", {"sd_ratio": 0.6, "sd_error_low": 0.37}, "inadequate", ["0.60"]),
    (
        "combination_sd_ratio",
        {"combination_sd_ratio": 0.7, "combination_sd_error_low": 0.27},
        "inadequate",
        ["0.70", "correlations"],
    ),
    (
        "combination_mean_error",
        {"combination_mean_error": 0.4, "combination_mean_error_low": 0.37},
        "inadequate",
        ["0.40", "linear combination"],
    ),
    (
        "tail_error",
        {"tail_error": 0.045, "tail_error_low": 0.04},
        "inadequate",
        ["0.045", "0.02"],
    ),
    ("kl", {"kl": 1.6, "num_components": 10}, "inadequate", ["1.6", "0.1", "10"]),
    ("sd_ratio", {"sd_ratio": 1.6, "sd_error_low": 0.56}, "inadequate", ["1.60"]),
    (
        "psis_mean_error",
        {**NO_REFERENCE, "psis_mean_error": 0.3, "psis_mean_error_low": 0.27},
        "inadequate",
        ["0.30"],
    ),
    (
        "psis_sd_ratio",
        {**NO_REFERENCE, "psis_sd_ratio": 0.7, "psis_sd_error_low": 0.27},
        "inadequate",
        ["0.70"],
    ),
]
"""(check, changes of a good fit that violate it, verdict, numbers that the reason names)."""


@pytest.mark.parametrize(("statistic", "changes", "verdict", "numbers"), VIOLATIONS)
def test_a_planted_violation_is_found_and_named(statistic, changes, verdict, numbers):
    result = judged(**changes)
    assert result["verdict"] == verdict
    assert result["deciding"] == statistic
    for number in numbers:
        assert number in result["reason"]
    assert result["converged"] is not pd.NA
    assert result["converged"] == (verdict == "inadequate")


@pytest.mark.parametrize(("statistic", "changes", "verdict", "numbers"), VIOLATIONS)
def test_a_planted_violation_is_among_the_violations(statistic, changes, verdict, numbers):
    table = pd.DataFrame([GOOD, {**GOOD, **changes}])
    violated = violations(table, THRESHOLDS)
    assert list(violated) == [check.statistic for check in CHECKS]
    assert violated[statistic].tolist() == [False, True]
    assert not violated.iloc[0].any()
    assert within_limits(table, THRESHOLDS)[statistic].tolist() == [True, False]


def test_indirect_checks_are_no_violation_where_the_optimality_gap_is_known():
    table = pd.DataFrame([{**GOOD, "rhat": 1.7, "elbo_gap": 0.0001, "elbo_gap_se": 0.0001}])
    assert not violations(table, THRESHOLDS).iloc[0].any()
    assert not within_limits(table, THRESHOLDS)["rhat"].iloc[0]


def test_the_reason_of_a_fit_that_has_not_converged_names_a_missed_mode_too():
    result = judged(rhat=1.7, missed_mass=0.5, missed_mode="x = 3", **UNKNOWN_GAP)
    assert result["deciding"] == "rhat"
    assert "x = 3" in result["reason"]


def test_every_check_has_a_planted_violation():
    assert {check.statistic for check in CHECKS} == {statistic for statistic, *_ in VIOLATIONS}


def test_every_verdict_is_reached():
    rows = [
        {"message": "ValueError: no"},
        *(changes for _, changes, *_ in VIOLATIONS),
        {},
        UNKNOWN_GAP,
    ]
    result = judge(pd.DataFrame([{**GOOD, **row} for row in rows]), THRESHOLDS)
    assert set(result["verdict"]) == set(VERDICTS)


def test_a_worse_verdict_hides_the_others():
    everything = {name: value for _, changes, *_ in VIOLATIONS for name, value in changes.items()}
    assert judged(**everything)["verdict"] == "diverged"
    assert (
        judged(rhat=2.0, sd_ratio=0.5, sd_error_low=0.4, **UNKNOWN_GAP)["verdict"]
        == "not_converged"
    )


def test_converged_and_adequate_are_two_questions():
    drifting = judged(elbo_gap=0.003)
    assert not drifting["converged"]
    assert drifting["adequate"]
    wrong = judged(sd_ratio=0.5, sd_error_low=0.4)
    assert wrong["converged"]
    assert not wrong["adequate"]


def test_a_diverged_fit_is_not_asked_whether_it_is_adequate():
    result = judged(nonfinite=0.5)
    assert not result["converged"]
    assert result["adequate"] is pd.NA


def test_a_failed_fit_keeps_its_message():
    result = judged(message="ValueError: broken on purpose")
    assert result["verdict"] == result["deciding"] == "failed"
    assert "ValueError: broken on purpose" in result["reason"]
    assert result["converged"] is pd.NA
    assert result["adequate"] is pd.NA


def test_failed_fits_beside_others_and_alone():
    failed = {key: GOOD[key] for key in ("model", "guide", "label", "num_draws", "guide_factors")}
    failed["message"] = "ValueError: no"
    both = judge(pd.DataFrame([GOOD, failed]), THRESHOLDS)
    assert both["verdict"].tolist() == ["adequate", "failed"]
    alone = judge(pd.DataFrame([failed]), THRESHOLDS)
    assert alone["verdict"].tolist() == ["failed"]


def test_without_a_reference_the_fits_are_their_own_check():
    result = judged(**NO_REFERENCE, missed_mass=np.nan, reference_unreliable="R-hat of x is 1.2")
    assert (result["verdict"], result["grade"]) == ("adequate", "self")
    assert "no reference" in result["reason"]
    assert judged()["grade"] == "reference"


def test_with_a_reference_it_decides_and_not_the_importance_weights():
    assert judged(psis_mean_error=0.5, psis_mean_error_low=0.4)["verdict"] == "adequate"
    assert judged(khat=2.0, tail_share=0.3)["verdict"] == "adequate"


WITHOUT = {name: np.nan for name in GOOD if name.startswith(("mean_error", "sd_", "psis", "khat"))}


@pytest.mark.parametrize(
    ("changes", "deciding", "word"),
    [
        (UNKNOWN_GAP, "gap_unknown", "could not be computed"),
        ({"elbo_gap": 0.0003, "elbo_gap_se": 0.001}, "gap_unknown", "0.0003 ± 0.001"),
        (WITHOUT, "not_computed", "khat"),
        (
            {**WITHOUT, "reference_unreliable": "R-hat is 1.2"},
            "reference_unreliable",
            "R-hat is 1.2",
        ),
        # The noise falls with the root of the number of draws.
        ({"num_draws": 400, "mean_error_noise": 0.2}, "too_few_draws", "about 1600 are needed"),
        ({**NO_REFERENCE, "psis_sd_error_noise": 0.3}, "too_few_draws", "36000"),
    ],
)
def test_what_cannot_be_decided_is_unjudged_and_says_why(changes, deciding, word):
    result = judged(**changes)
    assert (result["verdict"], result["deciding"]) == ("unjudged", deciding)
    assert word in result["reason"]
    assert result["adequate"] is pd.NA


def test_a_guide_fitted_as_a_point_needs_no_gap_but_must_rest():
    """The Laplace approximation: the loss of its point is no ELBO, and has no noise."""
    laplace = {**UNKNOWN_GAP, "fitted_as_point": 1.0}
    assert judged(**laplace)["verdict"] == "adequate"
    assert judged(**laplace, rhat=1.7)["verdict"] == "not_converged"


@pytest.mark.parametrize("missing", [UNKNOWN_GAP, NO_REFERENCE, {"mean_error_noise": 0.2}])
def test_what_is_missing_hides_no_violation(missing):
    assert judged(**missing, outside_support=0.5)["verdict"] == "inadequate"


def test_what_is_known_can_still_condemn():
    result = judged(**NO_REFERENCE, khat=1.2)
    assert result["verdict"] == "inadequate"
    assert result["adequate"] == False  # noqa: E712 (not missing)
    assert result["deciding"] == "khat"


def test_signs_of_drift_count_only_where_the_optimality_gap_is_not_known():
    drifting = {"rhat": 1.7, "ess": 3.0, "loss_drift": -0.3}
    assert judged(**drifting, elbo_gap=0.0001, elbo_gap_se=0.0001)["verdict"] == "adequate"
    assert judged(**drifting, elbo_gap=0.0001, elbo_gap_se=0.01)["verdict"] == "not_converged"
    assert judged(elbo_gap=0.0001, elbo_gap_se=0.01)["verdict"] == "unjudged"
    assert judged(elbo_gap=0.1, elbo_gap_se=0.01)["verdict"] == "not_converged"


LAST_GAP_UNKNOWN = {"elbo_gap_last": np.nan, "elbo_gap_se_last": np.nan}


@pytest.mark.parametrize(
    ("changes", "averaged", "last"),
    [
        # The last iterate alone is inaccurate: it fluctuates.
        ({"mean_error_low_last": 0.4}, "adequate", "not_converged"),
        ({"sd_error_low_last": 0.4, "tail_error_low_last": 0.1}, "adequate", "not_converged"),
        ({"outside_support": 0.0, "outside_support_last": 0.04}, "adequate", "not_converged"),
        (LAST_GAP_UNKNOWN, "adequate", "unjudged"),
        # The averaged iterate alone is.
        ({"mean_error_low": 0.4}, "inadequate", "adequate"),
        ({**NO_REFERENCE, "khat": 0.9}, "inadequate", "adequate"),
        # Both are, so that the family is at fault.
        ({**NO_REFERENCE, "khat": 0.9, "khat_last": 0.9}, "inadequate", "inadequate"),
        # The optimality gap is known of each iterate.
        ({"elbo_gap_last": 0.1, "elbo_gap_se_last": 0.01}, "adequate", "not_converged"),
        ({"elbo_gap": 0.1, "elbo_gap_se": 0.01}, "not_converged", "adequate"),
        # Both iterates are of one run.
        ({**UNKNOWN_GAP, **LAST_GAP_UNKNOWN, "rhat": 1.7}, "not_converged", "not_converged"),
        ({"nonfinite": 0.2}, "diverged", "diverged"),
        ({"message": "ValueError: no"}, "failed", "failed"),
    ],
)
def test_each_iterate_has_a_verdict_of_its_own(changes, averaged, last):
    result = judged(**changes)
    assert (result["verdict"], result["verdict_last"]) == (averaged, last)


def test_unknown_evidence_and_modes_are_no_violation():
    assert judged(evidence_violation_z=np.nan, missed_mass=np.nan)["verdict"] == "adequate"


def test_a_fall_within_its_error_is_no_drift():
    for error, verdict in ((0.2, "unjudged"), (0.1, "not_converged")):
        result = judged(loss_drift=-0.3, loss_drift_se=error, **UNKNOWN_GAP)
        assert result["verdict"] == verdict


def test_a_rise_of_the_loss_is_no_fall():
    assert judged(loss_drift=0.3)["verdict"] == "adequate"


def test_a_few_infinite_losses_are_mentioned():
    result = judged(nonfinite=0.005)
    assert result["verdict"] == "adequate"
    assert "0.005" in result["reason"]


def test_a_statistic_within_its_error_of_the_limit_is_borderline():
    assert judged(mean_error_low=0.09)["borderline"] == "mean_error"
    assert judged(sd_error_low=0.105)["borderline"] == "sd_ratio"
    assert judged()["borderline"] == ""


@pytest.mark.parametrize("num_draws", [100, 4000])
def test_the_limit_of_khat_depends_on_the_draws(num_draws):
    result = judged(**NO_REFERENCE, khat=0.6, num_draws=num_draws)
    assert result["verdict"] == ("inadequate" if num_draws == 100 else "adequate")


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        ("elbo_gap", 0.00005, {"elbo_gap": 0.0001, "elbo_gap_se": 0.00001}),
        ("rhat", 1.005, UNKNOWN_GAP),
        ("ess", 500, UNKNOWN_GAP),
        ("mean_error", 0.05, {"mean_error_low": 0.06}),
        ("sd_ratio", 0.05, {"sd_error_low": 0.06}),
        ("tail_error", 0.005, {"tail_error_low": 0.007}),
        ("kl", 0.01, {"kl": 0.05}),
        ("elbo_deficit", 0.1, {"elbo_deficit": 0.2}),
        ("mass_elsewhere", 0.05, {"mass_elsewhere": 0.1}),
        ("khat", 0.1, NO_REFERENCE),
        ("tail_share", 0.001, {**NO_REFERENCE, "khat": 3.0, "tail_share": 0.004}),
        ("nonfinite", 0.001, {"nonfinite": 0.005}),
        ("outside_support", 0.0001, {"outside_support": 0.0005}),
        ("loss_drift", 0.00005, {"loss_drift_se": 0.00001, **UNKNOWN_GAP}),
        ("missed_mass", -0.01, {}),
        ("evidence_violation_z", 0.2, {}),
        ("loss_acceleration_z", 3.0, {"loss_acceleration_z": 4.0, "evidence_violation_z": np.nan}),
    ],
)
def test_each_threshold_matters(name, value, changes):
    """A looser limit lets the fit pass, a stricter one does not."""
    row = pd.DataFrame([{**GOOD, **changes}])
    loose = {**THRESHOLDS, name: LOOSE.get(name, THRESHOLDS[name])}
    passes = (
        ("adequate", "unjudged")
        if changes is UNKNOWN_GAP or name == "loss_drift"
        else ("adequate",)
    )
    assert judge(row, loose).iloc[0]["verdict"] in passes
    assert judge(row, {**THRESHOLDS, name: value}).iloc[0]["verdict"] not in passes


LOOSE = {"elbo_deficit": 1.0, "mass_elsewhere": 0.5}


def test_every_threshold_is_tested():
    cases = test_each_threshold_matters.pytestmark[0].args[1]
    assert {name for name, *_ in cases} == set(THRESHOLDS)


@pytest.mark.parametrize(
    ("gap", "error", "known"),
    [
        (
            0.0,
            0.25,
            True,
        ),  # precise enough whatever the gap: an error of half the limit is the last
        (0.0, 0.26, False),
        (1.0, 0.26, False),
        (2.1, 0.5, True),  # imprecise, but more than three errors above the limit
        (1.9, 0.5, False),
        (np.nan, np.nan, False),
    ],
)
def test_where_the_optimality_gap_is_known_at_a_limit_of_half_a_nat(gap, error, known):
    table = pd.DataFrame({"elbo_gap": [gap], "elbo_gap_se": [error]})
    assert elbo_gap_known(table, {"elbo_gap": 0.5}).tolist() == [known]


@pytest.mark.parametrize(
    ("error", "certain", "verdict"),
    [
        (0.12, 0.07, "adequate"),
        (0.149, 0.09, "adequate"),
        (0.16, 0.09, "inadequate"),
        (0.12, 0.11, "inadequate"),
    ],
)
def test_noise_widens_a_limit_by_half_of_it_at_most(error, certain, verdict):
    bad = {"mean_error": error, "mean_error_low": certain}
    assert judged(**bad)["verdict"] == verdict
    bad = {"sd_ratio": 1 - error, "sd_error_low": certain}
    assert judged(**bad)["verdict"] == verdict


@pytest.mark.parametrize(
    ("gap", "error", "verdict"),
    [
        (0.0006, 0.0001, "adequate"),
        (0.0006, 0.00001, "not_converged"),
        (0.0008, 0.00025, "not_converged"),
        (0.0003, 0.00025, "adequate"),
    ],
)
def test_the_error_of_the_gap_widens_its_limit_by_half_of_it_at_most(gap, error, verdict):
    assert judged(elbo_gap=gap, elbo_gap_se=error)["verdict"] == verdict


@pytest.mark.parametrize(
    ("low", "noise", "verdict"),
    [(0.01, 0.05, "adequate"), (0.01, 0.015, "inadequate"), (0.03, 0.05, "inadequate")],
)
def test_a_tail_counts_for_certain_only_where_noise_exceeds_its_limit(low, noise, verdict):
    """An error of 0.04, twice the limit."""
    changes = {"tail_error": 0.04, "tail_error_low": low, "tail_error_noise": noise}
    assert judged(**changes)["verdict"] == verdict
