"""Static checks of a guide: do its sites match the model's, and do its draws stay in the support?"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpyro import handlers
from numpyro.infer import Trace_ELBO
from numpyro.infer.autoguide import AutoGuide
from numpyro.infer.initialization import init_to_uniform

from svi_atlas.inference.data import as_arrays
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.model_error import ModelError
from svi_atlas.inference.random_numbers import RANDOM_DENSITY, is_random
from svi_atlas.inference.reparametrisation import not_reparametrised

WITH_SCORES = ("TraceGraph_ELBO",)
"""Losses that optimise parameters which only choose among draws."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with a guide. severity: "error" (it cannot be fitted) or "warning"."""

    severity: str
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"


def check_guide(
    model: Callable, guide: Callable, data: Mapping[str, Any], loss: str = "Trace_ELBO"
) -> list[Finding]:
    """Find sites that are missing, extra or of the wrong shape, factor sites, parameters that the loss does
    not optimise, a density that is random, and what NumPyro warns of.

    Sites marked `infer={'is_auxiliary': True}` may be in one of the two alone. A model or guide that
    raises is a warning only: the fit raises the same and keeps its whole message.

    Parameters
    ----------
    model
        Called as model(data).
    guide
        Made afresh, since autoguides remember the trace they were set up in.
    data
        Arrays by name.
    """
    arrays = as_arrays(data)
    findings: list[Finding] = []

    def trace(key):
        guide_trace, model_trace = _traces(model, guide, arrays, *jax.random.split(key))
        findings.extend(_compare_sites(guide_trace, model_trace))
        findings.extend(_integer_parameters({**model_trace, **guide_trace}))
        if is_random(model, arrays, model_trace, key):
            findings.append(Finding("error", RANDOM_DENSITY))

    key = purpose_key(0, "guide_check")
    try:
        jax.eval_shape(trace, key)
        findings.extend(_warnings_of_numpyro(model, guide, arrays, key))
        if not isinstance(guide, AutoGuide):  # which remember the trace that they were set up in
            chosen = {} if loss in WITH_SCORES else not_reparametrised(guide, arrays, key)
            for name, site in chosen.items():
                findings.append(Finding("warning", _without_gradient(name, site)))
    except (MemoryError, OSError):
        raise
    except Exception as error:
        lines = f"{type(error).__name__}: {error}".splitlines()
        return [*findings, Finding("warning", f"the guide could not be checked: {lines[0]}")]
    return findings


def _warnings_of_numpyro(model, guide, arrays, key) -> list[Finding]:
    """What NumPyro warns of when it computes the loss, such as a plate that is missing; computes nothing."""

    def loss(key):
        return Trace_ELBO().loss(key, {}, model, guide, arrays)

    with warnings.catch_warnings(record=True) as caught, suppress(Exception):
        warnings.simplefilter("always")
        jax.eval_shape(loss, key)  # what it raises, the fit raises with its whole message
    texts = [str(each.message) for each in caught if each.category is UserWarning]
    return [
        Finding("warning", f"NumPyro warns: {text}")
        for text in dict.fromkeys(texts)
        if not text.startswith("Found")  # sites in one of the two alone, which are findings already
    ]


def check_support(log_joint: Float[Array | np.ndarray, "*shape"], where: str) -> list[Finding]:
    """Find draws of a guide outside the model's support.

    log_joint: ln p(data, z) of the draws, nats; where: "at the start", for instance.
    """
    share = float(np.mean(~np.isfinite(log_joint)))
    if share == 0:
        return []
    message = (
        f"{share:.2%} of {log_joint.size:,} draws of the guide {where} fall where the model's density "
        "is zero or undefined: give the guide a distribution with the support of the model's sites"
    )
    return [Finding("warning", message)]


def raise_errors(findings: list[Finding]) -> None:
    """Raise ModelError if any finding is an error."""
    errors = [finding.message for finding in findings if finding.severity == "error"]
    if errors:
        raise ModelError("GuideError: " + "; ".join(errors))


def _traces(model, guide, arrays, guide_key, model_key):
    """Traces of guide and model, each by itself, so that shapes are its own."""
    guide_trace = handlers.trace(handlers.seed(guide, guide_key)).get_trace(arrays)
    # Improper priors cannot be drawn from, so that every site gets a start value.
    filled = handlers.substitute(handlers.seed(model, model_key), substitute_fn=init_to_uniform())
    return guide_trace, handlers.trace(filled).get_trace(arrays)


def _compare_sites(guide_trace, model_trace) -> list[Finding]:
    guide, model = _latent(guide_trace), _latent(model_trace)
    findings = []
    for name, site in model.items():
        if name not in guide and not _auxiliary(site):
            findings.append(Finding("error", _missing(name, site, guide_trace)))
    for name, site in guide.items():
        if name not in model and not _auxiliary(site):
            findings.append(Finding("error", _extra(name, model, model_trace)))
        elif name in model and _shape(site) != _shape(model[name]):
            findings.append(
                Finding(
                    "error",
                    f"site {name!r} has shape {_shape(site)} in the guide and "
                    f"{_shape(model[name])} in the model: give the guide's parameters, plates or "
                    "`expand` the model's shape",
                )
            )
    for name, site in guide_trace.items():
        if site["type"] == "sample" and site["is_observed"]:
            findings.append(
                Finding(
                    "warning",
                    f"the guide has the factor or observed site {name!r}, which is no part of a "
                    "density that can be drawn from: its loss is no negative ELBO. Write the density "
                    "as sample sites",
                )
            )
    return findings


def _integer_parameters(trace) -> list[Finding]:
    """Parameters that start at integers, of which no gradient can be taken."""
    return [
        Finding(
            "error",
            f"the parameter {name!r} starts at an integer, which has no gradient: write a floating-point "
            f"number, such as {_as_float(site['args'])}",
        )
        for name, site in trace.items()
        if site["type"] == "param" and not _is_inexact(site["value"])
    ]


def _is_inexact(value) -> bool:
    """Whether all arrays of a parameter, which may be a tree of them, have gradients."""
    leaves = jax.tree.leaves(value)
    return all(jnp.issubdtype(jnp.result_type(leaf), jnp.inexact) for leaf in leaves)


def _as_float(start) -> str:
    return f"{float(start[0])}" if start and np.ndim(start[0]) == 0 else "jnp.zeros(3)"


def _without_gradient(name: str, site: str) -> str:
    return (
        f"the parameter {name!r} is not optimised: the draws of the site {site!r} do not depend on it "
        "smoothly, and NumPyro's Trace_ELBO has no score-function term, so that it walks at random about "
        "its start. Write `loss: TraceGraph_ELBO` in the experiment, which has such a term, or fix its value"
    )


def _latent(trace) -> dict[str, Any]:
    return {
        name: site
        for name, site in trace.items()
        if site["type"] == "sample" and not site["is_observed"]
    }


def _auxiliary(site) -> bool:
    return bool(site["infer"].get("is_auxiliary"))


def _shape(site) -> tuple[int, ...]:
    return tuple(jnp.shape(site["value"]))


def _missing(name: str, site, guide_trace) -> str:
    if guide_trace.get(name, {}).get("type") == "deterministic":
        return (
            f"site {name!r} of the model is numpyro.deterministic in the guide, where it must be "
            f"sampled: write numpyro.sample({name!r}, dist.Delta(value))"
        )
    return (
        f"the guide lacks the model's site {name!r} of shape {_shape(site)}: add "
        f"numpyro.sample({name!r}, ...) to it"
    )


def _extra(name: str, model: dict[str, Any], model_trace) -> str:
    if model_trace.get(name, {}).get("is_observed"):
        return f"the guide samples {name!r}, which the model observes: remove it from the guide"
    return (
        f"the guide has the site {name!r}, which the model lacks (it has {', '.join(model)}): remove "
        "or rename it, or mark it infer={'is_auxiliary': True}"
    )
