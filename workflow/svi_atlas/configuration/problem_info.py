"""What a problem file offers to the experiments that use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ProblemInfo:
    """What a problem file offers: its models and guides by name, the schema of its data settings.

    Parameters
    ----------
    models, guides
        Their names, in the order of the problem file.
    data_schema
        JSON Schema of the experiment's key `data`.
    not_simulated
        Why no data can be drawn from a model, for each model where this is known.
    schedules
        Names of the problem's own schedules.
    sites
        Names of the sample sites of each model for which they are known without data.
    simulates
        Whether the problem makes the data by a function of its own.
    """

    models: tuple[str, ...]
    guides: tuple[str, ...]
    data_schema: Mapping[str, Any]
    not_simulated: Mapping[str, str] = field(default_factory=dict)
    schedules: tuple[str, ...] = ()
    sites: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    simulates: bool = True
