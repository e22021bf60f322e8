"""The report in a browser: at desktop and phone width nothing is cut off, missing or fetched."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pandas as pd
import pytest
import visits
from matplotlib.figure import Figure

from svi_atlas.locations import PROJECT
from svi_atlas.plots import _style
from svi_atlas.report import html
from svi_atlas.report.page import make_page

WIDTHS = {"desktop": 1280, "phone": 390}
LANDMARKS = ["header", "main", "footer"]

at_every_width = pytest.mark.parametrize("width", WIDTHS.values(), ids=WIDTHS)


@pytest.fixture(scope="module")
def small_page(tmp_path_factory) -> Path:
    """A page with everything a page may have, made as the report makes its pages."""
    folder = tmp_path_factory.mktemp("results")
    (folder / "small" / "figures").mkdir(parents=True)
    (folder / "report").mkdir()
    figure = Figure(figsize=(9.6, 3))
    figure.subplots().plot([1, 2, 4], label="a line")
    image = folder / "small/figures/line.svg"
    _style.save(figure, image, image.with_suffix(".png"))
    wide = pd.DataFrame({f"a column of number {index}": [1.5, 2.5] for index in range(15)})
    texts = pd.DataFrame({"a": [1.5], "guide": ["AutoNormal"], "why": ["some long words " * 9]})
    computed = r"Computed: $\mathrm{KL}(q \,\|\, p) = \ln Z - \mathrm{ELBO}(q) \ge 0$."
    outputs = [
        _displayed(html.figure(image, "line", "A caption.", "../small/figures/line.png")),
        _displayed(html.table(wide)),
        _displayed(html.table(texts)),
        _displayed(computed, "text/markdown"),
    ]
    formula = r"$$\mathbb{E}_q[\ln\, P(z) - \ln\, q(z)] = \int q(z) \ln \frac{P(z)}{q(z)} \, dz$$"
    cells = [
        nbformat.v4.new_markdown_cell("# A small page"),
        nbformat.v4.new_markdown_cell(f"## Formulas\n\n{formula}\n\n`{'a_long_name_' * 12}`"),
        nbformat.v4.new_code_cell(f"x = {'1 + ' * 60}1", outputs=outputs),
        nbformat.v4.new_markdown_cell(
            "## Words\n\n| a | b |\n|---|---|\n| $x$ | " + "word " * 40 + "|"
        ),
    ]
    notebook = folder / "report" / "small.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    page = notebook.with_suffix(".html")
    make_page(notebook, page, "A small page", "small")
    (folder / "report" / "index.html").write_text("")
    return page


def _displayed(text: str, kind: str = "text/html") -> nbformat.NotebookNode:
    return nbformat.v4.new_output("display_data", {kind: text})


@at_every_width
def test_a_small_page_is_whole(browser, small_page, width):
    visit = visits.visit(browser, small_page, width)
    assert visit.faults == []
    assert visit.dead_links(small_page) == []
    assert visit.landmarks == LANDMARKS
    assert visit.formulas == 3
    assert visit.images == 1


def faults_of_report(browser, report: Path, width: int) -> dict[str, list[str]]:
    """What is wrong with each page of a report; empty if nothing is."""
    faults = {}
    for page in sorted(report.glob("*.html")):
        visit = visits.visit(browser, page, width)
        wrong = visit.faults + [f"dead link: {link}" for link in visit.dead_links(page)]
        if visit.landmarks != LANDMARKS:
            wrong.append("the frame of the report is missing")
        if wrong:
            faults[page.name] = wrong
    return faults


@pytest.mark.slow
@at_every_width
def test_the_pages_of_a_finished_run_are_whole(browser, finished, width):
    report = finished.path / "results" / "report"
    assert {page.stem for page in report.glob("*.html")} == {"index", "coin", "line"}
    assert faults_of_report(browser, report, width) == {}


@pytest.mark.slow
@at_every_width
def test_the_pages_of_the_full_reproduction_are_whole(browser, width):
    report = PROJECT / "results" / "report"
    if not report.is_dir():
        pytest.skip("there is no results/report: `make reproduce` makes the pages to check here")
    assert faults_of_report(browser, report, width) == {}


FAULTY = {
    "console error: broken": "<script>console.error('broken')</script>",
    "console error: thrown": "<script>throw Error('thrown')</script>",
    "remote request": "<img alt='' src='https://example.invalid/a.png'>",
    "wider than the window": "<div style='width: 3000px'>wide</div>",
    "outside of the window": "<p style='margin-left: -50px'>left</p>",
    "text cut off": "<p style='width: 40px; overflow: hidden; white-space: nowrap'>a long line</p>",
    "image not loaded": "<img alt='' src='missing.png'>",
}


@pytest.fixture
def make_html(tmp_path):
    """A page with this in its body."""

    def write(body: str) -> Path:
        page = tmp_path / "page.html"
        page.write_text("<!DOCTYPE html><meta name=viewport content='width=device-width'>" + body)
        return page

    return write


@pytest.mark.parametrize("fault", FAULTY)
def test_a_fault_is_found(browser, make_html, fault):
    visit = visits.visit(browser, make_html(FAULTY[fault]), WIDTHS["phone"])
    assert any(fault in found for found in visit.faults)


def test_links_that_lead_nowhere_are_found(browser, make_html):
    targets = ["page.html", "#here", "https://b.org", "absent.html", "#absent", "../absent/a.png"]
    links = "".join(f"<a href='{target}'>a</a>" for target in targets)
    page = make_html(f"<p id='here'>{links}</p>")
    visit = visits.visit(browser, page, WIDTHS["desktop"])
    assert visit.dead_links(page) == targets[3:]


def test_a_page_without_faults_has_none(browser, make_html):
    assert visits.visit(browser, make_html("<p>fine</p>"), WIDTHS["phone"]).faults == []


def test_a_page_without_the_frame_of_the_report_is_found(browser, make_html):
    page = make_html("<p>fine</p>")
    found = faults_of_report(browser, page.parent, WIDTHS["desktop"])
    assert found == {"page.html": ["the frame of the report is missing"]}
