"""The exact density of the bimodal problem and the exact optima of two guide families, in closed form.

The constants are those of `problems/bimodal.py`, which needs JAX.
"""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from scipy import optimize, special

SIGMA1, SIGMA2, B, HALF_BOX = 0.5, 2.0, 5.0, 20.0
CAUCHY_SCALE = np.sqrt(2.0) * SIGMA2

SHADES = LinearSegmentedColormap.from_list("shades", ["#ffffff", "#9ecae1", "#2171b5", "#08306b"])


def log_density(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Unnormalised log density (nats) at x, y of one shape, inside the box."""
    u1, u2 = (x + y) / np.sqrt(2.0), (x - y) / np.sqrt(2.0)
    modes = np.logaddexp(-0.5 * ((u1 - B) / SIGMA1) ** 2, -0.5 * ((u1 + B) / SIGMA1) ** 2)
    return modes - np.log1p(0.5 * (u2 / SIGMA2) ** 2)


def normal_mixture_optimum() -> tuple[float, float]:
    """(sig2_q, loss in nats) of the best equal mixture of two Normals, tails beyond the box kept.

    Across the modes the family is exact, which leaves one integral over u2 ~ N(0, sig2_q).
    """
    nodes, weights = np.polynomial.hermite_e.hermegauss(201)
    weights = weights / weights.sum()
    across = np.log((2 * HALF_BOX) ** 2) - np.log(2 * SIGMA1 * np.sqrt(2 * np.pi))

    def loss(sig2: float) -> float:
        entropy = 0.5 * np.log(2 * np.pi * np.e) + np.log(sig2)
        return across - entropy + weights @ np.log1p(0.5 * (sig2 * nodes / SIGMA2) ** 2)

    best = optimize.minimize_scalar(loss, bounds=(1.0, 20.0), method="bounded")
    return float(best.x), float(best.fun)


def one_mode_optimum() -> float:
    """Loss (nats) of the best single Normal along one mode: ln 2 above the mixture."""
    return normal_mixture_optimum()[1] + float(np.log(2.0))


def single_normal_optimum(full_rank: bool) -> float:
    """Loss (nats) of the best single Normal where the autoguides have it: for the logits of x and y."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    standard = np.array(np.meshgrid(nodes, nodes)).reshape(2, -1)
    weights = np.outer(weights, weights).ravel() / weights.sum() ** 2

    def loss(free: np.ndarray) -> float:
        loc, log_scale, slope = free[:2], free[2:4], free[4] if full_rank else 0.0
        scale = np.array([[np.exp(log_scale[0]), 0.0], [slope, np.exp(log_scale[1])]])
        logits = loc[:, None] + scale @ standard
        x, y = HALF_BOX * (2 * special.expit(logits) - 1)
        prior = -(np.logaddexp(0, logits) + np.logaddexp(0, -logits)).sum(0)
        entropy = 1 + np.log(2 * np.pi) + log_scale.sum()
        return -entropy - weights @ (log_density(x, y) + prior)

    mode = special.logit(0.5 + 0.5 * B / np.sqrt(2.0) / HALF_BOX)
    starts = [[mode, mode, np.log(wide), np.log(0.1), -wide] for wide in (0.1, 0.3)]
    options = {"maxiter": 4000, "xatol": 1e-6, "fatol": 1e-8}
    found = [
        optimize.minimize(loss, start, method="Nelder-Mead", options=options) for start in starts
    ]
    return float(min(result.fun for result in found))


def show_density(axes: Axes, what: str = "density"):
    """The density (relative to its peak), or its log, as an image over the box."""
    grid = np.linspace(-HALF_BOX, HALF_BOX, 401)
    values = log_density(*np.meshgrid(grid, grid))
    values = values - values.max()
    shown = np.exp(values) if what == "density" else np.maximum(values, -20.0)
    image = axes.imshow(
        shown, origin="lower", extent=(-HALF_BOX, HALF_BOX) * 2, cmap=SHADES,
        interpolation="bilinear", aspect="equal",
    )  # fmt: skip
    box(axes)
    return image


def box(axes: Axes) -> None:
    """Axes over the box, equal in x and y."""
    axes.set_xlim(-HALF_BOX, HALF_BOX)
    axes.set_ylim(-HALF_BOX, HALF_BOX)
    axes.set_aspect("equal")
    axes.set_xticks([-20, -10, 0, 10, 20])
    axes.set_yticks([-20, -10, 0, 10, 20])
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.grid(False)
