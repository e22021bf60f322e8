"""The digest of a job's code changes exactly when what the job does may."""

import json

import pytest

from support import forget_files
from svi_atlas.errors import InputError
from svi_atlas.locations import PACKAGE
from svi_atlas.planning import code_digest as digests
from svi_atlas.planning.code_digest import code_digest

STAGES = {path.stem for path in (PACKAGE / "jobs/stages").glob("[a-z]*.py")}


def modules_of(name):
    """The modules of the library whose code is part of that of a module."""
    return digests._closure(f"svi_atlas.{name}")


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
        return code_digest("jobs.stages.fit", files=("mine/problem.py",))["digest"]

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


def test_remembered_digests_are_of_the_text_they_were_worked_out_from(
    user_problem, tmp_path, monkeypatch
):
    monkeypatch.setattr(digests, "_digests", {})
    monkeypatch.setattr(digests, "_used", set())
    before, file = user_problem(problem=SOURCE), tmp_path / "digests.json"
    digests.save_digests(file)
    remembered = json.loads(file.read_text())
    digests._digests.clear()
    digests.load_digests(file)
    assert digests._digests == remembered
    assert user_problem(problem=SOURCE) == before
    assert digests._digests == remembered  # nothing was worked out anew
    changed = user_problem(problem=SOURCE.replace("2.0", "2.5"))
    assert changed != before
    digests._digests.clear()
    assert user_problem() == changed
    file.write_text("{ half a fi")
    digests.load_digests(file)
    digests.load_digests(tmp_path / "none.json")
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
    folders = {path.parent.name for path in (PACKAGE / "problems").glob("*/model.py")}
    assert "coin" in folders

    def problems_in(modules):
        parts = (name.split(".") for name in modules)
        return {names[2] for names in parts if names[:2] == ["svi_atlas", "problems"] and names[2:]}

    examples = {"coin", "bimodal", "rotated_gaussian", "factor_thread"}
    borrowed = {"arrival": examples}  # it fits the models of the tutorial's experiments as well
    for problem in folders:
        own = {problem} | borrowed.get(problem, set())
        assert problems_in(modules_of(f"problems.{problem}.model")) & folders == own
    for stage in STAGES:
        assert not problems_in(modules_of(f"jobs.stages.{stage}")) & folders, stage


def test_a_problem_is_part_of_its_own_jobs():
    fit = code_digest("jobs.stages.fit")["digest"]
    coin = code_digest("jobs.stages.fit", "problems.coin.model")["digest"]
    assert fit != coin


@pytest.mark.parametrize(
    ("module", "stages"),
    [
        ("inference.fit", {"fit", "search", "sbc_refit", "truth"}),
        ("inference.draws", {"fit", "search"}),
        ("inference.search", {"search"}),
        ("inference.search_pool", {"search"}),
        ("inference.laplace", {"fit", "laplace", "reference", "sbc_refit", "search", "truth"}),
        ("inference.guides", {"fit", "search", "sbc_refit", "truth"}),
        ("inference.guide_check", {"fit", "search", "sbc_refit"}),
        ("inference.checkpoint", {"fit", "search", "sbc_refit", "truth"}),
        ("references.make", {"reference"}),
        ("diagnostics.table", {"diagnose"}),
        ("diagnostics.loss_drift", {"diagnose"}),
        ("diagnostics.khat", {"diagnose", "search", "table", "rates", "index"}),
        ("judgement.verdict", {"search", "table", "rates", "index"}),
        ("judgement.advice", {"index"}),
        ("judgement.error_rates", {"rates"}),
        ("sbc.uniformity", {"sbc"}),
        ("report.page", {"page", "index"}),
        ("report.execute", {"notebook"}),
        ("plots._style", {"figure"}),
        ("results.store", STAGES),
        ("planning.run", set()),
        ("cli", set()),
        ("configuration.models", set()),
        ("configuration.cells", set()),
    ],
)
def test_which_stages_use_a_module(module, stages):
    using = {
        stage for stage in STAGES if f"svi_atlas.{module}" in modules_of(f"jobs.stages.{stage}")
    }
    assert using == stages


def test_packages_are_recorded_as_pinned():
    fit = code_digest("jobs.stages.fit", "problems.coin.model")["packages"]
    lock = digests.LOCK.read_text()
    for package in ("jax", "jaxlib", "numpyro", "numpy", "scipy", "xarray"):
        assert f"{package}=={fit[package]}" in lock
    assert not {"jax", "numpyro"} & set(code_digest("jobs.stages.diagnose")["packages"])
    assert "matplotlib" in code_digest("jobs.stages.figure")["packages"]


def test_packages_of_a_users_problem_are_recorded(tmp_path):
    path = tmp_path / "problem.py"
    path.write_text("import statistics\nimport pandas.api\n")
    packages = code_digest("problems.base", files=(str(path),))["packages"]
    assert "pandas" in packages
    assert "statistics" not in packages


def test_unknown_module_is_refused():
    with pytest.raises(InputError, match=r"no module svi_atlas\.plots\.absent"):
        code_digest("plots.absent")


def test_text_digest_counts_every_character(tmp_path):
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text("text")
    two.write_text("text ")
    assert digests.text_digest(one) != digests.text_digest(two)
    assert digests.text_digest(one, two) != digests.text_digest(two, one)
    with pytest.raises(InputError, match="no such file"):
        digests.text_digest(tmp_path / "absent")
