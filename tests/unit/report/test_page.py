"""Pages made from executed notebooks."""

import nbformat
import pytest

from svi_atlas.report.page import contents, make_page, to_html, without_dead_links


def markdown(text):
    return nbformat.v4.new_markdown_cell(text)


def code(source, **displayed):
    outputs = [
        nbformat.v4.new_output("display_data", {f"text/{kind}": text})
        for kind, text in displayed.items()
    ]
    return nbformat.v4.new_code_cell(source, outputs=outputs)


def page_of(folder, *cells, **options):
    notebook, page = folder / "a.ipynb", folder / "a.html"
    nbformat.write(nbformat.v4.new_notebook(cells=list(cells)), notebook)
    make_page(notebook, page, "A & B", "coin", **options)
    return page.read_text()


def test_contents_list_headings_written_and_displayed():
    cells = [markdown("# Title\n\n## Written"), code("show()", markdown="## Displayed\n\nText.")]
    assert contents(nbformat.v4.new_notebook(cells=cells)) == [
        ("written", "Written"),
        ("displayed", "Displayed"),
    ]


def test_a_page_lists_its_contents_before_the_first_section(tmp_path):
    page = page_of(
        tmp_path, markdown("# Title"), markdown("\n## First"), code("x", markdown="## Second")
    )
    assert page.count('class="contents"') == 1
    assert page.index("Title</h1>") < page.index('href="#first"') < page.index('id="first"')
    assert '<a href="#second">Second</a>' in page


def test_code_is_folded_after_what_it_displays_and_silent_code_joins_the_next(tmp_path):
    page = page_of(tmp_path, code("first_line = 1"), code("show()", html="<b>shown</b>"))
    assert page.count("<details") == 1
    assert page.index("<b>shown</b>") < page.index("<details")
    assert "first_line" in page.split("<details")[1]


def test_a_page_fetches_nothing_and_names_its_window(tmp_path):
    page = page_of(tmp_path, markdown("# Title"))
    assert "<title>A &amp; B</title>" in page
    assert "http" not in page
    assert "<script" not in page
    assert '<a class="name" href="index.html">' in page


def test_equal_notebooks_give_equal_pages(tmp_path):
    assert page_of(tmp_path, markdown("# T")) == page_of(tmp_path, markdown("# T"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$x^2$", "<math"),
        ("| a | b |\n|---|---|\n| $x$ | 1 |", '<div class="scroll"><table>'),
        ("costs 5$ and 6$", "costs 5$ and 6$"),
        ("[a](b.html#c)", '<a href="b.html#c">a</a>'),
        ("k < 0.7 & more", "k &lt; 0.7 &amp; more"),
    ],
)
def test_markdown(text, expected):
    assert expected in to_html(text)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ('<a href="coin.html">a <em>b</em></a>', '<a href="coin.html">a <em>b</em></a>'),
        ('<a href="coin-theory.html#x">a <em>b</em></a>', "a <em>b</em>"),
        ('<a href="#coin">a</a>', '<a href="#coin">a</a>'),
        ('<a href="../coin/data.nc">a</a>', '<a href="../coin/data.nc">a</a>'),
        ('<a href="https://b.org/c.html">a</a>', '<a href="https://b.org/c.html">a</a>'),
        (
            '<a href="none.html">a</a> <a href="coin.html">b</a>',
            'a <a href="coin.html">b</a>',
        ),
    ],
)
def test_links_to_pages_that_do_not_exist_become_text(body, expected):
    assert without_dead_links(body, ["coin"]) == expected


def test_the_index_is_always_linked(tmp_path):
    page = page_of(tmp_path, markdown("[a](other.html) [b](index.html)"), pages=["coin"])
    assert "other.html" not in page
    assert '<a href="index.html">b</a>' in page
    assert "other.html" in page_of(tmp_path, markdown("[a](other.html)"))
