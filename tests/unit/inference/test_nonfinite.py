"""Losses that are not finite are counted, and left out of means."""

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from plane_fits import default_fit

from svi_atlas.inference.fit import fit_cell
from svi_atlas.inference.nonfinite import NonFinite, mean_of_finite


def edge_fit(**settings):
    """Fits of a guide that now and then leaves the model's support: its loss then is infinite."""

    def model(data):
        numpyro.sample("x", dist.LogNormal(0.0, 0.5))

    def guide(data):
        loc = numpyro.param("loc", 1.0)
        numpyro.sample("x", dist.Normal(loc, 0.5))

    return fit_cell(
        model, lambda: guide, {}, num_particles=1, step_sizes=(0.001, 0.01), seeds=(1, 2),
        num_steps=1000, num_snapshots=20, **settings,
    )  # fmt: skip


def test_losses_that_are_not_finite_are_counted_one_by_one():
    full = edge_fit()
    bad = ~np.isfinite(full.loss)
    assert (bad.mean(-1) > 0.005).all()
    thin = edge_fit(max_stored_bytes=full.loss.nbytes / 10)
    assert thin.loss_stride == 10
    for fits in (full, thin):
        np.testing.assert_allclose(fits.nonfinite, bad.mean(-1))
        np.testing.assert_array_equal(fits.first_nonfinite, bad.argmax(-1) + 1)
    blocks = np.where(bad, np.nan, full.loss).reshape(2, 2, -1, 10)
    num_finite = np.isfinite(blocks).sum(-1)
    means = np.nansum(blocks, -1) / np.where(num_finite, num_finite, np.nan)
    np.testing.assert_allclose(thin.loss, means, rtol=1e-5)


def test_where_all_losses_are_finite_there_is_no_first_bad_one():
    fits, _ = default_fit()
    assert (fits.nonfinite == 0).all()
    assert np.isnan(fits.first_nonfinite).all()


def test_the_first_step_is_that_of_the_run():
    losses = jnp.ones((3, 1, 2)).at[1, 0, 1].set(jnp.nan).at[2, 0, 1].set(jnp.inf)
    good, bad = NonFinite.among(jnp.ones((3, 1, 2))), NonFinite.among(losses)
    np.testing.assert_array_equal(bad.count, [[0, 2]])
    snapshots = NonFinite(*(np.stack([one, two], -1) for one, two in zip(good, bad, strict=True)))
    np.testing.assert_array_equal(snapshots.first_step(np.array([10, 20])), [[np.nan, 12]])


def test_means_leave_out_what_is_not_finite():
    losses = jnp.array([[1.0, jnp.inf, 3.0], [jnp.nan, jnp.nan, jnp.nan]])[..., None, None]
    np.testing.assert_array_equal(mean_of_finite(losses)[:, 0, 0], [2.0, np.nan])
