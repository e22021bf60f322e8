"""Plans experiments from their text."""

import pytest
from coin_file import INFO

from svi_atlas.configuration.cells import plan_experiment
from svi_atlas.configuration.load import read_experiment
from svi_atlas.errors import InputError


@pytest.fixture
def planned(tmp_path):
    """A function that plans the experiment `tiny` from the text of its file."""

    def plan_text(text, override=None, info=INFO):
        path = tmp_path / "tiny.yaml"
        path.write_text(text)
        return plan_experiment("tiny", path, read_experiment(path, override), info)

    return plan_text


@pytest.fixture
def refused(planned, tmp_path):
    """A function that returns the error with which an experiment is refused.

    Every problem must be in the experiment's file, and a line of the message must say so.
    """

    def refuse_text(text, **arguments):
        with pytest.raises(InputError) as error:
            planned(text, **arguments)
        problems = error.value.problems
        assert {problem.file for problem in problems} == {str(tmp_path / "tiny.yaml")}
        assert str(error.value) == "\n".join(problem.text for problem in problems)
        assert all(problem.text.startswith(problem.file + ":") for problem in problems)
        return error.value

    return refuse_text
