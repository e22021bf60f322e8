"""What analyses share: headings of tables, facts for sentences."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from svi_atlas.judgement.verdict import VERDICTS
from svi_atlas.results.inputs import References

ORDER = VERDICTS[::-1]
"""Verdicts from the best to the worst."""

SETTING = {"guide": "guide", "num_particles": "particles", "step_size": "step size"}


def with_labels(frame: pd.DataFrame, labels: Mapping[str, str]) -> pd.DataFrame:
    """The table with the headings that a page shows: these columns, in this order."""
    labelled = frame.reset_index(drop=True)
    labelled.attrs = {"labels": {name: label for name, label in labels.items() if name in frame}}
    return labelled


def facts(**texts: str) -> pd.DataFrame:
    """Texts that fill the slots `{{ name }}` of a notebook: columns `name` and `text`."""
    return pd.DataFrame({"name": list(texts), "text": list(texts.values())})


def negative_log_evidence(reference: References, model: str) -> float:
    """Minus the log evidence (nats), a lower bound on every mean loss; NaN if it is unknown."""
    return -float(reference[model].attrs.get("log_evidence", np.nan))


def has_models(table: pd.DataFrame) -> bool:
    """Whether a table has fits of several models."""
    return table["model"].nunique() > 1


def schedule_label(table: pd.DataFrame) -> dict[str, str]:
    """The heading of the column `schedule`, if some step sizes are not constant."""
    return {} if (table["schedule"] == "constant").all() else {"schedule": "schedule"}


def model_label(table: pd.DataFrame) -> dict[str, str]:
    """The heading of the column `model`, if there are several."""
    return {"model": "model"} if has_models(table) else {}
