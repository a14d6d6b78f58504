"""Partial dependence asks the model itself, with one column varied and the others left alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from fairlead.evaluation.partial_dependence import partial_dependence
from fairlead.project.columns import ColumnSpec

Floats = NDArray[np.float64]
NUMBER = ColumnSpec(type="number")
KIND = ColumnSpec(type="category", values=("a", "b", "c"))


def line(X: Floats) -> Floats:
    return 2 * X[:, :1] + X[:, 1:2]


@given(
    arrays(np.float64, (30, 2), elements=st.floats(-1e3, 1e3)).filter(lambda X: np.ptp(X[:, 0]) > 1)
)
def test_of_a_sum_it_is_the_columns_own_part_and_the_mean_of_the_rest(X: Floats) -> None:
    found = partial_dependence(line, X, 0, "x", NUMBER)
    assert found is not None
    expected = 2 * found.places + X[:, 1].mean()
    assert found.mean[:, 0] == pytest.approx(expected, abs=1e-6)
    assert (np.diff(found.places) > 0).all()
    assert (found.low <= found.high).all()
    assert found.places.min() >= X[:, 0].min()
    assert found.places.max() <= X[:, 0].max()


def test_categories_are_those_that_the_rows_have_and_no_unknown_one() -> None:
    X = np.array([[0.0, 1.0], [2.0, 1.0], [-1.0, 1.0], [np.nan, 1.0], [2.0, 1.0]])
    found = partial_dependence(line, X, 0, "kind", KIND)
    assert found is not None
    assert found.labels == ("a", "c")
    assert found.mean[:, 0].tolist() == [1.0, 5.0]
    assert found.reach.tolist() == [4.0]
    assert found.of([0]).mean.tolist() == found.mean.tolist()


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (NUMBER, [1.0, 1.0]),
        (NUMBER, [np.nan, np.nan]),
        (KIND, [-1.0, 0.0]),
        (ColumnSpec(type="datetime"), [1.0, 2.0]),
    ],
)
def test_there_is_none_where_there_is_nothing_to_vary(column: Any, values: list[float]) -> None:
    X = np.column_stack([values, [1.0, 2.0]])
    assert partial_dependence(line, X, 0, "x", column) is None
