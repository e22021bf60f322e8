"""The regression with its lines integrated out."""

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.problems.hierarchical_regression.marginal import (
    lines_given,
    log_density,
    sums_of_groups,
)

POSITION = jnp.array([0.4, -0.2, *np.log([0.6, 0.3, 0.8])])


def test_lines_are_integrated_out():
    """The marginal density equals that of each group's observations as one multivariate Normal."""
    problem = problems.load("hierarchical_regression")
    data = problem.simulate(purpose_key(0, "data"), {"groups": 3, "observations": 4})
    mean, spread, noise = np.array([0.4, -0.2]), np.array([0.6, 0.3]), 0.8
    expected = stats.norm.logpdf(mean).sum() + stats.halfnorm.logpdf([*spread, noise]).sum()
    expected += np.log([*spread, noise]).sum()  # of the logarithms that are the coordinates
    for x, y in zip(*(np.asarray(data[name], float) for name in ("x", "y")), strict=True):
        design = np.stack([np.ones_like(x), x], 1)
        covariance = design @ np.diag(spread**2) @ design.T + noise**2 * np.eye(len(x))
        expected += stats.multivariate_normal.logpdf(y, design @ mean, covariance)
    height = log_density(POSITION, sums_of_groups(data), 4)
    assert float(height) == pytest.approx(expected, rel=1e-5)


def test_a_line_given_the_hyperparameters_is_conditional_gaussian():
    x, y = np.array([[-1.0, 0.5, 2.0]]), np.array([[0.3, 0.1, -0.7]])
    lines = lines_given(POSITION, sums_of_groups({"x": x, "y": y}))
    mean, prior = np.array([0.4, -0.2]), np.diag([0.6**2, 0.3**2])
    design = np.stack([np.ones(3), x[0]], 1)
    gain = prior @ design.T @ np.linalg.inv(design @ prior @ design.T + 0.8**2 * np.eye(3))
    np.testing.assert_allclose(lines.mean[0], mean + gain @ (y[0] - design @ mean), rtol=1e-4)
    np.testing.assert_allclose(lines.covariance[0], prior - gain @ design @ prior, rtol=1e-4)
