"""Tables of the coin against closed forms and fits made by hand."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

from svi_atlas.analysis.coin import guides, page, predictive, tables, tutorial
from svi_atlas.analysis.general import pages
from svi_atlas.problems.coin import exact

HEADS, TAILS = 12, 8
ALPHA, BETA = exact.posterior(HEADS, TAILS)
FLOOR = -exact.log_evidence(HEADS, TAILS)
STEPS = np.arange(10, 1001, 10)


class Fits(dict):
    """Fits by cell, as analyses receive them."""

    def with_label(self, label):
        return next((fit for cell, fit in self.items() if cell[2] == label), None)


@pytest.fixture
def data():
    obs = np.repeat([1.0, 0.0], [HEADS, TAILS])
    return xr.Dataset({"obs": ("obs_0", obs)}, attrs={"experiment": "coin"})


@pytest.fixture
def reference():
    grid = np.linspace(0, 1, 101)
    columns = {"grid": grid, "density": stats.beta.pdf(grid, ALPHA, BETA)}
    names = {f"{name}.latent_fairness": ("point", value) for name, value in columns.items()}
    return {"headstails": xr.Dataset(names)}


def cell(guide, label, num_particles, step_sizes=(5e-4,), seeds=(1,), **variables):
    """A cell whose variables have the dimensions seed, step size, and their own."""
    dims = {name: ["seed", "step_size", *own] for name, (own, _) in variables.items()}
    shape = (len(seeds), len(step_sizes))
    dataset = xr.Dataset(
        {
            name: (dims[name], np.broadcast_to(value, (*shape, *np.shape(value))))
            for name, (_, value) in variables.items()
        },
        coords={"seed": list(seeds), "step_size": list(step_sizes)},
        attrs={"guide": guide, "label": label, "num_particles": num_particles},
    )
    return dataset.assign_coords(snapshot_step=("snapshot", STEPS))


def failed(guide, label, num_particles, step_sizes=(5e-4,)):
    return xr.Dataset(
        coords={"step_size": list(step_sizes)},
        attrs={
            "guide": guide,
            "label": label,
            "num_particles": num_particles,
            "message": "out of luck",
        },
    )


def tutorial_fits(**changes):
    """The tutorial's fits with loss 3, with changes by label."""
    settings = {
        "tutorial_beta_1_particle": ("beta", 1),
        "tutorial_beta_32_particles": ("beta", 32),
        "tutorial_normal": ("normal", 1),
    }
    fits = {}
    for label, (guide, num_particles) in settings.items():
        fits[label] = cell(
            guide,
            label,
            num_particles,
            loss=(["step"], np.full(1000, 3.0)),
            **{
                "path.alpha_q": (["snapshot"], 10 + STEPS / 500),
                "path.beta_q": (["snapshot"], 10 - STEPS / 1000),
            },
        )
    fits |= changes
    return Fits({("headstails", fit.attrs["guide"], label): fit for label, fit in fits.items()})


def make_table(**columns):
    """A table of the guide's fits; single values are repeated."""
    row = {
        "model": "headstails",
        "guide": "beta",
        "block": "grid",
        "schedule": "constant",
        "label": "particles-8",
        "num_particles": 8,
        "num_steps": 1000,
        "step_size": 0.01,
        "seed": 1,
        "verdict": "adequate",
        "message": None,
        "final_loss": 14.8,
        "kl": 1e-3,
        "kl_last": 1e-3,
        "mean_error": 0.0,
        "sd_ratio": 1.0,
        "nonfinite": 0.0,
    }
    return pd.DataFrame(row | columns)


ALL_FAILED = pd.DataFrame(
    {
        "model": "headstails",
        "guide": ["beta", "normal", "beta"],
        "block": ["grid", "grid", "single"],
        "schedule": "constant",
        "label": ["particles-8", "particles-8", "tutorial_beta_1_particle"],
        "num_particles": 8,
        "step_size": 0.01,
        "seed": 1,
        "verdict": "failed",
        "message": "out of luck",
    }
)


class TestDensities:
    def test_a_guide_at_the_posterior_has_its_density(self, data, reference):
        fits = make_table(**{"seed": [1], "param_last.alpha_q": ALPHA, "param_last.beta_q": BETA})
        curves = guides.densities(fits, data, reference)
        assert list(curves["curve"].unique()) == ["exact", "tutorial_posterior", "guide"]
        at_optimum = curves[curves["curve"] == "guide"]
        assert at_optimum["guide"].unique() == ["beta"]
        np.testing.assert_allclose(at_optimum["difference"], 0, atol=1e-12)

    def test_the_tutorial_takes_another_distribution_for_the_posterior(self, data, reference):
        curves = guides.densities(ALL_FAILED, data, reference)
        rows = curves[curves["curve"] == "tutorial_posterior"]
        expected = stats.beta.pdf(rows["fairness"], HEADS, TAILS)
        np.testing.assert_array_equal(rows["density"], expected)
        assert len(curves) == 2 * len(rows), "fits that failed have no curve"

    def test_the_fit_with_the_median_kl_is_shown(self, data, reference):
        fits = make_table(
            **{"seed": [1, 2, 3], "kl": [3e-3, 1e-3, 2e-3], "param_last.alpha_q": [5.0, 6.0, 7.0]},
            **{"param_last.beta_q": 9.0},
        )
        curves = guides.densities(fits, data, reference)
        rows = curves[curves["curve"] == "guide"]
        np.testing.assert_allclose(rows["density"], stats.beta.pdf(rows["fairness"], 7, 9))


class TestBetaPaths:
    def cells(self, **variables):
        labels = {f"particles-{count}": count for count in (1, 8, 32)}
        fits = {
            ("headstails", "beta", label): cell(
                "beta", label, count, (0.01, 0.1), (1, 2), **variables
            )
            for label, count in labels.items()
        }
        grid = make_table(label=list(labels), num_particles=list(labels.values()))
        return grid, Fits(fits)

    def test_fewest_and_most_particles_of_all_settings(self, data):
        path = {
            f"path.{name}": (["snapshot"], STEPS.astype(float)) for name in ("alpha_q", "beta_q")
        }
        grid, fits = self.cells(**path)
        paths = guides.beta_paths(grid, data, fits)
        assert list(paths["num_particles"].unique()) == [1, 32]
        assert len(paths) == 2 * 2 * 2 * 2 * len(STEPS)
        np.testing.assert_array_equal(paths["step"], paths["value"])
        exact_values = paths.groupby("parameter")["exact"].first()
        assert exact_values.to_dict() == {"alpha_q": ALPHA, "beta_q": BETA}

    def test_a_failed_cell_keeps_its_message(self, data):
        grid = make_table(num_particles=[8])
        fits = Fits(
            {("headstails", "beta", "particles-8"): failed("beta", "particles-8", 8, (0.01, 0.1))}
        )
        paths = guides.beta_paths(grid, data, fits)
        assert set(paths["message"]) == {"out of luck"}
        assert set(paths["step_size"]) == {0.01, 0.1}

    def test_without_the_guide_there_are_no_rows(self, data):
        assert guides.beta_paths(make_table(guide=["normal"]), data, Fits()).empty


class TestTutorial:
    def test_constant_losses(self, data):
        losses = tutorial.tutorial_losses(data, tutorial_fits())
        assert losses["label"].nunique() == 3
        for name in ("low", "high", "median", "mean"):
            assert (losses[name] == 3).all()
        assert losses["floor"].unique() == pytest.approx([FLOOR])
        assert tutorial.nonfinite_losses(tutorial_fits()).empty

    def test_an_infinite_loss_is_listed_and_left_out(self, data):
        loss = np.full(1000, 3.0)
        loss[[4, 700]] = np.inf, np.nan
        normal = cell("normal", "tutorial_normal", 1, loss=(["step"], loss))
        fits = tutorial_fits(tutorial_normal=normal)
        infinite = tutorial.nonfinite_losses(fits)
        assert infinite.to_dict("list") == {"label": ["tutorial_normal"] * 2, "step": [5, 701]}
        assert (tutorial.tutorial_losses(data, fits)["mean"] == 3).all()

    def test_the_spread_of_losses_that_alternate(self, data):
        loss = 3 + np.tile([-0.5, 0.5], 500)
        one = cell("beta", "tutorial_beta_1_particle", 1, loss=(["step"], loss))
        losses = tutorial.particle_losses(data, tutorial_fits(tutorial_beta_1_particle=one))
        spread = losses.groupby("num_particles")["sd"].max()
        assert spread[32] == 0
        assert spread[1] == pytest.approx(0.5, abs=0.01)

    def test_paths_and_their_optimum(self, data):
        paths = tutorial.particle_paths(data, tutorial_fits())
        alpha = paths[(paths["parameter"] == "alpha_q") & (paths["num_particles"] == 1)]
        np.testing.assert_allclose(alpha["value"], 10 + alpha["step"] / 500)
        assert alpha["exact"].unique() == [ALPHA]

    @pytest.mark.parametrize("name", ["tutorial_losses", "particle_losses", "particle_paths"])
    def test_failed_and_absent_fits(self, data, name):
        analysis = getattr(tutorial, name)
        label = "tutorial_beta_1_particle"
        fits = tutorial_fits(**{label: failed("beta", label, 1)})
        rows = analysis(data, fits)
        rows = rows[rows["label"] == label]
        assert rows["step"].isna().all()
        assert len(rows) in (1, 2)
        without = analysis(data, Fits())
        assert without.empty
        assert set(without) == set(analysis(data, tutorial_fits()))


class TestPredictive:
    def test_histograms_have_the_mass_of_the_draws_inside(self):
        draws = np.array([0.1, 0.3, 0.3, 1.7])
        normal = cell(
            "normal", "tutorial_normal", 1, **{"site.latent_fairness": (["draw"], draws)}
        ).expand_dims(iterate=["last"])
        fits = Fits({("headstails", "normal", "tutorial_normal"): normal})
        bars = predictive.draw_histograms(fits)
        width = bars["right"] - bars["left"]
        assert (bars["density"] * width).sum() == pytest.approx(1)
        assert bars["num_draws"].unique() == [4]

    def test_fitted_densities_of_fits_that_did_not_fail(self, reference):
        fits = make_table(
            **{"label": ["tutorial_beta_1_particle"], "block": "single"},
            **{"param_last.alpha_q": ALPHA, "param_last.beta_q": BETA},
        )
        rows = predictive.fitted_densities(fits, reference)
        np.testing.assert_allclose(rows["density"], rows["exact"], atol=1e-12)
        assert predictive.fitted_densities(ALL_FAILED, reference).empty

    def mock_fits(self, by_guide, by_draws):
        mock = {
            f"mock_{way}.obs": ([f"{way}_set", f"{way}_toss"], np.array(obs))
            for way, obs in (("guide", by_guide), ("draws", by_draws))
        }
        label = "tutorial_beta_1_particle"
        return Fits({("headstails", "beta", label): cell("beta", label, 1, **mock)})

    def test_counts_of_tosses_and_of_data_sets(self, data):
        fits = self.mock_fits([[1, 1], [0, 0], [1, 0], [1, 0]], [[1, 1]] * 4)
        counts = predictive.mock_tosses(data, fits)
        by_guide = counts[counts["way"] == "guide"].set_index(["quantity", "outcome"])
        assert by_guide.loc["tosses", "count"].to_list() == [4, 4]
        assert by_guide.loc["data_sets", "count"].to_list() == [1, 2, 1]
        # Heads per data set have the variance 2/3; four data sets add up to four times that.
        error = np.sqrt(4 * 2 / 3)
        assert by_guide.loc["tosses", "count_se"].to_numpy() == pytest.approx(error)
        assert by_guide.loc[("data_sets", 1), "count_se"] == 1.0
        expected = by_guide.loc["data_sets", "expected"].to_numpy()
        assert expected == pytest.approx(4 * stats.betabinom.pmf([0, 1, 2], 2, ALPHA, BETA))
        assert by_guide.loc["tosses", "expected"].sum() == pytest.approx(8)

    def test_shares_of_heads(self, data):
        fits = self.mock_fits([[1, 1], [0, 0]], [[1, 1], [1, 0]])
        (row,) = predictive.mock_shares(data, fits).to_dict("records")
        assert (row["by_guide"], row["by_draws"]) == (0.5, 0.75)
        assert row["difference_z"] == pytest.approx(0.25 / np.hypot(0.5, 0.25))
        assert row["exact"] == pytest.approx(13 / 22)

    def test_a_fit_without_mock_tosses_says_so(self, data):
        fits = tutorial_fits()
        assert set(predictive.mock_tosses(data, fits)["message"]) == {"no mock observations"}
        assert predictive.mock_shares(data, fits).empty
        assert predictive.mock_tosses(data, Fits()).empty


class TestTables:
    def test_posteriors(self, data):
        exact_row, tutorial_row = tables.posteriors(data).to_dict("records")
        assert exact_row["density"] == "Beta(13, 9)"
        assert exact_row["mean"] == pytest.approx(13 / 22)
        assert exact_row["sd"] ** 2 == pytest.approx(exact_row["variance"])
        assert tutorial_row["density"] == "Beta(12, 8)"
        assert tutorial_row["mean"] == pytest.approx(0.6)

    def test_medians_by_setting(self):
        names = ("param_last.alpha_q", "param_last.beta_q", "param.alpha_q", "param.beta_q")
        fits = make_table(
            seed=[1, 2, 3],
            verdict=["adequate", "failed", "not_converged"],
            kl_last=1.0,
            **{name: [1.0, 50.0, 3.0] for name in names},
        )
        (row,) = tables.beta_settings(fits).to_dict("records")
        assert row["param_last.alpha_q"] == 2.0
        assert row["adequate"] == 1
        assert tables.beta_settings(ALL_FAILED).empty

    def test_mass_outside_the_support(self):
        fits = make_table(
            guide=["normal", "normal", "truncated_normal"],
            seed=[1, 2, 1],
            nonfinite=[0.0, 0.02, 0.0],
            **{"param.mean": 0.5, "param.sd": 0.25},
        )
        normal, truncated = tables.outside_support(fits).to_dict("records")
        assert normal["outside"] == pytest.approx(2 * stats.norm.sf(2))
        assert normal["infinite"] == "1 of 2"
        assert normal["worst"] == pytest.approx(2.0)
        assert truncated["outside"] == 0
        assert tables.outside_support(ALL_FAILED).empty

    def test_verdicts_are_those_of_the_grid(self):
        counts = pages.grid_verdicts(ALL_FAILED)
        assert counts.set_index("guide")["all"].to_dict() == {"beta": 1, "normal": 1}


class TestFacts:
    def texts(self, table, data, verification=None):
        verification = pd.DataFrame() if verification is None else verification
        frame = page.facts(
            table, data, verification, tables.beta_settings(table), tables.outside_support(table)
        )
        return dict(zip(frame["name"], frame["text"], strict=True))

    def test_the_setup_is_described_where_every_fit_failed(self, data):
        texts = self.texts(ALL_FAILED, data)
        assert (texts["heads"], texts["tails"], texts["num_tosses"]) == ("12", "8", "20")
        assert (texts["alpha"], texts["beta"]) == ("13", "9")
        assert texts["minus_log_evidence"] == f"{FLOOR:.6f}"
        assert texts["design"] == "2 guides, 1 particle count, 1 step size and 1 seed"
        assert texts["verdicts"] == "Of 3 fits, 3 failed."
        empty = {name for name, text in texts.items() if not text}
        assert empty == {
            "in_short_tutorial",
            "in_short_best",
            "in_short_verification",
            "one_particle",
            "many_particles",
            "theory_link",
            "signs_check",
            "normal_fit",
            "beta_settings_text",
            "outside_support_text",
        }

    def test_the_normal_fit_and_its_infinite_losses(self, data):
        normal = make_table(
            **{"guide": "normal", "label": ["tutorial_normal"], "block": "single"},
            **{
                "nonfinite": 0.002,
                "first_nonfinite": 7.0,
                "param_last.mean": 0.5,
                "param_last.sd": 0.25,
            },
        )
        grid = make_table(
            guide=["normal"],
            **{"param.mean": 0.5, "param.sd": 0.25, "param_last.mean": 0.5, "param_last.sd": 0.25},
        )
        text = self.texts(pd.concat([grid, normal]), data)["normal_fit"]
        assert "0.046 of its mass outside" in text
        assert "2 of its 1,000 losses are infinite, the first at step 7." in text

    def test_values_within_their_tolerances_are_counted(self, data):
        texts = self.texts(ALL_FAILED, data, pd.DataFrame({"ok": [True, False, True]}))
        assert texts["in_short_verification"].startswith("2 of 3 ")

    def test_the_optimum_of_the_tutorials_fits_is_recognised(self, data):
        columns = {
            "param_last.alpha_q": ALPHA,
            "param_last.beta_q": BETA,
            "elbo_last": -FLOOR,
            "elbo_se_last": 0.0,
            "kl_se_last": 1e-4,
            "final_loss_se": 1e-3,
            "elbo_gap_last": 1e-5,
            "elbo_gap_se_last": 1e-6,
            "rhat": 1.0,
            "window": 500,
            "converged": True,
            "adequate": True,
        }
        labels = ["tutorial_beta_1_particle", "tutorial_beta_32_particles"]
        single = make_table(label=labels, block="single", num_particles=[1, 32], **columns)
        texts = self.texts(pd.concat([make_table(seed=[1], verdict="failed"), single]), data)
        assert "0 % and 0 % short of 13 and 9" in texts["one_particle"]
        assert texts["many_particles"].startswith("**32 particles**")
        assert texts["signs_check"].endswith("it is 0.")
        assert "(coin-theory.html)" in texts["theory_link"]
