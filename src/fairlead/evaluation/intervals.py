"""Standard errors and intervals: a seeded bootstrap over rows, or over groups of rows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.records import Estimate

RESAMPLES = 1000
"""The error of a standard error from 1,000 resamples is about 2 % of it."""
COVERAGE = 0.95
MAX_UNITS = 20_000
"""More rows than this are first gathered at random into so many blocks, which are resampled."""

Floats = NDArray[np.float64]


def sampling_units(rows: int, groups: NDArray[Any] | None, seed: int) -> NDArray[np.int64] | None:
    """Which unit of the bootstrap each row belongs to, numbered from 0.

    Args:
        rows: number of rows.
        groups: shape (rows,): rows of one group are drawn together; None if they are independent.
        seed: seeds the random blocks that very many rows are gathered in.

    Returns:
        Unit of each row, shape (rows,); None if each row is its own.
    """
    if groups is not None:
        return np.unique(groups, return_inverse=True)[1].astype(np.int64)
    if rows > MAX_UNITS:
        return np.random.Generator(np.random.PCG64(seed)).permutation(rows) % MAX_UNITS
    return None


def sum_by_unit(columns: Floats, units: NDArray[np.int64] | None, count: int = 0) -> Floats:
    """Sums of the rows of each unit: shape (n, m) -> (units, m).

    Args:
        columns: what is added up.
        units: unit of each row; None if each row is its own.
        count: number of units, where the last ones may have no row here.
    """
    if units is None:
        return columns
    return np.column_stack([np.bincount(units, column, count) for column in columns.T])


def resampled_weights(units: int, resamples: int, seed: int) -> Iterator[Floats]:
    """How often each unit is drawn in each resample.

    The same number of units and seed gives the same draws, so candidates that are scored on the
    same rows are scored on the same resamples.

    Yields:
        Some resamples at a time, shape (b, units); each row adds up to `units`.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    at_once = max(1, 2**21 // units)  # 16 MiB of weights
    for start in range(0, resamples, at_once):
        size = min(at_once, resamples - start)
        drawn = rng.integers(0, units, size=(size, units))
        drawn += np.arange(size)[:, None] * units
        counts = np.bincount(drawn.ravel(), minlength=size * units)
        yield counts.reshape(size, units).astype(np.float64)


def estimate(value: float, replicates: Floats, level: float = COVERAGE) -> Estimate:
    """A value with the spread of its bootstrap replicates.

    Args:
        value: the metric on all rows.
        replicates: shape (resamples,): the metric on each resample, NaN where not defined there.
        level: confidence of the interval.

    Returns:
        Standard deviation of the replicates and the quantiles between which `level` of them lie;
        NaN if most of the resamples leave the metric undefined.
    """
    defined = replicates[np.isfinite(replicates)]
    if not math.isfinite(value):
        return Estimate(math.nan)
    if len(defined) < max(2, len(replicates) / 2):
        return Estimate(value)
    tail = (1 - level) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    return Estimate(value, *(_rounded(x) for x in (defined.std(ddof=1), low, high)))


def _rounded(number: float) -> float:
    """Twelve digits: the order of additions in a matrix product differs between machines."""
    return float(f"{number:.12g}")
