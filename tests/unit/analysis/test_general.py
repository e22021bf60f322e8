"""Tables that serve every experiment."""

import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from made_up import failed, fits_of, grid, references
from svi_atlas.analysis.general import distances as distances_module
from svi_atlas.analysis.general import index, pages, seeds
from svi_atlas.analysis.general import losses as losses_module
from svi_atlas.analysis.general import sbc as sbc_module

STATISTICS = {"kl": 1e-3, "kl_se": 1e-4, "final_loss": 10.0, "mean_error": 0.01, "sd_ratio": 1.0}


def judged(**columns):
    return grid(seconds=0.5, **(STATISTICS | columns))


def test_losses_are_medians_within_bins_above_a_floor():
    table = grid(counts=(1,), seeds=(1, 2, 3))
    losses = losses_module.losses(
        table, fits_of(table, lambda n, seed, s: np.full(100, seed)), references()
    )
    assert losses["median"].unique() == [2.0]
    assert losses["low"].unique() == pytest.approx([1.2])
    assert losses["floor"].unique() == [10.0]


def test_a_point_has_no_floor():
    table = grid(guides=("AutoLaplaceApproximation",), counts=(1,))
    losses = losses_module.losses(table, fits_of(table, lambda *_: np.ones(100)), references())
    assert losses["floor"].isna().all()


def test_a_failed_cell_has_one_row_with_its_message():
    table, fits = failed(grid(counts=(1,)))
    (row,) = losses_module.losses(table, fits, references()).itertuples()
    assert row.message == "ValueError: no"


def test_losses_of_several_schedules_are_kept_apart():
    table = grid(counts=(1,), schedules=("constant", "cosine"), step_sizes=(0.01, 0.1))
    fits = fits_of(table, lambda n, seed, step_size: np.full(100, step_size))
    (cell,) = fits.values()
    cell["loss"] = cell["loss"] + (cell["schedule"] == "cosine")
    losses = losses_module.losses(table, fits, references())
    medians = losses.groupby(["family", "step_size"])["median"].mean()
    np.testing.assert_allclose(medians["beta\nconstant"], [0.01, 0.1])
    np.testing.assert_allclose(medians["beta\ncosine"], [1.01, 1.1])


def test_a_distance_below_its_error_is_shown_at_it():
    table = grid(counts=(1,), seeds=(1, 2), kl=[1e-3, 1e-9], kl_se=[1e-4, 1e-9])
    distances = distances_module.distances(table)
    assert distances["distance"].tolist() == [1e-3, distances_module.MIN_DISTANCE]
    assert distances["resolved"].tolist() == [True, False]


def test_without_evidence_the_distance_is_to_the_best_elbo():
    table = grid(counts=(1,), seeds=(1, 2, 3), elbo=[-3.0, -1.0, np.inf], elbo_se=0.1)
    distances = distances_module.distances(table)
    np.testing.assert_allclose(distances["distance"], [2.0, 0.1, np.nan])
    assert distances["measure"].unique() == ["ELBO below the best fit (nats)"]


def test_a_run_without_statistics_has_no_distance():
    table, _ = failed(grid())
    assert distances_module.distances(table)["distance"].isna().all()


def test_rates_of_inadequate_fits_have_exact_intervals():
    table = grid(counts=(1,), seeds=(1, 2, 3), verdict="inadequate")
    (row,) = seeds.inadequate_rates(distances_module.distances(table)).itertuples()
    assert (row.rate, row.high) == (1.0, 1.0)
    assert row.low == pytest.approx(0.025 ** (1 / 3))  # three of three


def test_tails_count_a_fit_without_a_distance_as_farthest():
    table = grid(counts=(1,), seeds=(1, 2, 3, 4), kl=[0.3, np.nan, 0.1, 0.2], kl_se=1e-4)
    tails = seeds.distance_tails(distances_module.distances(table))
    assert tails["distance"].tolist() == [0.1, 0.2, 0.3]
    assert tails["share"].tolist() == [1.0, 0.75, 0.5]
    (median,) = seeds.distance_medians(distances_module.distances(table))["median"]
    assert median == 0.2


def test_histograms_count_every_simulation():
    sbc = pd.DataFrame(
        {
            "name": ["one", "two"],
            "parameter": ["p", None],
            "finding": ["none", "failed"],
            "num_draws": 39,
        }
    )
    ranks = {"one": pd.DataFrame({"parameter": "p", "rank": range(40)}), "two": pd.DataFrame()}
    bars = sbc_module.sbc_histograms(sbc, ranks)
    assert bars["count"].tolist() == [2] * 20
    assert bars["left"].iloc[0] == 0.0
    assert bars["right"].iloc[-1] == 1.0


def test_verdicts_are_counted_from_the_best_to_the_worst():
    table = grid(verdict=["diverged", "adequate", "adequate", "not_converged"])
    counts = pages.verdict_counts(table)
    shown = counts[list(counts.attrs["labels"])]
    assert shown.iloc[0].tolist() == ["beta", 2, 1, 1, 4]
    assert list(counts.attrs["labels"].values()) == [
        "guide", "adequate", "not converged", "diverged", "all fits",
    ]  # fmt: skip


def test_the_best_setting_has_counts_of_seeds():
    (row,) = pages.best_settings(judged(verdict=["inadequate"] * 2 + ["adequate"] * 2)).itertuples()
    assert (row.num_particles, row.converged, row.adequate) == (4, "2 of 2", "2 of 2")


def test_one_step_size_has_no_forecast():
    assert pages.smaller_step(judged(), {}).empty


def test_single_fits_show_label_and_guide():
    table = grid(counts=(1,), seeds=(1,), converged=False, adequate=None)
    single = table.assign(block="single", label="tutorial_beta", verdict_last="not_converged")
    (row,) = pages.single_fits(pd.concat([table, single], ignore_index=True)).itertuples()
    assert row.fit == "tutorial_beta\nbeta"
    assert (row.converged, row.adequate) == ("no", "\N{EN DASH}")
    assert (row.verdict, row.verdict_last) == ("adequate", "not_converged")


def test_failures_are_listed_by_cell_and_divergence_by_setting():
    diverged = grid(counts=(1,), verdict="diverged", reason="loss is not finite")
    broken, _ = failed(grid(guides=("other",), counts=(1,)))
    rows = pages.failures(pd.concat([diverged, broken], ignore_index=True))
    assert rows["verdict"].tolist() == ["failed", "diverged"]
    assert rows["why"].tolist() == ["ValueError: no", "loss is not finite"]
    assert rows["fits"].tolist() == ["all", "2"]


def test_provenance_names_where_the_numbers_come_from():
    table = judged()
    table.attrs["spec"] = json.dumps({"experiment": "coin"})
    attrs = {"device": "cpu", "versions": '{"jax": "1"}', "spec": '{"code": {"digest": "abc"}}'}
    fits = {
        key: cell.assign_attrs(attrs) for key, cell in fits_of(table, lambda *_: np.ones(9)).items()
    }
    shown = pages.provenance(table, xr.Dataset(attrs={"source": "a book"}), references(), fits)
    values = dict(zip(shown["what"], shown["value"], strict=True))
    assert values["problem"] == "a book"
    assert values["fits"] == "4 in 2 cells"
    assert values["time of optimisation"] == "2.00 s in all"
    assert values["versions"] == "jax 1"
    assert values["code digest of the fits"] == "abc"


def test_the_index_has_one_row_per_guide():
    table = judged(guides=("beta", "normal"), verdict=["adequate"] * 4 + ["diverged"] * 4)
    rows = index.by_guide(table)
    assert rows["guide"].tolist() == ["beta", "normal"]
    assert rows["adequate"].tolist() == [4, 0]
    assert rows["best"].tolist() == ["1,\N{NO-BREAK SPACE}0.01"] * 2


def test_schedules_are_families_where_there_are_several():
    table = judged(schedules=("constant", "cosine"), counts=(1,))
    table["verdict"] = np.where(table["schedule"] == "cosine", "adequate", "not_converged")
    rows = index.by_guide(table)
    assert rows["guide"].tolist() == ["beta\nconstant", "beta\ncosine"]
    assert rows["adequate"].tolist() == [0, 2]
    best = pages.best_settings(table)
    assert best["schedule"].tolist() == ["constant", "cosine"]
    assert best.attrs["labels"]["schedule"] == "schedule"
    assert "schedule" not in pages.best_settings(judged()).attrs["labels"]


def test_a_search_is_a_family_beside_a_grid():
    search = grid(schedules=("cosine",), counts=(1,), block="search", label="search", kl=1e-3)
    table = pd.concat([judged(), search.assign(seconds=0.1, **STATISTICS)], ignore_index=True)
    assert index.by_guide(table)["guide"].tolist() == ["beta\nconstant", "beta\nsearch"]
    assert index.by_guide(search.assign(**STATISTICS, seconds=1.0))["guide"].tolist() == ["beta"]


def test_the_index_shows_failures_with_their_messages():
    table, _ = failed(grid())
    (row,) = index.diverged_or_failed(table).itertuples()
    assert (row.verdict, row.fits, row.why) == ("failed", "4 of 4", "ValueError: no")
