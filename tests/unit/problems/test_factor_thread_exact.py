"""Expected losses of the pairings against the average of their own terms over draws."""

import math

import numpy as np
import pytest
from scipy import optimize, stats

from svi_atlas.problems.factor_thread import exact

SIG1, SIG2 = 1.7, 3.0


def _log_normals(x, y, sig1, sig2):
    return stats.norm.logpdf(x, 0, sig1) + stats.norm.logpdf(y, 0, sig2)


def _log_factor(x, y, sig1, sig2):
    uniform = -2 * math.log(2 * exact.HALF_BOX)
    return uniform - 0.5 * ((x / sig1) ** 2 + (y / sig2) ** 2) - math.log(sig1 * sig2)


@pytest.mark.parametrize("model", ["factor", "sample"])
@pytest.mark.parametrize("guide", ["factor", "sample"])
def test_expected_loss_is_the_mean_over_draws(model, guide):
    rng = np.random.default_rng(1)
    if guide == "factor":
        x, y = rng.uniform(-exact.HALF_BOX, exact.HALF_BOX, (2, 200_000))
    else:
        x, y = np.array([[SIG1], [SIG2]]) * rng.standard_normal((2, 200_000))
    terms = {"factor": _log_factor, "sample": _log_normals}
    loss = terms[guide](x, y, SIG1, SIG2) - terms[model](x, y, exact.SIGMA1, exact.SIGMA2)
    expected = exact.expected_loss(model, guide, np.array(SIG1), np.array(SIG2))
    assert loss.mean() == pytest.approx(expected, abs=5 * loss.std() / math.sqrt(len(loss)))


def test_only_the_sample_guide_is_bounded_by_the_evidence():
    sig = np.geomspace(1e-3, 10, 200)
    assert exact.expected_loss("factor", "factor", sig, sig).min() < -1e6
    loss = exact.expected_loss("sample", "sample", sig, 2 * sig)
    assert loss.min() == pytest.approx(-exact.log_evidence("sample"), abs=1e-2)
    assert (loss >= -exact.log_evidence("sample")).all()


def test_the_stationary_point_of_a_factor_guide_is_a_maximum():
    def negative_loss(log_sig):
        sig = np.exp(log_sig)
        return -float(exact.expected_loss("factor", "factor", sig, np.array(2.0)))

    best = optimize.minimize_scalar(negative_loss, bounds=(0.0, 3.0), method="bounded")
    assert np.exp(best.x) == pytest.approx(exact.STATIONARY_SCALE, rel=1e-4)


def test_log_evidence_is_the_mean_of_the_factor_over_the_box():
    axis = np.linspace(-exact.HALF_BOX, exact.HALF_BOX, 801)
    density = np.exp(_log_factor(*np.meshgrid(axis, axis), exact.SIGMA1, exact.SIGMA2))
    evidence = np.trapezoid(np.trapezoid(density, axis), axis)
    assert exact.log_evidence("factor") == pytest.approx(math.log(evidence), abs=1e-6)
    assert exact.log_evidence("sample") == 0
