"""Names of parameters."""

import numpy as np

from svi_atlas.inference.parameters import flatten_params


def test_nested_parameters_are_named_by_their_path():
    flat = flatten_params({"loc": np.zeros(2), "net": [(np.ones(3), np.float32(2.0)), {"b": 1.0}]})
    assert list(flat) == ["loc", "net.0.0", "net.0.1", "net.1.b"]
    assert flat["net.0.0"].shape == (3,)
    assert flat["net.1.b"] == 1.0
