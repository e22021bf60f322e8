"""The page of the verdict study."""

import numpy as np
import pandas as pd

from svi_atlas.analysis import verdict_study
from svi_atlas.judgement.error_rates import rates
from svi_atlas.plots.verdict_study import adequate_by_error
from svi_atlas.plots.verdict_study import rates as rates_figure

NUM_SEEDS = 4


def pooled(called_wrong=False, called_right=True):
    """Two posteriors with right and wrong fits; the verdict calls them adequate or not."""
    rows = [
        {
            "experiment": experiment, "model": model, "guide": "AutoNormal", "label": "particles-8",
            "schedule": "cosine", "step_size": 0.1, "seed": seed, "iterate": iterate,
            "num_parameters": 4, "error": 0.5 if wrong else 0.05, "true_gap": 0.0,
            "is_wrong": wrong, "is_right": not wrong, "verdict": "adequate", "reason": "Because.",
            "called:reference:verdict": called_wrong if wrong else called_right,
            "called:self:verdict": called_right and not wrong,
        }
        for experiment, model in (("verdict_study", "a"), ("verdict_study_posteriordb", "b"))
        for iterate in ("averaged", "last")
        for seed in range(NUM_SEEDS)
        for wrong in (seed % 2 == 0,)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def texts(table):
    frame = verdict_study.facts(table, rates(table))
    return dict(zip(frame["name"], frame["text"], strict=True))


def test_rates_are_given_with_their_intervals_and_targets():
    page = texts(pooled())
    assert (page["num_fits"], page["num_posteriors"], page["num_with_data"]) == ("8", "2", "1")
    assert (page["reference_wrong"], page["reference_wrong_called"]) == ("4", "0")
    assert page["reference_false"] == "0 % (0 to 84)"
    assert page["reference_false_met"] == "met"
    assert page["self_true"].startswith("100 %")


def test_a_target_that_is_missed_is_said_to_be():
    page = texts(pooled(called_wrong=True, called_right=False))
    assert page["reference_false_met"] == page["reference_true_met"] == "**missed**"


def test_every_posterior_has_a_row():
    table = verdict_study.by_posterior(pooled())
    assert table["posterior"].tolist() == ["a", "b"]
    assert table["right_reference"].tolist() == table["right"].tolist() == [2, 2]


def test_shares_are_given_by_true_error():
    table = verdict_study.by_error(pooled())
    averaged = table[table["iterate"] == "averaged"]
    assert averaged["fits"].tolist() == [4, 4]
    assert averaged["reference"].tolist() == [1, 0]
    assert np.allclose(averaged["median_error"], [0.05, 0.5])


def test_wrong_verdicts_are_listed():
    assert len(verdict_study.wrong_verdicts(pooled())) == 0
    listed = verdict_study.wrong_verdicts(pooled(called_wrong=True, called_right=False))
    assert listed["error"].max() == 0.5
    assert listed["error"].min() == 0.05


def test_rates_are_shown_by_rule_and_by_size():
    counted = rates(pooled())
    assert set(verdict_study.rules(counted)["grade"]) == {"with a reference", "by self-check"}
    assert len(verdict_study.sizes(counted)) == 2 * 3 * 2


def test_the_figures_show_every_rule_and_every_group():
    table = pooled()
    figure = rates_figure.draw(rates(table))
    figure.draw_without_rendering()
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == ["verdict, with a reference", "verdict, by self-check"]
    curves = adequate_by_error.draw(verdict_study.by_error(table))
    curves.draw_without_rendering()
    assert [len(ax.lines) for ax in curves.axes] == [2, 2]


def test_rates_without_posteriors_that_were_seen_before():
    table = pooled()
    seen = table[table["model"] == "a"].assign(model="student_6_1")
    both = pd.concat([table, seen.assign(**{"called:reference:verdict": True})])
    shown = verdict_study.unseen(both)
    assert shown["wrong"].tolist() == [4] * 4
    assert not shown["wrong_called_adequate"].any()
