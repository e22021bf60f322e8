"""A reference that cannot be trusted judges nothing."""

import numpy as np
import xarray as xr

from svi_atlas.configuration.load import load_config
from svi_atlas.diagnostics.table import diagnose
from svi_atlas.judgement.verdict import judge
from svi_atlas.records import Mode, Reference
from svi_atlas.references.dataset import to_dataset


def perfect_fit(reference):
    """A cell of one settled fit whose draws are the posterior's, standard Normal."""
    rng = np.random.default_rng(0)
    draws = rng.standard_normal(1000).astype("f4")
    dims = ("seed", "setting")
    log_guide = -0.5 * draws**2 - 0.5 * np.log(2 * np.pi)

    def for_both_iterates(values):
        return np.broadcast_to(values, (2, 1, 1, *values.shape))

    fits = xr.Dataset(
        {
            "loss": ((*dims, "step"), rng.normal(0, 0.01, (1, 1, 2000))),
            "unconstrained.loc": ((*dims, "snapshot"), rng.normal(0, 0.01, (1, 1, 500))),
            "site.x": (("iterate", *dims, "draw"), for_both_iterates(draws)),
            "log_joint": (("iterate", *dims, "draw"), for_both_iterates(log_guide)),
            "log_guide": (("iterate", *dims, "draw"), for_both_iterates(log_guide)),
            "elbo_gap": (("iterate", *dims), np.zeros((2, 1, 1))),
            "elbo_gap_se": (("iterate", *dims), np.full((2, 1, 1), 1e-6)),
            **{name: (("iterate", *dims), np.zeros((2, 1, 1))) for name in ("gap_beyond", "gap_beyond_se", "gradient_scale")},
            "step_kl": (("iterate", *dims), np.full((2, 1, 1), np.nan)),
            "step_kl_se": (("iterate", *dims), np.full((2, 1, 1), np.nan)),
            "nonfinite": (dims, np.zeros((1, 1))),
            "first_nonfinite": (dims, np.full((1, 1), np.nan)),
            "steps_used": (dims, np.full((1, 1), 2000)),
            "arrived": (dims, np.zeros((1, 1), bool)),
            "gradient_evaluations": (dims, np.full((1, 1), 2000)),
        },
        {"seed": [0], "step_size": ("setting", [0.01]), "schedule": ("setting", ["constant"]), "snapshot_step": ("snapshot", np.arange(4, 2001, 4))},
        {"experiment": "e", "model": "m", "guide": "g", "block": "single", "label": "r", "num_particles": 1,
         "num_draws": 1000, "optimizer": "Adam", "whitened": 0, "start": "uniform", "until_arrived": 0, "seconds_run": 1.0, "gap_parameters": 1},
    )  # fmt: skip
    table = diagnose(fits, to_dataset(reference))
    return table, judge(table, load_config({"experiments": ["coin"]}).thresholds.model_dump()).iloc[
        0
    ]


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
    assert (verdict["verdict"], verdict["grade"]) == ("adequate", "self")
    assert "there is no reference" in verdict["reason"]


def test_a_model_without_any_reference_is_judged_by_its_fits():
    nothing = Reference({}, {}, {}, np.nan, "none", unreliable="ValueError: no")
    table, verdict = perfect_fit(nothing)
    assert "mean_error" not in table
    assert (verdict["verdict"], verdict["grade"]) == ("adequate", "self")


def test_modes_of_an_unreliable_reference_are_not_missed():
    modes = (Mode({"x": 0.0}, 0.5), Mode({"x": 9.0}, 0.5))
    right = {"draws": {"x": np.zeros(9)}, "mean": {"x": 0.0}, "sd": {"x": 1.0}, "modes": modes}
    table, _ = perfect_fit(Reference(**right, log_evidence=0.0, method="exact"))
    assert table["missed_mass"].tolist() == [0.5]
    table, _ = perfect_fit(Reference(**right, log_evidence=0.0, method="NUTS", unreliable="no"))
    assert "missed_mass" not in table or table["missed_mass"].isna().all()
