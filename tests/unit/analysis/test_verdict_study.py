"""The page of the verdict study."""

import pandas as pd
import pytest

from made_up import grid
from svi_atlas.analysis import verdict_study


def rates(wrong_rate=0.01, right_rate=0.95):
    rows = [
        {"rule": rule, "split": split, "wrong": 1000, "right": 200}
        | {"wrong_called_adequate": round(1000 * wrong_rate), "right_called_adequate": 190}
        | {"wrong_rate": wrong_rate, "wrong_rate_low": 0.005, "wrong_rate_high": 0.02}
        | {"right_rate": right_rate, "right_rate_low": 0.9, "right_rate_high": 0.98}
        for rule in ("verdict", "k-hat (0.7)")
        for split in ("tuning", "held_out")
    ]
    return pd.DataFrame(rows)


def study(num_wrong=1, seeds=4):
    table = grid(counts=(1,), seeds=range(seeds), elbo_gap=0.1, elbo_gap_se=0.01)
    right = [False] * num_wrong + [True] * (seeds - num_wrong)
    truth = pd.DataFrame(
        {"is_converged": right, "is_adequate": True, "is_right": right, "distance": 0.5}
    )
    return table, truth


def texts(table, truth, rates):
    frame = verdict_study.facts(table, truth, rates)
    return dict(zip(frame["name"], frame["text"], strict=True))


def test_rates_are_given_with_their_intervals_and_targets():
    page = texts(*study(), rates())
    assert page["wrong"] == "1,000"
    assert page["wrong_rate"] == "1.00 % (0.50 to 2.0)"
    assert page["max_wrong"] == "2 %"
    assert page["max_wrong_is_met"] == page["min_right_is_met"] == "met"


@pytest.mark.parametrize(
    ("wrong_rate", "right_rate", "missed"),
    [(0.03, 0.95, "max_wrong_is_met"), (0.01, 0.89, "min_right_is_met")],
)
def test_a_missed_target_is_named(wrong_rate, right_rate, missed):
    page = texts(*study(), rates(wrong_rate, right_rate))
    others = {"max_wrong_is_met", "min_right_is_met"} - {missed}
    assert page[missed] == "**missed**"
    assert [page[name] for name in others] == ["met"]


@pytest.mark.parametrize(
    ("num_wrong", "listed"),
    [
        (0, "It is wrong for no fit of this run."),
        (3, ""),
        (25, "The first 20 of 25 fits are listed."),
    ],
)
def test_wrong_verdicts_are_listed(num_wrong, listed):
    table, truth = study(num_wrong, seeds=30)
    assert texts(table, truth, rates())["list_of_wrong"] == listed
    rows = verdict_study.wrong_verdicts(table, truth)
    assert len(rows) == min(num_wrong, 20)
    assert not rows["is_right"].any()


def test_right_fits_are_counted_by_density_and_guide():
    (row,) = verdict_study.truth_by_guide(*study()).itertuples()
    assert (row.fits, row.is_converged, row.is_right, row.called_adequate) == (4, 3, 3, 4)


def test_each_split_has_a_table_of_its_own():
    assert verdict_study.held_out_rates(rates())["split"].unique() == ["held_out"]
    assert verdict_study.tuning_rates(rates())["right_text"].tolist() == ["95.0 % (90 to 98)"] * 2


def test_a_run_without_statistics_has_its_page():
    table, truth = study()
    table = table.drop(columns=["elbo_gap", "elbo_gap_se"])
    assert len(verdict_study.wrong_verdicts(table, truth)) == 1
