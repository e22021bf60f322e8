"""Error rates of the verdict: counted by posterior, with intervals that are those of posteriors."""

import numpy as np
import pandas as pd
import pytest
from good_fit import GOOD, THRESHOLDS

from svi_atlas.judgement.error_rates import COMMON_RULES, known_fits, rates

SETTING = {"guide": "beta", "label": "particles-1", "schedule": "constant", "step_size": 0.1}

RULES = {"plateau_change": 0.5, "stan_change": 0.5, "pymc_change": 0.5}


def fits(errors, models=("a",), **changes):
    """Table and truth of fits with these true errors: one seed each, in every model."""
    table, truth = [], []
    for model in models:
        for seed, error in enumerate(errors):
            identity = {**SETTING, "model": model, "seed": seed}
            row = {**GOOD, **RULES, **identity, "num_parameters": 2, **changes}
            table.append(row)
            for iterate in ("last", "averaged"):
                truth.append(
                    {**identity, "experiment": "study", "iterate": iterate, "error": error}
                    | {"elbo": -1.0, "elbo_se": 0.001, "polished_elbo": -1.0}
                    | {"polished_elbo_se": 0.001}
                )
    return pd.DataFrame(table), pd.DataFrame(truth)


def known(errors, **changes):
    return known_fits(*fits(errors, **changes), THRESHOLDS)


def row_of(table, rule="verdict", grade="reference", size="all", iterate="averaged"):
    chosen = table.set_index(["rule", "grade", "size", "iterate"])
    return chosen.loc[(rule, grade, size, iterate)]


def test_errors_make_fits_right_wrong_or_neither():
    table = known([0.05, 0.15, 0.25, np.nan])
    last = table[table["iterate"] == "last"]
    assert last["is_right"].tolist() == [True, False, False, False]
    assert last["is_wrong"].tolist() == [False, False, True, True]


def test_a_fit_far_below_the_best_elbo_is_not_right():
    table, truth = fits([0.05, 0.05])
    truth.loc[truth["seed"] == 1, "elbo"] = -1.5
    found = known_fits(table, truth, THRESHOLDS)
    assert found.groupby("seed")["is_right"].all().tolist() == [True, False]
    assert found["true_gap"].max() == pytest.approx(0.5)


def test_a_polish_that_finds_more_counts():
    table, truth = fits([0.05])
    found = known_fits(table, truth.assign(polished_elbo=-0.5), THRESHOLDS)
    assert found["true_gap"].tolist() == [0.5, 0.5]


def test_every_rule_is_counted_at_each_size_and_iterate():
    counted = rates(known([0.05, 0.25]))
    assert set(counted["rule"]) == {"verdict", "verdict: converged", *COMMON_RULES}
    assert len(counted) == (3 + len(COMMON_RULES)) * 3 * 2
    assert row_of(counted, size="above_64")["posteriors"] == 0
    assert row_of(counted)[["wrong", "wrong_called_adequate", "false_rate"]].tolist() == [1, 1, 1]


def test_the_self_check_does_not_see_the_reference():
    table = known([0.5], mean_error=0.5, mean_error_low=0.4)
    counted = rates(table)
    assert row_of(counted)["wrong_called_adequate"] == 0
    assert row_of(counted, grade="self")["wrong_called_adequate"] == 1


def test_each_posterior_counts_the_same():
    one = known([0.5] * 9, models=("a",))
    other = known([0.5], models=("b",), mean_error=0.5, mean_error_low=0.4)
    row = row_of(rates(pd.concat([one, other], ignore_index=True)))
    assert (row["wrong"], row["wrong_called_adequate"]) == (10, 9)
    assert row["false_rate"] == 0.5
    assert (row["false_low"], row["false_high"]) == (0, 1)


def test_where_all_posteriors_agree_the_interval_is_exact():
    row = row_of(
        rates(known([0.5], models=tuple("abcdefghij"), mean_error=0.5, mean_error_low=0.4))
    )
    assert row["false_rate"] == 0
    # Clopper and Pearson: 1 - 0.025 ** (1 / 10).
    assert row["false_high"] == pytest.approx(0.308, abs=0.001)


def test_without_right_fits_there_is_no_rate():
    row = row_of(rates(known([0.5])))
    assert row["right"] == 0
    assert np.isnan(row["true_rate"])
