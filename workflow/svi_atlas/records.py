"""The problem contract: a frozen record of pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Data = Mapping[str, Any]
"""Arrays by name, as `simulate` made them."""


@dataclass(frozen=True)
class Mode:
    """One of several modes: its centre by site, and the share of the posterior nearest to it."""

    centre: dict[str, Any]
    mass: float


@dataclass(frozen=True)
class Reference:
    """The posterior to compare with.

    draws: site name -> array (draw, *site dims), independent or thinned to be nearly so.
    mean, sd: site name -> array of the site's shape, exact where `method` says so.
    log_evidence: ln of the integral of the unnormalised posterior (nats), NaN if unknown.
    method: how it was made, one line.
    density: optional grid of the exact posterior density for figures, site name -> (grid, density)
        for one-dimensional marginals.
    modes: the modes of a posterior with several, so that a fit that misses one is found out.
    mean_se, sd_se: site name -> Monte Carlo standard errors of mean and sd, where they have any.
    unreliable: why nothing may be judged against it, "" if it can be trusted.
    """

    draws: dict[str, np.ndarray]
    mean: dict[str, np.ndarray]
    sd: dict[str, np.ndarray]
    log_evidence: float
    method: str
    density: dict[str, tuple[np.ndarray, np.ndarray]] = field(default_factory=dict)
    modes: tuple[Mode, ...] = ()
    mean_se: dict[str, np.ndarray] = field(default_factory=dict)
    sd_se: dict[str, np.ndarray] = field(default_factory=dict)
    unreliable: str = ""


@dataclass(frozen=True)
class FamilyOptimum:
    """A Gaussian of a guide's family that is nearest to the posterior, over the single site `x`.

    mean: (dimension,); covariance: (dimension, dimension).
    """

    mean: np.ndarray
    covariance: np.ndarray


MakeReference = Callable[[Data, Mapping[str, Any]], Reference]
"""(data, settings) -> Reference."""


@dataclass(frozen=True)
class Problem:
    """A posterior to approximate.

    name, source: what it is and where it comes from.
    simulate: (key, settings) -> dict of arrays; the settings are the experiment's `data`.
    models: NumPyro models by name, called as model(data); model(None) draws mock data,
        which only `num_mock` and `calibration` ask for.
    guides: the problem's own guides by name, called as guide(data).
    reference: (data, settings) -> Reference; by model name where the models' posteriors differ. A
        model without one, or None, gets quadrature up to three dimensions and long NUTS beyond.
    data_schema: optional JSON Schema of the experiment's `data` settings, checked before any job.
    derived: optional, (params) -> dict of scalars: quantities of interest computed from the
        constrained parameters of a fit (a dict of arrays), such as an angle in degrees; they
        become columns `derived.<name>` of the table. Return {} for guides without any.
    optimum: optional, (model, guide) -> the exact optima of the guide's family, where they are known:
        what a study of the verdict's error rate needs. Several where they are equally near.
    """

    name: str
    source: str
    simulate: Callable[[Any, Mapping[str, Any]], dict[str, Any]]
    models: Mapping[str, Callable]
    guides: Mapping[str, Callable]
    reference: MakeReference | Mapping[str, MakeReference] | None = None
    data_schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    derived: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    optimum: Callable[[str, str], Sequence[FamilyOptimum]] | None = None
