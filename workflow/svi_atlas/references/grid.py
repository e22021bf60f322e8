"""Points of a regular grid in whitened, stretched coordinates of a posterior, and sums over them.

The unconstrained coordinates are x = centre + L sinh(t): the density falls at least exponentially
in t even where its tail is a power, and the trapezoid rule then converges faster than any power of
the spacing (Trefethen and Weideman 2014, "The exponentially convergent trapezoidal rule"). L is
lower triangular, so that the first t alone decides the first coordinate, and sums over the others
are its marginal density.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from svi_atlas.inference.posterior import Posterior

MAX_POINTS = 2**24
"""Points of a grid."""

MAX_TERMS = 2**32
"""Points of a grid times the cost of each (`Posterior.terms`)."""


class Evaluated(NamedTuple):
    """Points of a grid and what is known there.

    Attributes
    ----------
    t : (point, dim)
    log_density : (point,) of the unconstrained coordinates, nats.
    log_weight : (point,) log of density times volume, nats; -inf where undefined.
    sites : (point, component) the constrained sites, one after the other.
    """

    t: np.ndarray
    log_density: np.ndarray
    log_weight: np.ndarray
    sites: np.ndarray


@dataclass(frozen=True)
class Integrals:
    """Integrals over a grid.

    Attributes
    ----------
    log_evidence : nats.
    mean, sd : (component,)
    """

    log_evidence: float
    mean: Float[np.ndarray, " component"]
    sd: Float[np.ndarray, " component"]

    def largest_change(self, other: Integrals, num_latent: int) -> float:
        """The largest change: of the log evidence (nats), and of means and sds in sds over 100.

        Of the latent sites, which come first: deterministic ones may jump, as an angle does at pi.
        """
        unit = np.where(self.sd > 0, self.sd, 1.0)
        changes = np.abs(self.mean - other.mean) / unit, np.abs(self.sd - other.sd) / unit
        moments = np.stack(changes)[:, :num_latent]
        evidence = abs(self.log_evidence - other.log_evidence)
        largest = max(evidence, float(np.max(moments)) / 100)
        return largest if math.isfinite(largest) else math.inf

    def extrapolate(self, coarser: Integrals, factor: float) -> Integrals:
        """The limit if errors fall as the squared spacing, `factor` times finer here (Richardson)."""

        def limit(fine, coarse):
            return fine + (fine - coarse) / (factor**2 - 1)

        return Integrals(
            limit(self.log_evidence, coarser.log_evidence),
            limit(self.mean, coarser.mean),
            limit(self.sd, coarser.sd),
        )


@dataclass(frozen=True)
class Table:
    """Log density and log weight (nats) of every point of a grid, each (*points)."""

    log_density: np.ndarray
    log_weight: np.ndarray


@dataclass(frozen=True)
class Grid:
    """Points t between low and high, with x[order] = centre + scale sinh(t).

    Attributes
    ----------
    posterior : whose coordinates these are.
    order : (dim,) coordinates of the posterior in the order of the grid's axes, that of all below.
    centre : (dim,)
    scale : (dim, dim) lower triangular.
    low, high : (dim,) ends of t.
    points : (dim,) number of points along each axis.
    """

    posterior: Posterior
    order: Int[np.ndarray, " dim"]
    centre: Float[np.ndarray, " dim"]
    scale: Float[np.ndarray, "dim dim"]
    low: Float[np.ndarray, " dim"]
    high: Float[np.ndarray, " dim"]
    points: Int[np.ndarray, " dim"]

    @property
    def size(self) -> int:
        """Number of all points."""
        return math.prod(int(count) for count in self.points)

    @property
    def spacing(self) -> Float[np.ndarray, " dim"]:
        """Distance of neighbours in t."""
        return (self.high - self.low) / (self.points - 1)

    @property
    def affordable(self) -> bool:
        """Whether the grid is small enough to be evaluated."""
        return self.size <= min(MAX_POINTS, MAX_TERMS // self.posterior.terms)

    def with_points(self, points: np.ndarray) -> Grid:
        """The same grid with another number of points along each axis, (dim,)."""
        return replace(self, points=np.asarray(points, int))

    def axis(self, dimension: int) -> Float[np.ndarray, " point"]:
        """Values of t along an axis."""
        return np.linspace(self.low[dimension], self.high[dimension], self.points[dimension])

    def stretch(self, position: Float[np.ndarray, "point dim"]) -> Float[np.ndarray, "point dim"]:
        """The t of unconstrained coordinates."""
        whitened = np.linalg.solve(self.scale, (position[..., self.order] - self.centre).T).T
        return np.arcsinh(whitened)

    def coordinates(self, t: Float[np.ndarray, "point dim"]) -> Float[np.ndarray, "point dim"]:
        """Unconstrained coordinates of t."""
        coordinates = np.empty_like(t)
        coordinates[:, self.order] = self.centre + np.sinh(t) @ self.scale.T
        return coordinates

    def evaluate(self, t: Float[np.ndarray, "point dim"]) -> Evaluated:
        """Density, weight and sites at any points t."""
        log_density, sites = self.posterior.evaluate(self.coordinates(t))
        log_volume = np.linalg.slogdet(self.scale)[1] + np.log(np.cosh(t)).sum(axis=1)
        log_weight = log_density + log_volume + np.log(self.spacing).sum()
        log_weight = np.where(np.isfinite(log_weight), log_weight, -np.inf)
        return Evaluated(t, log_density, log_weight, sites)

    def chunks(self) -> Iterator[Evaluated]:
        """All points of the grid, the last axis fastest, a chunk at a time."""
        step = self.posterior.max_batch
        for start in range(0, self.size, step):
            index = np.arange(start, min(start + step, self.size))
            places = np.stack(np.unravel_index(index, tuple(self.points)), axis=-1)
            yield self.evaluate(self.low + places * self.spacing)

    def tabulate(self) -> Table:
        """Log density and log weight of every point."""
        parts = [(chunk.log_density, chunk.log_weight) for chunk in self.chunks()]
        columns = zip(*parts, strict=True)
        log_density, log_weight = (
            np.concatenate(column).reshape(self.points) for column in columns
        )
        return Table(log_density, log_weight)

    def integrate(
        self, top: float, about: Float[np.ndarray, " component"] | None = None
    ) -> Integrals:
        """Evidence, means and standard deviations by the trapezoid rule.

        Parameters
        ----------
        top : log density (nats) that is factored out, so that nothing overflows.
        about : (component,) sds are exact only if this is close to the means; 0 if None.
        """
        mass, first, second = np.zeros(()), np.zeros(()), np.zeros(())
        for chunk in self.chunks():
            share = np.exp(chunk.log_weight - top)
            offset = 0.0 if about is None else about
            shifted = np.where(share[:, None] > 0, chunk.sites - offset, 0.0)
            mass = mass + share.sum()
            first = first + share @ shifted
            second = second + share @ shifted**2
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            shift = first / mass
            sd = np.sqrt(np.maximum(second / mass - shift**2, 0.0))
            mean = shift + (0.0 if about is None else about)
            return Integrals(float(top + np.log(mass)), mean, sd)
