"""Which setting is recommended, what ties with it, and what to try where no setting qualifies."""

import numpy as np
import pandas as pd

from svi_atlas.judgement.recommendation import recommend, why_none_qualifies


def setting(step_size, num_adequate, seconds, *, guide="beta", kl=0.01, seeds=20):
    """One row per seed; this many seeds are adequate."""
    seed = np.arange(seeds)
    return pd.DataFrame(
        {
            "model": "model", "guide": guide, "block": "grid", "label": "particles-8", "num_particles": 8,
            "num_steps": 1000, "schedule": "constant", "whitened": False, "step_size": step_size, "seed": seed, "seconds": seconds,
            "verdict": np.where(seed < num_adequate, "adequate", "not_converged"),
            "kl": kl,
        }
    )  # fmt: skip


def recommended(*settings):
    return recommend(pd.concat(settings, ignore_index=True))


def test_the_cheapest_of_those_that_are_adequate():
    rows = recommended(setting(1e-3, 20, 2.0), setting(1e-2, 20, 1.0), setting(1e-1, 4, 0.1))
    assert rows["step_size"].tolist() == [1e-2]
    assert rows["bootstrap_share"].tolist() == [1.0]


def test_what_resampling_the_seeds_cannot_tell_apart_is_a_tie():
    # 18 of 20 is below 95 %, but 19 or more of 20 in 39 % of the resamples (binomial).
    rows = recommended(setting(1e-3, 20, 2.0), setting(1e-2, 18, 1.0))
    assert rows["step_size"].tolist() == [1e-3, 1e-2]
    assert abs(rows["bootstrap_share"].iloc[1] - 0.392) < 5 * np.sqrt(0.392 * 0.608 / 2000)


def test_equal_costs_are_ties_and_the_better_one_comes_first():
    rows = recommended(setting(1e-3, 20, 1.0, kl=0.02), setting(1e-2, 20, 1.05, kl=0.01))
    assert rows["step_size"].tolist() == [1e-2, 1e-3]


def test_nothing_is_recommended_where_nothing_is_adequate():
    assert recommended(setting(1e-2, 16, 1.0)).empty


def test_nothing_is_recommended_where_all_fits_failed():
    # Such a table has no statistics.
    failed = setting(1e-2, 0, 1.0).drop(columns=["seconds", "kl"])
    failed = failed.assign(verdict="failed")
    assert recommended(failed).empty
    assert why_none_qualifies(failed) == "all fits failed"


def test_the_best_is_named_with_what_to_try_next():
    text = why_none_qualifies(setting(1e-2, 16, 1.0).assign(whitened=False, start="uniform"))
    assert text.startswith(
        "no setting is adequate for 95 % of its seeds; the best, of `beta`, is for 16 of 20. "
        "What to try next: fits of `beta` have not arrived"
    )
    searched = setting(1e-2, 16, 1.0).assign(
        block="search", label="search", whitened=True, start="laplace"
    )
    assert why_none_qualifies(searched).startswith("no family is adequate for 95 % of its seeds")


def unjudged(table, count):
    """The same fits, the last `count` of which could not be judged."""
    rows = table.index[-count:]
    table.loc[rows, "verdict"] = "unjudged"
    return table.assign(reason="The fit cannot be judged: too few draws.")


def test_fits_that_cannot_be_judged_count_neither_for_nor_against():
    """Of 20 fits 12 are adequate, and 8 unjudged."""
    rows = recommended(unjudged(setting(1e-2, 12, 1.0), 8))
    assert rows[["fits", "adequate"]].to_numpy().tolist() == [[12, 1.0]]


def test_with_fewer_than_half_of_the_fits_judged_nothing_is_recommended():
    table = unjudged(setting(1e-2, 9, 1.0), 11)
    assert recommended(table).empty
    text = why_none_qualifies(table.assign(start="uniform"))
    assert "11 of 20 could not be judged" in text
    assert "too few draws" in text
