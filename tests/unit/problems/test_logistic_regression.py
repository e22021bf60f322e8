"""The reference of all rows against quadrature."""

import numpy as np
import pytest

from svi_atlas import problems
from svi_atlas.inference.keys import purpose_key
from svi_atlas.inference.posterior import Posterior
from svi_atlas.references.quadrature import integrate_posterior


@pytest.mark.slow
def test_evidence_of_all_rows_equals_quadrature():
    problem = problems.load("logistic_regression")
    settings = {"rows": 1500, "columns": 2}
    data = problem.simulate(purpose_key(0, "data"), settings)
    reference = problem.reference(data, settings)
    posterior = Posterior.from_model(problem.models["minibatches"], data, "here")
    exact = integrate_posterior(posterior, purpose_key(0, "q"), lambda line: None)
    assert reference.log_evidence == pytest.approx(exact.log_evidence, abs=0.03)
    for name, error in (("mean", "mean_se"), ("sd", "sd_se")):
        sampled, known = (getattr(each, name)["weights"] for each in (reference, exact))
        assert (np.abs(sampled - known) < 5 * getattr(reference, error)["weights"]).all()
