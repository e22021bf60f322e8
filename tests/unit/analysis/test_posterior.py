"""The posterior that the page of an experiment shows: which fit, and its moments beside the reference."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.figure import Figure

from made_up import MadeUpFits, grid
from svi_atlas.analysis import experiment
from svi_atlas.analysis.general.posterior import marginals, posterior
from svi_atlas.plots.posterior import draw

NUM_DRAWS = 1000
SEEDS = (1, 2)


def cell():
    """Seed s has draws around s at the last iterate and around 10 s at the averaged one."""
    rng = np.random.default_rng(0)
    centre = np.array([1.0, 10.0])[:, None] * np.array(SEEDS)
    shape = (2, len(SEEDS), 1, NUM_DRAWS)
    x = centre[:, :, None, None] + rng.normal(size=shape)
    dims = ("iterate", "seed", "step_size", "draw")
    variables = {"site.x": (dims, x), "site.w": ((*dims, "w_0"), np.stack([x, 2 * x], axis=-1))}
    schedule = ("step_size", ["constant"])
    return xr.Dataset(
        variables,
        {
            "iterate": ["last", "averaged"],
            "seed": list(SEEDS),
            "step_size": [0.01],
            "schedule": schedule,
        },
    )


FITS = MadeUpFits({("m", "AutoNormal", "particles-1"): cell()})
REFERENCE = {"m": xr.Dataset({"draw.x": ("draw", 20 + np.random.default_rng(1).normal(size=5000))})}


def table(verdicts, **columns):
    return grid(
        guides=("AutoNormal",),
        counts=(1,),
        seeds=SEEDS,
        verdict=verdicts,
        elbo=[-1.0, -3.0],
        reason="A mean is off.",
        **columns,
    )


def test_an_adequate_fit_of_the_recommended_setting_is_shown():
    rows = posterior(table(["adequate", "adequate"]), FITS, REFERENCE)
    assert rows["component"].tolist() == ["x", "w[0]", "w[1]"]
    assert rows["mean"].to_numpy() == pytest.approx([10, 10, 20], abs=0.3)
    assert rows["sd"].to_numpy() == pytest.approx([1, 1, 2], rel=0.1)
    assert rows["q95"].iloc[0] == pytest.approx(11.64, abs=0.3)
    assert rows["mean_reference"].iloc[0] == pytest.approx(20, abs=0.1)
    assert rows["mean_reference"].iloc[1:].isna().all()
    labels = list(rows.attrs["labels"].values())
    assert labels[:3] == ["component", "mean", "reference"]


def test_without_a_recommendation_the_best_fit_is_shown_and_its_verdict_said():
    inadequate = table(["inadequate", "inadequate"])
    rows = posterior(inadequate, FITS, REFERENCE)
    assert rows["mean"].iloc[0] == pytest.approx(10, abs=0.3)
    facts = experiment.facts(inadequate).set_index("name")["text"]
    assert (
        "with seed 1, which is inadequate (a mean is off): do not rely on it"
        in facts["posterior_of"]
    )
    assert "Nothing to recommend" in facts["answer"]
    facts = experiment.facts(table(["adequate", "adequate"])).set_index("name")["text"]
    assert "The fit of `AutoNormal` with seed 1, which is adequate." in facts["posterior_of"]
    assert facts["answer"].startswith("**Use** `AutoNormal`")


def test_marginals_are_densities_on_common_bins():
    rows = marginals(table(["adequate", "adequate"]), FITS, REFERENCE)
    for component, bins in rows.groupby("component"):
        width = bins["right"] - bins["left"]
        assert (bins["fitted"] * width).sum() == pytest.approx(1, abs=0.01)
        if component == "x":
            assert (bins["reference"] * width).sum() == pytest.approx(1, abs=0.01)
            assert bins["left"].min() < 8
            assert bins["right"].max() > 22
    figure = draw(rows)
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()


def test_if_all_fits_failed_nothing_is_shown():
    failed = table(["failed", "failed"], message="ValueError: no")
    assert posterior(failed, FITS, REFERENCE).empty
    empty = marginals(failed, FITS, REFERENCE)
    assert isinstance(empty, pd.DataFrame)
    draw(empty).draw_without_rendering()
    facts = experiment.facts(failed).set_index("name")["text"]
    assert facts["posterior_of"] == "All fits failed."
