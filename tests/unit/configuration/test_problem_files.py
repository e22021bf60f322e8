"""A user's problem file is loaded; one that is none is refused with its name."""

import pytest

from svi_atlas import problems
from svi_atlas.errors import InputError

USER = """\
import numpyro
import numpyro.distributions as dist
from svi_atlas.records import Problem

def model(data):
    numpyro.sample("x", dist.Normal(0.0, 1.0))

"""


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("", ["must define PROBLEM", "has no PROBLEM"]),
        ("PROBLEM = {}", ["PROBLEM is a dict"]),
        ("PROBLEM = Problem('a', 'b', print, {}, {})", ["models is empty"]),
        ("PROBLEM = Problem('a', 'b', print, {'m': 1}, {})", ["models['m'] is not a function"]),
        ("PROBLEM = Problem('a', 'b', print, {'m': model}, {'g': 2})", ["guides['g'] is not"]),
        ("raise ValueError('no such luck')", ["ValueError: no such luck"]),
    ],
)
def test_a_problem_file_that_is_none(tmp_path, end, words):
    path = tmp_path / "mine.py"
    path.write_text(USER + end + "\n")
    with pytest.raises(InputError) as error:
        problems.load(str(path))
    for word in ["mine.py", *words]:
        assert word in str(error.value)


def test_a_users_problem_is_loaded_with_the_modules_beside_it(tmp_path):
    (tmp_path / "beside_it.py").write_text("NAME = 'from beside'\n")
    path = tmp_path / "mine.py"
    end = "import beside_it\nPROBLEM = Problem(beside_it.NAME, 'b', print, {'m': model}, {})\n"
    path.write_text(USER + end)
    assert problems.load(str(path)).name == "from beside"
