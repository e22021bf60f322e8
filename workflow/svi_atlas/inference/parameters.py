"""Parameters of a fit: their names, their constrained values, and the guide that is drawn with them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import numpy as np
from jaxtyping import PyTree
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam

from svi_atlas.inference.guides import is_point, posterior_guide
from svi_atlas.inference.keys import replica_key


class FittedGuide(NamedTuple):
    """A fitted guide, ready to be drawn from.

    params: constrained parameters to report, by name: those of the fit; for a whitened Normal those of
        the Normal of the model's unconstrained coordinates.
    constrain: maps unconstrained to constrained parameters of the fit.
    guide, guide_params: what to draw from.
    drawn_as_fitted: whether these are the guide and the constrained parameters of the fit; not so for a
        point.
    """

    params: dict[str, Any]
    constrain: Callable[[Any], dict[str, Any]]
    guide: Callable
    guide_params: dict[str, Any]
    drawn_as_fitted: bool


def fitted_guide(
    model: Callable,
    make_guide: Callable[[], Callable],
    data: Mapping[str, Any],
    unconstrained: PyTree,
) -> FittedGuide:
    """The guide of one fit at its unconstrained parameters; call it where its result is traced."""
    guide = make_guide()
    constrain = constrain_function(SVI(model, guide, Adam(0.0), Trace_ELBO()), data)
    params = constrain(unconstrained)
    posterior, posterior_params = posterior_guide(guide, params)
    if not is_point(guide):
        return FittedGuide(posterior_params, constrain, guide, params, drawn_as_fitted=True)
    constrain_function(SVI(model, posterior, Adam(0.0), Trace_ELBO()), data)
    return FittedGuide(params, constrain, posterior, posterior_params, drawn_as_fitted=False)


def constrain_function(svi: SVI, data: Mapping[str, Any]) -> Callable[[dict], dict]:
    """The map from unconstrained to constrained parameters of one fit; call it where it is traced."""
    svi.init(replica_key(0), data)
    return svi.constrain_fn


def flatten_params(params: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Parameters by name; a nested one (a flow's network) becomes `name.0.1`, ..."""
    flat = {}
    for path, leaf in jax.tree_util.tree_flatten_with_path(dict(params))[0]:
        name = ".".join(str(getattr(key, "key", getattr(key, "idx", key))) for key in path)
        flat[name] = np.asarray(leaf)
    return flat
