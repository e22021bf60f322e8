"""Tables of factor_thread against closed forms, on small fits made by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from svi_atlas.analysis.factor_thread import claims, grid, page, pairings
from svi_atlas.analysis.factor_thread._selection import PAIRINGS, pairing_label
from svi_atlas.formatting import MISSING
from svi_atlas.locations import PROJECT
from svi_atlas.problems.factor_thread import exact

NO_VERIFICATION = pd.DataFrame(columns=["name", "kind", "expected", "ok"])

THRESHOLDS = {"evidence_violation_z": 5.0}

SCALES = {"factor": (0.1, 0.09), "sample": (1.0, 2.0)}
"""Fitted sig1_q and sig2_q by guide."""


def make_row(model, guide, label="particles-32", seed=0, step_size=1e-2, **columns):
    factor = guide == "factor"
    sig1, sig2 = SCALES[guide]
    row = {
        "model": model,
        "guide": guide,
        "label": label,
        "block": "grid" if label.startswith("particles") else "single",
        "schedule": "constant",
        "num_particles": 32 if label.startswith("particles") else 1,
        "num_steps": 100,
        "step_size": step_size,
        "seed": seed,
        "message": None,
        "verdict": "diverged" if factor else "adequate",
        "reason": "so it is",
        "converged": not factor,
        "adequate": not factor,
        "final_loss": -100.0 - seed if factor else exact.log_evidence(model),
        "final_loss_se": 1.0,
        "evidence_violation_z": 6.0 if factor else 0.0,
        "kl": 17.0 if factor else 0.0,
        "kl_last": 17.0 if factor else 0.0,
        "kl_se_last": 0.1,
        "seconds": 1e-3,
        "param_last.sig1_q": sig1,
        "param_last.sig2_q": sig2,
    }
    return row | columns


def make_table():
    rows = [make_row(*pairing, seed=seed) for pairing in PAIRINGS for seed in (0, 1)]
    rows += [make_row(*pairing, pairing_label(*pairing), step_size=5e-4) for pairing in PAIRINGS]
    refused = {"verdict": "failed", "message": "GuideError: no", "converged": None}
    rows.append(make_row("factor", "factor", "deterministic_sites", **refused))
    rows[-1]["guide"] = "deterministic"
    return pd.DataFrame(rows)


def all_failed():
    kept = ["model", "guide", "label", "block", "num_particles", "num_steps", "step_size", "seed"]
    return make_table()[kept].assign(
        verdict="failed",
        message="boom",
        reason="boom",
        converged=None,
        adequate=None,
        evidence_violation_z=np.nan,
    )


def single_fits(num_steps=1000):
    """The four pairings: loss equal to the step's index, scales that fall from the start."""
    fits = {}
    draws = np.array([-1.0, 1.0] * 50)
    for model, guide in PAIRINGS:
        path = np.linspace(2.0, SCALES[guide][0], 11)
        one = ("seed", "step_size")
        variables = {
            "loss": ((*one, "step"), np.arange(num_steps, dtype=float)[None, None]),
            "path.sig1_q": ((*one, "snapshot"), path[None, None]),
            "path.sig2_q": ((*one, "snapshot"), path[None, None]),
            "site.x": (("iterate", *one, "draw"), np.stack([draws, draws])[:, None, None]),
            "site.y": (("iterate", *one, "draw"), np.stack([2 * draws] * 2)[:, None, None]),
        }
        steps = ("snapshot", np.arange(0, 110, 10))
        coordinates = {"seed": [0], "step_size": [5e-4], "snapshot_step": steps}
        coordinates["iterate"] = ["last", "averaged"]
        label = pairing_label(model, guide)
        fits[model, guide, label] = xr.Dataset(variables, coordinates)
    return fits


def test_the_exact_answers_are_those_of_the_problem():
    answers = pairings.exact_answers().set_index("model")
    assert answers.loc["sample", "floor"] == 0
    assert answers.loc["factor", "floor"] == pytest.approx(np.log(400 / (2 * np.pi)), abs=1e-6)
    assert answers.loc["factor", "sig2_q"] == 2


def test_the_sample_guide_reaches_the_floor_and_the_factor_guide_falls_below():
    curves = grid.expected_losses()
    floor = -exact.log_evidence("factor")
    lowest = curves.groupby("guide")["loss"].min()
    assert lowest["sample"] == pytest.approx(floor, abs=1e-3)
    assert lowest["factor"] < -1e6


def test_losses_of_the_pairings_are_means_within_bins():
    losses = pairings.pairing_losses(make_table(), single_fits())
    assert len(losses) == 4 * pairings.NUM_BINS
    np.testing.assert_allclose(losses["loss"], losses["step"] - 1)
    assert losses["message"].isna().all()


def test_paths_draws_and_widths():
    table, fits = make_table(), single_fits()
    paths = pairings.scale_paths(table, fits)
    ends = paths.groupby(["guide", "parameter"])["value"].last()
    assert ends["factor", "sig1_q"] == pytest.approx(0.1)
    draws = pairings.pairing_draws(table, fits)
    assert len(draws) == 4 * 100
    widths = pairings.draw_widths(table, draws).set_index("guide")
    assert widths.loc["factor", "sd_y"] == 2
    assert widths.loc["factor", "sig1_q"] == 0.1
    summaries = claims.summaries(table, draws)
    assert list(summaries["x"]) == ["1.01 ± 0.07"] * 4
    assert summaries["claimed"].iloc[0] == "0.100, 0.0900"


def test_a_pairing_without_a_fit_says_why():
    table = make_table()
    absent = table[table["label"] != "thread_factor_factor"]
    losses = pairings.pairing_losses(absent, single_fits())
    assert losses["message"].dropna().tolist() == ["not run"]
    losses = pairings.pairing_losses(all_failed(), {})
    assert losses["message"].tolist() == ["failed: boom"] * 4
    paths = pairings.scale_paths(all_failed(), {})
    assert paths["message"].tolist() == ["failed: boom"] * 2
    assert pairings.pairing_draws(all_failed(), {}).empty


def test_the_published_scales_come_from_the_comparison():
    rows = yaml.safe_load((PROJECT / "config/expected/factor_thread.yaml").read_text())["rows"]
    verification = pd.DataFrame(rows).rename(columns={"expect": "expected"})
    table = pairings.pairings(make_table(), verification).set_index("pairing")
    assert table.loc["sample model, sample guide", "published"] == "1.025, 1.994"
    assert table.loc["factor model, factor guide", "exact"] == "no optimum"
    assert table.loc["factor model, factor guide", "violation"] == 6
    falls = verification[verification["name"].str.contains("factor guide: sig[12]_q is far below")]
    mean = np.mean(pairings.PRINTED_FACTOR_SCALES)
    np.testing.assert_allclose(falls["expected"].astype(float), mean)


def test_final_values_and_their_medians():
    values = grid.final_values(make_table())
    assert len(values) == 4
    medians = grid.final_medians(values).set_index("guide")
    assert medians.loc["factor", "final_loss"] == -100.5
    assert medians.loc["sample", "sig2_q"] == 2
    assert grid.final_values(all_failed()).empty


def test_falls_count_with_the_threshold_of_the_run():
    table = make_table()
    proved = grid.falls(table, THRESHOLDS)["proved"]
    assert proved.tolist() == ["2 of 2", "2 of 2"]
    assert grid.falls(table, {"evidence_violation_z": 7.0})["proved"].tolist() == ["0 of 2"] * 2
    assert grid.falls(all_failed(), THRESHOLDS)["loss"].tolist() == [MISSING] * 2


def test_the_noise_of_the_loss_is_that_of_the_last_steps():
    losses = np.zeros((2, 1, 100))
    losses[0, 0, -5:] = [1, 2, 3, 4, 5]
    losses[1, 0, -5:] = [np.nan, np.inf, 3, 4, 5]
    cell = xr.Dataset(
        {"loss": (("seed", "step_size", "step"), losses)}, {"seed": [0, 1], "step_size": [1e-2]}
    )
    fits = {(model, "sample", "particles-32"): cell for model in ("factor", "sample")}
    noise = claims.loss_noise(make_table(), fits)
    sds = [np.sqrt(2.5), 1.0]
    mean, error = np.mean(sds), np.std(sds, ddof=1) / np.sqrt(2)
    assert noise["sd"].tolist() == [f"{mean:.1f} ± {error:.1f}"] * 2
    assert claims.loss_noise(all_failed(), {}).empty


def test_convergence_and_autoguides_count_the_seeds():
    table = make_table()
    rows = claims.convergence(table)
    assert rows["converged"].tolist() == ["2 of 2"]
    eight = table.assign(num_particles=8)
    rows = claims.autoguides(eight)
    assert rows["guide"].tolist() == ["sample"]
    assert rows["time"].iloc[0] == pytest.approx(10)
    assert claims.convergence(all_failed()).empty
    assert claims.autoguides(all_failed()).empty


def test_refused_guides_show_their_message():
    rows = claims.refused_guides(make_table())
    assert rows["message"].tolist() == ["GuideError: no"]
    assert claims.refused_guides(make_table().iloc[:-1]).empty


def facts(table, fits):
    paths = pairings.scale_paths(table, fits)
    texts = page.facts(table, THRESHOLDS, NO_VERIFICATION, paths)
    return dict(zip(texts["name"], texts["text"], strict=True))


def test_sentences():
    texts = facts(make_table(), single_fits())
    assert texts["stationary_scale"] == "5.77"
    assert texts["floor_sample"] == "0"
    assert texts["factor_guides"].startswith("All 4 fits with a factor guide")
    assert "In 4 of them the loss lies more than 5 standard errors" in texts["factor_guides"]
    assert "passes the published 0.715 at step 70 of 100 and goes on to 0.100" in texts["fall"]
    assert "over 2 seeds of a good setting (exact: 1, 2)" in texts["sample_guide"]
    assert texts["comparison"] == ""


def test_sentences_without_fits():
    texts = facts(all_failed(), {})
    assert texts["fall"] == texts["sample_guide"] == ""
    assert texts["verdicts"] == "Of 13 fits, 13 failed."
    only_sample = make_table()
    only_sample = only_sample[only_sample["guide"] == "sample"]
    assert facts(only_sample, single_fits())["factor_guides"] == ""
