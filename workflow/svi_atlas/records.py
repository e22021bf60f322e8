"""The records of the problem contract: a problem is a frozen record of pure functions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

SCHEDULE_NAMES = ("constant", "cosine", "exponential", "warmup_cosine")
"""Names of the step-size schedules that every problem has."""

Data = Mapping[str, Any]
"""Arrays by name, as `simulate` made them."""


@dataclass(frozen=True)
class Mode:
    """One of several modes of a posterior.

    Attributes
    ----------
    centre : site -> array of the site's shape.
    mass : share of the posterior that is nearest to this mode.
    """

    centre: dict[str, Any]
    mass: float


@dataclass(frozen=True)
class Reference:
    """The posterior that fits are compared with.

    Attributes
    ----------
    draws : site -> (draw, *site), independent or thinned until nearly so.
    mean, sd : site -> array of the site's shape; exact where `method` says so.
    log_evidence : log integral of the unnormalised posterior (nats), NaN if unknown.
    method : how it was made, in one line.
    density : site -> (grid, density), each (point,): a marginal density for figures, optional.
    modes : where the posterior has several, so that a fit that misses one is noticed.
    mean_se, sd_se : site -> Monte Carlo standard errors of mean and sd, where they have any.
    unreliable : why nothing may be judged against it, "" if it can be trusted.
    without_moments : which component has no standard deviation, in words; its mean is NaN, its sd
        infinite, and its tail probabilities are compared instead.
    improper : why the posterior has no finite integral, "" if nothing is known against it.
    periodic : latent sites in which the density is periodic; deterministic sites that are made of them, such
        as an angle, are compared instead.
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
    without_moments: str = ""
    improper: str = ""
    periodic: tuple[str, ...] = ()


MakeReference = Callable[[Data, Mapping[str, Any]], Reference]
"""(data, settings) -> Reference."""


@dataclass(frozen=True)
class Problem:
    """A posterior to approximate.

    Attributes
    ----------
    name, source : what it is called and where it comes from.
    simulate : (key, settings) -> arrays by name; the settings are the experiment's `data`. Without it the
        data are the arrays of the experiment's `data_files`, and its settings.
    models : name -> NumPyro model, of any signature: its parameters are named after the data it takes, such as
        model(x, y=None), or it takes them all, as model(data).
    guides : name -> the problem's own guide: a function of the data like the model, an autoguide, an
        autoguide's class, or a function of the model that returns an autoguide, `lambda model: ...`.
    reference : (data, settings) -> Reference, or such functions by name of the model where the
        models' posteriors differ. A model without one gets quadrature up to three dimensions and
        long NUTS beyond.
    data_schema : JSON Schema of the experiment's `data`, checked before any job; optional.
    derived : (params) -> scalars by name: quantities of interest computed from the constrained
        parameters of a fit (arrays by name), such as an angle in degrees; optional. They become
        columns `derived.<name>` of the table. It returns {} for guides without any.
    schedules : name -> factor of the peak step size as a function of the share of the steps that are
        done, in [0, 1), written with jax.numpy; optional. Used like the schedules that every problem
        has: constant, cosine, exponential, warmup_cosine.
    """

    name: str
    source: str = ""
    simulate: Callable[[Any, Mapping[str, Any]], dict[str, Any]] | None = None
    models: Mapping[str, Callable] = field(default_factory=dict)
    guides: Mapping[str, Callable] = field(default_factory=dict)
    reference: MakeReference | Mapping[str, MakeReference] | None = None
    data_schema: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})
    derived: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None
    schedules: Mapping[str, Callable[[Any], Any]] = field(default_factory=dict)
