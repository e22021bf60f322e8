"""Figures and tables as HTML: escaped, rounded, readable on a phone."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.formatting import MISSING, humanise, number
from svi_atlas.judgement.verdict import VERDICTS

AS_GIVEN = ("step_size", "tolerance")
"""Columns of settings, shown as they were given and not rounded."""

WITHIN = "within"
"""Column that says whether a value is within its tolerance; the others stand out."""

LONG_TEXT, LONG_HEADING, LONG_NAME = 40, 16, 12
"""Characters above which a text needs a wide column, and a heading or a name may be broken."""


def figure(image: Path, name: str, caption: str, link: str) -> str:
    """A figure inside the page (SVG) with its caption, which may hold HTML.

    Parameters
    ----------
    image
        The SVG file.
    name
        Anchor of the figure.
    caption
        Text or HTML; without its tags it is also the alternative text of the image.
    link
        What a click opens, relative to the page.
    """
    content = base64.b64encode(image.read_bytes()).decode()
    alternative = html.escape(_plain(caption), quote=True)
    return (
        f'<figure id="{html.escape(name)}"><a href="{html.escape(link)}">'
        f'<img alt="{alternative}" src="data:image/svg+xml;base64,{content}"></a>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _plain(text: str) -> str:
    """The text of a piece of HTML: without tags, entities resolved, on one line."""
    return " ".join(html.unescape(re.sub(r"</?[a-zA-Z][^>]*>", "", text)).split())


def table(frame: pd.DataFrame, digits: int = 3, links: Mapping[str, str] | None = None) -> str:
    """A table as HTML: rounded numbers, coloured verdicts, escaped texts.

    On a phone, a table of three or more columns with long texts is shown row by row, each cell after
    its heading.

    Parameters
    ----------
    frame
        `frame.attrs["labels"]` maps the columns that are shown to their headings, in order; without
        it all columns are shown under their own names. A line break in a text is kept.
    digits
        Significant digits of the numbers, except in columns of settings.
    links
        Addresses of the texts that are links.
    """
    labels = frame.attrs.get("labels") or {str(name): str(name) for name in frame}
    frame = frame[list(labels)]
    numeric = {name for name in labels if _is_numeric(frame[name])}
    head = "".join(
        f'<th scope="col"{_class(name in numeric, heading, LONG_HEADING)}>'
        f"{html.escape(heading)}</th>"
        for name, heading in labels.items()
    )
    rows = "".join(
        f"<tr>{_row(row, labels, numeric, digits, links or {})}</tr>"
        for row in frame.itertuples(index=False, name=None)
    )
    texts = len(labels) > 2 and any(_is_long(value) for value in frame.to_numpy().flat)
    kind = ' class="texts"' if texts else ""
    return (
        f'<div class="scroll"><table{kind}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )


def _row(
    row: tuple, labels: dict[str, str], numeric: set[str], digits: int, links: Mapping[str, str]
) -> str:
    return "".join(
        f'<td{_class(name in numeric, value)} data-heading="{html.escape(heading, quote=True)}">'
        f"{_cell(name, value, digits, links)}</td>"
        for (name, heading), value in zip(labels.items(), row, strict=True)
    )


def _is_numeric(values: pd.Series) -> bool:
    kinds = pd.api.types
    return kinds.is_numeric_dtype(values) and not kinds.is_bool_dtype(values)


def _is_long(value: Any, limit: int = LONG_TEXT) -> bool:
    return isinstance(value, str) and len(value) > limit


def _class(numeric: bool, value: Any, limit: int = LONG_TEXT) -> str:
    kinds = (("number", numeric), ("long", _is_long(value, limit)))
    names = [name for name, holds in kinds if holds]
    return f' class="{" ".join(names)}"' if names else ""


def _cell(name: str, value: Any, digits: int, links: Mapping[str, str]) -> str:
    if isinstance(value, (bool, np.bool_)):
        return within(bool(value)) if name == WITHIN else "yes" if value else "no"
    if value is None or value is pd.NA or value != value:
        return MISSING
    if isinstance(value, (int, float, np.number)):
        return f"{value:g}" if name in AS_GIVEN else number(value, digits)
    if value in VERDICTS:
        return verdict(value)
    text = breakable(str(value))
    return f'<a href="{html.escape(links[value])}">{text}</a>' if value in links else text


def breakable(text: str) -> str:
    """Escaped text whose long names may be broken before a capital and after an underscore."""
    words = (
        re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=_)", "<wbr>", word) if len(word) > LONG_NAME else word
        for word in re.split("([ \n])", html.escape(text))
    )
    return "".join(words).replace("\n", "<br>")


def verdict(name: str) -> str:
    """A verdict as a coloured label."""
    return f'<span class="verdict {name}">{humanise(name)}</span>'


def within(is_within: bool) -> str:
    """Whether a value is within its tolerance; a NO stands out."""
    return f'<span class="{"within" if is_within else "out"}">{"yes" if is_within else "NO"}</span>'
