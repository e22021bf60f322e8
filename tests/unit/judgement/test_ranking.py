"""Which setting of a guide is called its best."""

import numpy as np
import pandas as pd
import pytest

from svi_atlas.judgement.ranking import best_settings
from svi_atlas.judgement.table import network_weights


def cell(step_size, verdicts, kl, num_particles=8, guide="beta"):
    """One row per seed: `verdicts` over the seeds, all with one KL divergence."""
    return pd.DataFrame(
        {
            "model": "model", "guide": guide, "block": "grid", "label": f"particles-{num_particles}",
            "num_particles": num_particles, "schedule": "constant", "step_size": step_size, "seed": range(len(verdicts)),
            "verdict": verdicts, "kl": kl, "final_loss": 1.0, "mean_error": 0.1, "sd_ratio": 1.0,
        }
    )  # fmt: skip


def best(*cells):
    result = best_settings(pd.concat(cells, ignore_index=True))
    assert len(result) == result["guide"].nunique()
    return result.iloc[0]


def test_adequate_fits_count_first():
    best_row = best(
        cell(1e-3, ["not_converged", "not_converged"], 0.001),
        cell(1e-2, ["adequate", "not_converged"], 0.02),
        cell(1e-1, ["inadequate", "inadequate"], 0.01),
    )
    assert best_row["step_size"] == 1e-2
    assert best_row["adequate"] == 0.5


def test_converged_fits_count_before_kl_where_none_is_adequate():
    best_row = best(
        cell(1e-3, ["not_converged", "not_converged"], 1.93),
        cell(1e-2, ["inadequate", "not_converged"], 1.95),
    )
    assert best_row["step_size"] == 1e-2
    assert best_row["converged"] == 0.5


def test_fewer_particles_where_kl_is_as_good():
    best_row = best(
        cell(1e-2, ["adequate"], 0.0012, num_particles=8),
        cell(1e-2, ["adequate"], 0.0008, num_particles=32),
    )
    assert best_row["num_particles"] == 8


def test_the_middle_of_step_sizes_that_tie():
    """A guide fitted as a point, without noise: rounding of its KL decides nothing."""
    cells = [cell(step, ["adequate"], -6e-8 * step, 1) for step in (1e-3, 1e-2, 1e-1)]
    assert best(*cells, cell(1e-4, ["not_converged"], 0.0, 1))["step_size"] == 1e-2


@pytest.mark.parametrize("kl", [np.nan, None])
def test_a_guide_without_kl_has_a_best_setting(kl):
    best_row = best(cell(1e-3, ["not_converged"], kl), cell(1e-2, ["inadequate"], kl))
    assert best_row["step_size"] == 1e-2


def test_a_guide_that_failed_has_none():
    assert best_settings(cell(1e-3, ["failed"], 0.0)).empty


def test_weights_of_networks_are_found():
    table = pd.DataFrame(columns=["kl", "param.auto_arn__0$params.0.0[0,1]", "param.auto_loc[0]"])
    assert network_weights(table) == ["param.auto_arn__0$params.0.0[0,1]"]
