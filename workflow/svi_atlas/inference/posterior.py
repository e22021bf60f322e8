"""A model's posterior as a function of one flat vector without constraints."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Float
from numpyro import handlers
from numpyro.distributions import Delta, Distribution
from numpyro.infer.initialization import init_to_uniform
from numpyro.infer.util import initialize_model

from svi_atlas.errors import InputError
from svi_atlas.inference.data import Data, num_not_finite
from svi_atlas.inference.deterministic import deterministic_sites
from svi_atlas.inference.full_data import NoSubsampling
from svi_atlas.inference.random_numbers import RANDOM_DENSITY, is_random

MIN_BATCH, MAX_BATCH = 2**10, 2**16
"""Positions that are evaluated at once."""

BYTES_PER_TERM = 100
"""More than a model reads and writes for an observed value, unless it works with matrices."""

FEW = 16
"""Positions of the program that tells how much memory a position takes."""

MAX_TERMS_AT_ONCE = 2**24
"""Positions that are evaluated at once, times the number of observed values; for memory's sake."""

MAX_BATCH_BYTES = 2**29
"""Memory that one evaluation may take, by what the compiled program of FEW positions takes."""


@dataclass(frozen=True)
class Posterior:
    """The unnormalised posterior of a model given its data.

    Attributes
    ----------
    where : problem and model, as messages name them.
    dim : number of unconstrained coordinates.
    shapes : site -> shape of the latent site in the constrained space, auxiliary sites left out, and then of
        the deterministic sites that are looked at.
    deterministic : names of the latter.
    coordinates : scalar site -> index of the coordinate that belongs to it.
    owners : for each coordinate, the site that it belongs to.
    observed : number of observed values, a measure of what one evaluation costs.
    double : whether it is computed in 64 bits; a model that insists on 32 gets them.
    """

    where: str
    dim: int
    shapes: dict[str, tuple[int, ...]]
    deterministic: tuple[str, ...]
    coordinates: dict[str, int]
    owners: tuple[str, ...]
    observed: int
    double: bool
    _log_density: Callable
    _constrain: Callable

    @classmethod
    def from_model(cls, model: Callable, data: Mapping[str, Any], where: str) -> Posterior:
        """The posterior of a model.

        Parameters
        ----------
        model : a NumPyro model, called as model(data).
        data : arrays by name.
        where : problem and model, as messages name them.

        Raises
        ------
        InputError
            If the model has no posterior that can be computed: it has no latent site, a discrete
            one, a parameter, or it raises an error.
        """
        model = NoSubsampling(model)
        known = Data.for_model(data, model)
        try:
            return cls._traced(model, known, where, double=True)
        except InputError:
            raise
        except Exception:
            return cls._traced_in_single_precision(model, known, where)

    @classmethod
    def _traced_in_single_precision(cls, model, known, where) -> Posterior:
        try:
            return cls._traced(model, known, where, double=False)
        except (InputError, MemoryError, OSError):
            raise
        except Exception as error:
            raise InputError(
                f"{where}: its posterior density cannot be computed, since the model raised "
                f"{type(error).__name__}: {error}{model.hint}; {_remedy(known)}"
            ) from error

    @classmethod
    def _traced(cls, model, known, where, double) -> Posterior:
        key = jax.random.PRNGKey(0)
        with jax.enable_x64(double):
            arrays = known.converted(partial(_array, double=double))
            seeded = handlers.seed(model, key)
            filled = handlers.substitute(seeded, substitute_fn=init_to_uniform())
            trace = handlers.trace(filled).get_trace(arrays)
            _check_sites(trace, where)
            if is_random(model, arrays, trace, key):
                raise InputError(f"{where}: {RANDOM_DENSITY}")
            info = initialize_model(key, model, model_args=(arrays,), validate_grad=False)
            start, to_dict = ravel_pytree(info.param_info.z)
        shapes = {
            name: jnp.shape(site["value"])
            for name, site in trace.items()
            if _is_latent(site) and not site["infer"].get("is_auxiliary")
        }
        latent = dict(shapes)
        determined = deterministic_sites(trace)
        shapes |= {name: jnp.shape(value) for name, value in determined.items()}
        own = to_dict(jnp.arange(start.size))
        owners = {int(index): name for name in own for index in np.ravel(own[name])}
        coordinates = {
            name: int(np.ravel(own[name])[0])
            for name, shape in latent.items()
            if shape == () and np.size(own[name]) == 1
        }
        observed = sum(
            jnp.size(site["value"])
            for site in trace.values()
            if site["type"] == "sample" and site["is_observed"]
        )

        def log_density(position):
            value = -info.potential_fn(to_dict(position))
            return jnp.where(jnp.isnan(value), -jnp.inf, value)

        def constrain(position):
            values = info.postprocess_fn(to_dict(position))
            return {name: values[name] for name in shapes}

        return cls(
            where=where,
            dim=start.size,
            shapes=shapes,
            deterministic=tuple(determined),
            coordinates=coordinates,
            owners=tuple(owners[index] for index in range(start.size)),
            observed=observed,
            double=double,
            _log_density=log_density,
            _constrain=constrain,
        )

    def precision(self) -> AbstractContextManager:
        """Context in which everything about this posterior is computed."""
        return jax.enable_x64(self.double)

    def log_density(self, position: Float[Array, " dim"]) -> Float[Array, ""]:
        """Log of the unnormalised density of the unconstrained coordinates, nats; traceable."""
        return self._log_density(position)

    def constrain(self, position: Float[Array, " dim"]) -> dict[str, Array]:
        """The sites at unconstrained coordinates; traceable."""
        return self._constrain(position)

    def flat_sites(self, position: Float[Array, " dim"]) -> Float[Array, " component"]:
        """The constrained sites one after the other; traceable."""
        values = self.constrain(position)
        return jnp.concatenate([jnp.ravel(values[name]) for name in self.shapes])

    def split(self, flat: Float[np.ndarray, " *batch component"]) -> dict[str, np.ndarray]:
        """Components as sites, each (*batch, *site)."""
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        parts = np.split(flat, np.cumsum(sizes)[:-1], axis=-1)
        return {
            name: part.reshape((*flat.shape[:-1], *shape))
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def without(self, sites: Collection[str]) -> Posterior:
        """The same density, of which these sites are not looked at."""
        left = {name: shape for name, shape in self.shapes.items() if name not in sites}
        return replace(self, shapes=left)

    @property
    def num_latent(self) -> int:
        """Number of components of the latent sites, which come first."""
        latent = [shape for name, shape in self.shapes.items() if name not in self.deterministic]
        return sum(int(np.prod(shape)) for shape in latent)

    def offset(self, name: str) -> int:
        """Index of a site's first component among those of all sites."""
        before = list(self.shapes)[: list(self.shapes).index(name)]
        return sum(int(np.prod(self.shapes[site])) for site in before)

    @cached_property
    def _compiled(self) -> tuple[Callable, Callable]:
        def density_and_sites(position):
            return self.log_density(position), self.flat_sites(position)

        density_and_slope = jax.value_and_grad(self.log_density)
        return jax.jit(jax.vmap(density_and_sites)), jax.jit(density_and_slope)

    @cached_property
    def max_batch(self) -> int:
        """Positions that are evaluated at once, at most: as many as memory and the data allow."""
        by_data = max(MIN_BATCH, MAX_TERMS_AT_ONCE // max(self.observed, 1))
        return int(min(MAX_BATCH, by_data, self._positions_in_memory))

    @cached_property
    def _few_compiled(self) -> Any:
        """The program that evaluates FEW positions; tells of cost and memory."""
        with self.precision():
            shape = jax.ShapeDtypeStruct((FEW, self.dim), jnp.zeros(0).dtype)
            return jax.jit(self._compiled[0]).lower(shape).compile()

    @cached_property
    def terms(self) -> int:
        """Cost of one evaluation in observed values: their number, or the memory traffic of a costlier model.

        A model may cost far more than its data, such as a Gaussian process with its matrices.
        """
        accessed = (self._few_compiled.cost_analysis() or {}).get("bytes accessed", 0.0) / FEW
        return max(self.observed, int(accessed / BYTES_PER_TERM), 1)

    @cached_property
    def _positions_in_memory(self) -> int:
        """Positions whose evaluation takes at most MAX_BATCH_BYTES, a power of two."""
        memory = self._few_compiled.memory_analysis()
        used = getattr(memory, "temp_size_in_bytes", 0) + getattr(memory, "output_size_in_bytes", 0)
        fitting = MAX_BATCH_BYTES * FEW // max(used, 1)
        return int(2 ** np.floor(np.log2(np.clip(fitting, 1, MAX_BATCH))))

    def evaluate(
        self, positions: Float[np.ndarray, "position dim"]
    ) -> tuple[Float[np.ndarray, " position"], Float[np.ndarray, "position component"]]:
        """Log density (nats, -inf where undefined) and constrained sites at many positions.

        Padded to one of two lengths, so that only two programs are compiled.
        """
        few = min(MIN_BATCH, self.max_batch)
        size = few if len(positions) <= few else self.max_batch
        parts = []
        for start in range(0, len(positions), size):
            part = positions[start : start + size]
            padded = np.concatenate([part, np.repeat(part[:1], size - len(part), axis=0)])
            with self.precision():
                evaluated = self._compiled[0](jnp.asarray(padded))
            parts.append([np.asarray(array, float)[: len(part)] for array in evaluated])
        log_density, sites = (np.concatenate(column) for column in zip(*parts, strict=True))
        return log_density, sites

    def slope(self, position: Float[np.ndarray, " dim"]) -> tuple[float, Float[np.ndarray, " dim"]]:
        """Log density (nats) at one position, and its gradient."""
        with self.precision():
            log_density, gradient = self._compiled[1](jnp.asarray(position))
        return float(log_density), np.asarray(gradient, float)

    @cached_property
    def _compiled_hessian(self) -> Callable:
        rows_at_once = int(np.clip(MAX_TERMS_AT_ONCE // max(self.observed, 1), 1, self.dim))
        gradient = jax.grad(self.log_density)

        def hessian(position):
            def row(direction):
                return jax.jvp(gradient, (position,), (direction,))[1]

            directions = jnp.eye(self.dim, dtype=position.dtype)
            return jax.lax.map(row, directions, batch_size=rows_at_once)

        return jax.jit(hessian)

    def hessian(self, position: Float[np.ndarray, " dim"]) -> Float[np.ndarray, "dim dim"]:
        """Second derivatives of the log density at one position, nats."""
        with self.precision():
            hessian = self._compiled_hessian(jnp.asarray(position))
        return np.asarray(hessian, float)

    def disperse(self, key: jax.Array, count: int) -> Float[np.ndarray, " {count} dim"]:
        """Starts far apart: around 0 with scales of 1, 3, 10 and 30."""
        scales = np.array([1.0, 3.0, 10.0, 30.0])[np.arange(count) % 4]
        rng = np.random.default_rng(np.asarray(key))
        return rng.standard_normal((count, self.dim)) * scales[:, None]


def _remedy(data: Data) -> str:
    """What to do about a model that has no density."""
    holes = [f"{name!r} ({count})" for name in data if (count := num_not_finite(data[name]))]
    if not holes:
        return "fix the model"
    return (
        f"values of the data are not finite, in {', '.join(holes)}: leave them out, or mask their observations "
        "with numpyro.handlers.mask"
    )


def _array(value, double: bool) -> jax.Array:
    array = np.asarray(value)
    return jnp.asarray(array.astype(float) if double and array.dtype.kind == "f" else array)


def _is_latent(site) -> bool:
    return site["type"] == "sample" and not site["is_observed"]


def _check_sites(trace, where: str) -> None:
    latent = {name: site for name, site in trace.items() if _is_latent(site)}
    if not latent:
        raise InputError(f"{where}: the model has no latent site, so there is nothing to infer")
    for name, site in latent.items():
        distribution = site["fn"]
        if isinstance(distribution, Distribution) and distribution.support.is_discrete:
            raise InputError(
                f"{where}: its posterior density cannot be computed, since the latent site {name!r} is "
                f"discrete ({type(distribution).__name__}); sum the site out of the model"
            )
        if isinstance(distribution, Delta):
            raise InputError(
                f"{where}: its posterior density cannot be computed, since the latent site {name!r} is "
                "a Delta; use numpyro.deterministic for it"
            )
    for name, site in trace.items():
        if site["type"] == "param":
            raise InputError(
                f"{where}: its posterior density cannot be computed, since the model has the parameter "
                f"{name!r}, which is fitted together with the guide and has no posterior; make it a "
                "sample site with a prior"
            )
