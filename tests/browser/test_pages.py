"""The report in a browser: at desktop and phone width nothing is cut off, missing or fetched."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

import devtools
import nbformat
import pandas as pd
import pytest
from matplotlib.figure import Figure

from svi_atlas.plots import _style
from svi_atlas.report import show as nb
from svi_atlas.report.page import make_page
from svi_atlas.results.store import Results

ROOT = Path(__file__).parents[2]
REPORT = ROOT / "results" / "report"
PAGES = sorted(path.name for path in REPORT.glob("*.html"))
WIDTHS = {"desktop": 1280, "phone": 390}


@pytest.fixture(scope="module")
def browser():
    program = devtools.find()
    if program is None:
        pytest.skip(
            f"no {' or '.join(devtools.NAMES)} on the path: install Chromium to check the pages in "
            "a browser (on Debian: apt-get install chromium)"
        )
    with devtools.Browser(program) as running:
        yield running


@pytest.fixture(scope="module")
def small_page(tmp_path_factory) -> Path:
    """A page with everything a page may have, made as the report makes its pages."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "small" / "figures").mkdir(parents=True)
    (folder / "report").mkdir()
    figure = Figure(figsize=(9.6, 3))
    figure.subplots().plot([1, 2, 4], label="a line")
    _style.save(figure, folder / "small/figures/line.svg", folder / "small/figures/line.png")
    wide = pd.DataFrame({f"a column of number {index}": [1.5, 2.5] for index in range(15)})
    outputs = (
        nb.figure(Results(str(folder), "small"), "line", "A caption."),
        nb.table(wide),
        nb.say(r"Computed: $\mathrm{KL}(q \,\|\, p) = \ln Z - \mathrm{ELBO}(q) \ge 0$."),
    )
    formula = r"$$\mathbb{E}_q[\ln\, P(z) - \ln\, q(z)] = \int q(z) \ln \frac{P(z)}{q(z)} \, dz$$"
    cells = [
        nbformat.v4.new_markdown_cell("# A small page"),
        nbformat.v4.new_markdown_cell(f"## Formulas\n\n{formula}\n\n`{'a_long_name_' * 12}`"),
        nbformat.v4.new_code_cell(f"x = {'1 + ' * 60}1", outputs=[_displayed(o) for o in outputs]),
        nbformat.v4.new_markdown_cell(
            "## Words\n\n| a | b |\n|---|---|\n| $x$ | " + "word " * 40 + "|"
        ),
    ]
    notebook = nbformat.v4.new_notebook(cells=cells)
    nbformat.write(notebook, folder / "report" / "small.ipynb")
    page = folder / "report" / "small.html"
    make_page(folder / "report" / "small.ipynb", page, "A small page", "small")
    (folder / "report" / "index.html").write_text("")
    return page


def _displayed(shown) -> nbformat.NotebookNode:
    kind = "text/markdown" if type(shown).__name__ == "Markdown" else "text/html"
    return nbformat.v4.new_output("display_data", {kind: shown.data})


def dead_links(page: Path, visit: devtools.Visit) -> list[str]:
    """Links of a page that lead nowhere: to no file beside it, or to no place in it."""
    dead = []
    for link in visit.links:
        file, _, anchor = unquote(link).partition("#")
        if "://" in file:
            continue
        if not (page.parent / file).exists() or (not file and anchor not in visit.anchors):
            dead.append(link)
    return dead


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
def test_a_small_page_is_whole(browser, small_page, width):
    visit = browser.visit(small_page.as_uri(), width)
    assert visit.faults == []
    assert dead_links(small_page, visit) == []
    assert visit.formulas == 3
    assert visit.images == 1


@pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)
@pytest.mark.parametrize(
    "name",
    PAGES
    or [
        pytest.param(
            "index.html",
            marks=pytest.mark.skip(
                reason="there is no results/report: `make reproduce` makes the pages to check here"
            ),
        )
    ],
)
def test_a_page_of_the_report_is_whole(browser, name, width):
    page = REPORT / name
    visit = browser.visit(page.as_uri(), width)
    assert visit.faults == []
    assert dead_links(page, visit) == []


FAULTY = {
    "console error": "<script>console.error('broken')</script>",
    "remote request": "<img alt='' src='https://example.invalid/a.png'>",
    "wider than the window": "<div style='width: 3000px'>wide</div>",
    "outside of the window": "<p style='margin-left: -50px'>left</p>",
    "text cut off": "<p style='width: 40px; overflow: hidden; white-space: nowrap'>a long line</p>",
    "image not loaded": "<img alt='' src='missing.png'>",
}


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_is_found(browser, tmp_path, fault):
    page = tmp_path / "page.html"
    page.write_text(
        "<!DOCTYPE html><meta name=viewport content='width=device-width'>" + FAULTY[fault]
    )
    assert any(fault in found for found in browser.visit(page.as_uri(), 390).faults)
