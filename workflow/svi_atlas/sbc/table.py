"""The table of the tests of calibration of an experiment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from svi_atlas.errors import InputError
from svi_atlas.sbc.uniformity import judge_calibration

SETTINGS = (
    "name",
    "model",
    "guide",
    "num_particles",
    "step_size",
    "num_steps",
    "simulations",
    "num_draws",
)
"""Settings of an entry that lead each of its rows."""


def tabulate_calibration(
    entries: Sequence[Mapping[str, Any]], refits: Mapping[str, pd.DataFrame], strict: bool
) -> pd.DataFrame:
    """Test the refits of each entry, one row per entry and parameter.

    Parameters
    ----------
    entries
        The experiment's `sbc`, each with its settings and its name.
    refits
        The table of `refit_simulated_data` of each, by name.
    strict
        Raise InputError for an entry whose model or guide raised, rather than give it a row that says so.

    Returns
    -------
    The settings, `parameter`, and the columns of `judge_calibration`; `message` where refits failed.
    """
    parts = []
    for entry in entries:
        tested = _test_entry(entry, refits[entry["name"]], strict)
        parts.append(tested.assign(**{name: entry[name] for name in SETTINGS}))
    table = pd.concat(parts, ignore_index=True)
    return table[[*SETTINGS, *(name for name in table if name not in SETTINGS)]]


def _test_entry(entry: Mapping[str, Any], refits: pd.DataFrame, strict: bool) -> pd.DataFrame:
    if "message" in refits:
        message = refits["message"].iloc[0]
        if strict:
            raise InputError(f"strict is true and sbc.{entry['name']} failed: {message}")
        return pd.DataFrame({"finding": ["failed"], "message": [message]})
    ranks = refits.pivot(index="simulation", columns="parameter", values="rank")
    tested = judge_calibration(ranks.to_numpy(), entry["num_draws"])
    tested.insert(0, "parameter", ranks.columns)
    return tested
