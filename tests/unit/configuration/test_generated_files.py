"""Files made from others say what their sources say."""

import importlib.util
from pathlib import Path

import pytest

from svi_atlas.configuration.reference import config_readme

ROOT = Path(__file__).parents[2]


def _make_conda():
    spec = importlib.util.spec_from_file_location("make_conda", ROOT / "envs" / "make_conda.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_config_readme_is_made_from_the_schemas():
    assert (ROOT / "config" / "README.md").read_text() == config_readme(), "run `make docs`"


def test_conda_file_has_the_pins_of_the_requirements():
    made = _make_conda().conda_file("cpu.txt")
    assert (ROOT / "envs" / "cpu.yaml").read_text() == made, "run `make docs`"
    for line in (ROOT / "envs" / "cpu.txt").read_text().splitlines():
        if "==" in line and not line.startswith((" ", "#")):
            assert line.rstrip(" \\") in made


@pytest.mark.parametrize("larger", ["gpu.txt", "development.txt"])
def test_the_larger_environments_pin_the_same_versions_as_a_run(larger):
    pins = _make_conda().pins
    run = {pin.split("==")[0]: pin for pin in pins("cpu.txt")}
    found = {pin.split("==")[0]: pin for pin in pins(larger)}
    assert {name: found[name].split(";")[0] for name in run} == {
        name: pin.split(";")[0] for name, pin in run.items()
    }
