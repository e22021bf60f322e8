"""Which setting is recommended, what ties with it, and what to try where nothing serves."""

import numpy as np
import pandas as pd

from svi_atlas.diagnostics.recommend import FAMILIES, family_to_try, recommend


def setting(step_size, num_adequate, seconds, *, guide="beta", average=0, kl=0.01, seeds=20):
    """A row a seed; so many of the seeds are adequate, by the last and by the averaged iterate."""
    seed = np.arange(seeds)
    return pd.DataFrame(
        {
            "model": "model", "guide": guide, "run": "particles-8", "num_particles": 8,
            "num_steps": 1000, "step_size": step_size, "seed": seed, "seconds": seconds,
            "verdict": np.where(seed < num_adequate, "adequate", "not_converged"),
            "verdict_average": np.where(seed < average, "adequate", "not_converged"),
            "kl": kl, "kl_average": kl,
        }
    )  # fmt: skip


def found(*settings):
    return recommend(pd.concat(settings, ignore_index=True))


def test_the_cheapest_of_those_that_are_adequate():
    chosen = found(setting(1e-3, 20, 2.0), setting(1e-2, 20, 1.0), setting(1e-1, 4, 0.1))
    assert chosen["step_size"].tolist() == [1e-2]
    assert chosen["chosen"].tolist() == [1.0]


def test_what_resampling_the_seeds_cannot_tell_apart_is_a_tie():
    # 18 of 20 is below 95 %, but 19 or more of 20 in 39 % of the resamples (binomial).
    chosen = found(setting(1e-3, 20, 2.0), setting(1e-2, 18, 1.0))
    assert chosen["step_size"].tolist() == [1e-3, 1e-2]
    assert abs(chosen["chosen"].iloc[1] - 0.392) < 5 * np.sqrt(0.392 * 0.608 / 2000)


def test_equal_costs_are_ties_and_the_better_one_comes_first():
    chosen = found(setting(1e-3, 20, 1.0, kl=0.02), setting(1e-2, 20, 1.05, kl=0.01))
    assert chosen["step_size"].tolist() == [1e-2, 1e-3]


def test_the_averaged_iterate_is_a_setting_of_its_own():
    chosen = found(setting(1e-2, 3, 1.0, average=20))
    assert chosen["iterate"].tolist() == ["average"]


def test_nothing_is_recommended_where_nothing_is_adequate():
    assert found(setting(1e-2, 16, 1.0)).empty


def converged(guide="AutoNormal", **columns):
    table = setting(1e-2, 0, 1.0, guide=guide).assign(
        verdict="inadequate", missed_mass=0.0, support_leak=0.0
    )
    return table.assign(**columns)


def test_the_family_to_try_answers_what_is_wrong():
    assert family_to_try(setting(1e-2, 0, 1.0)) == FAMILIES["not_converged"]
    assert family_to_try(converged(missed_mass=0.5)) == FAMILIES["missed_mode"]
    assert family_to_try(converged(support_leak=0.02)) == FAMILIES["support_leak"]
    assert family_to_try(converged()) == FAMILIES["mean_field"]
    both = pd.concat([converged(), converged("AutoMultivariateNormal")])
    assert family_to_try(both) == FAMILIES["full_rank"]
