"""Merging sketches is adding up rows, in any order and any number of parts."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.monitoring.reference import Reference, reference_of
from fairlead.monitoring.sketches import merge, sketch_of

from .conftest import document, flowers

REFERENCE = reference_of(document(), "abc", "flowers")
cuts = st.lists(st.integers(0, 300), max_size=6)


@settings(max_examples=40)
@given(seed=st.integers(0, 10), cuts=cuts)
def test_a_window_adds_up_to_the_same_however_it_is_cut(seed: int, cuts: list[int]) -> None:
    X = flowers(300, seed)
    prediction = (X[:, 1] > 6).astype(np.float64)
    probabilities = np.column_stack([1 - 0.75 * prediction, 0.75 * prediction])
    ends = sorted({0, *cuts, 300})
    parts = [
        sketch_of(REFERENCE.grid, X[a:b], prediction[a:b], probabilities[a:b])
        for a, b in pairwise(ends)
    ]
    (merged,) = merge(parts)
    whole = sketch_of(REFERENCE.grid, X, prediction, probabilities)
    assert merged.rows == 300
    assert merged.totals == pytest.approx(whole.totals, rel=1e-12)
    assert (merged.highs == whole.highs).all()


def test_what_is_counted_is_what_is_there(reference: Reference) -> None:
    X = np.array([[np.nan, 5, 0, 1], [2.0, 5, -1, 0], [1e9, 5, 2, np.nan]])
    found = sketch_of(reference.grid, X)
    length, petals, colour, wild = (found.counted(index) for index in range(4))
    assert (length.rows, length.missing, length.outside) == (3, 1, 1)
    assert (length.least, length.most) == (2.0, 1e9)
    assert petals.least == petals.most == 5
    assert (colour.unknown, colour.counts.tolist()) == (1, [1, 0, 1])
    assert (wild.missing, wild.counts.tolist()) == (1, [1, 1])


def test_the_expected_confusion_matrix_adds_up_probabilities(reference: Reference) -> None:
    probabilities = np.array([[0.75, 0.25], [0.5, 0.5], [0.25, 0.75]])
    found = sketch_of(reference.grid, flowers(3, 0), np.array([0.0, 0.0, 1.0]), probabilities)
    assert found.confusion is not None
    # Rows: the true class, as it is expected; columns: the predicted one.
    assert found.confusion.tolist() == [[1.25, 0.25], [0.75, 0.75]]


def test_sketches_that_cannot_be_added_stay_apart(reference: Reference) -> None:
    X = flowers(10, 0)
    other = reference.grid.only(["colour", "length", "not there"])
    parts = merge([sketch_of(reference.grid, X), sketch_of(other, X[:, [2, 0]])])
    assert [part.rows for part in parts] == [10, 10]
    assert [axis.name for axis in parts[1].grid.columns] == ["colour", "length"]


def test_no_rows_are_a_sketch_too(reference: Reference) -> None:
    assert sketch_of(reference.grid, np.empty((0, 4)), np.empty(0), np.empty((0, 2))).rows == 0
