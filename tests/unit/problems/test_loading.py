"""Problems by name and from files, and their data as a dataset."""

import numpy as np
import pytest

from svi_atlas import problems
from svi_atlas.errors import InputError
from svi_atlas.problems import base, data
from svi_atlas.records import Problem


def test_every_built_in_problem_is_listed():
    assert problems.built_in_names() == [
        "arrival",
        "bimodal",
        "coin",
        "factor_thread",
        "full_rank",
        "hierarchical_regression",
        "logistic_regression",
        "posteriordb",
        "rotated_gaussian",
        "verdict_holdout",
        "verdict_study",
    ]


def test_a_problem_file_imports_its_records_from_base():
    assert base.Problem is Problem


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it must define a NumPyro model, a function called `model` .* or PROBLEM = "),
        ("PROBLEM = 3", "but PROBLEM is a int"),
        ("1 / 0", "importing it raised ZeroDivisionError"),
        (
            "from svi_atlas.problems.base import Problem\n"
            "PROBLEM = Problem('mine', 'here', None, {'line': 3}, {})",
            r"PROBLEM.models\['line'\] is not a function",
        ),
        (
            "from svi_atlas.problems.base import Problem\n"
            "PROBLEM = Problem('mine', 'here', None, {}, {})",
            "PROBLEM.models is empty",
        ),
    ],
)
def test_files_that_are_no_problems(tmp_path, text, message):
    path = tmp_path / "mine.py"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        problems.load(str(path))


def test_data_keep_their_types_and_name_their_dimensions():
    arrays = {"x": np.zeros((3, 2), np.float32), "y": 1.5, "n": np.arange(4)}
    dataset = data.to_dataset(arrays, "mine", "here")
    assert dataset["x"].dims == ("x_0", "x_1")
    assert dataset["x"].dtype == np.float32
    assert dataset["y"].dims == ()
    assert dataset["n"].dtype == np.arange(4).dtype
    assert dataset.attrs == {"experiment": "mine", "source": "here"}


def test_a_plain_script_is_a_problem(tmp_path):
    path = tmp_path / "tea.py"
    path.write_text(
        "from numpyro.infer.util import log_density as not_a_model\n"
        "def model(x, y=None): ...\n"
        "def robust_model(x, y=None): ...\n"
        "def model_of_means(x): ...\n"
        "def remodel(x): ...\n"
        "def guide(x, y=None): ...\n"
    )
    problem = problems.load(str(path))
    assert problem.name == "tea"
    assert list(problem.models) == ["model", "robust_model", "model_of_means"]
    assert list(problem.guides) == ["guide"]
    assert problem.simulate is None
