"""Contours of Gaussians."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

SDS = (1, 2)
"""Standard deviations from the mean at which contours are drawn."""


def draw_ellipses(axes: Axes, moments: pd.Series, colour: str, **options) -> None:
    """Draw the contours of a Gaussian that are SDS standard deviations from its mean.

    Parameters
    ----------
    axes
        Where to draw.
    moments
        `mean_x`, `mean_y`, and the covariance `var_first`, `cov`, `var_second`.
    colour, options
        Of the lines.
    """
    variances, directions = np.linalg.eigh(covariance_matrix(moments))
    # Without the sign of the eigenvector, which rounding decides and which would shift the dashes.
    angle = np.degrees(np.arctan2(directions[1, 1], directions[0, 1])) % 180
    mean = (moments["mean_x"], moments["mean_y"])
    for count in SDS:
        long, short = 2 * count * np.sqrt(variances[::-1])
        axes.add_patch(
            Ellipse(mean, long, short, angle=angle, fill=False, edgecolor=colour, **options)
        )


def covariance_matrix(moments: pd.Series) -> np.ndarray:
    """The covariance (2, 2) of a row of moments."""
    first, both, second = (float(moments[name]) for name in ("var_first", "cov", "var_second"))
    return np.array([[first, both], [both, second]])
