"""The Laplace approximation of a posterior, and whether it can be relied on.

The multivariate Normal at the mode whose precision is minus the Hessian of the log density there
(Tierney and Kadane 1986, Accurate approximations for posterior moments and marginal densities). All of
it is in the unconstrained coordinates of `Posterior`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import xarray as xr
from jaxtyping import Float

from svi_atlas.errors import InputError
from svi_atlas.inference.climb import Climb, Curvature, climb
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.records import Problem

MAX_DIM = 500
"""Dimensions above which no Hessian is computed: its cost grows with their cube."""

NUM_STARTS = 8
"""Climbs from points of uniform(-2, 2), as NumPyro starts, and as many from far apart."""

MAX_CANDIDATES = 200
"""Points of each kind that are tried until NUM_STARTS have a finite density."""

MIN_EIGENVALUE = {True: 1e-12, False: 1e-5}
"""Eigenvalue of the precision, scaled to a unit diagonal, below which a direction is flat; in 64 bits and
in 32."""

MAX_SAME_DISTANCE = 0.1
"""Standard deviations of the best mode within which two modes are one."""

MAX_FACTOR = 10.0
"""The density's fall from its mode may differ from that of a Normal by this factor, either way."""

NUM_PROBES, MIN_SHARE = 200, 0.9
"""Draws of the Laplace approximation, and the share of them at which the fall must be as above."""

Report = Callable[[str], None]


@dataclass(frozen=True)
class Laplace:
    """The Laplace approximation of a posterior in unconstrained coordinates.

    Attributes
    ----------
    mode : (dim,) the highest mode that was found; NaN where none was.
    scale_tril : (dim, dim) Cholesky factor of the covariance matrix, the inverse of minus the Hessian of
        the log density at the mode; NaN where it is not usable.
    modes : (mode, dim) all distinct modes that were found, the highest first.
    log_densities : (mode,) log of the unnormalised density there, nats.
    why : why it is not usable, in words; "" if it is.
    """

    mode: Float[np.ndarray, " dim"]
    scale_tril: Float[np.ndarray, "dim dim"]
    modes: Float[np.ndarray, "mode dim"]
    log_densities: Float[np.ndarray, " mode"]
    why: str

    @property
    def usable(self) -> bool:
        """Whether it describes the posterior about the mode."""
        return not self.why

    @classmethod
    def unusable(cls, why: str, dim: int = 0) -> Laplace:
        """None was found; `why` says so in words."""
        return cls(
            np.full(dim, np.nan), np.full((dim, dim), np.nan), np.empty((0, dim)), np.empty(0), why
        )


def approximate_models(
    problem: Problem, models: Iterable[str], data: Mapping[str, Any], report: Report
) -> dict[str, Laplace]:
    """The Laplace approximations of some models of a problem, by name.

    That of a model whose posterior cannot be computed, such as one with discrete latent sites, is not
    usable.
    """
    found = {}
    for model in models:
        try:
            posterior = Posterior.from_model(problem.models[model], data, f"model {model!r}")
        except InputError as error:
            found[model] = Laplace.unusable(str(error))
        else:
            found[model] = find_laplace(posterior, purpose_key(0, "laplace", model), report)
        report(f"{model}: {found[model].why or 'the Laplace approximation is usable'}")
    return found


def find_laplace(posterior: Posterior, key: jax.Array, report: Report) -> Laplace:
    """Climb from dispersed starts, and lay a Normal around the highest mode.

    It is not usable, and `why` names the site that is to blame, where the density rises without bound
    (a funnel) or is flat in some direction, and where the curvature at the mode does not describe the
    density about it.

    Parameters
    ----------
    posterior : the posterior; everything is computed in its own precision.
    key : of the starts.
    report : receives a line on how many climbs arrived.
    """
    if posterior.dim > MAX_DIM:
        why = f"{posterior.dim} dimensions, and no Hessian is computed beyond {MAX_DIM}"
        return Laplace.unusable(why)
    starts = list(_starts(posterior, key))
    if why := _find_obstacle(posterior, starts):
        return Laplace.unusable(why, posterior.dim)
    climbs = [climb(posterior, start) for start in starts]
    arrived = sorted((end for end in climbs if end.arrived), key=lambda end: -end.height)
    report(f"{len(arrived)} of {len(climbs)} climbs arrived at a mode")
    highest = max(climbs, key=lambda end: end.height)
    if not highest.arrived:
        failure = _describe_failure(posterior, highest)
        if not arrived:
            return Laplace.unusable(failure, posterior.dim)
        report(f"the highest climb did not: {failure}")
    return _lay_normal(posterior, arrived, key)


def _find_obstacle(posterior: Posterior, starts: list[np.ndarray]) -> str:
    """Why no climb can be made; "" if it can."""
    if not starts:
        return f"the density is zero or undefined at all of {2 * MAX_CANDIDATES} starts"
    try:
        posterior.hessian(starts[0])
    except (MemoryError, OSError):
        raise
    except Exception as error:
        return f"no Hessian can be computed: {type(error).__name__}: {str(error).splitlines()[0]}"
    return ""


def _lay_normal(posterior: Posterior, arrived: list[Climb], key: jax.Array) -> Laplace:
    """The Normal about the first of some modes."""
    best = arrived[0]
    distinct = _distinct(arrived, best.curvature)
    why = _find_fault(posterior, best, key)
    scale_tril = np.full((posterior.dim,) * 2, np.nan) if why else best.curvature.scale_tril()
    modes, heights = zip(*[(end.position, end.height) for end in distinct], strict=True)
    return Laplace(best.position, scale_tril, np.array(modes), np.array(heights), why)


def to_dataset(laplace: Laplace) -> xr.Dataset:
    """The dataset of a Laplace approximation.

    Returns
    -------
    `mode` (dim), `scale_tril` (dim, dim_2), `modes` (rank, dim), `log_density` (rank) in nats, and the
    attributes `usable` ("yes" or "no") and `why`.
    """
    variables = {
        "mode": ("dim", laplace.mode),
        "scale_tril": (("dim", "dim_2"), laplace.scale_tril),
        "modes": (("rank", "dim"), laplace.modes),
        "log_density": ("rank", laplace.log_densities),
    }
    attrs = {"usable": "yes" if laplace.usable else "no", "why": laplace.why}
    return xr.Dataset(variables, attrs=attrs)


def from_dataset(dataset: xr.Dataset) -> Laplace:
    """The Laplace approximation of such a dataset."""
    return Laplace(
        mode=dataset["mode"].to_numpy(),
        scale_tril=dataset["scale_tril"].to_numpy(),
        modes=dataset["modes"].to_numpy(),
        log_densities=dataset["log_density"].to_numpy(),
        why=dataset.attrs["why"],
    )


def _starts(posterior: Posterior, key: jax.Array) -> Iterator[np.ndarray]:
    """NUM_STARTS of each kind, where the density and its gradient are finite."""
    rng = np.random.default_rng(np.asarray(key))
    near = rng.uniform(-2.0, 2.0, (MAX_CANDIDATES, posterior.dim))
    for candidates in (near, posterior.disperse(key, MAX_CANDIDATES)):
        finite = (start for start in candidates if _is_finite(*posterior.slope(start)))
        yield from islice(finite, NUM_STARTS)


def _is_finite(height: float, gradient: np.ndarray) -> bool:
    return bool(np.isfinite(height) and np.isfinite(gradient).all())


def _distinct(arrived: list[Climb], curvature: Curvature) -> list[Climb]:
    """The modes that are apart, of those given."""
    distinct: list[Climb] = []
    for end in arrived:
        steps = [curvature.distance(end.position - other.position) for other in distinct]
        if min(steps, default=np.inf) > MAX_SAME_DISTANCE:
            distinct.append(end)
    return distinct


def _describe_failure(posterior: Posterior, end: Climb) -> str:
    """Why a climb did not arrive at a mode."""
    coordinate = int(np.argmax(np.abs(end.drift)))
    site = posterior.owners[coordinate]
    if end.rise > 1.0:
        return (
            f"the density rises without bound as site {site!r} goes to {_limit(posterior, end, coordinate)} "
            "(a funnel, or an improper posterior)"
        )
    if not end.curvature.finite:
        return f"the Hessian is not finite where the climb ended, last moving site {site!r}"
    return (
        "the climb to the mode stopped where no step leads higher although the gradient is not zero "
        f"(a kink, or too little precision), last moving site {site!r}"
    )


def _limit(posterior: Posterior, end: Climb, coordinate: int) -> str:
    """Where the constrained value of a coordinate goes, in words."""
    site = posterior.owners[coordinate]
    with posterior.precision():
        value = np.ravel(posterior.constrain(jnp.asarray(end.position)).get(site, np.nan))
    own = [index for index, owner in enumerate(posterior.owners) if owner == site]
    if len(own) != value.size:
        return "the edge of its support"
    limit = value[own.index(coordinate)]
    return "0" if abs(limit) < 1e-3 else f"{limit:.2g}"


def _find_fault(posterior: Posterior, best: Climb, key: jax.Array) -> str:
    """Why the curvature at a mode does not describe the density about it; "" if it does."""
    curvature = best.curvature
    values, axes = curvature.principal_axes()
    if values[0] < MIN_EIGENVALUE[posterior.double]:
        return f"the density is flat in a direction of site {_main_site(posterior, axes[:, 0])!r}"
    return _axis_fault(posterior, best, values, axes) or _draw_fault(posterior, best, key)


def _axis_fault(posterior: Posterior, best: Climb, values: np.ndarray, axes: np.ndarray) -> str:
    """The axis, if any, along which the fall at one standard deviation is least like a Normal's."""
    steps = best.curvature.scale[:, None] * axes / np.sqrt(values)
    falls = _falls(posterior, best, np.concatenate([steps.T, -steps.T]))
    strange = np.abs(np.log(np.maximum(falls, 1e-300) / 0.5))
    worst = int(np.argmax(strange))
    if strange[worst] <= np.log(MAX_FACTOR):
        return ""
    site, fall = _main_site(posterior, axes[:, worst % len(values)]), falls[worst]
    seen = f"falls by {fall:.2g} nats" if fall > 1e-6 else "does not fall"
    return (
        f"the curvature at the mode does not describe the density: along site {site!r} it {seen} in one "
        "standard deviation, where a Normal falls by 0.5"
    )


def _draw_fault(posterior: Posterior, best: Climb, key: jax.Array) -> str:
    """Whether the density falls like a Normal's at draws of the Laplace approximation too."""
    rng = np.random.default_rng(np.asarray(key))
    noise = rng.standard_normal((NUM_PROBES, posterior.dim))
    steps = noise @ best.curvature.scale_tril().T
    falls = _falls(posterior, best, steps)
    strange = np.log(np.maximum(falls, 1e-300) / (0.5 * (noise**2).sum(axis=1)))
    share = float(np.mean(np.abs(strange) <= np.log(MAX_FACTOR)))
    if share >= MIN_SHARE:
        return ""
    correlation = np.corrcoef(np.clip(strange, -5.0, 5.0), steps, rowvar=False)[0, 1:]
    site = posterior.owners[int(np.argmax(np.abs(correlation)))]
    return (
        "the curvature at the mode does not describe the density: it changes within a standard deviation, "
        f"most with site {site!r} (a funnel)"
    )


def _falls(posterior: Posterior, best: Climb, steps: np.ndarray) -> Float[np.ndarray, " step"]:
    """How far the log density falls from the mode, nats."""
    heights = [posterior.slope(best.position + step)[0] for step in steps]
    return best.height - np.array(heights)


def _main_site(posterior: Posterior, axis: Float[np.ndarray, " dim"]) -> str:
    """The site that a direction, in coordinates of equal scale, belongs to most."""
    weights: dict[str, float] = {}
    for owner, component in zip(posterior.owners, axis, strict=True):
        weights[owner] = weights.get(owner, 0.0) + component**2
    return max(weights, key=lambda owner: weights[owner])
