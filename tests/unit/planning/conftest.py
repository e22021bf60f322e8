"""Plans small experiments from their text."""

import pytest
from coin_experiments import INFO

from svi_atlas.configuration.cells import plan_experiment
from svi_atlas.configuration.load import read_experiment


@pytest.fixture
def planned(tmp_path):
    """A function that plans an experiment from the text of its file."""

    def plan_text(text, name="tiny"):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        return plan_experiment(name, f"{name}.yaml", read_experiment(path), INFO)

    return plan_text
