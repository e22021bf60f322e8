"""Numbers and counts as text."""

import numpy as np
import pytest

from svi_atlas import formatting as text

DASH, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, DASH), (np.nan, DASH), (0.0, "0"), (np.inf, "∞"), (-np.inf, f"{MINUS}∞"),
        (12345, "12,345"), (-3, f"{MINUS}3"), (np.int64(7), "7"), (1.0, "1.00"), (0.012345, "0.0123"),
        (123456.0, "123,456"), (1234567.0, "1.23e6"), (0.0000123, f"1.23e{MINUS}5"), (-1.5, f"{MINUS}1.50"),
    ],
)  # fmt: skip
def test_numbers_have_three_significant_digits(value, shown):
    assert text.number(value) == shown


def test_fewer_digits():
    assert text.number(0.012345, 2) == "0.012"


@pytest.mark.parametrize(
    ("value", "error", "shown"),
    [
        (1.2345, 0.01, "1.23 ± 0.01"), (1234.5, 20.0, "1,234 ± 20"), (-1.0, 0.5, f"{MINUS}1.0 ± 0.5"),
        (1.5, 0.0, "1.50"), (1.5, np.nan, "1.50"), (np.nan, 0.1, DASH),
    ],
)  # fmt: skip
def test_a_measurement_is_rounded_to_the_first_digit_of_its_error(value, error, shown):
    assert text.measured(value, error) == shown


def test_a_mean_has_its_standard_error():
    assert text.mean_se([1.0, 3.0, np.nan]) == "2 ± 1"
    assert text.mean_se([2.0]) == "2.00"
    assert text.mean_se([]) == DASH


def test_a_median_has_its_range():
    assert text.median_range([1.0, 2.0, 3.0]) == "2.00 (1.2 to 2.8)"
    assert text.median_range([np.nan]) == DASH


def test_shares():
    assert text.count_of(1234, 5000.0) == "1,234 of 5,000"
    assert text.percent_se(1, 4) == "25 ± 22 %"
    assert text.percent_se(4, 4) == "100 %"
    assert text.percent_se(0, 0) == DASH


def test_words():
    assert text.plural(1, "guide") == "1 guide"
    assert text.plural(1500, "fit") == "1,500 fits"
    assert text.listed(["a"]) == "a"
    assert text.listed(["a", "b", "c"]) == "a, b and c"
    assert text.humanise("not_converged") == "not converged"
