"""YAML files are read as YAML 1.2; what cannot be read is named with its line."""

import pytest

from svi_atlas.configuration.yaml import read_yaml
from svi_atlas.errors import InputError


def _refused(path):
    with pytest.raises(InputError) as error:
        read_yaml(path)
    (problem,) = error.value.problems
    assert (problem.file, problem.key) == (str(path), "")
    assert str(error.value).startswith(str(path))
    return problem


def test_yaml_1_2_numbers(tmp_path):
    path = tmp_path / "numbers.yaml"
    path.write_text("a: 1e-4\nb: 1E3\nc: no\n")
    assert read_yaml(path) == {"a": 1e-4, "b": 1000.0, "c": "no"}


def test_an_absent_file(tmp_path):
    problem = _refused(tmp_path / "absent.yaml")
    assert problem.code == "no_file"
    assert "absent.yaml: no such file" in problem.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a: 1\nb: [}\n", "line 2"),
        ("a: 1\na: 2\n", "'a'"),
        ("a: [1\n", "line 2"),
        ("\x00\x01", ""),
    ],
    ids=["bracket", "a key twice", "open list", "not text"],
)
def test_an_unreadable_file(tmp_path, text, words):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    problem = _refused(path)
    assert problem.code == "unreadable_yaml"
    assert "not readable as YAML" in problem.text
    assert words in problem.text.replace('"', "'")


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"a: \xff\xfe\n")
    assert _refused(path).code == "unreadable_yaml"
