"""Tables of rotated_gaussian against closed forms, on small fits made by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from svi_atlas.analysis.rotated_gaussian import (
    draws,
    page,
    positive,
    shape,
    two_questions,
    verdicts,
)
from svi_atlas.analysis.rotated_gaussian._covariances import covariance_of, matrix_text
from svi_atlas.analysis.rotated_gaussian._selection import shared_setting, typical_fit
from svi_atlas.locations import PROJECT
from svi_atlas.problems.rotated_gaussian import exact

FULL_RANK, MEAN_FIELD, FLOW = "AutoMultivariateNormal", "AutoNormal", "AutoIAFNormal"

SEEDS, STEP_SIZES = (0, 1, 2), (1e-3, 1e-2)

NO_VERIFICATION = pd.DataFrame(columns=["name", "kind", "expected", "ok"])


def derived(covariance):
    shape = exact.shape_of(covariance).items()
    iterates = ("derived", "derived_last")
    return {f"{iterate}.{name}": float(value) for name, value in shape for iterate in iterates}


def make_cell(model, guide, label="particles-8", covariance=None, **columns):
    """Rows of a cell: every seed and step size, adequate and converged unless said otherwise."""
    setting = {
        "model": model,
        "guide": guide,
        "label": label,
        "block": "grid" if label.startswith("particles") else "single",
        "schedule": "constant",
        "num_particles": 8,
        "num_steps": 100,
        "message": None,
        "verdict": "adequate",
        "reason": "all right",
        "converged": True,
        "adequate": True,
        "kl": 0.1,
        "rhat": 1.05,
        "sd_ratio": 1.0,
        "final_loss": -1.0,
        "final_loss_se": 0.1,
    }
    setting |= derived(covariance) if covariance is not None else {}
    rows = [
        {**setting, "seed": seed, "step_size": step_size, **columns}
        for step_size in STEP_SIZES
        for seed in SEEDS
    ]
    return pd.DataFrame(rows)


def make_table():
    tutorial = make_cell(
        "unconstrained", FULL_RANK, "tutorial_full_rank", exact.COVARIANCE["unconstrained"]
    )
    mean_field = exact.mean_field_optimum(exact.COVARIANCE["unconstrained"])
    wrong = {"verdict": "inadequate", "adequate": False, "kl": 0.51, "sd_ratio": 0.6}
    return pd.concat(
        [
            make_cell("unconstrained", FULL_RANK, covariance=exact.COVARIANCE["unconstrained"]),
            make_cell("unconstrained", MEAN_FIELD, covariance=mean_field, **wrong),
            make_cell("unconstrained", FLOW),
            make_cell("positive", FULL_RANK, covariance=exact.COVARIANCE["positive"]),
            tutorial.iloc[:1],
        ],
        ignore_index=True,
    )


def draws_with_covariance(covariance, num_draws=400):
    """Draws (draw, 2) whose sample mean is 0 and whose sample covariance is exactly this."""
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((num_draws, 2))
    noise -= noise.mean(0)
    white = np.linalg.solve(np.linalg.cholesky(np.cov(noise.T)), noise.T).T
    return white @ np.linalg.cholesky(covariance).T


def make_fits(model, points, scale=None):
    """A cell whose every fit has the same draws and the same lower triangular scale."""
    sites = ("x", "y") if model == "unconstrained" else ("s", "x")
    dimensions = ("iterate", "seed", "step_size")
    shape_of_fits = (2, len(SEEDS), len(STEP_SIZES))

    def repeat(array, *names):
        array = np.asarray(array)
        return (*dimensions, *names), np.broadcast_to(array, shape_of_fits + array.shape).copy()

    variables = {
        f"site.{site}": repeat(points[:, index], "draw") for index, site in enumerate(sites)
    }
    if scale is not None:
        variables["param.auto_loc"] = repeat(np.zeros(2), "i")
        variables["param.auto_scale_tril"] = repeat(scale, "i", "j")
    coordinates = {"iterate": ["last", "averaged"], "seed": [*SEEDS], "step_size": [*STEP_SIZES]}
    return xr.Dataset(variables, coordinates)


def test_the_covariance_of_draws_is_numpys():
    points = np.random.default_rng(1).standard_normal((3, 50, 2))
    for covariance, sample in zip(covariance_of(points), points, strict=True):
        np.testing.assert_allclose(covariance, np.cov(sample.T), rtol=1e-12)


def test_a_matrix_as_text():
    assert matrix_text([5, 4, 5]) == "[[5.000, 4.000], [4.000, 5.000]]"


def test_the_exact_shapes_are_those_of_the_problem():
    table = shape.exact_shapes().set_index("model")
    assert table.loc["unconstrained", "cov"] == pytest.approx(4)
    assert table.loc["positive", "sd_long"] == pytest.approx(0.6)
    assert table.loc["unconstrained", "log_evidence"] == pytest.approx(np.log(6 * np.pi))
    assert table.attrs["labels"]["log_evidence"] == "ln Z (nats)"


def test_shapes_come_from_parameters_or_else_from_draws():
    points = draws_with_covariance(exact.covariance(1.0, 2.0))
    fits = {("unconstrained", FLOW, "particles-8"): make_fits("unconstrained", points)}
    shapes = shape.shapes(make_table(), fits)
    assert set(shapes["guide"]) == {FULL_RANK, MEAN_FIELD, FLOW}
    flow = shapes[shapes["guide"] == FLOW]
    assert len(flow) == len(SEEDS) * len(STEP_SIZES)
    assert set(flow["source"]) == {"draws"}
    np.testing.assert_allclose(flow["sd_short"], 1, rtol=1e-6)
    np.testing.assert_allclose(flow["sd_long"], 2, rtol=1e-6)
    np.testing.assert_allclose(flow["angle_degrees"], 45, rtol=1e-6)
    full = shapes[shapes["guide"] == FULL_RANK]
    assert set(full["source"]) == {"parameters"}
    np.testing.assert_allclose(full["var_first"], 5)


def test_a_mean_field_guide_has_no_angle():
    shapes = shape.shapes(make_table(), {})
    rows = shapes[shapes["guide"] == MEAN_FIELD]
    assert rows["angle_degrees"].isna().all()
    np.testing.assert_allclose(rows["var_first"], 1.8)


def test_quantiles_over_the_seeds():
    table = make_cell("unconstrained", FULL_RANK, covariance=exact.COVARIANCE["unconstrained"])
    table["derived_last.cov"] = [1.0, 2.0, 3.0, 4.0, 5.0, np.nan]
    rows = shape.shape_quantiles(shape.shapes(table, {}))
    rows = rows[rows["quantity"] == "cov"].set_index("step_size")
    np.testing.assert_allclose(
        rows.loc[1e-3, ["low", "median", "high"]].astype(float), [1.2, 2, 2.8]
    )
    assert rows.loc[1e-2, "median"] == 4.5
    np.testing.assert_allclose(rows["exact"], 4)


def test_every_published_value_is_in_the_comparison():
    rows = yaml.safe_load((PROJECT / "config/expected/rotated_gaussian.yaml").read_text())["rows"]
    verification = pd.DataFrame(rows).rename(columns={"expect": "expected"})
    table = shape.tutorial_shape(make_table(), verification).set_index("quantity")
    assert list(table.index) == list(exact.SHAPE)
    np.testing.assert_allclose(table["published"], table["exact"], rtol=0.05)
    np.testing.assert_allclose(table["last"], table["exact"])


def test_the_shared_setting_needs_both_guides_to_converge():
    table = make_table()
    assert shared_setting(table) == ("particles-8", 1e-3)
    drifting = (table["guide"] == MEAN_FIELD) & (table["step_size"] == 1e-3)
    table.loc[drifting, "converged"] = False
    assert shared_setting(table) == ("particles-8", 1e-2)
    assert shared_setting(table.assign(verdict="failed")) is None


def test_the_typical_fit_has_the_median_divergence_of_the_most_frequent_verdict():
    fits = pd.DataFrame({"verdict": ["adequate"] * 3 + ["diverged"], "kl": [3.0, 1.0, 2.0, 0.0]})
    assert typical_fit(fits)["kl"] == 2.0
    assert typical_fit(fits.drop(columns="kl")) is None


def test_the_best_guide_without_correlation_is_ln_five_thirds_away():
    reference = {"unconstrained": xr.Dataset(attrs={"log_evidence": np.log(6 * np.pi)})}
    optima = two_questions.optima(reference).set_index(["quantity", "distribution"])["value"]
    assert optima["loss", "mean field"] - optima["loss", "posterior"] == pytest.approx(
        np.log(5 / 3)
    )
    assert optima["variance", "posterior"] == pytest.approx(5)
    assert optima["variance", "mean field"] == pytest.approx(1.8)


def test_courses_of_loss_and_variance():
    scale = np.linalg.cholesky(exact.COVARIANCE["unconstrained"])[::-1, ::-1].copy()
    steps = np.arange(1, 101)
    sizes = (len(SEEDS), len(STEP_SIZES))
    loss = np.broadcast_to(np.arange(100.0), (*sizes, 100)).copy()
    paths = np.broadcast_to(scale, (*sizes, 100, 2, 2)).copy()
    cell = xr.Dataset(
        {
            "loss": (("seed", "step_size", "step"), loss),
            "path.auto_scale_tril": (("seed", "step_size", "snapshot", "i", "j"), paths),
        },
        {"seed": [*SEEDS], "step_size": [*STEP_SIZES], "snapshot_step": ("snapshot", steps)},
    )
    table = make_table()
    table = table[table["guide"] == FULL_RANK]
    courses = two_questions.courses(table, {("unconstrained", FULL_RANK, "particles-8"): cell})
    losses = courses[courses["quantity"] == "loss"]
    np.testing.assert_allclose(losses["value"], losses["step"] - 1)
    variances = courses[courses["quantity"] == "variance"]
    np.testing.assert_allclose(variances["value"], (scale[0] ** 2).sum())
    assert two_questions.courses(table.assign(verdict="failed"), {}).empty


def test_rest_and_width_puts_the_compared_guides_last():
    rows = two_questions.rest_and_width(make_table())
    assert list(rows["guide"].unique()) == [FLOW, FULL_RANK, MEAN_FIELD]
    np.testing.assert_allclose(rows["rhat_excess"], 0.05)
    assert rows.loc[rows["guide"] == MEAN_FIELD, "compared"].all()


def test_the_two_guides_side_by_side():
    rows = two_questions.two_guides(make_table()).set_index("statistic")
    assert rows.loc["converged?", MEAN_FIELD] == "3 of 3 seeds"
    assert rows.loc["adequate?", MEAN_FIELD] == "0 of 3 seeds"
    assert rows.loc["variance of x", FULL_RANK] == "5.00"


def test_moments_of_a_positive_parameter():
    covariance = exact.COVARIANCE["positive"]
    points = draws_with_covariance(covariance)
    scale = np.linalg.cholesky(covariance)
    sites = np.stack([np.exp(points[:, 0]), points[:, 1]], -1)
    fits = {("positive", FULL_RANK, "particles-8"): make_fits("positive", sites, scale)}
    table = make_table()
    moments = positive.positive_moments(table, fits)
    by_estimate = moments.groupby(["estimate", "quantity"])["value"].mean()
    truth = moments.groupby("quantity")["exact"].first()
    variance = covariance[0, 0]
    assert truth["mean of s"] == pytest.approx(np.exp(variance / 2))
    assert truth["variance of s"] == pytest.approx(np.expm1(variance) * np.exp(variance))
    for quantity, value in truth.items():
        assert by_estimate["converted", quantity] == pytest.approx(value)
    assert by_estimate["naive", "variance of s"] == pytest.approx(variance)
    assert by_estimate["draws", "variance of x"] == pytest.approx(covariance[1, 1])

    shown = positive.positive_draws(table, fits)
    np.testing.assert_allclose(np.exp(shown["log_s"]), shown["s"])
    ellipses = positive.positive_ellipses(table, fits).set_index(["space", "estimate"])
    assert ellipses.loc[("s", "converted"), "mean_y"] == pytest.approx(truth["mean of s"])
    assert ellipses.loc[("log_s", "naive"), "var_first"] == pytest.approx(covariance[1, 1])
    assert list(positive.positive_parameter(moments)["quantity"]) == list(positive.MOMENTS)


def test_draws_and_their_moments():
    truth = exact.COVARIANCE["unconstrained"]
    points = draws_with_covariance(truth)
    names = {"draw.x": ("draw", points[:, 0]), "draw.y": ("draw", points[:, 1])}
    fits = {
        ("unconstrained", FULL_RANK, "tutorial_full_rank"): make_fits("unconstrained", points),
        ("unconstrained", MEAN_FIELD, "particles-8"): make_fits("unconstrained", points / 2),
    }
    table = make_table()
    shown = draws.draws(table, fits, {"unconstrained": xr.Dataset(names)})
    moments = draws.draw_moments(table, shown).set_index("panel")
    assert list(moments.index) == ["posterior", "exact", FULL_RANK, MEAN_FIELD]
    for panel, factor in (("posterior", 1), ("exact", 1), (FULL_RANK, 1), (MEAN_FIELD, 1 / 4)):
        assert moments.loc[panel, "cov"] == pytest.approx(4 * factor)
    assert moments.loc["exact", "num_draws"] == len(points)

    failed = table.assign(verdict="failed", message="boom")
    shown = draws.draws(failed, {}, {"unconstrained": xr.Dataset(names)})
    moments = draws.draw_moments(failed, shown).set_index("panel")
    assert moments.loc[FULL_RANK, "message"] == "failed: boom"
    assert moments.loc[MEAN_FIELD, "message"] == "no fit"


def test_sentences():
    table = make_table()
    printed = pd.DataFrame(
        {
            "name": [f"tutorial: {phrase}" for phrase in shape.PUBLISHED.values()],
            "kind": "published",
            "expected": [5.0, 5.0, 4.0, 1.0, 3.0, 46.0],
            "ok": True,
        }
    )
    texts = page.facts(
        table,
        printed,
        shape.tutorial_shape(table, printed),
        positive.positive_moments(table.iloc[:0], {}),
    )
    texts = dict(zip(texts["name"], texts["text"], strict=True))
    assert texts["overview"] == "3 autoguides, 1 particle count, 2 step sizes and 3 seeds"
    assert "converges for 3 of 3 seeds" in texts["two_questions"]
    assert texts["angle"].startswith("The angle in print is 44.00 degrees")
    assert "45.00 degrees from the x axis" in texts["angle"]
    assert matrix_text([5 / 9, -4 / 9, 5 / 9]) in texts["inverse"]
    assert texts["mean_field_kl"] == "0.510826"
    assert texts["naive_variance"] == ""


@pytest.mark.parametrize("case", ["no tutorial", "all failed", "flow only"])
def test_reduced_tables_give_empty_tables_and_sentences(case):
    table = make_table()
    if case == "no tutorial":
        table = table[table["block"] == "grid"]
    elif case == "flow only":
        table = table[table["guide"] == FLOW]
    else:
        kept = [
            "model",
            "guide",
            "label",
            "block",
            "schedule",
            "num_particles",
            "num_steps",
            "step_size",
            "seed",
        ]
        table = table[kept].assign(
            verdict="failed", message="boom", converged=None, adequate=None, reason="boom"
        )
    assert shape.tutorial_shape(table, NO_VERIFICATION).empty
    assert verdicts.tutorial_verdict(table).empty
    if case != "no tutorial":
        assert two_questions.two_guides(table).empty
        assert verdicts.typical_verdicts(table).empty
        assert positive.positive_draws(table, {}).empty
        assert positive.positive_ellipses(table, {}).empty
    moments = positive.positive_moments(table[table["model"] == "none"], {})
    assert positive.positive_parameter(moments).empty
    shapes = shape.shapes(table, {})
    assert shape.shape_quantiles(shapes).empty == (case == "all failed")
    assert shape.shape_by_guide(table, shapes).empty == (case == "all failed")
    texts = page.facts(
        table, NO_VERIFICATION, shape.tutorial_shape(table, NO_VERIFICATION), moments
    )
    texts = dict(zip(texts["name"], texts["text"], strict=True))
    assert texts["tutorial"] == texts["angle"] == texts["comparison"] == ""
