"""Histograms lose nothing but where in its bin a number lies."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from fairlead.data.histogram import binned, edges_between

numbers = st.floats(-1e300, 1e300)
columns = arrays(np.float64, st.integers(1, 60), elements=numbers)


@settings(max_examples=40)
@given(x=columns)
def test_edges_rise_and_the_ends_have_bins_of_their_own(x: np.ndarray) -> None:
    edges = edges_between(np.quantile(x, np.linspace(0, 1, 11)))
    assert (np.diff(edges) > 0).all()
    counts, _ = binned(edges, x)
    assert (counts[0], counts[-1], counts.sum()) == (0, 0, len(x))


@settings(max_examples=40)
@given(x=columns, y=columns)
def test_counts_of_two_parts_add_up_to_those_of_the_whole(x: np.ndarray, y: np.ndarray) -> None:
    edges = edges_between(np.sort(x))
    parts = binned(edges, x)[0] + binned(edges, y)[0]
    assert (parts == binned(edges, np.concatenate([x, y]))[0]).all()


def test_one_value_and_none_have_edges_too() -> None:
    assert len(edges_between(np.array([3.0, 3.0]))) == 2
    assert len(edges_between(np.array([]))) == 0
