"""A model's posterior as a function of one flat vector without constraints."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.flatten_util import ravel_pytree
from numpyro import handlers
from numpyro.distributions import Delta, Distribution
from numpyro.infer.initialization import init_to_uniform
from numpyro.infer.util import initialize_model

from svi_atlas.errors import InputError
from svi_atlas.inference.full_data import NoSubsampling

FEW, MANY = 2**10, 2**16
"""Numbers of positions that are evaluated at once."""

FIX = "give the problem a function `reference` for this model, or "


@dataclass(frozen=True)
class Posterior:
    """The unnormalised posterior of a model given its data.

    model, data: as NumPyro takes them; where: names problem and model in messages.
    dim: number of unconstrained coordinates. shapes: shape by site of the latent sites in the
        constrained space, auxiliary sites left out.
    coordinates: of scalar sites, the place of the coordinate that belongs to each.
    observed: number of observed values, a measure of what one evaluation costs.
    double: whether it is computed in 64 bits; a model that insists on 32 gets them.
    """

    model: Callable
    data: dict[str, Any]
    where: str
    dim: int
    shapes: dict[str, tuple[int, ...]]
    coordinates: dict[str, int]
    observed: int
    double: bool
    _log_density: Callable
    _constrain: Callable
    _to_dict: Callable

    @classmethod
    def of(cls, model: Callable, data: Mapping[str, Any], where: str) -> Posterior:
        """The posterior of `model` given `data`. Raises InputError where there is none to compute."""
        model = NoSubsampling(model)
        try:
            return cls._traced(model, data, where, double=True)
        except InputError:
            raise
        except Exception:
            return cls._traced_in_single_precision(model, data, where)

    @classmethod
    def _traced_in_single_precision(cls, model, data, where) -> Posterior:
        try:
            return cls._traced(model, data, where, double=False)
        except (InputError, MemoryError, OSError):
            raise
        except Exception as error:
            raise InputError(
                f"{where}: no reference can be computed, since the model raised "
                f"{type(error).__name__}: {error}{model.hint}; {FIX}mend the model"
            ) from error

    @classmethod
    def _traced(cls, model, data, where, double) -> Posterior:
        key = jax.random.PRNGKey(0)
        with jax.enable_x64(double):
            arrays = {name: _array(value, double) for name, value in data.items()}
            seeded = handlers.seed(model, key)
            filled = handlers.substitute(seeded, substitute_fn=init_to_uniform())
            trace = handlers.trace(filled).get_trace(arrays)
            _check_sites(trace, where)
            info = initialize_model(key, model, model_args=(arrays,), validate_grad=False)
            start, to_dict = ravel_pytree(info.param_info.z)
        shapes = {
            name: jnp.shape(site["value"])
            for name, site in trace.items()
            if _is_latent(site) and not site["infer"].get("is_auxiliary")
        }
        own = to_dict(jnp.arange(start.size))
        coordinates = {
            name: int(np.ravel(own[name])[0])
            for name, shape in shapes.items()
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
            model, arrays, where, start.size, shapes, coordinates, observed, double, log_density,
            constrain, to_dict,
        )  # fmt: skip

    def precision(self):
        """Context in which everything about this posterior is computed."""
        return jax.enable_x64(self.double)

    def log_density(self, position) -> jax.Array:
        """ln of the unnormalised density of the unconstrained coordinates (dim,), nats; traceable."""
        return self._log_density(position)

    def constrain(self, position) -> dict[str, jax.Array]:
        """The latent sites at unconstrained coordinates (dim,); traceable."""
        return self._constrain(position)

    def as_sites(self, position) -> dict[str, jax.Array]:
        """Unconstrained coordinates (dim,) by site, as NumPyro's samplers take them; traceable."""
        return self._to_dict(position)

    def flat_sites(self, position) -> jax.Array:
        """The constrained sites one after the other, (component,); traceable."""
        values = self.constrain(position)
        return jnp.concatenate([jnp.ravel(values[name]) for name in self.shapes])

    def split(self, flat: np.ndarray) -> dict[str, np.ndarray]:
        """Arrays (..., component) as sites (..., *site dims)."""
        sizes = [int(np.prod(shape)) for shape in self.shapes.values()]
        parts = np.split(flat, np.cumsum(sizes)[:-1], axis=-1)
        return {
            name: part.reshape((*flat.shape[:-1], *shape))
            for (name, shape), part in zip(self.shapes.items(), parts, strict=True)
        }

    def offset(self, name: str) -> int:
        """Where a site begins among the components of all sites."""
        before = list(self.shapes)[: list(self.shapes).index(name)]
        return sum(int(np.prod(self.shapes[site])) for site in before)

    @cached_property
    def _compiled(self) -> tuple[Callable, Callable]:
        def both(position):
            return self.log_density(position), self.flat_sites(position)

        return jax.jit(jax.vmap(both)), jax.jit(jax.value_and_grad(self.log_density))

    @property
    def most_at_once(self) -> int:
        """Positions evaluated at once, for memory's sake."""
        return int(max(FEW, min(MANY, 2**24 // max(self.observed, 1))))

    def evaluate(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """ln density (n,) and sites (n, component) at positions (n, dim), -inf where undefined.

        Padded to one of two lengths, so that only two programs are compiled.
        """
        size = FEW if len(positions) <= FEW else self.most_at_once
        parts = []
        for start in range(0, len(positions), size):
            part = positions[start : start + size]
            filled = np.concatenate([part, np.repeat(part[:1], size - len(part), axis=0)])
            with self.precision():
                found = self._compiled[0](jnp.asarray(filled))
            parts.append([np.asarray(array, float)[: len(part)] for array in found])
        height, sites = (np.concatenate(column) for column in zip(*parts, strict=True))
        return height, sites

    def slope(self, position: np.ndarray) -> tuple[float, np.ndarray]:
        """ln density at a position (dim,), and its gradient (dim,)."""
        with self.precision():
            height, gradient = self._compiled[1](jnp.asarray(position))
        return float(height), np.asarray(gradient, float)

    def dispersed(self, key: jax.Array, count: int) -> np.ndarray:
        """Starts far apart, (count, dim): around 0 with scales of 1, 3, 10 and 30."""
        scales = np.array([1.0, 3.0, 10.0, 30.0])[np.arange(count) % 4]
        rng = np.random.default_rng(np.asarray(key))
        return rng.standard_normal((count, self.dim)) * scales[:, None]


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
                f"{where}: no reference can be computed, since the latent site {name!r} is discrete "
                f"({type(distribution).__name__}); {FIX}sum the site out of the model"
            )
        if isinstance(distribution, Delta):
            raise InputError(
                f"{where}: no reference can be computed, since the latent site {name!r} is a Delta; "
                f"{FIX}use numpyro.deterministic for it"
            )
    for name, site in trace.items():
        if site["type"] == "param":
            raise InputError(
                f"{where}: no reference can be computed, since the model has the parameter {name!r}, "
                "which is fitted together with the guide and has no posterior; "
                f"{FIX}make it a sample site with a prior"
            )
