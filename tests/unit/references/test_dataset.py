"""A reference as a dataset."""

import numpy as np

from svi_atlas.records import Mode, Reference
from svi_atlas.references.dataset import to_dataset


def test_every_part_has_its_dimensions():
    reference = Reference(
        draws={"x": np.zeros((5, 3)), "y": np.zeros(5)},
        mean={"x": np.zeros(3), "y": 0.0},
        sd={"x": np.ones(3), "y": 1.0},
        log_evidence=-1.5,
        method="exact",
        density={"y": (np.arange(4.0), np.ones(4))},
        modes=(Mode({"x": np.zeros(3), "y": 0.0}, 0.4), Mode({"x": np.ones(3), "y": 1.0}, 0.6)),
    )
    dataset = to_dataset(reference)
    assert dataset["draw.x"].dims == ("draw", "x_0")
    assert dataset["draw.x"].dtype == np.float32
    assert dataset["mean.x"].dims == dataset["sd.x"].dims == ("x_0",)
    assert dataset["mean.y"].dims == ()
    assert dataset["grid.y"].dims == dataset["density.y"].dims == ("y_grid",)
    assert dataset["mode_mass"].to_numpy().tolist() == [0.4, 0.6]
    assert dataset["mode_centre.x"].dims == ("mode", "x_0")
    assert "mean_se.x" not in dataset
    assert dataset.attrs == {
        "log_evidence": -1.5, "method": "exact", "unreliable": "", "without_moments": "", "improper": "",
        "periodic": "",
    }  # fmt: skip


def test_errors_and_the_reason_are_written():
    one = np.ones(3)
    reference = Reference(
        {"x": np.ones((5, 3))}, {"x": one}, {"x": one}, np.nan, "NUTS",
        mean_se={"x": 0.1 * one}, sd_se={"x": 0.2 * one}, unreliable="R-hat is 3",
    )  # fmt: skip
    dataset = to_dataset(reference)
    np.testing.assert_array_equal(dataset["mean_se.x"], 0.1 * one)
    np.testing.assert_array_equal(dataset["sd_se.x"], 0.2 * one)
    assert dataset.attrs["unreliable"] == "R-hat is 3"
