"""Random keys: one per fit, and one per seed and purpose."""

import jax
import numpy as np

from svi_atlas.inference.keys import purpose_key, replica_key


def test_the_key_of_a_fit_is_that_of_svi_run():
    np.testing.assert_array_equal(replica_key(7), jax.random.PRNGKey(7))


def test_purposes_and_seeds_have_different_keys():
    keys = [purpose_key(seed, *purpose) for seed in (1, 2) for purpose in (("a",), ("a", "b"))]
    assert len({tuple(np.asarray(key).tolist()) for key in keys}) == 4
