"""The problem that an experiment names is found, or the message says which there are."""

import pytest

from svi_atlas.errors import InputError
from svi_atlas.planning import run as plan


def test_unknown_problem():
    with pytest.raises(InputError) as error:
        plan.problem_file("coyn", "config/experiments/tiny.yaml")
    for word in ("tiny.yaml", "'problem'", "'coyn'", "did you mean 'coin'", "path of a .py file"):
        assert word in str(error.value)


def test_absent_problem_file():
    with pytest.raises(InputError) as error:
        plan.problem_file("mine/absent.py", "config/experiments/tiny.yaml")
    for word in ("tiny.yaml", "'problem'", "no such file 'mine/absent.py'", "relative to"):
        assert word in str(error.value)
