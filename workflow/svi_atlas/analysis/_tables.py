"""What analyses share: headings of tables, facts for sentences."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd


def with_labels(frame: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """The table with the headings that a page shows: these columns, in this order."""
    labelled = frame.reset_index(drop=True)
    labelled.attrs = {"labels": {name: label for name, label in labels.items() if name in frame}}
    return labelled


def facts(**texts: str) -> pd.DataFrame:
    """Texts that fill the slots `{{ name }}` of a notebook: columns `name` and `text`."""
    return pd.DataFrame({"name": list(texts), "text": list(texts.values())})
