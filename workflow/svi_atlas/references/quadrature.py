"""Posteriors of one to three dimensions by the trapezoid rule on an adapted grid.

The unconstrained coordinates are whitened and stretched, x = centre + L sinh(t): the density falls
at least exponentially in t even where its tail is a power, and the trapezoid rule then converges
faster than any power of the spacing (Trefethen and Weideman 2014, "The exponentially convergent
trapezoidal rule"). L is lower triangular, so that t_0 alone decides the first coordinate and sums
over the others are its marginal density.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import jax
import numpy as np
from scipy import interpolate, ndimage, special

from svi_atlas.records import Mode, Reference
from svi_atlas.references.modes import LocalMaximum, find_optima
from svi_atlas.references.posterior import Posterior

MOST_DIMENSIONS = 3
TOLERANCE = {1: 1e-6, 2: 1e-6, 3: 1e-4}
"""Change of the log evidence (nats) and, 100 times this, of means and sds (sds) at which to stop."""

MOST_POINTS = 2**24
MOST_WORK = 2**32
"""Limits of a grid: its points, and its points times the number of observed values."""

NEGLIGIBLE = 20.0
"""Nats below the top where the grid may end; second moments are counted in."""

FARTHEST = 40.0
"""Largest |t|: a posterior that still counts there has no such moment."""

BARRIER = 2.0
"""Modes are separate if a path between them must fall this many nats below the lower one."""

LEAST_MASS = 1e-3
"""Modes with less of the posterior are not named."""

DRAWS = 10_000
SKETCH = {1: 2001, 2: 161, 3: 49}
"""Points along an axis of the grid that finds out where the posterior lies."""

FINE = {1: 4001, 2: 401, 3: 101}
"""Least points along an axis of the grid for draws and modes."""

CURVE = 401
"""Least points of a marginal density."""


def by_quadrature(
    posterior: Posterior, key: jax.Array, report: Callable[[str], None]
) -> Reference | str:
    """The reference of a posterior of few dimensions, or the reason why a grid cannot give it."""
    if posterior.dim > MOST_DIMENSIONS:
        return f"it has {posterior.dim} dimensions, more than {MOST_DIMENSIONS}"
    optima = find_optima(posterior, _starts(posterior, key))
    if not optima:
        return "no start with a finite density was found"
    report(f"found {len(optima)} optima, the highest with log density {optima[0].height:.4f}")
    grid = _adapted(posterior, optima, np.arange(posterior.dim))
    if isinstance(grid, str):
        return grid
    found = _refined(grid, optima, report)
    if isinstance(found, str):
        return found
    grid, sums, error = found
    mean, sd = posterior.split(sums.mean), posterior.split(sums.sd)
    if not (np.isfinite(sums.sd).all() and (sums.sd >= 0).all()):
        return "its standard deviations are not finite"
    fine = grid.with_points(np.maximum(grid.points, FINE[posterior.dim]))
    table = fine.table()
    rng = np.random.default_rng(np.asarray(key))
    shape = " x ".join(map(str, grid.points))
    return Reference(
        draws=_draws(fine, table, rng),
        mean=mean,
        sd=sd,
        log_evidence=sums.log_evidence,
        method=f"quadrature on {shape} points, log evidence to {max(error, 1e-12):.0e}",
        density=_marginals(grid, optima),
        modes=_modes(fine, table, optima, sums.sd),
    )


@dataclass(frozen=True)
class _Sums:
    """Integrals over a grid: ln of the evidence, means and sds by component."""

    log_evidence: float
    mean: np.ndarray
    sd: np.ndarray

    def change(self, other: _Sums) -> float:
        """The largest change: of the log evidence, and of means and sds in sds over 100."""
        spread = np.where(self.sd > 0, self.sd, 1.0)
        moments = np.abs(self.mean - other.mean) / spread, np.abs(self.sd - other.sd) / spread
        evidence = abs(self.log_evidence - other.log_evidence)
        found = max(evidence, float(np.max(moments)) / 100)
        return found if math.isfinite(found) else math.inf

    def extrapolated(self, coarser: _Sums, factor: float) -> _Sums:
        """Where an error falling as the squared spacing would lead (Richardson)."""

        def limit(fine, coarse):
            return fine + (fine - coarse) / (factor**2 - 1)

        return _Sums(
            limit(self.log_evidence, coarser.log_evidence),
            limit(self.mean, coarser.mean),
            limit(self.sd, coarser.sd),
        )


@dataclass(frozen=True)
class _Table:
    """Every point of a grid: ln density of the coordinates, and ln of density times volume."""

    height: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class _Grid:
    """Points t between low and high, with x[order] = centre + scale sinh(t).

    All arrays (dim,) but scale, (dim, dim) lower triangular, and are in the given order of the
    coordinates.
    """

    posterior: Posterior
    order: np.ndarray
    centre: np.ndarray
    scale: np.ndarray
    low: np.ndarray
    high: np.ndarray
    points: np.ndarray

    @property
    def size(self) -> int:
        return math.prod(int(count) for count in self.points)

    @property
    def spacing(self) -> np.ndarray:
        return (self.high - self.low) / (self.points - 1)

    def with_points(self, points: np.ndarray) -> _Grid:
        return replace(self, points=np.asarray(points, int))

    def affordable(self) -> bool:
        return self.size <= min(MOST_POINTS, MOST_WORK // max(self.posterior.observed, 1))

    def axis(self, dimension: int) -> np.ndarray:
        """Values of t along an axis."""
        return np.linspace(self.low[dimension], self.high[dimension], self.points[dimension])

    def stretched(self, position: np.ndarray) -> np.ndarray:
        """t (..., dim) of unconstrained coordinates (..., dim)."""
        whitened = np.linalg.solve(self.scale, (position[..., self.order] - self.centre).T).T
        return np.arcsinh(whitened)

    def coordinates(self, t: np.ndarray) -> np.ndarray:
        """Unconstrained coordinates (n, dim) of t (n, dim)."""
        found = np.empty_like(t)
        found[:, self.order] = self.centre + np.sinh(t) @ self.scale.T
        return found

    def chunks(self):
        """(t, ln density, ln weight, sites) of the points, a chunk at a time."""
        step = self.posterior.most_at_once
        for start in range(0, self.size, step):
            index = np.arange(start, min(start + step, self.size))
            places = np.stack(np.unravel_index(index, tuple(self.points)), axis=-1)
            t = self.low + places * self.spacing
            yield (t, *self.at(t))

    def at(self, t: np.ndarray):
        """(ln density, ln weight, sites) at points t (n, dim)."""
        height, sites = self.posterior.evaluate(self.coordinates(t))
        volume = np.linalg.slogdet(self.scale)[1] + np.log(np.cosh(t)).sum(axis=1)
        weight = height + volume + np.log(self.spacing).sum()
        return height, np.where(np.isfinite(weight), weight, -np.inf), sites

    def table(self) -> _Table:
        parts = [(height, weight) for _, height, weight, _ in self.chunks()]
        columns = zip(*parts, strict=True)
        height, weight = (np.concatenate(column).reshape(self.points) for column in columns)
        return _Table(height, weight)

    def sums(self, top: float, about: np.ndarray | None = None) -> _Sums:
        """Integrals, with exp(-top) factored out; sds need means close to `about` to be exact."""
        mass, first, second = np.zeros(()), np.zeros(()), np.zeros(())
        for _, _, weight, sites in self.chunks():
            share = np.exp(weight - top)
            shifted = np.where(share[:, None] > 0, sites - (0.0 if about is None else about), 0.0)
            mass = mass + share.sum()
            first = first + share @ shifted
            second = second + share @ shifted**2
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            shift = first / mass
            sd = np.sqrt(np.maximum(second / mass - shift**2, 0.0))
            return _Sums(float(top + np.log(mass)), shift + (0.0 if about is None else about), sd)


def _starts(posterior: Posterior, key: jax.Array) -> np.ndarray:
    """Local maxima of a wide grid, and dispersed points."""
    count = {1: 1001, 2: 81, 3: 25}[posterior.dim]
    line = np.sinh(np.linspace(-8.0, 8.0, count)) / 2
    mesh = np.stack(np.meshgrid(*[line] * posterior.dim, indexing="ij"), axis=-1)
    heights, _ = posterior.evaluate(mesh.reshape(-1, posterior.dim))
    heights = np.where(np.isfinite(heights), heights, -np.inf).reshape(mesh.shape[:-1])
    peaks = (heights == ndimage.maximum_filter(heights, size=3)) & np.isfinite(heights)
    highest = np.argsort(-heights[peaks], kind="stable")[:32]
    return np.concatenate([mesh[peaks][highest], posterior.dispersed(key, 32)])


def _adapted(posterior: Posterior, optima: list[LocalMaximum], order: np.ndarray) -> _Grid | str:
    """A coarse grid, centred and scaled to the posterior, that ends where nothing is left."""
    dim = posterior.dim
    positions = np.array([optimum.position for optimum in optima])[:, order]
    covariances = np.array([optimum.covariance[np.ix_(order, order)] for optimum in optima])
    masses = special.softmax([optimum.log_mass for optimum in optima])
    centre = masses @ positions
    away = positions - centre
    covariance = np.einsum("k,kij->ij", masses, covariances + away[:, :, None] * away[:, None])
    points = np.full(dim, SKETCH[dim])
    grid = _Grid(
        posterior, order, centre, np.linalg.cholesky(covariance),
        np.full(dim, -4.0), np.full(dim, 4.0), points,
    )  # fmt: skip
    for _ in range(3):
        bounded = _bounded(grid)
        if isinstance(bounded, str):
            return bounded
        grid = _rescaled(bounded)
    return _bounded(grid)


def _bounded(grid: _Grid) -> _Grid | str:
    """The same with ends where density, also times the squared sites, is negligible."""
    for _ in range(60):
        profiles = _profiles(grid)
        top = max(profile.max() for profile in profiles)
        if not math.isfinite(top):
            return "the density is zero or undefined all over the grid"
        counts = [np.flatnonzero(profile > top - NEGLIGIBLE) for profile in profiles]
        last = grid.points - 1
        open_low = np.array([count[0] == 0 for count in counts])
        open_high = np.array([count[-1] for count in counts]) == last
        if ((grid.low <= -FARTHEST) & open_low).any() or (
            (grid.high >= FARTHEST) & open_high
        ).any():
            return "its tail is too heavy: it has no finite evidence, mean or standard deviation"
        low = grid.low + np.array([count[0] - 1 for count in counts]) * grid.spacing
        high = grid.low + np.array([count[-1] + 1 for count in counts]) * grid.spacing
        low = np.where(open_low, np.maximum(grid.low - 2.0, -FARTHEST), low)
        high = np.where(open_high, np.minimum(grid.high + 2.0, FARTHEST), high)
        grid = replace(grid, low=low, high=high)
        if not (open_low | open_high).any():
            return grid
    return "its bounds could not be found"


def _profiles(grid: _Grid) -> list[np.ndarray]:
    """Along each axis, the largest ln of weight times (1 + squared distance of the sites)."""
    found = [np.full(count, -np.inf) for count in grid.points]
    start = 0
    for _, _, weight, sites in grid.chunks():
        places = np.unravel_index(np.arange(start, start + len(weight)), tuple(grid.points))
        start += len(weight)
        with np.errstate(invalid="ignore", over="ignore"):
            moment = np.log1p(np.minimum(np.sum(sites**2, axis=1), 1e300))
        value = np.where(np.isfinite(weight), weight + np.nan_to_num(moment), -np.inf)
        for profile, place in zip(found, places, strict=True):
            np.maximum.at(profile, place, value)
    return found


def _rescaled(grid: _Grid) -> _Grid:
    """Centre and scale from the grid's own weights, far points counted less; the ends follow."""
    total, first, second = np.zeros(()), np.zeros(()), np.zeros(())
    top = max(weight.max() for _, _, weight, _ in grid.chunks())
    for t, _, weight, _ in grid.chunks():
        whitened = np.sinh(np.clip(t, -20, 20))
        share = np.exp(weight - top) / (1 + (whitened**2).sum(axis=1) / 50)
        total = total + share.sum()
        first = first + share @ whitened
        second = second + (whitened * share[:, None]).T @ whitened
    mean = first / total
    covariance = second / total - np.outer(mean, mean) + 1e-6 * np.eye(len(mean))
    inner = np.linalg.cholesky(covariance)
    low, high = np.sinh(grid.low), np.sinh(grid.high)
    corners = np.stack(np.meshgrid(*np.stack([low, high], axis=1), indexing="ij"), axis=-1)
    t = np.arcsinh(np.linalg.solve(inner, (corners.reshape(-1, len(mean)) - mean).T))
    return replace(
        grid,
        centre=grid.centre + grid.scale @ mean,
        scale=grid.scale @ inner,
        low=np.maximum(t.min(axis=1), -FARTHEST),
        high=np.minimum(t.max(axis=1), FARTHEST),
    )


def _resolving(grid: _Grid, optima: list[LocalMaximum]) -> _Grid:
    """As many points as it takes to see every peak that matters, about one a standard deviation."""
    masses = special.softmax([optimum.log_mass for optimum in optima])
    spacing = np.full(len(grid.points), np.inf)
    for optimum, mass in zip(optima, masses, strict=True):
        if mass < LEAST_MASS**2:
            continue
        t = grid.stretched(optimum.position[None])[0]
        precision = np.linalg.inv(optimum.covariance[np.ix_(grid.order, grid.order)])
        widths = 1 / np.sqrt(np.diag(grid.scale.T @ precision @ grid.scale))
        spacing = np.minimum(spacing, widths / np.cosh(t))
    wanted = np.ceil(np.minimum((grid.high - grid.low) / spacing, 1e6))
    return grid.with_points(2 * np.maximum(wanted // 2 + 1, 8) + 1)


def _refined(
    grid: _Grid, optima: list[LocalMaximum], report: Callable[[str], None]
) -> tuple[_Grid, _Sums, float] | str:
    """The grid at which evidence and moments stand still, its integrals, and the last change.

    Where a kink makes the error fall as the squared spacing only, the extrapolated integrals may
    stand still before.
    """
    dim = len(grid.points)
    factor = 1.5 if dim == 3 else 2.0
    grid = _resolving(grid, optima)
    before: dict[str, _Sums] = {}
    while grid.affordable():
        about = before["plain"].mean if before else None
        now = {"plain": grid.sums(optima[0].height, about)}
        shape = " x ".join(map(str, grid.points))
        report(f"grid of {shape} points: log evidence {now['plain'].log_evidence:.8f}")
        if before:
            now["extrapolated"] = now["plain"].extrapolated(before["plain"], factor)
        for kind in now.keys() & before.keys():
            if now[kind].change(before[kind]) < TOLERANCE[dim]:
                error = abs(now[kind].log_evidence - before[kind].log_evidence)
                return grid, now[kind], error
        before = now
        grid = grid.with_points(np.ceil((grid.points - 1) * factor) + 1)
    return f"a grid of {grid.size:,} points or more would be needed"


def _draws(grid: _Grid, table: _Table, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Independent draws: a cell, a point in it, accepted by the density there."""
    weight = table.weight.ravel()
    cumulative = np.cumsum(np.exp(weight - weight.max()))
    kept: list[np.ndarray] = []
    missing = DRAWS
    while missing > 0:
        uniform = (np.arange(missing) + rng.random(missing)) / missing * cumulative[-1]
        cells = np.minimum(np.searchsorted(cumulative, uniform, side="right"), len(weight) - 1)
        places = np.stack(np.unravel_index(cells, tuple(grid.points)), axis=-1)
        t = grid.low + (places + rng.random(places.shape) - 0.5) * grid.spacing
        _, found, sites = grid.at(t)
        ratio = np.exp(found - weight[cells])
        accepted = rng.random(len(ratio)) * np.quantile(ratio, 0.9999) < ratio
        kept.append(sites[accepted])
        missing -= int(accepted.sum())
    return grid.posterior.split(rng.permutation(np.concatenate(kept)))


def _modes(
    grid: _Grid, table: _Table, optima: list[LocalMaximum], sd: np.ndarray
) -> tuple[Mode, ...]:
    """The separate modes, each with the share of the posterior nearest to it in units of sd."""
    separate: list[LocalMaximum] = []
    for optimum in optima:
        if not any(_joined(grid, table, optimum, other) for other in separate):
            separate.append(optimum)
    if len(separate) < 2:
        return ()
    with_mass = _with_masses(grid, separate, sd)
    if (with_mass[1] < LEAST_MASS).any():
        separate = [m for m, mass in zip(separate, with_mass[1], strict=True) if mass >= LEAST_MASS]
        if len(separate) < 2:
            return ()
        with_mass = _with_masses(grid, separate, sd)
    return tuple(
        Mode({site: values[index] for site, values in grid.posterior.split(with_mass[0]).items()},
             float(mass))
        for index, mass in enumerate(with_mass[1])
    )  # fmt: skip


def _joined(grid: _Grid, table: _Table, one: LocalMaximum, other: LocalMaximum) -> bool:
    """Whether a path on the grid leads from one to the other without falling deep."""
    level = min(one.height, other.height) - BARRIER
    labels, _ = ndimage.label(table.height > level, np.ones([3] * table.height.ndim))
    found = []
    for optimum in (one, other):
        t = grid.stretched(optimum.position[None])[0]
        place = np.rint((t - grid.low) / grid.spacing).astype(int)
        found.append(labels[tuple(np.clip(place, 0, grid.points - 1))])
    # A mode that falls between the points is too small to be named.
    return 0 in found or found[0] == found[1]


def _with_masses(
    grid: _Grid, modes: list[LocalMaximum], sd: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Centres (mode, component) and masses (mode,)."""
    positions = np.array([mode.position for mode in modes])
    centres = grid.posterior.evaluate(positions)[1]
    spread = np.where(sd > 0, sd, 1.0)
    masses = np.zeros(len(modes))
    for _, _, weight, sites in grid.chunks():
        share = np.exp(weight - modes[0].height)
        counts = share > 0
        distance = (((sites[counts, None] - centres) / spread) ** 2).sum(-1)
        masses += np.bincount(distance.argmin(-1), share[counts], len(modes))
    return centres, masses / masses.sum()


def _marginals(grid: _Grid, optima: list[LocalMaximum]) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Marginal density of each scalar site that one coordinate decides."""
    posterior, found = grid.posterior, {}
    for site, coordinate in posterior.coordinates.items():
        order = np.roll(np.arange(posterior.dim), -coordinate)
        own = _adapted(posterior, optima, order) if coordinate else grid
        if isinstance(own, str):
            continue
        fine = np.maximum(grid.points[order], 33)
        fine[0] = max(fine[0], CURVE)
        own = own.with_points(fine)
        curve = _curve(own, posterior.offset(site), optima[0].height) if own.affordable() else None
        if curve is not None:
            found[site] = curve
    return found


def _curve(grid: _Grid, component: int, top: float) -> tuple[np.ndarray, np.ndarray] | None:
    """A site's values along the first axis and its density, None if other axes matter to it."""
    count = grid.points[0]
    mass, least, most = np.zeros(count), np.full(count, np.inf), np.full(count, -np.inf)
    start = 0
    for _, _, weight, sites in grid.chunks():
        place = np.arange(start, start + len(weight)) // (grid.size // count)
        start += len(weight)
        np.add.at(mass, place, np.exp(weight - top))
        np.minimum.at(least, place, sites[:, component])
        np.maximum.at(most, place, sites[:, component])
    kept = (mass > 1e-9 * mass.max()) & np.isfinite(most)
    value, axis = most[kept], grid.axis(0)[kept]
    if kept.sum() < 5 or (most - least)[kept].max() > 1e-9 * np.ptp(value):
        return None
    slope = np.abs(interpolate.CubicSpline(axis, value).derivative()(axis))
    density = mass[kept] / mass.sum() / np.maximum(slope * grid.spacing[0], 1e-300)
    ascending = np.argsort(value)
    return value[ascending], density[ascending]
