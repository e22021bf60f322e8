"""Which ways to fit arrive: tables, texts and figures from planted results."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

from made_up import fits_of, grid
from svi_atlas.analysis.arrival import facts, ways
from svi_atlas.analysis.arrival._selection import (
    found_by_search,
    has_arrived,
    median_over_seeds,
    sd_factor,
    with_ways,
)
from svi_atlas.plots.arrival import cost, share

SEEDS = (1, 2, 3, 4)
GOOD, FAR = {"mean_error": 0.02, "sd_ratio": 1.01}, {"mean_error": 2.0, "sd_ratio": 0.5}


def setting(guide="AutoMultivariateNormal", step_size=0.1, model="easy", **columns):
    """Fits of one setting, each of which cost 800 gradient evaluations and half a second."""
    defaults = {
        "model": model,
        "schedule": "constant",
        "whitened": False,
        "gradient_evaluations": 800,
        "seconds": 0.5,
        "elbo": -3.0,
    }
    return grid((guide,), (8,), (step_size,), SEEDS, **(defaults | columns))


def searched(guide, **columns):
    """Fits of a search in one family, each of which cost 1,000 gradient evaluations."""
    search = {"block": "search", "label": "search", "gradient_evaluations": 1000}
    return setting(guide, 0.03, schedule="cosine", whitened=True, **(search | columns))


def planted():
    """An easy posterior, and one on which only a flow arrives."""
    return pd.concat(
        [
            setting(**FAR),
            setting(schedule="cosine", mean_error=[0.01, 0.02, 0.09, 0.2], sd_ratio=1.0),
            setting("whitened_normal", 0.03, schedule="cosine", whitened=True, **GOOD),
            searched("AutoDiagonalNormal", verdict="inadequate", **FAR),
            searched("AutoMultivariateNormal", **GOOD),
            setting(model="hard", **FAR),
            searched("AutoMultivariateNormal", model="hard", verdict="inadequate", **FAR),
            searched("AutoIAFNormal", model="hard", verdict="inadequate", elbo=-2.0, reason="no")
            .assign(mean_error=[0.05, 0.05, 0.05, np.nan], sd_ratio=[0.95, 0.95, 0.8, np.nan]),
        ],
        ignore_index=True,
    )  # fmt: skip


def chains():
    """NUTS on the easy posterior: the errors fall as one over the root of the budget."""
    budget = np.repeat([100, 2500, 10_000], len(SEEDS))
    table = pd.DataFrame(
        {
            "budget": budget,
            "seed": [*SEEDS] * 3,
            "gradient_evaluations": budget - 1,
            "mean_error": 1 / np.sqrt(budget),
            "sd_ratio": 1.0,
            "seconds_run": 1.0,
            "seconds_total": 2.0,
        }
    )
    table.loc[table["budget"] == 100, ["mean_error", "sd_ratio"]] = np.nan
    return {"easy": table}


TRIALS = xr.DataArray([300, 500], dims="trial")
"""Gradient evaluations of the trials of each search."""


def cells(table):
    fits = fits_of(table, lambda *_: np.ones(10))
    for cell, found in fits.items():
        if cell[2] == "search":
            fits[cell] = found.assign(trial_gradient_evaluations=TRIALS)
    return fits


def made():
    table = planted()
    fits = cells(table)
    return table, fits, ways.ways(table, fits, chains()).set_index(["problem", "way"])


def test_a_fit_arrives_if_its_means_and_sds_are_close():
    table = pd.DataFrame(
        {
            "mean_error": [0.1, 0.11, 0.0, 0.0, 0.0, np.nan],
            "sd_ratio": [1.0, 1.0, 0.91, 1.11, 0.89, 1.0],
        }
    )
    assert has_arrived(table).tolist() == [True, False, True, False, False, False]
    assert not has_arrived(table[[]]).any()


def test_ways_are_named_by_what_differs():
    fits = pd.concat(
        [
            setting(step_size=0.001),
            setting("AutoIAFNormal", 0.01, schedule="cosine"),
            setting("whitened_normal", 0.03, schedule="cosine", whitened=True),
            searched("AutoDiagonalNormal"),
        ]
    )
    names = with_ways(fits)["way"].unique().tolist()
    assert names == ["constant 0.001", "flow cosine 0.01", "whitened cosine 0.03", "search"]
    old = fits.drop(columns="whitened")
    assert with_ways(old)["way"].iloc[0] == "constant 0.001", "a run without whitened guides"


def test_a_search_ends_with_the_first_adequate_family_or_the_best():
    table = planted()
    search = table[table["block"] == "search"]
    easy, hard = (found_by_search(search[search["model"] == name]) for name in ("easy", "hard"))
    assert set(easy["guide"]) == {"AutoMultivariateNormal"}
    assert set(hard["guide"]) == {"AutoIAFNormal"}
    unknown = search[search["model"] == "hard"].drop(columns="elbo")
    assert set(found_by_search(unknown)["guide"]) == {"AutoIAFNormal"}


def test_factors_and_medians():
    assert sd_factor(pd.Series([0.5, 2.0, 1.0])).tolist() == pytest.approx([2, 2, 1])
    assert median_over_seeds(pd.Series([1.0, 2.0, np.nan])) == 2
    assert median_over_seeds(pd.Series([1.0, np.nan, np.nan])) == np.inf
    assert np.isnan(median_over_seeds(pd.Series([np.nan, np.nan])))


def test_each_way_has_its_row():
    _, _, found = made()
    assert list(found.reset_index().columns) == list(ways.COLUMNS)
    easy = ["constant 0.1", "cosine 0.1", "whitened cosine 0.03", "search", "nuts"]
    assert found.loc["easy"].index.tolist() == easy
    assert found.loc["hard"].index.tolist() == ["constant 0.1", "search"]
    assert found["arrived"].tolist() == [0, 3, 4, 4, 4, 0, 2]
    assert found.loc[("easy", "constant 0.1"), "sd_ratio"] == 2


def test_a_fit_is_charged_with_its_share_of_the_compilation():
    _, _, found = made()
    row = found.loc[("easy", "cosine 0.1")]
    assert (row["gradient_evaluations"], row["seconds_run"]) == (800, 0.5)
    assert row["seconds_total"] == 0.5 + 3 / len(SEEDS)


def test_a_search_is_charged_with_all_that_it_tried():
    _, _, found = made()
    row = found.loc[("easy", "search")]
    assert (row["gradient_evaluations"], row["seconds_run"]) == (2000 + 2 * 800 / 4, 1.0)
    assert row["seconds_total"] == 1.0 + 2 * 3 / len(SEEDS)
    assert row["mean_error"] == GOOD["mean_error"]


def test_nuts_has_the_budget_nearest_to_the_search():
    _, _, found = made()
    row = found.loc[("easy", "nuts")]
    assert row["gradient_evaluations"] == 2499
    assert row["mean_error"] == pytest.approx(1 / 50)
    assert (row["seconds_run"], row["seconds_total"]) == (1, 2)


def test_nuts_without_a_search_has_the_budget_of_the_other_ways():
    table = planted()
    table = table[table["block"] == "grid"].assign(gradient_evaluations=9000)
    found = ways.ways(table, fits_of(table, lambda *_: np.ones(10)), chains())
    assert found.set_index("way").loc["nuts", "gradient_evaluations"] == 9999


def test_nuts_that_was_not_run_has_no_row():
    table = planted()
    none = {model: chain.iloc[:0] for model, chain in chains().items()}
    found = ways.ways(table, fits_of(table, lambda *_: np.ones(10)), none)
    assert "nuts" not in set(found["way"])
    assert "nuts" not in set(ways.errors_by_cost(table, none, found)["way"])


def test_tables_of_the_page():
    table, _, found = made()
    counts = ways.arrival_counts(found.reset_index())
    assert counts["cosine 0.1"].tolist() == ["3 of 4", ""]
    rows = ways.searches(table, found.reset_index())
    assert rows["guide"].tolist() == ["AutoMultivariateNormal", "AutoIAFNormal"]
    assert rows["adequate"].tolist() == ["4 of 4", "0 of 4"]
    assert rows["nuts_arrived"].iloc[0] == "4 of 4"
    assert pd.isna(rows["nuts_arrived"].iloc[1])


def test_errors_by_cost_are_quantiles_over_the_seeds():
    table, _, found = made()
    errors = ways.errors_by_cost(table, chains(), found.reset_index())
    nuts = errors[errors["way"] == "nuts"]
    assert nuts["cost"].tolist() == [99, 2499, 9999]
    assert np.isnan(nuts["median"].iloc[0]), "no draw at the smallest budget"
    cosine = errors[errors["way"] == "cosine 0.1"].iloc[0]
    assert cosine["median"] == pytest.approx(0.055)
    assert cosine["low"] == pytest.approx(np.quantile([0.01, 0.02, 0.09, 0.2], 0.1))


def texts(table, found):
    frame = facts.facts(table, found)
    return dict(zip(frame["name"], frame["text"], strict=True))


def test_the_page_says_where_a_search_arrives_and_where_not():
    table, _, found = made()
    page = texts(table, found.reset_index())
    assert (page["num_posteriors"], page["num_seeds"]) == ("2", "4 seeds")
    assert "on 1 of 2 posteriors for at least 95 % of the seeds" in page["by_search"]
    assert page["not_arrived"] == "It does not on hard."
    assert "the best constant step size (0.1) on 0 of 2" in page["by_settings"]
    assert page["raw_regression"] == page["funnel"] == ""


def test_the_page_names_the_funnel_and_the_raw_regression():
    table, _, found = made()
    renamed = {"hard": "eight_schools_centred", "easy": "raw_regression"}
    table = table.assign(model=table["model"].map(renamed))
    page = texts(table, found.reset_index().replace({"problem": renamed}))
    assert page["funnel"] == (
        "On eight schools centred the search ends with AutoIAFNormal, which is called adequate for "
        "0 of 4 seeds: no."
    )
    assert (
        "0.020 posterior sd from the exact means, NUTS of the same cost 0.020"
        in (page["raw_regression"])
    )


def test_a_run_in_which_every_fit_failed_has_its_tables():
    unknown = ["mean_error", "sd_ratio", "gradient_evaluations", "seconds", "elbo", "whitened"]
    table = planted().drop(columns=unknown).assign(verdict="failed", message="ValueError: no")
    fits = fits_of(table, lambda *_: np.ones(10))
    for cell in fits.values():
        cell.attrs = {"message": "ValueError: no"}
    found = ways.ways(table, fits, chains())
    assert found["arrived"].sum() == len(SEEDS), "NUTS, at its largest budget"
    errors = ways.errors_by_cost(table, chains(), found)
    for figure in (share.draw(found), cost.draw(errors)):
        assert isinstance(figure, Figure)
    assert "on 0 of 2 posteriors" in texts(table, found)["by_search"]


def test_figures_show_every_posterior_and_way():
    table, _, found = made()
    (axes,) = share.draw(found.reset_index()).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["easy", "hard"]
    assert [text.get_text() for text in axes.texts] == ["0", "75", "100", "100", "100", "0", "50"]
    figure = cost.draw(ways.errors_by_cost(table, chains(), found.reset_index()))
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles == ["easy", "hard", "", ""]
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["constant", "cosine", "whitened", "search", "NUTS"]
