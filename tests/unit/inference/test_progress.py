"""The progress line of a fit."""

import numpy as np
from plane_fits import PLANE_DATA, default_fit, plane, plane_normal

from svi_atlas.inference.fit import fit_cell


def test_progress_lines():
    _, lines = default_fit()
    assert len(lines) == 20
    assert lines[-1].startswith("step 400 of 400")
    assert "steps/s" in lines[-1]
    assert "100% of replicas finite" in lines[-1]


def test_progress_names_the_share_of_finite_replicas():
    lines = []
    fits = fit_cell(
        plane,
        lambda: plane_normal,
        PLANE_DATA,
        num_particles=1,
        step_sizes=(0.001, float("inf")),
        seeds=(1,),
        num_steps=40,
        report=lines.append,
    )
    assert np.isfinite(fits.loss[0, 0]).all()
    assert not np.isfinite(fits.loss[0, 1, -1])
    assert "50% of replicas finite" in lines[-1]
