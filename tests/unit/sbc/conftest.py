"""Refits of the coin's beta guide, made once for all tests of this folder."""

import pytest
from coin_refits import refit_coin


@pytest.fixture(scope="session")
def coin():
    """True fairness, heads, fitted parameters and ranks of each simulated data set."""
    return refit_coin()
