"""Tables of the bimodal page against closed forms and hand-made results."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from svi_atlas.analysis.bimodal import cauchy, claims, facts, modes, truncated, tutorial, weight
from svi_atlas.planning.plugins import analyses
from svi_atlas.problems.bimodal import exact

PROJECT = Path(__file__).parents[3]

LOG_EVIDENCE = -4.35

THRESHOLDS = {"khat": 0.7, "nonfinite": 0.01}


class Fits(dict):
    """Cells by (model, guide, label), as an analysis receives them."""

    def with_label(self, label):
        return next((fits for cell, fits in self.items() if cell[2] == label), None)


def one_fit(**columns):
    """A row of the table: a converged and adequate fit of the grid, unless `columns` say otherwise."""
    row = {
        "model": "stable", "guide": "normal_mixture", "block": "grid", "schedule": "constant", "num_particles": 16,
        "num_steps": 100, "step_size": 5e-4, "seed": 1, "message": None, "final_loss": 4.36,
        "final_loss_se": 0.001, "nonfinite": 0.0, "first_nonfinite": np.nan, "missed_mass": 0.0,
        "missed_mode": "", "khat": 0.1, "elbo": -4.36, "kl": 0.01, "mean_error": 0.0, "sd_ratio": 1.0,
        "seconds": 0.002, "converged": True, "adequate": True, "verdict": "adequate", "reason": "",
    }  # fmt: skip
    row |= {"label": f"particles-{columns.get('num_particles', 16)}"} | columns
    return row


def single(label, **columns):
    return one_fit(label=label, block="single", **columns)


def make_table(*rows):
    return pd.DataFrame(rows)


def failed_table():
    """Every fit failed: there are no columns of statistics."""
    guides = ["normal_mixture", "truncated_cauchy_mixture", "weighted_normal_mixture", "AutoNormal"]
    rows = [one_fit(guide=guide) for guide in guides] + [single("tutorial_normal_mixture")]
    table = make_table(*rows).assign(verdict="failed", message="ValueError", converged=None)
    statistics = ["final_loss", "final_loss_se", "nonfinite", "first_nonfinite", "missed_mass",
                  "missed_mode", "khat", "elbo", "kl", "mean_error", "sd_ratio", "seconds"]  # fmt: skip
    return table.drop(columns=statistics).assign(adequate=None)


def failed_fits(table):
    attrs = {"message": "ValueError", "model": "stable", "num_particles": 16}
    cells = zip(table["model"], table["guide"], table["label"], strict=True)
    return Fits({cell: xr.Dataset(attrs=attrs) for cell in cells})


@pytest.fixture
def reference():
    sites = {"x": np.array([3.0, 3.0, -3.0, -13.0]), "y": np.array([4.0, 4.0, -4.0, 13.0])}
    posterior = xr.Dataset({f"draw.{site}": ("draw", draws) for site, draws in sites.items()})
    return {"stable": posterior.assign({"sd.x": 5.0}).assign_attrs(log_evidence=LOG_EVIDENCE)}


@pytest.fixture
def verification():
    columns = ["name", "kind", "expected", "tolerance", "value", "ok", "source", "why"]
    rows = [
        ["tutorial: b", "published", "4.99", 0.05, 5.0, True, "", ""],
        ["tutorial: final_loss", "published", "4.452", 0.03, 4.45, True, "", ""],
        ["a verdict", "exact", "diverged", 0.0, 1.0, False, "", ""],
    ]
    return pd.DataFrame(rows, columns=columns)


def test_the_tail_at_the_exact_angle_stays_on_the_ridge():
    tails = cauchy.cauchy_tails()
    tail = tails[tails["angle"] == 45]
    on_the_ridge = -np.log1p(0.5 * (tail["u2"] / exact.SIGMA2) ** 2)
    np.testing.assert_allclose(tail["log_density"], on_the_ridge, atol=1e-9)
    edge = np.sqrt(2) * exact.HALF_BOX - exact.B
    np.testing.assert_array_equal(tail["inside"], tail["u2"] < edge)


@pytest.mark.parametrize("angle", [44.0, 40.0, 30.0])
def test_the_tail_at_a_wrong_angle_falls_like_a_normal(angle):
    tails = cauchy.cauchy_tails()
    tail = tails[tails["angle"] == angle]
    offset = np.radians(45 - angle)
    across = np.cos(offset) * exact.B + np.sin(offset) * tail["u2"]
    along = np.cos(offset) * tail["u2"] - np.sin(offset) * exact.B
    nearest = np.minimum(np.abs(across - exact.B), np.abs(across + exact.B))
    expected = -0.5 * (nearest / exact.SIGMA1) ** 2 - np.log1p(0.5 * (along / exact.SIGMA2) ** 2)
    np.testing.assert_allclose(tail["log_density"], expected, atol=1e-9)


def test_shares_of_infinite_losses_are_medians_at_the_fewest_and_the_most_particles():
    table = make_table(
        *(
            one_fit(guide="cauchy_mixture", num_particles=count, seed=seed, nonfinite=share)
            for count, shares in {1: (0.0, 0.1, 0.5), 8: (0.2,) * 3, 32: (0.3,) * 3}.items()
            for seed, share in enumerate(shares)
        )
    )
    shares = cauchy.nonfinite_shares(table)
    assert dict(zip(shares["num_particles"], shares["percent"], strict=True)) == {1: 10.0, 32: 30.0}


def path_fits(**paths):
    """A cell with one seed and one step size, 5e-4, and paths of three snapshots."""
    dims = ("seed", "step_size", "snapshot")
    values = {f"path.{name}": (dims, np.reshape(path, (1, 1, 3))) for name, path in paths.items()}
    coords = {"seed": [1], "step_size": [5e-4], "snapshot_step": ("snapshot", [10, 20, 30])}
    return xr.Dataset(values, coords)


def test_paths_have_the_angle_in_degrees_and_a_message_where_a_fit_failed():
    fits = Fits(
        {
            ("stable", "cauchy_mixture", "cauchy_as_suggested"): path_fits(
                sig2_q=[1, 2, 3], theta=np.radians([0, 30, 45])
            ),
            ("stable", "cauchy_mixture", "cauchy_clipped"): xr.Dataset(attrs={"message": "no"}),
        }
    )
    paths = cauchy.suggested_paths(fits)
    fitted = paths[paths["label"] == "cauchy_as_suggested"]
    assert fitted["step"].tolist() == [10, 20, 30]
    assert fitted["sig2_q"].tolist() == [1, 2, 3]
    np.testing.assert_allclose(fitted["theta_degrees"].astype(float), [0, 30, 45])
    assert paths["message"].dropna().tolist() == ["no"]


def test_outcomes_of_the_cauchy_tail_leave_out_what_was_not_fitted():
    table = make_table(
        single("cauchy_as_suggested", nonfinite=0.377, first_nonfinite=1.0, verdict="diverged"),
        *(
            one_fit(
                guide="cauchy_mixture_fixed_angle", num_particles=8, step_size=1e-3, seed=seed,
                nonfinite=0.44, verdict="diverged",
            )
            for seed in range(3)
        ),
    )  # fmt: skip
    outcomes = cauchy.cauchy_outcomes(table)
    assert outcomes["variant"].tolist() == [
        "as suggested",
        "theta fixed at 45°, 8 particles, step 0.001",
    ]
    assert outcomes["nonfinite"].tolist() == ["37.7", "44.0 (44 to 44)"]
    assert outcomes["first"].tolist() == ["1", "none"]
    assert outcomes["seeds"].tolist() == [1, 3]


def test_truncated_outcomes_count_the_seeds_that_end_near_the_evidence(reference):
    losses = [4.355, 4.359, 4.361]
    table = make_table(
        *(
            one_fit(
                guide="truncated_cauchy_mixture", seed=seed, final_loss=loss, converged=seed > 0,
                **{"param_last.sig2_q": 2.8 + 0.01 * seed, "derived_last.theta_degrees": 45.0},
            )
            for seed, loss in enumerate(losses)
        )
    )  # fmt: skip
    (row,) = truncated.truncated_outcomes(table, reference).itertuples()
    assert (row.median, row.worst, row.close) == (4.359, 4.361, "2 of 3")
    assert (row.infinite, row.converged, row.adequate) == (0, "2 of 3", "3 of 3")
    assert row.sig2_q == "2.80 to 2.82"
    ends = truncated.truncated_ends(table, reference)
    assert ends["final_loss"].tolist() == losses
    assert (ends["floor"] == -LOG_EVIDENCE).all()


def test_truncated_losses_are_above_the_evidence_or_not_shown(reference):
    rows = [one_fit(guide="truncated_cauchy_mixture", seed=seed) for seed in (1, 2)]
    loss = np.stack([np.full((1, 100), 5.35), np.full((1, 100), 4.0)])
    cell = xr.Dataset(
        {"loss": (("seed", "step_size", "step"), loss)}, {"seed": [1, 2], "step_size": [5e-4]}
    )
    fits = Fits({("stable", "truncated_cauchy_mixture", "particles-16"): cell})
    losses = truncated.truncated_losses(make_table(*rows), fits, reference)
    above = losses[losses["seed"] == 1]
    np.testing.assert_allclose(above["excess"], 1.0)
    assert losses.loc[losses["seed"] == 2, "excess"].isna().all()


def test_final_losses_are_at_the_step_size_with_the_smallest_median():
    table = make_table(
        *(
            one_fit(
                num_particles=8, step_size=step_size, seed=seed, final_loss=loss, nonfinite=share
            )
            for step_size, losses in {1e-3: (4.5, 4.6, 4.7), 1e-2: (4.4, 5.0, 6.0)}.items()
            for seed, (loss, share) in enumerate(zip(losses, (0.0, 0.01, 0.02), strict=True))
        ),
        one_fit(guide="AutoLaplaceApproximation", num_particles=1, final_loss=2.0, elbo=-5.4),
        one_fit(guide="cauchy_mixture", num_particles=1, final_loss=np.inf),
    )
    losses = modes.final_losses(table, THRESHOLDS).set_index("guide")
    mixture = losses.loc["normal_mixture"]
    assert mixture["final_loss"].tolist() == [4.5, 4.6, 4.7]
    assert mixture["median"].unique().tolist() == [4.6]
    assert mixture["mostly_finite"].tolist() == [True, True, False]
    assert losses.loc["AutoLaplaceApproximation", "final_loss"] == 5.4
    assert losses.loc["AutoLaplaceApproximation", "point"]
    assert np.isnan(losses.loc["cauchy_mixture", "final_loss"])


def test_known_losses_rise_from_the_evidence_by_ln_2_for_a_missed_mode(reference):
    losses = modes.known_losses(make_table(one_fit()), reference)["loss"]
    assert losses[0] == -LOG_EVIDENCE
    assert losses[1] < losses[2]
    assert losses[2] - losses[1] == pytest.approx(np.log(2))


def test_typical_draws_are_of_the_seed_with_the_median_loss():
    rows = [
        one_fit(guide="AutoMultivariateNormal", seed=seed, final_loss=loss)
        for seed, loss in {1: 5.0, 2: 5.2, 3: 5.1}.items()
    ]
    draws = np.zeros((1, 3, 1, 4)) + np.array([1.0, 2.0, 3.0])[:, None, None]
    dims = ("iterate", "seed", "step_size", "draw")
    cell = xr.Dataset(
        {"site.x": (dims, draws), "site.y": (dims, -draws)},
        {"iterate": ["last"], "seed": [1, 2, 3], "step_size": [5e-4]},
    )
    fits = Fits({("stable", "AutoMultivariateNormal", "particles-16"): cell})
    table = modes.typical_draws(make_table(*rows), fits)
    drawn = table[table["message"].isna()]
    assert drawn["x"].tolist() == [3.0] * 4
    assert drawn["final_loss"].unique().tolist() == [5.1]
    assert table["message"].dropna().size == len(modes.DRAWN_GUIDES) - 1


def test_missed_modes_are_counted_over_all_fits_and_at_the_best_setting():
    missed = {"missed_mass": 0.5, "missed_mode": "x = 3.54, y = 3.54", "verdict": "inadequate"}
    table = make_table(
        one_fit(seed=1, khat=0.2, elbo=-4.4),
        one_fit(seed=2, khat=0.4, elbo=-4.6),
        one_fit(seed=1, step_size=0.1, **missed),
    )
    (row,) = modes.missed_modes(table).itertuples()
    assert (row.all, row.best, row.where) == ("1 of 3", "0 of 2", "x = 3.54, y = 3.54 (1)")
    assert row.elbo == pytest.approx(4.5)
    assert row.khat == pytest.approx(0.3)


def test_the_cost_of_a_weight_is_ln_2_minus_its_entropy():
    table = make_table(
        *(
            one_fit(
                guide="weighted_normal_mixture",
                step_size=size,
                seed=seed,
                **{"param_last.weight": value},
            )
            for size, value in {1e-3: 0.5, 1e-2: 0.8, 1e-1: 1.0}.items()
            for seed in (1, 2)
        )
    )
    costs = weight.weights(table)["cost"]
    entropy = -(0.8 * np.log(0.8) + 0.2 * np.log(0.2))
    np.testing.assert_allclose(costs, [0.0, np.log(2) - entropy, np.log(2)], atol=1e-9)


def test_paths_of_the_weight_are_those_of_the_cell_with_most_particles():
    table = make_table(
        *(one_fit(guide="weighted_normal_mixture", num_particles=count) for count in (8, 16))
    )
    cell = path_fits(weight=[0.5, 0.6, 0.7])
    fits = Fits({("stable", "weighted_normal_mixture", "particles-16"): cell})
    paths = weight.weight_paths(table, fits)
    assert paths["num_particles"].unique().tolist() == [16]
    assert paths["step"].tolist() == [10, 20, 30]
    assert paths["weight"].tolist() == [0.5, 0.6, 0.7]


def test_noise_of_the_loss_is_its_standard_deviation_at_the_end():
    table = make_table(*(one_fit(num_particles=4, step_size=size) for size in (1e-4, 1e-2)))
    loss = np.zeros((1, 2, 200))
    loss[:, 1] = np.tile([1.0, -1.0], 100)
    loss[:, 1, -1] = np.inf
    cell = xr.Dataset(
        {"loss": (("seed", "step_size", "step"), loss)}, {"seed": [1], "step_size": [1e-4, 1e-2]}
    )
    fits = Fits({("stable", "normal_mixture", "particles-4"): cell})
    (row,) = claims.loss_noise(table, fits).itertuples()
    sd = np.std([1.0, -1.0] * 4 + [1.0], ddof=1)
    assert row.step_size == 1e-2
    assert row.sd.startswith(f"{sd:.2f}")
    assert row.scaled.startswith(f"{2 * sd:.2f}")


def test_convergence_is_measured_from_the_optimum_of_each_family(reference):
    optimum = exact.normal_mixture_optimum()[1]
    rows = [
        one_fit(guide=guide, step_size=1e-3, seed=seed, final_loss=loss + 0.25)
        for guide, loss in {"normal_mixture": optimum, "truncated_cauchy_mixture": 4.35}.items()
        for seed in (1, 2)
    ]
    table = make_table(*rows, one_fit(step_size=1e-1), one_fit(step_size=1e-1, seed=2))
    convergence = claims.particles_and_convergence(table, reference)
    assert convergence["guide"].tolist() == ["normal_mixture", "truncated_cauchy_mixture"]
    assert convergence["gap"].tolist() == ["0.250 (0.25 to 0.25)"] * 2
    assert convergence["converged"].tolist() == ["2 of 2"] * 2


def test_guides_are_compared_at_their_best_settings_and_timed_with_8_particles():
    table = make_table(
        one_fit(seconds=0.5),
        one_fit(num_particles=8, seconds=0.002, verdict="not_converged"),
        one_fit(guide="AutoNormal", missed_mass=0.5),
    )
    compared = claims.guides_compared(table).set_index("guide")
    assert compared["num_particles"].tolist() == [16, 16]
    assert compared["missed"].tolist() == ["0 of 1", "1 of 1"]
    assert compared.loc["normal_mixture", "time"] == pytest.approx(20.0)
    assert np.isnan(compared.loc["AutoNormal", "time"])


def test_summaries_of_draws_in_units_of_the_posterior(reference):
    draws = {"x": [5.0, 5.0, -5.0, 15.0], "y": [5.0, 5.0, -5.0, -5.0]}
    dims = ("iterate", "seed", "step_size", "draw")
    cell = xr.Dataset(
        {
            f"site.{site}": (dims, np.reshape(values, (1, 1, 1, 4)))
            for site, values in draws.items()
        },
        {"iterate": ["last"], "seed": [1], "step_size": [5e-4]},
    )
    fits = Fits({("stable", "normal_mixture", "particles-16"): cell})
    summaries = claims.summaries(make_table(one_fit()), fits, reference)
    posterior, guide = summaries.itertuples()
    assert posterior.guide == "exact (4 draws)"
    assert posterior.far == "25 ± 25"
    assert guide.mean.startswith("1.00")
    assert guide.upper.startswith("0.750")
    assert guide.far.startswith("25.0")


def test_the_tutorial_is_compared_with_published_and_exact_values(verification):
    fitted = {
        "param_last.b": 5.01,
        "param_last.sig1_q": 0.5,
        "param_last.sig2_q": 4.6,
        "derived_last.theta_degrees": 44.9,
    }
    rows = [one_fit(seed=seed, **fitted) for seed in (1, 2)]
    table = make_table(*rows, single("tutorial_normal_mixture", **fitted))
    values = tutorial.tutorial_values(table, verification).set_index("quantity")
    assert values.loc["b", "published"] == 4.99
    assert values["published"].notna().sum() == 2
    assert values.loc["b", "exact"] == exact.B
    assert values.loc["b", "value"] == 5.01
    assert values.attrs["labels"]["seeds"] == "mean over 2 seeds"


def test_every_published_value_of_the_tutorial_has_its_row():
    rows = yaml.safe_load((PROJECT / "config/expected/bimodal.yaml").read_text())["rows"]
    published = pd.DataFrame(rows).rename(columns={"expect": "expected"})
    table = make_table(single("tutorial_normal_mixture", **dict.fromkeys(
        ["param_last.b", "param_last.sig1_q", "param_last.sig2_q", "derived_last.theta_degrees"], 1.0
    )))  # fmt: skip
    assert tutorial.tutorial_values(table, published)["published"].notna().all()


def test_losses_of_the_tutorial_cover_all_steps_and_the_second_half(reference):
    loss = np.linspace(40, 4.4, 400).reshape(1, 1, 400)
    cell = xr.Dataset(
        {"loss": (("seed", "step_size", "step"), loss)},
        attrs={"model": "stable", "num_particles": 16},
    )
    fits = Fits({("stable", "normal_mixture", "tutorial_normal_mixture"): cell})
    losses = tutorial.tutorial_losses(fits, reference)
    assert losses.groupby("part")["step"].min().to_dict() == {"all": 1.5, "second half": 201.0}
    assert losses.groupby("part")["mean"].mean()["all"] == pytest.approx(loss.mean())
    assert (losses["low"] <= losses["mean"]).all()
    assert (losses["mean"] <= losses["high"]).all()


def page_facts(table, reference, verification):
    outcomes = cauchy.cauchy_outcomes(table)
    frame = facts.facts(table, reference, verification, THRESHOLDS, outcomes)
    return dict(zip(frame["name"], frame["text"], strict=True))


def test_facts_count_what_the_sentences_say(reference, verification):
    missed = {"missed_mass": 0.5, "verdict": "inadequate", "adequate": False}
    table = make_table(
        one_fit(guide="truncated_cauchy_mixture", final_loss=4.355),
        one_fit(guide="truncated_cauchy_mixture", final_loss=4.5, seed=2, nonfinite=0.02),
        one_fit(guide="AutoNormal", **missed),
        one_fit(
            guide="AutoNormal", seed=2, **{**missed, "verdict": "not_converged"}, converged=False
        ),
        one_fit(guide="AutoIAFNormal"),
    )
    texts = page_facts(table, reference, verification)
    assert "1 of 2 seeds end within 0.01 nats" in texts["point_truncated"]
    assert "1 of 2 have no infinite loss" in texts["point_truncated"]
    assert texts["point_one_mode"].startswith("2 of 2 fits")
    assert "1 of 1 are called **inadequate**" in texts["point_one_mode"]
    assert "1 of 2 fits of this guide" in texts["truncated_nonfinite"]
    assert "rounding" in texts["truncated_nonfinite"]
    assert texts["point_verification"].startswith("2 of 3")
    assert texts["point_tutorial"] == texts["point_suggested"] == texts["weight_spread"] == ""
    assert texts["verdicts"] == (
        "Of 5 fits, 3 are adequate, 1 are inadequate, 1 are not converged."
    )


def test_every_slot_of_the_notebook_is_filled_where_every_fit_failed(reference, verification):
    texts = page_facts(failed_table(), reference, verification.iloc[:0])
    text = (PROJECT / "notebooks/bimodal.py").read_text()
    assert set(re.findall(r"\{\{ *(\w+) *\}\}", text)) == set(texts)
    assert all(isinstance(value, str) and "nan" not in value for value in texts.values())


@pytest.mark.parametrize("name", [name for name in analyses() if name.startswith("bimodal.")])
@pytest.mark.parametrize("cells", ["failed", "absent"])
def test_every_analysis_survives_fits_that_failed_or_are_absent(
    name, cells, reference, verification
):
    table = failed_table()
    if cells == "absent":
        table = table[table["guide"] == "AutoNormal"]
    inputs = {
        "table": table,
        "fits": failed_fits(table),
        "reference": reference,
        "thresholds": THRESHOLDS,
        "verification": verification,
        "cauchy_outcomes": cauchy.cauchy_outcomes(table),
    }
    plugin = analyses()[name]
    module = import_module(f"svi_atlas.{plugin.module}")
    analysis = getattr(module, name.rpartition(".")[2])
    assert isinstance(analysis(**{name: inputs[name] for name in plugin.inputs}), pd.DataFrame)
