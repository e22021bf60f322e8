"""What can be known of a guide before it is fitted: does it fit its model, and stay in its support?"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from numpyro import handlers
from numpyro.infer.initialization import init_to_uniform
from numpyro.infer.util import compute_log_probs

from svi_atlas.engine import ModelError
from svi_atlas.keys import purpose_key


@dataclass(frozen=True)
class Finding:
    """Something wrong with a guide. severity: "error" (it cannot be fitted) or "warning"."""

    severity: str
    message: str

    def __str__(self) -> str:
        return f"{self.severity}: {self.message}"


def check_guide(
    model: Callable,
    guide: Callable,
    data: Mapping[str, Any],
    params: Mapping[str, Any] | None = None,
    num_draws: int = 1000,
) -> list[Finding]:
    """Sites missing, extra or of the wrong shape, factor sites, and draws outside the support.

    guide: made afresh, since autoguides remember the trace they were set up in. params: constrained
    parameters, those at the start if not given. Sites marked `infer={'is_auxiliary': True}` may be
    in one of the two alone. A model or guide that raises is a warning only: the fit raises the same
    and keeps its whole message.
    """
    arrays = {name: jnp.asarray(value) for name, value in data.items()}
    found: list[Finding] = []

    def share_outside(key, params):
        guide_key, model_key, draws_key = jax.random.split(key, 3)
        traces = _traces(model, guide, arrays, params or {}, guide_key, model_key)
        params = params or {
            name: site["value"]
            for trace in reversed(traces)
            for name, site in trace.items()
            if site["type"] == "param"
        }
        found.extend(_structure(*traces))
        if any(finding.severity == "error" for finding in found):
            return jnp.zeros(())

        def outside(key):
            guide_key, model_key = jax.random.split(key)
            drawn = handlers.substitute(handlers.seed(guide, guide_key), data=params)
            trace = handlers.trace(drawn).get_trace(arrays)
            replayed = handlers.replay(handlers.seed(model, model_key), trace)
            logs, _ = compute_log_probs(replayed, (arrays,), {}, params)
            return ~jnp.isfinite(sum(logs.values()))

        return jax.vmap(outside)(jax.random.split(draws_key, num_draws)).mean()

    # Run once: what better code would save, compiling it costs many times over.
    check = jax.jit(share_outside, compiler_options={"xla_backend_optimization_level": 0})
    try:
        share = float(check(purpose_key(0, "guide_check"), params))
    except (MemoryError, OSError):
        raise
    except Exception as error:
        lines = f"{type(error).__name__}: {error}".splitlines()
        return [*found, Finding("warning", f"the guide could not be checked: {lines[0]}")]
    if share > 0:
        where = "at the start" if params is None else "at these parameters"
        found.append(
            Finding(
                "warning",
                f"{share:.2%} of {num_draws:,} draws of the guide {where} fall where the model's "
                "density is zero or undefined: give the guide a distribution with the support of "
                "the model's sites",
            )
        )
    return found


def raise_errors(findings: list[Finding]) -> None:
    """Raise ModelError if any finding is an error."""
    errors = [finding.message for finding in findings if finding.severity == "error"]
    if errors:
        raise ModelError("GuideError: " + "; ".join(errors))


def _traces(model, guide, arrays, params, guide_key, model_key):
    """Traces of guide and model, each by itself, so that shapes are its own."""
    fixed = handlers.substitute(handlers.seed(guide, guide_key), data=params)
    guide_trace = handlers.trace(fixed).get_trace(arrays)
    # Improper priors cannot be drawn from, so that every site gets a start value.
    filled = handlers.substitute(
        handlers.substitute(handlers.seed(model, model_key), data=params),
        substitute_fn=init_to_uniform(),
    )
    return guide_trace, handlers.trace(filled).get_trace(arrays)


def _structure(guide_trace, model_trace) -> list[Finding]:
    guide, model = _latent(guide_trace), _latent(model_trace)
    found = []
    for name, site in model.items():
        if name not in guide and not _auxiliary(site):
            found.append(Finding("error", _missing(name, site, guide_trace)))
    for name, site in guide.items():
        if name not in model and not _auxiliary(site):
            found.append(Finding("error", _extra(name, model, model_trace)))
        elif name in model and _shape(site) != _shape(model[name]):
            found.append(
                Finding(
                    "error",
                    f"site {name!r} has shape {_shape(site)} in the guide and "
                    f"{_shape(model[name])} in the model: give the guide's parameters, plates or "
                    "`expand` the model's shape",
                )
            )
    for name, site in guide_trace.items():
        if site["type"] == "sample" and site["is_observed"]:
            found.append(
                Finding(
                    "warning",
                    f"the guide has the factor or observed site {name!r}, which is no part of a "
                    "density that can be drawn from: its loss is no negative ELBO. Write the density "
                    "as sample sites",
                )
            )
    return found


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
