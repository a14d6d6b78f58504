"""How the numbers of a column are spread."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fairlead.data.distribution import BINS, distribution

finite = arrays(
    np.float64, st.integers(1, 60), elements=st.floats(allow_nan=False, allow_infinity=False)
)


@given(values=finite)
def test_each_number_is_in_one_bin(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> None:
    spread = distribution(values)
    assert spread.distinct == len(np.unique(values))
    if spread.histogram is None:
        with np.errstate(over="ignore"):
            assert not np.isfinite(np.ptp(values))
        return
    assert sum(spread.histogram.rows) == len(values)
    assert len(spread.histogram.rows) <= BINS


@given(values=arrays(np.float64, st.integers(4, 60), elements=st.integers(-1000, 1000)))
def test_outliers_are_what_lies_beyond_the_fences(
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    outliers = distribution(values).outliers
    low, high = np.quantile(values, [0.25, 0.75], method="inverted_cdf")
    if low == high:
        assert outliers is None
        return
    assert outliers is not None
    iqr = high - low
    beyond, far = (
        int(((values < low - k * iqr) | (values > high + k * iqr)).sum()) for k in (1.5, 3)
    )
    assert (outliers.beyond, outliers.far) == (beyond, far)


def test_a_few_whole_numbers_have_a_bin_each() -> None:
    histogram = distribution(np.array([1.0, 1, 2, 4])).histogram
    assert histogram is not None
    assert histogram.rows == (2, 1, 0, 1)
    assert histogram.edges.tolist() == [0.5, 1.5, 2.5, 3.5, 4.5]


def test_what_lies_far_out_is_held_by_the_last_bin() -> None:
    histogram = distribution(np.r_[np.linspace(0, 1, 101), 1e6]).histogram
    assert histogram is not None
    assert (histogram.low, histogram.high) == (0, pytest.approx(2.25, abs=0.05))
    assert histogram.rows[-1] == 1


def test_one_number_has_one_bin() -> None:
    spread = distribution(np.full(3, 0.5))
    assert spread.histogram is not None
    assert (spread.distinct, spread.histogram.rows, spread.outliers) == (1, (3,), None)


def test_no_number_has_no_distribution() -> None:
    spread = distribution(np.empty(0))
    assert (spread.distinct, spread.histogram, spread.outliers) == (0, None, None)
