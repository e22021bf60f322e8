"""What figures show, and the files they are written to."""

import numpy as np
import pandas as pd
import pytest

from made_up import failed, fits_of, grid, references
from svi_atlas.analysis.general.distances import distances
from svi_atlas.analysis.general.losses import losses
from svi_atlas.analysis.general.seeds import distance_medians, distance_tails, inadequate_rates
from svi_atlas.plots import _style, kl_by_step_size, loss, seeds, verdicts


def test_seeds_counts_the_fits_that_go_wrong_and_how_far():
    verdict = ["adequate"] * 15 + ["diverged"] * 5
    kl = [1e-3] * 18 + [np.nan, np.inf]
    table = grid(counts=(1,), seeds=range(20), verdict=verdict, kl=kl, kl_se=1e-4)
    known = distances(table)
    left, right = seeds.draw(inadequate_rates(known), distance_tails(known), known).axes
    (share,) = [line.get_xdata() for line in left.lines if len(line.get_xdata()) == 1]
    assert share == [25.0]
    (curve,) = right.lines
    assert curve.get_ydata()[0] == 100
    assert curve.get_ydata()[-1] == pytest.approx(100 * 3 / 20)  # the two that are not finite


def test_the_axis_of_losses_ends_after_the_last_step():
    table = grid()
    figure = loss.draw(losses(table, fits_of(table, lambda *_: np.ones(100)), references()), table)
    assert [axes.get_xlim()[1] for axes in figure.axes] == pytest.approx([110.0, 110.0])


def test_a_family_is_a_guide_with_a_schedule():
    table = grid(schedules=("constant", "cosine"), counts=(1,), kl=1e-2, kl_se=1e-4)
    known = distances(table)
    names = ["beta\nconstant", "beta\ncosine"]
    figure = kl_by_step_size.draw(known, distance_medians(known))
    assert [axes.get_title(loc="left") for axes in figure.axes if axes.axison] == names
    assert [axes.get_ylabel() for axes in verdicts.draw(table).axes] == names


def test_a_search_that_failed_has_no_setting_but_is_shown():
    found = grid(
        guides=("one",), counts=(8,), block="search", label="search", kl=[0.1, 0.2], kl_se=1e-3
    )
    table, _ = failed(grid(guides=("two",), counts=(0,), step_sizes=(np.nan,)))
    table = pd.concat([found, table.assign(block="search", label="search")], ignore_index=True)
    known = distances(table)
    assert len(verdicts.draw(table).axes) == 2
    _, second = kl_by_step_size.draw(known, distance_medians(known)).axes[:2]
    assert [text.get_text() for text in second.texts] == ["failed: ValueError: no"]
    assert len(seeds.draw(inadequate_rates(known), distance_tails(known), known).axes) == 4
    everything = table[table["verdict"] == "failed"]
    assert "all fits failed" in verdicts.draw(everything).axes[0].texts[0].get_text()


def test_outliers_do_not_set_the_limits_of_an_axis():
    values = np.append(np.linspace(0, 1, 1000), 1e9)
    low, high = _style.robust_limits(values)
    assert -0.1 < low < 0
    assert 1 < high < 1.1
    assert _style.robust_limits([np.nan]) is None


def test_colours_run_from_light_to_dark_and_do_not_depend_on_the_order():
    colours = _style.scale_colours([0.1, 0.001, 0.1])
    assert list(colours) == [0.001, 0.1]
    assert colours == _style.scale_colours([0.001, 0.1])
    assert sum(colours[0.001][:3]) > sum(colours[0.1][:3])
    assert list(_style.scale_colours([5])) == [5]
    assert _style.scale_colours([]) == {}


def test_losses_of_a_run_in_which_every_fit_failed():
    table, fits = failed(grid(counts=(1,)))
    (axes,) = loss.draw(losses(table, fits, references()), table).axes
    assert [text.get_text() for text in axes.texts] == ["failed: ValueError: no"]


@pytest.mark.parametrize(
    ("value", "shown"), [(0.05, "0.05"), (1e-4, "1e-4"), (5e-4, "5e-4"), (10, "10"), (1e3, "1e3")]
)
def test_short_labels_of_step_sizes(value, shown):
    assert _style.plain_number(value) == shown


def test_equal_figures_have_equal_files(tmp_path):
    for name in "ab":
        figure = _style.empty_figure("nothing to show")
        _style.save(figure, tmp_path / f"{name}.svg", tmp_path / f"{name}.png")
    for suffix in ("svg", "png"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
