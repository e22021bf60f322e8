"""Why a figure shows nothing."""

from __future__ import annotations

import pandas as pd

from svi_atlas.plots import _style


def why_nothing(table: pd.DataFrame, absent: str) -> str:
    """The message of a cell that failed, or `absent` if the table is empty; "" if it shows something."""
    if table.empty:
        return absent
    messages = table["message"].dropna()
    return f"failed: {_style.short(messages.iloc[0])}" if len(messages) else ""
