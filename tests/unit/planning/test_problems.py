"""The problem that an experiment names is known, or the message says which there are."""

import pytest

from svi_atlas.errors import InputError
from svi_atlas.planning.problems import problem_file


def test_the_file_of_a_problem(tmp_path):
    assert problem_file("coin").parts[-3:] == ("problems", "coin", "model.py")
    own = tmp_path / "own.py"
    own.write_text("")
    assert problem_file(str(own)) == own


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        ("coyn", ["'coyn'", "'coin'", "bimodal", ".py"]),
        ("mine/absent.py", ["'mine/absent.py'"]),
    ],
)
def test_a_problem_that_does_not_exist(problem, words):
    with pytest.raises(InputError) as error:
        problem_file(problem, "config/experiments/tiny.yaml")
    for word in ["config/experiments/tiny.yaml", "'problem'", *words]:
        assert word in str(error.value)
