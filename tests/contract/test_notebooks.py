"""Every notebook keeps the contract: prose that a scientist can read, with what it shows given by name."""

import ast

import jupytext
import pytest
import tiny_run
from tiny_run import VARIANTS

from support import ROOT
from svi_atlas.planning.plugins import analyses, notebook_inputs
from svi_atlas.report import html
from svi_atlas.report.execute import SLOT, fill_slots
from svi_atlas.results.inputs import load

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.py"))

SHOWN = [
    (experiment, name)
    for experiment in tiny_run.experiments_shown()
    for name in tiny_run.notebooks_of(experiment)
]

MAX_LINES = 15
"""Of a code cell."""

SETUP = ("Assign", "Expr", "ImportFrom")
"""Statements of a code cell: the page is made, and its methods are called."""


def cells_of(file, kind):
    return [cell.source for cell in jupytext.read(file).cells if cell.cell_type == kind]


@pytest.fixture(params=NOTEBOOKS, ids=lambda file: file.stem)
def notebook(request):
    return request.param


def test_the_title_and_the_question_come_first(notebook):
    first = jupytext.read(notebook).cells[0]
    assert first.cell_type == "markdown"
    title, *text = first.source.split("\n")
    assert title.startswith("# ")
    assert "".join(text).strip(), "a title needs a sentence on what the page asks"


def test_no_cell_of_code_is_long(notebook):
    for source in cells_of(notebook, "code"):
        assert len(source.split("\n")) <= MAX_LINES, source


def test_code_only_makes_the_page_and_shows_results_by_name(notebook):
    notebook_inputs(notebook)  # every name is written out and known
    for source in cells_of(notebook, "code"):
        for statement in ast.parse(source).body:
            assert type(statement).__name__ in SETUP, source
        for node in ast.walk(ast.parse(source)):
            assert not isinstance(node, (ast.FunctionDef, ast.Lambda, ast.JoinedStr, ast.IfExp))
            if isinstance(node, ast.ImportFrom):
                assert node.module == "svi_atlas.report.notebook_page"
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func).startswith(("page.", "Page")), source


def test_slots_stand_in_text(notebook):
    slots = {slot for source in cells_of(notebook, "markdown") for slot in SLOT.findall(source)}
    assert slots <= {"title"} or f"{notebook.stem}.facts" in analyses()


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(("experiment", "name"), SHOWN)
def test_every_slot_is_filled_and_every_table_shown(tiny, experiment, name, variant):
    (spec,) = [
        spec
        for spec in tiny(variant, experiment).values()
        if spec["stage"] == "notebook" and spec["notebook"] == f"notebooks/{name}.py"
    ]
    file = ROOT / spec["notebook"]
    facts = {"title": spec["title"]}
    if f"{name}.facts" in spec["inputs"]:
        table = load(f"{name}.facts", spec["inputs"])
        facts |= dict(zip(table["name"], table["text"], strict=True))
    for source in cells_of(file, "markdown"):
        text = fill_slots(source, facts, file)
        assert "nan" not in text.split(), text
    for table in notebook_inputs(file).tables:
        if table in spec["inputs"]:
            html.table(load(table, spec["inputs"]))
