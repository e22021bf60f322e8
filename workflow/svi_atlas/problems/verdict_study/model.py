"""Densities with known answers, to measure how often a verdict is wrong.

The exact optimum of a Gaussian guide's family is known for each: in closed form where the density is
Gaussian, by quadrature where it has one dimension.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from jax.scipy.special import gammaln
from numpyro.distributions import constraints

from svi_atlas.problems.base import FamilyOptimum, Mode, Problem, Reference

NUM_DRAWS = 10_000
"""Draws of the references."""

GRID = np.linspace(-40.0, 40.0, 80_001)
"""Quadrature in one dimension: beyond it lies less than 1e-4 of each density."""

MAX_TIE = 1e-6
"""Nats. Optima whose divergences differ by less are equally near."""

LOG_EVIDENCE = -20.0
"""Nats, of every density: about what 14 observations with unit variance bring. Rules that compare
changes of the loss with its size would fail for a loss near zero."""


@dataclass(frozen=True)
class Target:
    """A density of x, (dimension,), up to the evidence.

    Attributes
    ----------
    log_density : (x, **parameters), normalised, with x (..., dimension).
    parameters : data of the models, so that densities of one form share their compiled programs.
    mean, covariance : exact, (dimension,) and (dimension, dimension).
    gaussian : whether the density is Gaussian.
    modes : where there are several.
    """

    log_density: Callable
    parameters: dict[str, np.ndarray]
    mean: np.ndarray
    covariance: np.ndarray
    gaussian: bool = False
    modes: tuple[Mode, ...] = ()

    def __call__(self, x: np.ndarray) -> np.ndarray:
        return np.asarray(self.log_density(x, **self.parameters), float)


def _normal(x, mean, precision, constant):
    shift = x - mean
    return constant - 0.5 * jnp.einsum("...i,ij,...j", shift, precision, shift)


def _gaussian(mean, sd, correlation) -> Target:
    """Gaussian with the same correlation of every pair."""
    mean, sd = np.array(mean, float), np.array(sd, float)
    size = len(mean)
    matrix = np.full((size, size), correlation) + (1 - correlation) * np.eye(size)
    covariance = matrix * np.outer(sd, sd)
    parameters = {
        "mean": mean,
        "precision": np.linalg.inv(covariance),
        "constant": -0.5 * np.linalg.slogdet(2 * np.pi * covariance)[1],
    }
    return Target(_normal, parameters, mean, covariance, gaussian=True)


def _one_dimensional(log_density, modes=(), **parameters) -> Target:
    """A density on the line; mean and variance by quadrature."""
    weight = np.exp(np.asarray(log_density(GRID[:, None], **parameters), float))
    weight /= weight.sum()
    mean = (weight * GRID).sum()
    variance = (weight * (GRID - mean) ** 2).sum()
    arrays = {name: np.array(value, float) for name, value in parameters.items()}
    return Target(log_density, arrays, np.array([mean]), np.array([[variance]]), modes=modes)


def _log_gamma(x, shape):
    """ln of a Gamma(shape, 1) variate: skewed to the left."""
    x = x[..., 0]
    return shape * x - jnp.exp(jnp.minimum(x, 20.0)) - gammaln(shape)


def _student(x, degrees):
    return dist.StudentT(degrees).log_prob(x[..., 0])


def _two_normals(x, place, share):
    """Standard Normals around -place and +place; `share` of the mass is in the second."""
    low = dist.Normal(-place, 1.0).log_prob(x[..., 0]) + jnp.log(1 - share)
    high = dist.Normal(place, 1.0).log_prob(x[..., 0]) + jnp.log(share)
    return jnp.logaddexp(low, high)


def _two_modes(place, share) -> Target:
    modes = (
        Mode({"x": np.array([-place])}, 1 - share),
        Mode({"x": np.array([place])}, share),
    )
    return _one_dimensional(_two_normals, modes, place=place, share=share)


TARGETS = {
    "scales": _gaussian([0.0, 1.0, 3.0], [0.1, 0.5, 4.0], 0.0),
    "correlated": _gaussian([1.0, -2.0, 0.0], [1.0, 0.3, 2.0], 0.7),
    "skewed": _one_dimensional(_log_gamma, shape=1.0),
    "blunt": _one_dimensional(_two_normals, place=0.5, share=0.5),
    "uneven_modes": _two_modes(4.0, 0.7),
    "weakly_correlated": _gaussian([2.0, 0.0, -1.0], [0.5, 1.0, 2.0], 0.2),
    "strongly_correlated": _gaussian([0.0, 2.0, 1.0], [1.0, 0.5, 3.0], 0.6),
    "heavy_tails": _one_dimensional(_student, degrees=4.0),
    "lopsided": _one_dimensional(_two_normals, place=0.6, share=0.4),
    "even_modes": _two_modes(6.0, 0.5),
}


def _simulate(key, settings):
    return {
        f"{name}.{parameter}": value
        for name, target in TARGETS.items()
        for parameter, value in target.parameters.items()
    }


def _model(name: str):
    target = TARGETS[name]

    def model(data):
        data = _simulate(None, {}) if data is None else data
        parameters = {key: data[f"{name}.{key}"] for key in target.parameters}
        x = numpyro.sample(
            "x", dist.ImproperUniform(constraints.real_vector, (), target.mean.shape)
        )
        numpyro.factor("density", target.log_density(x, **parameters) + LOG_EVIDENCE)

    return model


def _reference(target: Target):
    def reference(data, settings):
        rng = np.random.default_rng(0)
        if target.gaussian:
            draws = rng.multivariate_normal(target.mean, target.covariance, NUM_DRAWS)
        else:
            weight = np.exp(target(GRID[:, None]))
            draws = rng.choice(GRID, (NUM_DRAWS, 1), p=weight / weight.sum())
        return Reference(
            draws={"x": draws},
            mean={"x": target.mean},
            sd={"x": np.sqrt(np.diag(target.covariance))},
            log_evidence=LOG_EVIDENCE,
            method="exact: a Gaussian" if target.gaussian else "quadrature in one dimension",
            modes=target.modes,
        )

    return reference


def optimum(model: str, guide: str) -> tuple[FamilyOptimum, ...]:
    """The members of the guide's family that minimise KL(q||p)."""
    from scipy import optimize  # slow to import, and not needed to fit

    target = TARGETS[model]
    if target.gaussian and guide == "AutoMultivariateNormal":
        return (FamilyOptimum(target.mean, target.covariance),)
    if target.gaussian:
        # Mean field keeps the conditional variances (Bishop 2006, 10.1.2).
        variances = 1 / np.diag(np.linalg.inv(target.covariance))
        return (FamilyOptimum(target.mean, np.diag(variances)),)
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    weights = weights / weights.sum()

    def divergence(params):
        mean, log_sd = params
        x = mean + np.exp(log_sd) * nodes
        expected = weights @ target(x[:, None])
        return -log_sd - expected

    starts = [mode.centre["x"][0] for mode in target.modes] or [target.mean[0]]
    optima = [
        optimize.minimize(divergence, (start, 0.0), method="Nelder-Mead", tol=1e-7)
        for start in starts
    ]
    smallest = min(result.fun for result in optima)
    return tuple(
        FamilyOptimum(result.x[:1], np.exp(2 * result.x[1:])[:, None])
        for result in optima
        if result.fun < smallest + MAX_TIE
    )


PROBLEM = Problem(
    name="verdict_study",
    source="Gaussians, a skewed and a heavy-tailed density, and pairs of modes",
    simulate=_simulate,
    models={name: _model(name) for name in TARGETS},
    guides={},
    reference={name: _reference(target) for name, target in TARGETS.items()},
    data_schema={"type": "object", "additionalProperties": False},
    optimum=optimum,
)
