"""How the numbers of a column are spread: distinct ones, outliers, a histogram."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 20
INNER, OUTER = 1.5, 3.0
"""Tukey's fences, in interquartile ranges (IQR) from the quartiles (Tukey 1977)."""

EXACT = 2.0**50
"""Below this, halves are exact."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outliers:
    """Numbers that lie far from the middle half of a column.

    Attributes:
        low, high: the inner fences, 1.5 IQR below the first and above the third quartile.
        beyond: numbers beyond them.
        far: those of them that lie more than 3 IQR from the quartiles.
    """

    low: float
    high: float
    beyond: int
    far: int


@dataclass(frozen=True)
class Histogram:
    """Rows by value, in bins of one width.

    Attributes:
        low, high: where the first bin begins and the last one ends.
        rows: those in each bin; the first and the last hold what lies beyond 3 IQR, too.
    """

    low: float
    high: float
    rows: tuple[int, ...]

    @property
    def edges(self) -> Floats:
        """Where the bins begin and end, shape (bins + 1,)."""
        return np.linspace(self.low, self.high, len(self.rows) + 1)


@dataclass(frozen=True)
class Distribution:
    """The numbers of a column.

    Attributes:
        distinct: how many different ones there are.
        outliers: None where the quartiles are one number, or too far apart to tell.
        histogram: None without a number, or where they are too far apart to tell.
    """

    distinct: int
    outliers: Outliers | None
    histogram: Histogram | None


def distribution(values: Floats) -> Distribution:
    """Describe numbers.

    Args:
        values: shape (n,), without NaN.
    """
    if not len(values):
        return Distribution(0, None, None)
    ordered = np.sort(values)
    distinct = 1 + int((ordered[1:] != ordered[:-1]).sum())
    first, third = (float(ordered[math.ceil(share * len(values)) - 1]) for share in (0.25, 0.75))
    iqr = third - first
    outliers = None
    low, high = float(ordered[0]), float(ordered[-1])
    if iqr > 0 and math.isfinite(2 * OUTER * iqr):
        inner, outer = ((first - k * iqr, third + k * iqr) for k in (INNER, OUTER))
        outliers = Outliers(*inner, _outside(ordered, *inner), _outside(ordered, *outer))
        low, high = max(low, outer[0]), min(high, outer[1])
    return Distribution(distinct, outliers, _histogram(ordered, low, high))


def _outside(ordered: Floats, low: float, high: float) -> int:
    inside = np.searchsorted(ordered, high, "right") - np.searchsorted(ordered, low, "left")
    return len(ordered) - int(inside)


def _histogram(ordered: Floats, low: float, high: float) -> Histogram | None:
    if not math.isfinite(high - low):
        return None
    bins = BINS if high > low else 1
    if high - low < BINS and max(-low, high) < EXACT and (np.floor(ordered) == ordered).all():
        # Whole numbers, and not many: one bin for each.
        low, high = math.floor(low) - 0.5, math.ceil(high) + 0.5
        bins = int(high - low)
    place = (np.clip(ordered, low, high) - low) / ((high - low) or 1.0)
    rows = np.bincount(np.minimum((place * bins).astype(np.int64), bins - 1), minlength=bins)
    return Histogram(low, high, tuple(rows.tolist()))
