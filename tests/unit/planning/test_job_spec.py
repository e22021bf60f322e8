"""The text of a spec is canonical, and its file changes only with it."""

import json
import os

import pytest

from svi_atlas.planning.job_spec import canonical_json, digest, input_files, write_if_changed


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    one = canonical_json({"a": {"x": 1, "y": [1, 2]}, "b": None})
    two = canonical_json({"b": None, "a": {"y": [1, 2], "x": 1}})
    assert one == two
    assert json.loads(one) == {"a": {"x": 1, "y": [1, 2]}, "b": None}
    assert one != canonical_json({"a": {"x": 1, "y": [2, 1]}, "b": None})


def test_canonical_text_tells_swapped_values_apart():
    assert canonical_json({"a": 1, "b": 2}) != canonical_json({"a": 2, "b": 1})


def test_canonical_text_refuses_what_json_cannot_say():
    with pytest.raises(ValueError, match="JSON compliant"):
        canonical_json({"a": float("nan")})


def test_the_digest_of_a_text_counts_every_character():
    assert digest("text") == digest("text") != digest("text ")


def test_unchanged_text_leaves_the_file_alone(tmp_path):
    path = tmp_path / "deep" / "spec.json"
    assert write_if_changed(path, "one")
    os.utime(path, (1, 1))
    assert not write_if_changed(path, "one")
    assert path.stat().st_mtime == 1
    assert write_if_changed(path, "two")
    assert path.stat().st_mtime > 1
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["spec.json"]


def test_every_file_that_a_spec_names_is_an_input(tmp_path):
    inputs = {"table": "a", "fits": {"x/y/z": "b", "x/y/w": "c"}, "diagnostics": ["d", "e"]}
    file = tmp_path / "spec.json"
    file.write_text(canonical_json({"inputs": inputs}))
    assert sorted(input_files(file)) == ["a", "b", "c", "d", "e"]
    file.write_text(canonical_json({"inputs": {}}))
    assert input_files(file) == []
