"""The reason of a verdict in one sentence, from the check that decided it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.judgement.checks import CHECKS, NEEDED, Thresholds

SENTENCES = {check.statistic: check.sentence for check in CHECKS}

ALSO_MISSED_MODE = "; and the guide misses the mode at {missed_mode}"
"""Added to the reason of a fit that has not converged: more steps would not help."""


def explain(
    table: pd.DataFrame, deciding: pd.Series, violated: pd.DataFrame, thresholds: Thresholds
) -> list[str]:
    """One sentence per fit.

    Parameters
    ----------
    table
        The statistics, one row per fit.
    deciding
        The key of what decided each verdict (see `verdict.deciding_checks`).
    violated
        Which checks each fit violates, one column per check.
    thresholds
        The limits of the checks.
    """
    limits = {f"limit_{name}": value for name, value in thresholds.items()}
    missed = violated["missed_mass"] & deciding.isin(
        [check.statistic for check in CHECKS if check.question == "converged"]
    )
    return [
        _sentence(key, {**row, **limits, "loss_fall": -row["loss_drift"]}, also_missed)
        for key, row, also_missed in zip(deciding, table.to_dict("records"), missed, strict=True)
    ]


def _sentence(key: str, values: Mapping[Any, Any], also_missed_mode: bool) -> str:
    if key == "failed":
        return f"The model or the guide raised {values['message']}"
    if key == "":
        return _adequate(values)
    if key == "reference_unreliable":
        why = values["reference_unreliable"]
        return f"The fit cannot be judged: the reference is unreliable ({why})."
    if key == "not_computed":
        unknown = [name for name in NEEDED if np.isnan(values[name])]
        return f"The fit cannot be judged: {' and '.join(unknown)} could not be computed."
    sentence = SENTENCES[key] + (ALSO_MISSED_MODE if also_missed_mode else "")
    filled = sentence.format(**values)
    return filled[0].upper() + filled[1:] + "."


def _adequate(values: Mapping[Any, Any]) -> str:
    sentence = "Converged, and close to the posterior by every statistic"
    if values["nonfinite"] > 0:
        sentence += f", although a share of {values['nonfinite']:.1g} of the losses is not finite"
    return sentence + "."
