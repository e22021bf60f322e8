"""Generated files say what their sources say."""

import importlib.util
import json
from pathlib import Path

import jsonschema
import pytest

from svi_atlas.configuration.reference import FILES, config_readme, editor_schema, generated_files
from svi_atlas.configuration.yaml import read_yaml
from svi_atlas.guide_traits import AUTOGUIDES

ROOT = Path(__file__).parents[3]
CONFIG = ROOT / "config"
YAML_FILES = sorted(str(path.relative_to(CONFIG)) for path in CONFIG.rglob("*.yaml"))


def _make_conda():
    spec = importlib.util.spec_from_file_location("make_conda", ROOT / "envs" / "make_conda.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", generated_files())
def test_generated_files_of_config(name):
    assert (CONFIG / name).read_text() == generated_files()[name], "run `make docs`"


def test_nothing_else_is_in_the_folder_of_schemas():
    schemas = {f"schemas/{path.name}" for path in (CONFIG / "schemas").iterdir()}
    assert schemas == set(generated_files()) - {"README.md"}


def _rows():
    for line in config_readme().splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_readme_explains_every_key():
    rows = {key: others for key, *others in _rows()}
    assert len(rows) == len(list(_rows())) > 80
    for key, (meaning, allowed, _) in rows.items():
        assert meaning.endswith((".", ")")), key
        assert allowed, key
    assert rows["`grid[].step_sizes`"][1:] == ["list of numbers > 0, no entry twice", "required"]
    assert rows["`optimizer`"][1:] == ["string or mapping", "`Adam`"]
    assert rows["`optimizer.name`"][1:] == ["string", "required"]
    assert rows["`grid[].num_steps.at_most`"][1] == "integer >= 1"
    assert rows["`grid[].schedules`"][2] == '`["constant"]`'
    assert rows["`autoguides.NAME.start`"][1].endswith("`laplace` or mapping")
    assert rows["`search.budget`"][1:] == ["integer >= 1", "`400000`"]
    assert rows["`sbc.NAME.simulations`"][1:] == ["integer >= 20", "`400`"]
    assert rows["`thresholds.sd_ratio`"][1:] == ["number > 0 and <= 1", "`0.1`"]
    assert rows["`single.NAME.num_draws`"][1] == "integer >= 100"
    assert all(name in config_readme() for name in AUTOGUIDES)


def _kind(name):
    return {"experiments": "experiment", "expected": "expected"}.get(
        Path(name).parent.name, "config"
    )


@pytest.mark.parametrize("name", YAML_FILES)
def test_editors_find_the_schema_and_accept_the_file(name):
    first, _ = (CONFIG / name).read_text().split("\n", 1)
    prefix, path = first.split("=")
    assert prefix == "# yaml-language-server: $schema"
    schema = ((CONFIG / name).parent / path).resolve()
    assert schema == CONFIG / "schemas" / f"{_kind(name)}.schema.json"
    jsonschema.validate(read_yaml(CONFIG / name), json.loads(schema.read_text()))


@pytest.mark.parametrize("kind", FILES)
def test_editors_refuse_unknown_keys(kind):
    schema = json.loads(editor_schema(kind))
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "null" not in editor_schema(kind)
    with pytest.raises(jsonschema.ValidationError, match="'mistake'"):
        jsonschema.validate({"mistake": 1}, {**schema, "required": []})


def test_editors_refuse_bad_values():
    schema = json.loads(editor_schema("experiment"))
    good = read_yaml(CONFIG / "experiments" / "coin.yaml")
    for bad in ({"num_steps": None}, {"single": {"particles": {}}}, {"figures": ["a", "a"]}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(good | bad, schema)


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
    assert {name: found[name].split(";")[0].strip() for name in run} == {
        name: pin.split(";")[0].strip() for name, pin in run.items()
    }
