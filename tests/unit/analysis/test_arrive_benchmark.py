"""The benchmark of arrival: its table in the docs, and the search beside a full grid."""

import arrive
import pandas as pd
import pytest

from made_up import grid


def ways():
    row = {"problem": "easy_one", "seeds": 20, "mean_error": 0.0123456, "sd_ratio": 1.02}
    cost = {"seconds_run": 0.5, "seconds_total": 1.0}
    return pd.DataFrame(
        [
            row | cost | {"way": way, "arrived": arrived, "gradient_evaluations": evaluations}
            for way, arrived, evaluations in (
                ("nuts", 19, 29_998.5),
                ("cosine 0.03", 18, 80_000.0),
                ("search", 20, 30_000.0),
            )
        ]
    )[list(arrive.COLUMNS)]


def test_the_page_has_a_column_for_each_way_and_a_row_for_each_cost():
    lines = arrive.markdown(ways()).splitlines()
    assert "| posterior | cosine 0.03 | search | nuts |" in lines
    assert "| easy one | 18 of 20 | 20 of 20 | 19 of 20 |" in lines
    assert "| easy one | search | 0.0123 | 1.02 | 30,000 | 0.500 | 1.00 |" in lines


def setting(num_steps, num_arrived, guide="diagonal", num_particles=8, model="easy_one"):
    """Twenty seeds of a setting of the grid, of which some arrive."""
    errors = [0.01] * num_arrived + [1.0] * (20 - num_arrived)
    fits = grid((guide,), (num_particles,), (0.03,), range(20), mean_error=errors, sd_ratio=1.0)
    return fits.assign(num_steps=num_steps, model=model)


def ratios(fits):
    return arrive.search_cost_ratios(fits, ways(), fits["mean_error"] < 0.1)


def test_the_search_is_compared_with_the_cheapest_setting_that_suffices():
    fits = pd.concat(
        [
            setting(500, 18),  # cheaper, but 90 % are too few
            setting(2000, 20),
            setting(1500, 19, "full_rank"),
            setting(500, 20, "full_rank", num_particles=32),
            setting(250, 20, model="never_searched"),
        ]
    )
    (row,) = ratios(fits).to_dict("records")
    assert (row["problem"], row["guide"], row["num_steps"]) == ("easy_one", "full_rank", 1500)
    assert (row["gradient_evaluations"], row["search"]) == (12_000, 30_000)
    assert row["ratio"] == pytest.approx(2.5)


def test_a_posterior_without_a_sufficient_setting_is_left_out():
    assert ratios(setting(500, 5)).empty


def test_the_median_of_the_ratios_is_in_the_docs():
    standards = ("adequate", "arrived")
    both = [ratios(setting(1000, 20)).assign(sufficient=name) for name in standards]
    text = arrive.grid_markdown(pd.concat(both))
    assert "Median: 3.75." in text
    assert "| easy one | diagonal | 8 | 1,000 | 0.0300 | 8,000 | 30,000 | 3.75 |" in text
