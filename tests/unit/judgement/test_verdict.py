"""Every verdict can be reached, and each planted violation is named."""

import numpy as np
import pandas as pd
import pytest

from svi_atlas.configuration.experiment import load_config
from svi_atlas.judgement.verdict import CHECKS, VERDICTS, judge

THRESHOLDS = load_config({"experiments": ["coin"]}).thresholds

GOOD = {
    "model": "headstails",
    "guide": "beta",
    "block": "grid",
    "label": "particles-1",
    "num_draws": 4000,
    "message": None,
    "guide_factors": "",
    "nonfinite": 0.0,
    "first_nonfinite": np.nan,
    "finite_parameters": 1.0,
    "loss_first": 18.0,
    "final_loss": 14.79,
    "evidence_violation_z": 0.3,
    "rhat": 1.01,
    "ess": 400.0,
    "window": 5000,
    "loss_acceleration_z": -0.5,
    "loss_drift": -0.0001,
    "loss_drift_se": 0.001,
    "averaging_gain": 0.0001,
    "averaging_gain_se": 0.0001,
    "outside_support": 0.0,
    "missed_mass": 0.0,
    "missed_mode": "",
    "khat": 0.2,
    "tail_share": 0.2,
    "mean_error": 0.01,
    "mean_error_se": 0.016,
    "sd_ratio": 1.01,
    "sd_ratio_se": 0.011,
    "khat_averaged": 0.1,
    "tail_share_averaged": 0.1,
    "mean_error_averaged": 0.01,
    "sd_ratio_averaged": 1.0,
}


def judged(**changes):
    return judge(pd.DataFrame([{**GOOD, **changes}]), THRESHOLDS).iloc[0]


def test_a_good_fit_is_adequate():
    found = judged()
    assert found["verdict"] == "adequate"
    assert found["converged"]
    assert found["adequate"]
    assert found["reason"].startswith("Stationary, and close to the posterior")


def test_a_growing_fall_is_no_matter_where_the_evidence_bounds_the_loss():
    assert judged(loss_acceleration_z=9.0)["verdict"] == "adequate"
    assert judged(loss_acceleration_z=4.0, evidence_violation_z=np.nan)["verdict"] == "adequate"


BAD_AVERAGE = {"mean_error_averaged": 0.5, "sd_ratio_averaged": 0.5, "khat_averaged": 1.5}
"""The average is no better: the family is at fault, not the noise of the last iterate."""

VIOLATIONS = [
    ("nonfinite", {"nonfinite": 0.2, "first_nonfinite": 17}, "diverged", ["20.00%", "step 17"]),
    ("finite_parameters", {"finite_parameters": 0.0}, "diverged", ["parameter is not finite"]),
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
        ["growing rate, by 40 nats", "no evidence is known"],
    ),
    ("guide_factors", {"guide_factors": "g"}, "diverged", ["factor site g"]),
    (
        "elbo_gap",
        {"elbo_gap": 0.003, "elbo_gap_se": 0.0001},
        "not_converged",
        ["0.003 nats a parameter", "limit 0.0005"],
    ),
    ("rhat", {"rhat": 1.7}, "not_converged", ["R-hat is 1.70", "limit 1.1"]),
    ("rhat", {"rhat": np.inf, "ess": np.nan}, "not_converged", ["R-hat is inf"]),
    ("ess", {"ess": 11.0}, "not_converged", ["worth 11 independent", "at least 25"]),
    ("loss_drift", {"loss_drift": -0.3}, "not_converged", ["0.300 nats per 1,000 steps"]),
    ("averaging_gain", {"averaging_gain": 0.4}, "not_converged", ["gains 0.400 nats"]),
    ("last_iterate", {"mean_error": 0.4}, "not_converged", ["jumps about the optimum", "0.40 sd"]),
    ("outside_support", {"outside_support": 0.04}, "inadequate", ["4.00% of the guide's draws"]),
    (
        "missed_mass",
        {"missed_mass": 0.5, "missed_mode": "x = 3"},
        "inadequate",
        ["mode at x = 3", "50%"],
    ),
    ("khat", {"khat": 0.95, **BAD_AVERAGE}, "inadequate", ["k-hat is 0.95"]),
    ("mean_error", {"mean_error": 0.3, **BAD_AVERAGE}, "inadequate", ["0.30 posterior sds"]),
    ("sd_ratio", {"sd_ratio": 0.6, **BAD_AVERAGE}, "inadequate", ["0.60 of the true one"]),
    ("sd_ratio", {"sd_ratio": 1.6, **BAD_AVERAGE}, "inadequate", ["1.60 of the true one"]),
]


@pytest.mark.parametrize(("statistic", "changes", "verdict", "words"), VIOLATIONS)
def test_a_planted_violation_is_found_and_named(statistic, changes, verdict, words):
    found = judged(**changes)
    assert found["verdict"] == verdict
    for word in words:
        assert word in found["reason"]
    assert found["converged"] == (verdict == "inadequate")


def test_every_check_has_a_planted_violation():
    assert {check.statistic for check in CHECKS} == {statistic for statistic, *_ in VIOLATIONS}


def test_every_verdict_is_reached():
    rows = [{"message": "ValueError: no"}, *(changes for _, changes, *_ in VIOLATIONS), {}]
    found = judge(pd.DataFrame([{**GOOD, **row} for row in rows]), THRESHOLDS)
    assert set(found["verdict"]) == set(VERDICTS)


def test_a_worse_verdict_hides_the_others():
    everything = {name: value for _, changes, *_ in VIOLATIONS for name, value in changes.items()}
    assert judged(**everything)["verdict"] == "diverged"
    assert judged(rhat=2.0, sd_ratio=0.5, **BAD_AVERAGE)["verdict"] == "not_converged"


def test_converged_and_adequate_are_two_questions():
    drifting = judged(rhat=2.0)
    assert not drifting["converged"]
    assert drifting["adequate"]
    wrong = judged(sd_ratio=0.5, **BAD_AVERAGE)
    assert wrong["converged"]
    assert not wrong["adequate"]


def test_a_diverged_fit_is_not_asked_whether_it_is_adequate():
    found = judged(nonfinite=0.5)
    assert not found["converged"]
    assert found["adequate"] is pd.NA


def test_a_failed_fit_keeps_its_message():
    found = judged(message="ValueError: broken on purpose")
    assert found["verdict"] == "failed"
    assert "ValueError: broken on purpose" in found["reason"]
    assert found["converged"] is pd.NA
    assert found["adequate"] is pd.NA


def test_failed_fits_beside_others_and_alone():
    failed = {key: GOOD[key] for key in ("model", "guide", "label", "num_draws", "guide_factors")}
    failed["message"] = "ValueError: no"
    both = judge(pd.DataFrame([GOOD, failed]), THRESHOLDS)
    assert both["verdict"].tolist() == ["adequate", "failed"]
    alone = judge(pd.DataFrame([failed]), THRESHOLDS)
    assert alone["verdict"].tolist() == ["failed"]


@pytest.mark.parametrize(
    "missing",
    [
        ["mean_error", "sd_ratio", "mean_error_averaged", "sd_ratio_averaged"],
        ["khat"],
        [name for name in GOOD if name.startswith(("mean_error", "sd_ratio", "khat", "support"))],
    ],
)
def test_without_a_reference_nothing_is_adequate(missing):
    found = judged(**dict.fromkeys(missing, np.nan), missed_mass=np.nan)
    assert found["adequate"] is pd.NA
    assert found["converged"]
    assert found["verdict"] != "adequate"
    assert missing[0] in found["reason"] or "khat" in found["reason"]


def test_what_is_known_can_still_condemn():
    found = judged(khat=1.2, mean_error=np.nan, sd_ratio=np.nan, **BAD_AVERAGE)
    assert found["verdict"] == "inadequate"
    assert found["adequate"] == False  # noqa: E712 (not missing)
    assert "k-hat is 1.20" in found["reason"]


def test_signs_of_drift_count_only_where_what_is_left_to_gain_is_not_known():
    drifting = {"rhat": 1.7, "ess": 3.0, "loss_drift": -0.3, "averaging_gain": 0.4}
    assert judged(**drifting, elbo_gap=0.0001, elbo_gap_se=0.0001)["verdict"] == "adequate"
    assert judged(**drifting, elbo_gap=0.0001, elbo_gap_se=0.01)["verdict"] == "not_converged"
    assert judged(elbo_gap=0.0001, elbo_gap_se=0.01)["verdict"] == "adequate"
    assert judged(elbo_gap=0.1, elbo_gap_se=0.01)["verdict"] == "not_converged"


@pytest.mark.parametrize(
    ("changes", "last", "averaged"),
    [
        ({"mean_error": 0.4}, "not_converged", "adequate"),
        ({"sd_ratio": 0.6, "khat": 0.9}, "not_converged", "adequate"),
        ({"averaging_gain": 0.4}, "not_converged", "adequate"),
        ({"mean_error_averaged": 0.4}, "adequate", "inadequate"),
        ({"khat_averaged": 0.9}, "adequate", "inadequate"),
        ({"outside_support": 0.04, "outside_support_averaged": 0.0}, "inadequate", "adequate"),
        # What is left to gain is known of each iterate.
        (
            {
                "elbo_gap": 0.1,
                "elbo_gap_se": 0.01,
                "elbo_gap_averaged": 0.0001,
                "elbo_gap_se_averaged": 0.0001,
            },
            "not_converged",
            "adequate",
        ),
        (
            {
                "elbo_gap": 0.0001,
                "elbo_gap_se": 0.0001,
                "elbo_gap_averaged": 0.1,
                "elbo_gap_se_averaged": 0.01,
            },
            "adequate",
            "not_converged",
        ),
        # Both iterates are of one run.
        ({"rhat": 1.7}, "not_converged", "not_converged"),
        ({"nonfinite": 0.2}, "diverged", "diverged"),
        ({"message": "ValueError: no"}, "failed", "failed"),
    ],
)
def test_the_averaged_iterate_has_a_verdict_of_its_own(changes, last, average):
    found = judged(**changes)
    assert (found["verdict"], found["verdict_averaged"]) == (last, average)


@pytest.mark.parametrize(
    ("gain", "better"),
    [(0.05, "averaged"), (0.019, ""), (0.0, ""), (-0.019, ""), (-0.05, "last"), (np.nan, "")],
)
def test_the_better_iterate_gains_more_than_two_errors(gain, better):
    assert judged(averaging_gain=gain, averaging_gain_se=0.01)["better_iterate"] == better


def test_unknown_evidence_and_modes_are_no_violation():
    assert judged(evidence_violation_z=np.nan, missed_mass=np.nan)["verdict"] == "adequate"


def test_a_fall_within_its_error_is_no_drift():
    assert judged(loss_drift=-0.3, loss_drift_se=0.2)["verdict"] == "adequate"
    assert judged(loss_drift=-0.3, loss_drift_se=0.1)["verdict"] == "not_converged"


def test_a_rise_of_the_loss_is_no_fall():
    assert judged(loss_drift=0.3)["verdict"] == "adequate"


def test_a_few_infinite_losses_are_mentioned():
    found = judged(nonfinite=0.005)
    assert found["verdict"] == "adequate"
    assert "a share of 0.005 of the losses is not finite" in found["reason"]


def test_a_statistic_within_its_error_of_the_limit_is_borderline():
    assert judged(mean_error=0.09)["borderline"] == "mean_error"
    assert judged(sd_ratio=1.105, **BAD_AVERAGE)["borderline"] == "sd_ratio"
    assert judged()["borderline"] == ""


@pytest.mark.parametrize("num_draws", [100, 4000])
def test_the_limit_of_khat_depends_on_the_draws(num_draws):
    found = judged(khat=0.6, num_draws=num_draws, **BAD_AVERAGE)
    assert found["verdict"] == ("inadequate" if num_draws == 100 else "adequate")


@pytest.mark.parametrize(
    ("name", "value", "changes"),
    [
        ("elbo_gap", 0.00005, {"elbo_gap": 0.0001, "elbo_gap_se": 0.00001}),
        ("rhat", 1.005, {}),
        ("ess", 500, {}),
        ("mean_error", 0.005, BAD_AVERAGE),
        ("sd_ratio", 0.005, BAD_AVERAGE),
        ("khat", 0.1, BAD_AVERAGE),
        ("tail_share", 0.001, {"khat": 3.0, "tail_share": 0.004, **BAD_AVERAGE}),
        ("nonfinite", 0.001, {"nonfinite": 0.005}),
        ("outside_support", 0.0001, {"outside_support": 0.0005}),
        ("averaging_gain", 0.00005, {}),
        ("loss_drift", 0.00005, {"loss_drift_se": 0.00001}),
        ("missed_mass", -0.01, {}),
        ("evidence_violation_z", 0.2, {}),
        ("loss_acceleration_z", 3.0, {"loss_acceleration_z": 4.0, "evidence_violation_z": np.nan}),
    ],
)
def test_each_threshold_matters(name, value, changes):
    row = pd.DataFrame([{**GOOD, **changes}])
    assert judge(row, THRESHOLDS).iloc[0]["verdict"] == "adequate"
    assert judge(row, {**THRESHOLDS, name: value}).iloc[0]["verdict"] != "adequate"


def test_every_threshold_is_tested():
    cases = test_each_threshold_matters.pytestmark[0].args[1]
    assert {name for name, *_ in cases} == set(THRESHOLDS)
