"""Text notebooks: slots are filled in, cells run, nothing changes from run to run."""

import os
from pathlib import Path

import nbformat
import pytest

from svi_atlas.errors import InputError
from svi_atlas.report.execute import execute, fill_slots

WHERE = Path("notebooks/coin.py")


def filled(text, **facts):
    return fill_slots(text, facts, WHERE)


def test_slots_are_filled_in():
    assert (
        filled("KL {{ kl }} nats, {{ n }} of {{ n }}.", kl="0.1", n="3") == "KL 0.1 nats, 3 of 3."
    )


@pytest.mark.parametrize(
    "line",
    [
        "{{ x }}",
        "- {{ x }}",
        "* {{ x }}",
        "  - {{ x }}",
        "## {{ x }}",
        "1. {{ x }}",
        "> {{ x }}",
        "{{ x }} {{ y }}",
        "| {{ x }} | {{ y }} |",
    ],
)
def test_a_line_of_empty_slots_is_left_out(line):
    assert filled(f"before\n{line}\nafter", x="", y=" ") == "before\nafter"


@pytest.mark.parametrize(
    ("line", "result"),
    [
        ("- {{ x }}{{ y }}", "- text"),
        ("The end: {{ x }}", "The end: "),
        ("| {{ x }} | {{ y }} |", "|  | text |"),
        ("- {{ dash }}", "- -"),
    ],
)
def test_a_line_with_any_text_stays(line, result):
    assert filled(line, x="", y="text", dash="-") == result


@pytest.mark.parametrize("text", ["", "\n\n", "- \n---\n\n| | |\n", "no slots"])
def test_lines_without_slots_stay_as_they_are(text):
    assert filled(text, x="") == text


def test_slots_in_tables_and_formulas():
    text = "| $\\alpha$ | ${{ alpha }}$ |\n" + r"$$\frac{1}{{{ v }}^2} = {{ w }}$$"
    expected = "| $\\alpha$ | $13$ |\n" + r"$$\frac{1}{0.9^2} = 1.2$$"
    assert filled(text, alpha="13", v="0.9", w="1.2") == expected


@pytest.mark.parametrize(
    "formula",
    [r"$\frac{{a}}{{b}}$", r"$\mathbf{{x}}$", r"$x^{{2}}$", r"$p(z \mid x) = \frac{P(z)}{Z}$"],
)
def test_braces_of_formulas_are_no_slots(formula):
    assert filled(formula, a="1", b="2", x="3") == formula


@pytest.mark.parametrize("text", [r"$\Sigma_{1}$ \1 \g<0>", "{{ y }}", "a | b $5"])
def test_facts_are_inserted_as_they_are(text):
    assert filled("{{ x }}", x=text, y="never") == text


def test_every_slot_without_a_fact_is_named():
    with pytest.raises(InputError) as error:
        filled("{{ known }} {{ first }}\n- {{ second }}", known="")
    problems = error.value.problems
    assert [(problem.code, problem.file, problem.key) for problem in problems] == [
        ("unknown_slot", "notebooks/coin.py", "first"),
        ("unknown_slot", "notebooks/coin.py", "second"),
    ]
    assert "known" in problems[0].text


NOTEBOOK = """\
# %% [markdown]
# # {{ title }}
#
# - {{ nothing }}

# %% tags=["parameters"]
number = 1

# %%
import os
print(number + 1, os.getcwd())
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory):
    """The same notebook, executed twice."""
    folder = tmp_path_factory.mktemp("notebooks")
    source = folder / "coin.py"
    source.write_text(NOTEBOOK)
    before = dict(os.environ)
    for name in ("one", "two"):
        facts = {"title": "A coin", "nothing": ""}
        execute(source, folder / f"{name}.ipynb", {"number": 41}, facts)
    after = dict(os.environ)
    assert {name: after.get(name) for name in before} == before
    return folder


@pytest.mark.slow
def test_a_notebook_is_executed_with_its_parameters_in_the_current_folder(executed):
    notebook = nbformat.read(executed / "one.ipynb", as_version=4)
    assert notebook.cells[0].source.strip() == "# A coin"
    (output,) = notebook.cells[-1].outputs
    assert output.text == f"42 {Path.cwd()}\n"


@pytest.mark.slow
def test_equal_inputs_give_equal_bytes(executed):
    assert (executed / "one.ipynb").read_bytes() == (executed / "two.ipynb").read_bytes()
