"""A spec changes exactly when a job's result may."""

import json
import os

import pytest

from support import forget_files
from svi_atlas.errors import InputError
from svi_atlas.planning import code_digest as spec

STAGES = ("data", "reference", "fit", "diagnose", "table", "figure", "verify", "notebook", "page")


@pytest.fixture
def user_problem(tmp_path, monkeypatch):
    """Writes a user's problem and returns the digest of a fit of it."""
    monkeypatch.chdir(tmp_path)

    def write(**files):
        for name, text in files.items():
            path = tmp_path / "mine" / f"{name.replace('__', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        forget_files()
        return spec.code_of("stages.fit", files=("mine/problem.py",))["digest"]

    return write


SOURCE = '''"""A problem."""
import numpy as np


def guide(data):
    """Its guide."""
    # a comment
    return np.add(1, 2.0)  # another
'''


def test_comments_docstrings_and_formatting_do_not_count(user_problem):
    before = user_problem(problem=SOURCE)
    same = [
        SOURCE.replace("# a comment", "# a better comment"),
        SOURCE.replace('"""Its guide."""', '"""Its guide, explained at length."""'),
        SOURCE.replace('    """Its guide."""\n', ""),
        SOURCE.replace('"""A problem."""\n', ""),
        SOURCE.replace("np.add(1, 2.0)", "np.add(\n        1,\n        2.0,\n    )"),
        SOURCE.replace("\n\n\n", "\n"),
        SOURCE.replace("\n", "\r\n"),
        SOURCE + "\n\n# the end\n",
        SOURCE.replace("def guide", '"""Text about what stands above."""\n\n\ndef guide'),
    ]
    for text in same:
        assert user_problem(problem=text) == before, text


def test_code_counts(user_problem):
    before = user_problem(problem=SOURCE)
    different = [
        SOURCE.replace("2.0", "2.5"),
        SOURCE.replace("2.0", "2"),
        SOURCE.replace("add", "subtract"),
        SOURCE.replace("def guide", "def guide2"),
        SOURCE + "\nEXTRA = 1\n",
        SOURCE.replace("return np.add(1, 2.0)", "return '''Its guide.'''"),
    ]
    digests = {user_problem(problem=text) for text in different}
    assert before not in digests
    assert len(digests) == len(different)


def test_remembered_digests_are_of_the_text_they_were_worked_out_from(user_problem, tmp_path):
    before, file = user_problem(problem=SOURCE), tmp_path / "digests.json"
    spec.save_digests(file)
    remembered = json.loads(file.read_text())
    spec._digests.clear()
    spec.load_digests(file)
    assert spec._digests == remembered
    assert user_problem(problem=SOURCE) == before
    assert spec._digests == remembered  # nothing was worked out anew
    changed = user_problem(problem=SOURCE.replace("2.0", "2.5"))
    assert changed != before
    spec._digests.clear()
    assert user_problem() == changed
    file.write_text("{ half a fi")
    spec.load_digests(file)
    spec.load_digests(tmp_path / "none.json")
    assert user_problem(problem=SOURCE) == before


def test_modules_beside_a_users_problem_count(user_problem):
    text = "import helper\n" + SOURCE
    before = user_problem(problem=text, helper="SCALE = 1.0\n", unrelated="A = 1\n")
    assert user_problem(unrelated="A = 2\n") == before
    assert user_problem(helper="SCALE = 1.0  # nats\n") == before
    assert user_problem(helper="SCALE = 2.0\n") != before


def test_modules_that_those_import_count_too(user_problem):
    before = user_problem(
        problem="from helper import SCALE\n" + SOURCE,
        helper="from deeper import SCALE\n",
        deeper="SCALE = 1.0\n",
    )
    assert user_problem(deeper="SCALE = 2.0\n") != before


def test_a_package_beside_a_users_problem_counts(user_problem):
    before = user_problem(
        problem="from parts.scales import SCALE\n" + SOURCE,
        parts____init__="",
        parts__scales="from parts.units import SCALE\nimport deeper\n",
        parts__units="SCALE = 1.0\n",
        deeper="OTHER = 1.0\n",
    )
    changed = user_problem(parts__units="SCALE = 2.0\n")
    assert changed != before
    assert user_problem(deeper="OTHER = 2.0\n") not in (before, changed)


def test_a_users_file_that_is_no_python(user_problem):
    with pytest.raises(InputError, match=r"mine/problem.py: line 2: not valid Python"):
        user_problem(problem="x = 1\ny = = 2\n")


def test_modules_of_a_problem_are_its_own_only():
    problems = {path.stem for path in (spec.PACKAGE / "problems").glob("[a-z]*.py")} - {"base"}
    assert "coin" in problems
    names = {f"svi_atlas.problems.{problem}": problem for problem in problems}
    for problem in problems:
        found = {
            names[name] for name in spec._closure(f"svi_atlas.problems.{problem}") & set(names)
        }
        assert found == {problem}
    for stage in STAGES:
        assert not spec._closure(f"svi_atlas.jobs.stages.{stage}") & set(names), stage


def test_a_problem_is_part_of_its_own_jobs():
    fit = spec.code_of("stages.fit")["digest"]
    coin = spec.code_of("stages.fit", "problems.coin")["digest"]
    assert fit != coin


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("engine", {"fit"}),
        ("evaluate", {"fit"}),
        ("guides", {"fit"}),
        ("guide_check", {"fit"}),
        ("checkpoint", {"fit"}),
        ("references", {"reference"}),
        ("diagnostics.cell", {"diagnose"}),
        ("diagnostics.drift", {"diagnose"}),
        ("diagnostics.khat", {"diagnose", "table", "verify"}),
        ("diagnostics.verdict", {"table", "verify"}),
        ("report.page", {"page"}),
        ("report.execute", {"notebook"}),
        ("store", set(STAGES)),
        ("plan", set()),
        ("cli", set()),
        ("schema", set()),
        ("settings", set()),
    ],
)
def test_which_stages_use_a_module(module, stages):
    using = {
        stage
        for stage in STAGES
        if f"svi_atlas.{module}" in spec._closure(f"svi_atlas.jobs.stages.{stage}")
    }
    assert using == stages


def test_packages_are_recorded_as_pinned():
    fit = spec.code_of("stages.fit", "problems.coin")["packages"]
    lock = spec.LOCK.read_text()
    for package in ("jax", "jaxlib", "numpyro", "numpy", "scipy", "xarray"):
        assert f"{package}=={fit[package]}" in lock
    assert not {"jax", "numpyro"} & set(spec.code_of("stages.diagnose")["packages"])
    assert "matplotlib" in spec.code_of("stages.figure")["packages"]


def test_packages_of_a_users_problem_are_recorded(tmp_path):
    path = tmp_path / "problem.py"
    path.write_text("import statistics\nimport pandas.api\n")
    packages = spec.code_of("problems.base", files=(str(path),))["packages"]
    assert "pandas" in packages
    assert "statistics" not in packages


def test_unknown_module_is_refused():
    with pytest.raises(InputError, match=r"no module svi_atlas\.plots\.absent"):
        spec.code_of("plots.absent")


def test_canonical_text_does_not_depend_on_the_order_of_keys():
    one = spec.canonical({"a": {"x": 1, "y": [1, 2]}, "b": None})
    two = spec.canonical({"b": None, "a": {"y": [1, 2], "x": 1}})
    assert one == two
    assert json.loads(one) == {"a": {"x": 1, "y": [1, 2]}, "b": None}
    assert one != spec.canonical({"a": {"x": 1, "y": [2, 1]}, "b": None})


def test_canonical_text_tells_swapped_values_apart():
    assert spec.canonical({"a": 1, "b": 2}) != spec.canonical({"a": 2, "b": 1})


def test_canonical_refuses_what_json_cannot_say():
    with pytest.raises(ValueError, match="JSON compliant"):
        spec.canonical({"a": float("nan")})


def test_unchanged_text_leaves_the_file_alone(tmp_path):
    path = tmp_path / "deep" / "spec.json"
    assert spec.write_if_changed(path, "one")
    os.utime(path, (1, 1))
    assert not spec.write_if_changed(path, "one")
    assert path.stat().st_mtime == 1
    assert spec.write_if_changed(path, "two")
    assert path.stat().st_mtime > 1
    assert path.read_text() == "two"
    assert [entry.name for entry in path.parent.iterdir()] == ["spec.json"]


def test_text_digest_counts_every_character(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("text")
    two.write_text("text ")
    assert spec.text_digest(one) != spec.text_digest(two)
    assert spec.text_digest(one, two) != spec.text_digest(two, one)
    with pytest.raises(InputError, match="no such file"):
        spec.text_digest(tmp_path / "absent")
