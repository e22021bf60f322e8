"""An interrupted fit goes on where it stopped, and ends as one that was not interrupted."""

import numpy as np
import pytest
from plane_fits import default_fit, plane_fit

from svi_atlas.inference.checkpoint import Checkpoint


class Interrupted(Exception):
    pass


def test_resumed_fit_equals_an_uninterrupted_one(tmp_path):
    def interrupt(line):
        lines.append(line)
        if len(lines) == 8:
            raise Interrupted

    def checkpoint(spec="spec"):
        return Checkpoint(tmp_path / "some" / "fit.npz", spec, seconds=0.0)

    (full, _), lines = default_fit(), []
    with pytest.raises(Interrupted):
        plane_fit(report=interrupt, checkpoint=checkpoint())
    resumed_lines = []
    resumed = plane_fit(report=resumed_lines.append, checkpoint=checkpoint())
    assert len(resumed_lines) == 20 - 8
    assert "resumed at 160" in resumed_lines[0]
    np.testing.assert_array_equal(resumed.loss, full.loss)
    for name, values in full.path.items():
        np.testing.assert_array_equal(resumed.path[name], values)
    for name, values in full.iterates.items():
        np.testing.assert_array_equal(resumed.iterates[name], values)


def test_checkpoint_of_another_spec_or_a_broken_one_is_ignored(tmp_path):
    path = tmp_path / "fit.npz"
    tree = {"a": np.arange(3.0), "b": 2}
    Checkpoint(path, "one", seconds=0.0).save(tree)
    loaded = Checkpoint(path, "one").load(tree)
    np.testing.assert_array_equal(loaded["a"], tree["a"])
    assert loaded["b"] == 2
    assert Checkpoint(path, "two").load(tree) is None
    path.write_bytes(path.read_bytes()[:100])
    assert Checkpoint(path, "one").load(tree) is None
    assert Checkpoint(tmp_path / "absent.npz", "one").load(tree) is None


def test_checkpoint_is_saved_no_more_often_than_asked(tmp_path):
    checkpoint = Checkpoint(tmp_path / "fit.npz", "spec", seconds=1000.0)
    checkpoint.save({"a": np.zeros(2)})
    assert not checkpoint.path.exists()
