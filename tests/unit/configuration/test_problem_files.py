"""A user's problem file is loaded and described; one that is none is refused with its name."""

import pytest

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.inference.schedules import SCHEDULES
from svi_atlas.problems.describe import describe
from svi_atlas.records import SCHEDULE_NAMES

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
        ("del model", ["must define a NumPyro model", "PROBLEM = Problem(...)"]),
        ("PROBLEM = {}", ["PROBLEM is a dict"]),
        ("PROBLEM = Problem('a', 'b', print, {}, {})", ["models is empty"]),
        ("PROBLEM = Problem('a', 'b', print, {'m': 1}, {})", ["models['m'] is not a function"]),
        ("PROBLEM = Problem('a', 'b', print, {'m': model}, {'g': 2})", ["guides['g'] is not"]),
        ("PROBLEM = Problem('a', 'b', print, {'m': model}, {}, schedules={'s': 2})", ["schedules['s'] is not"]),
        ("raise ValueError('no such luck')", ["ValueError: no such luck"]),
    ],
)  # fmt: skip
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


DESCRIBED = """\
import jax.numpy as jnp

def needs_data(data):
    numpyro.sample("y", dist.Normal(numpyro.sample("z", dist.Normal()), 1.0), obs=data["y"])

PROBLEM = Problem(
    "a", "b", print, {"m": model, "n": needs_data}, {}, schedules={"mine": SCHEDULE, "other": jnp.cos}
)
"""


@pytest.fixture
def described(tmp_path):
    """A function that describes a problem with a schedule, given as Python text."""

    def describe_text(schedule, name="mine"):
        path = tmp_path / "mine.py"
        text = DESCRIBED.replace("SCHEDULE", schedule).replace("mine", name)
        path.write_text(USER + text)
        return describe(str(path))

    return describe_text


def test_schedules_and_sites_of_a_problem(described):
    content = described("lambda x: 1.0 - x")
    assert content["schedules"] == ["mine", "other"]
    assert content["sites"] == {"m": ["x"]}


@pytest.mark.parametrize(
    ("schedule", "words"),
    [
        ("lambda x: jnp.inf", ["it gives [inf, inf]", "finite number"]),
        ("lambda x: 1 / (x - 0.5)", ["it gives [-2.0, inf]"]),
        ("lambda x: jnp.array([x, x])", []),
        ("lambda x: 1.0 if x < 0.5 else 0.1", ["TracerBoolConversionError", "jax.numpy"]),
        ("lambda: 1.0", ["TypeError"]),
    ],
)
def test_a_schedule_that_gives_no_number(described, schedule, words):
    with pytest.raises(InputError) as error:
        described(schedule)
    for word in ["mine.py", "PROBLEM.schedules['mine']", *words]:
        assert word in str(error.value)


def test_a_schedule_has_a_name_of_its_own(described):
    with pytest.raises(InputError, match="every problem has a schedule 'cosine'"):
        described("jnp.cos", "cosine")


def test_the_names_of_the_schedules_that_every_problem_has():
    assert tuple(SCHEDULES) == SCHEDULE_NAMES
