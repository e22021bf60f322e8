"""ELBOs of Gaussians, whose KL divergences are known."""

import numpy as np
import pytest

from svi_atlas.diagnostics.elbo import elbo
from unit.diagnostics.helpers import gaussian_kl, gaussian_log_weights


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.2), (0.7, 0.8), (-0.2, 0.5)])
def test_elbo_and_kl_of_gaussians(rng, mean, sd):
    log_evidence = -3.0
    weights = gaussian_log_weights(rng, 20_000, mean, sd, log_evidence)
    columns = {name: float(value[0]) for name, value in elbo(weights, log_evidence).items()}
    kl = gaussian_kl(mean, sd)
    assert columns["kl"] == pytest.approx(kl, abs=4 * columns["kl_se"])
    assert columns["elbo"] == pytest.approx(log_evidence - kl, abs=4 * columns["elbo_se"])
    assert 0 < columns["elbo_se"] < 0.02
    assert columns["outside_support"] == 0


def test_standard_error_is_the_spread_of_the_estimate(rng):
    weights = np.concatenate([gaussian_log_weights(rng, 500, 0.5, 1.3) for _ in range(1000)])
    columns = elbo(weights)
    spread = columns["elbo"].std(ddof=1)
    assert columns["elbo_se"].mean() == pytest.approx(spread, rel=0.1)


def test_kl_is_missing_without_evidence(rng):
    columns = elbo(gaussian_log_weights(rng, 1000, 0.0, 1.1))
    assert np.isnan(columns["kl"][0])
    assert np.isnan(columns["kl_se"][0])
    assert np.isfinite(columns["elbo"][0])


def test_draws_outside_the_support_are_counted():
    weights = np.zeros((2, 1000))
    weights[1, :3] = -np.inf
    columns = elbo(weights)
    np.testing.assert_allclose(columns["outside_support"], [0, 0.003])
    np.testing.assert_allclose(columns["elbo"], [0, 0])
