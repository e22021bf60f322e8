"""The identities along a fit against closed forms and quadrature."""

import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

from svi_atlas.analysis import theory
from svi_atlas.problems.coin import exact

ALPHA, BETA = exact.posterior(12, 8)
LABEL = "tutorial_beta_32_particles"
TABLES = ("identity", "check", "closing_in")


class Fits(dict):
    """Fits by cell, as analyses receive them."""

    def with_label(self, label):
        return next((fit for cell, fit in self.items() if cell[2] == label), None)


@pytest.fixture
def data():
    obs = np.repeat([1.0, 0.0], [12, 8])
    return xr.Dataset({"obs": ("obs_0", obs)}, attrs={"experiment": "coin"})


@pytest.fixture
def fits():
    """A fit that moves evenly from the start to the posterior."""
    share = np.linspace(0, 1, 101)[1:]
    ends = {"alpha_q": ALPHA, "beta_q": BETA}
    path = {
        f"path.{name}": (
            ("seed", "step_size", "snapshot"),
            (exact.BETA_START + share * (end - exact.BETA_START))[None, None],
        )
        for name, end in ends.items()
    }
    fit = xr.Dataset(
        path,
        coords={"snapshot_step": ("snapshot", np.arange(10, 1001, 10))},
        attrs={"guide": "beta", "label": LABEL, "num_particles": 32},
    )
    return Fits({("headstails", "beta", LABEL): fit})


@pytest.fixture
def check(data, fits):
    return theory.check(data, fits)


def without_fit(kind):
    failed = xr.Dataset(attrs={"guide": "beta", "num_particles": 32, "message": "out of luck"})
    return Fits({("headstails", "beta", LABEL): failed} if kind == "failed" else {})


def test_the_fit_starts_at_the_start_and_ends_at_the_posterior(check):
    first, last = check.iloc[0], check.iloc[-1]
    assert (first["step"], first["alpha_q"], first["beta_q"]) == (0, 10, 10)
    assert (last["step"], last["alpha_q"], last["beta_q"]) == (1000, ALPHA, BETA)
    assert last["kl"] == 0
    assert check["step"].is_monotonic_increasing


def test_elbo_and_kl_add_up_to_the_log_evidence(check):
    assert check["log_evidence"].unique() == [exact.log_evidence(12, 8)]
    # At the posterior itself the weights do not vary, and only rounding is left.
    inner = check[check["kl"] > 0]
    assert (inner["difference_z"].abs() < 5).all()
    assert check["difference"].iloc[-1] == pytest.approx(0, abs=1e-12)
    np.testing.assert_allclose(
        check["difference"], check["elbo"] + check["kl"] - check["log_evidence"], atol=1e-12
    )


def test_figure_and_page_use_different_draws_which_are_the_same_every_time(data, fits, check):
    figure = theory.identity(data, fits)
    assert (figure["elbo"].iloc[:-1] != check["elbo"].iloc[:-1]).all()
    assert figure["kl"].equals(check["kl"])
    elbo, error = exact.elbo_by_draws(
        figure["alpha_q"].to_numpy(), figure["beta_q"].to_numpy(), ALPHA, BETA, 20_000, seed=0
    )
    assert (figure["elbo"] == elbo).all()
    assert (figure["elbo_se"] == error).all()
    assert theory.check(data, fits).equals(check)


def test_the_kl_divergence_falls_by_equal_factors_from_panel_to_panel(data, fits):
    rows = theory.closing_in(data, fits)
    panels = rows.groupby("panel").first()
    assert len(panels) == theory.NUM_PANELS
    assert panels["step"].iloc[[0, -1]].to_list() == [0, 1000]
    bounds = np.geomspace(panels["kl"].iloc[0], theory.MIN_KL, theory.NUM_PANELS)
    assert (panels["kl"] <= bounds * (1 + 1e-9)).all()
    last = rows[rows["panel"] == theory.NUM_PANELS - 1]
    np.testing.assert_allclose(last["density"], last["posterior"])
    np.testing.assert_allclose(last["posterior"], stats.beta.pdf(last["fairness"], ALPHA, BETA))


def test_a_start_at_the_posterior_is_no_error(fits):
    obs = np.repeat([1.0, 0.0], [9, 9])
    data = xr.Dataset({"obs": ("obs_0", obs)}, attrs={"experiment": "coin"})
    assert theory.closing_in(data, fits)["panel"].nunique() == theory.NUM_PANELS


def test_some_points_are_listed(check):
    points = theory.points(check)
    assert len(points) == theory.NUM_SHOWN
    assert points["step"].iloc[[0, -1]].to_list() == [0, 1000]
    assert "±" in points["sum"].iloc[0]


def test_only_the_right_sign_agrees_with_the_closed_form(check):
    signs = theory.signs(check).set_index("judgement")
    truth = signs.loc["", "start"]
    assert signs.loc["right", "start"] == pytest.approx(truth, abs=0.05)
    assert (signs.loc["wrong: negative", "start"] < 0).all()
    twice = signs.loc["wrong: off by twice the ELBO", "start"]
    assert twice == pytest.approx(truth + 2 * check["elbo"].iloc[0], abs=0.05)


def test_the_reverse_kl_divergence_is_the_integral(check):
    row = theory.directions(check).iloc[0]
    posterior, guide = stats.beta(ALPHA, BETA), stats.beta(row["alpha_q"], row["beta_q"])

    def integrand(fairness):
        return posterior.pdf(fairness) * (posterior.logpdf(fairness) - guide.logpdf(fairness))

    value, _ = integrate.quad(integrand, 0, 1)
    assert row["reverse"] == pytest.approx(value, abs=1e-8)
    assert row["reverse"] != pytest.approx(row["kl"], abs=1e-3)


def test_the_sentences_have_the_numbers_of_the_table(data, check):
    facts = theory.facts(data, check).set_index("name")["text"]
    assert facts["experiment"] == "coin"
    assert "9 of these points, with 20,000 draws" in facts["points"]
    assert f"At {len(check)} points" in facts["in_short_sum"]
    assert "step 1,000" in facts["in_short_sum"]
    near = check[check["kl"] < 0.01].iloc[0]
    assert f"between steps {near['step']:.0f} and 1,000" in facts["in_short_flat"]
    assert facts["swapped"]


@pytest.mark.parametrize("kind", ["failed", "absent"])
def test_without_the_fit_all_tables_are_empty(data, fits, kind):
    for name in TABLES:
        analysis = getattr(theory, name)
        table = analysis(data, without_fit(kind))
        assert table.empty
        assert list(table) == list(analysis(data, fits))
    check = theory.check(data, without_fit(kind))
    assert theory.points(check).empty
    assert theory.signs(check).empty
    assert theory.directions(check).empty
    facts = theory.facts(data, check).set_index("name")["text"]
    assert facts["in_short_sum"].startswith("There is no fit")
    assert facts["in_short_flat"] == facts["points"] == facts["swapped"] == ""
