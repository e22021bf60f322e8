"""Numbers and counts as text, the same everywhere: in sentences, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

MISSING, MINUS = "\N{EN DASH}", "\N{MINUS SIGN}"


def number(value: Any, digits: int = 3) -> str:
    """A number to `digits` significant digits, with separators; very small ones as 1.2e-5."""
    if value is None or pd.isna(value):
        return MISSING
    if isinstance(value, (int, np.integer)):
        return f"{value:,}".replace("-", MINUS)
    if not np.isfinite(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == 0:
        return "0"
    magnitude = int(np.floor(np.log10(abs(value))))
    if -5 < magnitude < 6:
        text = f"{value:,.{max(0, digits - 1 - magnitude)}f}"
    else:
        mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", MINUS)


def measured(value: float, error: float) -> str:
    """A value with its standard error, both rounded to the error's first digit."""
    if not (np.isfinite(value) and np.isfinite(error) and error > 0):
        return number(value)
    places = max(0, -int(np.floor(np.log10(error))))
    return f"{value:,.{places}f} ± {error:.{places}f}".replace("-", MINUS)


def mean_se(values: Any) -> str:
    """Mean of the finite values with its standard error; the value itself if there is only one."""
    values = np.asarray(values, float)
    values = values[np.isfinite(values)]
    if values.size < 2:
        return number(float(values[0])) if values.size else MISSING
    return measured(float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size)))


def median_range(values: Any) -> str:
    """Median of the values with their 10 % to 90 % range."""
    values = np.asarray(values, float)
    if not np.isfinite(values).any():
        return MISSING
    low, middle, high = np.nanquantile(values, [0.1, 0.5, 0.9])
    return f"{number(float(middle))} ({number(float(low), 2)} to {number(float(high), 2)})"


def count_of(part: Any, whole: Any) -> str:
    """A count and the total: "3 of 16"."""
    return f"{int(part):,} of {int(whole):,}"


def percent_se(part: int, whole: int) -> str:
    """A share in percent with its binomial standard error: "19 ± 10 %"."""
    if not whole:
        return MISSING
    share = part / whole
    error = np.sqrt(share * (1 - share) / whole)
    return f"{100 * share:.0f} ± {100 * error:.0f} %" if error > 0 else f"{100 * share:.0f} %"


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 guide", "3 guides"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(words: Sequence[str]) -> str:
    """Words as a list in a sentence: "a, b and c"."""
    *head, last = words
    return f"{', '.join(head)} and {last}" if head else last


def humanise(name: str) -> str:
    """An identifier, such as a verdict, in words: `not_converged` is "not converged"."""
    return name.replace("_", " ")
