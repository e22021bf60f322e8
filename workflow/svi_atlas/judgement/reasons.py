"""The reason of a verdict in one sentence, from the check that decided it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from svi_atlas.judgement.checks import CHECKS, NEEDED
from svi_atlas.judgement.excess import NOISE, Thresholds

SENTENCES = {check.statistic: check.sentence for check in CHECKS}

ADEQUATE = {
    "reference": "means, standard deviations and tail probabilities of the components, and means and standard "
    "deviations of their linear combinations, agree with the reference",
    "self": "its importance weights correct no mean and no standard deviation, of a component or of a linear "
    "combination, by more than the limits, nor have other fits found what it misses (there is no reference "
    "to compare with)",
}
"""What was found of an adequate fit, by what the verdict rests on."""

UNJUDGED = {
    "reference_unreliable": "there is no reference to be trusted{because}, and {unknown} could not be "
    "computed",
    "not_computed": "{unknown} could not be computed",
    "too_few_draws": "{num_draws:.0f} draws, or those of the reference, are too few to compare so many "
    "components; beside an exact reference about {draws_needed:.0f} are needed (key `num_draws`)",
    "no_gap": "how much ELBO is still to be gained within the family of the guide could not be computed",
    "gap_unknown": "the optimality gap, {elbo_gap:.2g} ± {elbo_gap_se:.1g} nats per parameter, is not known "
    "well enough to compare it with the limit of {limit_elbo_gap:g}",
}
"""What is missing to judge a fit."""

ALSO_MISSED_MODE = "; and the guide misses the mode at {missed_mode}"
"""Added to the reason of a fit that has not converged: more steps would not help."""


def explain(
    table: pd.DataFrame,
    deciding: pd.Series,
    grade: pd.Series,
    violated: pd.DataFrame,
    thresholds: Thresholds,
) -> list[str]:
    """One sentence per fit.

    Parameters
    ----------
    table
        The statistics, one row per fit.
    deciding
        The key of what decided each verdict (see `verdict.deciding_checks`).
    grade
        What each verdict rests on (see `verdict.judge`).
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
        _sentence(
            key, {**row, **limits, "loss_fall": -row["loss_drift"], "grade": grade}, also_missed
        )
        for key, grade, row, also_missed in zip(
            deciding, grade, table.to_dict("records"), missed, strict=True
        )
    ]


def _sentence(key: str, values: Mapping[Any, Any], also_missed_mode: bool) -> str:
    if key == "failed":
        return f"The model or the guide raised {values['message']}"
    if key == "":
        return _adequate(values)
    if key in UNJUDGED:
        return _unjudged(key, values)
    sentence = SENTENCES[key] + (ALSO_MISSED_MODE if also_missed_mode else "")
    filled = sentence.format(**values) + _note(key, values)
    return filled[0].upper() + filled[1:] + "."


def _note(key: str, values: Mapping[Any, Any]) -> str:
    """What is missing from the comparison with a reference, in brackets."""
    without = values.get("without_moments")
    if not without or key not in (*NEEDED["reference"], ""):
        return ""
    return f" ({without}; tail probabilities are compared instead)"


def _unjudged(key: str, values: Mapping[Any, Any]) -> str:
    if key == "gap_unknown" and np.isnan(values["elbo_gap"]):
        key = "no_gap"
    by_self = np.isnan(values["mean_error"])
    noise = [
        values[name] / values[f"limit_{limit}"]
        for name, limit in NOISE.items()
        if name.startswith("psis_") == by_self
    ]
    unreliable = values.get("reference_unreliable")
    filled = {
        **values,
        "unknown": " and ".join(name for name in NEEDED["self"] if np.isnan(values[name])),
        "draws_needed": values["num_draws"] * np.nanmax([0.0, *noise]) ** 2,
        "because": f" ({unreliable})" if unreliable else "",
    }
    return f"The fit cannot be judged: {UNJUDGED[key].format(**filled)}."


def _adequate(values: Mapping[Any, Any]) -> str:
    sentence = f"Converged, and {ADEQUATE[values['grade']]}" + _note("", values)
    if values["nonfinite"] > 0:
        sentence += f", although a share of {values['nonfinite']:.1g} of the losses is not finite"
    return sentence + "."
