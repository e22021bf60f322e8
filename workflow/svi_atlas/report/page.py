"""Makes a page that opens offline from an executed notebook: nothing is fetched from anywhere."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from itertools import pairwise
from pathlib import Path

import nbformat
from latex2mathml.converter import convert
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.anchors import anchors_plugin
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbconvert import HTMLExporter
from pygments.formatters import HtmlFormatter

FOLDER = Path(__file__).parent

PAGE_LINK = re.compile(r'<a href="(?P<page>[\w.-]+)\.html(#[^"]*)?">(?P<text>.*?)</a>', re.DOTALL)
"""A link to a page in the same folder."""


def make_page(
    notebook: Path, target: Path, title: str, page: str, pages: Collection[str] | None = None
) -> None:
    """Write an executed notebook as a page of the report.

    Code is folded away, formulas become MathML, images are part of the page.

    Parameters
    ----------
    notebook, target
        The executed notebook, and the HTML file to write.
    title
        Title of the browser window.
    page
        Name of the page.
    pages
        Names of all pages of the report; links to other pages become plain text. All links are kept
        if it is None.
    """
    content = nbformat.read(notebook, as_version=4)
    exporter = HTMLExporter(
        template_file="page.html.j2",
        extra_template_paths=[str(FOLDER)],
        exclude_anchor_links=True,
    )
    exporter.register_filter("markdown2html", to_html)
    body, _ = exporter.from_notebook_node(
        content,
        resources={**page_resources(title, page), "contents": contents(content)},
    )
    if pages is not None:
        body = without_dead_links(body, {"index", *pages})
    target.write_text(re.sub(r"\n\s*\n+", "\n", body))


def without_dead_links(body: str, pages: Collection[str]) -> str:
    """HTML in which links to pages that the report does not have are plain text.

    The prose of a notebook may point to a page that not every configuration has.
    """
    return PAGE_LINK.sub(lambda link: link[0] if link["page"] in pages else link["text"], body)


def page_resources(title: str, page: str) -> dict[str, str]:
    """What the base template needs: title of the window, name of the page, styles.

    The page named "index" is the one to which the others link.
    """
    return {
        "title": title,
        "page": page,
        "style": (FOLDER / "style.css").read_text(),
        "code_style": HtmlFormatter(style="default").get_style_defs(".highlight"),
    }


def to_html(text: str | Sequence[str]) -> str:
    """Markdown with $formulas$ as HTML with MathML."""
    return _markdown().render(text if isinstance(text, str) else "".join(text))


def contents(notebook: nbformat.NotebookNode) -> list[tuple[str, str]]:
    """(anchor, heading) of the second-level headings of a notebook, written or displayed."""
    headings = []
    for text in (text for cell in notebook.cells for text in _texts(cell)):
        for opening, inline in pairwise(_markdown().parse(text)):
            if opening.type == "heading_open" and opening.tag == "h2":
                headings.append((str(opening.attrs["id"]), inline.content))
    return headings


def _texts(cell: nbformat.NotebookNode) -> list[str]:
    """Markdown of a cell: its own, or what its code displays."""
    if cell.cell_type == "markdown":
        return [cell.source]
    shown = (output.get("data", {}) for output in cell.get("outputs", []))
    return [data["text/markdown"] for data in shown if "text/markdown" in data]


def _markdown() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    markdown.use(anchors_plugin, max_level=3)
    markdown.use(dollarmath_plugin, renderer=_formula, allow_space=False, double_inline=True)
    markdown.add_render_rule("table_open", _table_open)
    markdown.add_render_rule("table_close", _table_close)
    return markdown


def _formula(latex: str, options: dict) -> str:
    return convert(latex.strip(), display="block" if options["display_mode"] else "inline")


def _table_open(renderer: RendererHTML, tokens: Sequence[Token], index, options, env) -> str:
    return f'<div class="scroll">{renderer.renderToken(tokens, index, options, env)}'


def _table_close(renderer: RendererHTML, tokens: Sequence[Token], index, options, env) -> str:
    return f"{renderer.renderToken(tokens, index, options, env)}</div>"
