"""The index finds every nearest point, however the points lie."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.graph import nearest
from fairlead.graph.nearest import index_points

coordinates = st.one_of(
    st.integers(-3, 3).map(float), st.floats(-10, 10), st.floats(-1e-3, 1e-3), st.just(1e6)
)


@settings(max_examples=80, deadline=None)
@given(
    points=st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=60),
    places=st.lists(st.tuples(coordinates, coordinates), min_size=1, max_size=20),
    count=st.integers(1, 12),
)
def test_the_list_of_a_box_holds_what_is_nearest_to_every_place_in_it(
    points: list[tuple[float, float]], places: list[tuple[float, float]], count: int
) -> None:
    P = np.array(points)
    index = index_points(P, count)
    # On the points and between them, too.
    Q = np.clip(np.vstack([places, P, (P + P[::-1]) / 2]), P.min(axis=0), P.max(axis=0))
    for place, box in zip(Q, index.boxes(Q), strict=True):
        square = ((P - place) ** 2).sum(axis=1)
        nearest_ones = np.argsort(square, kind="stable")[:count]
        assert set(nearest_ones) <= set(index.lists[box])


def test_lists_are_short_where_there_are_many_points(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    P = rng.normal(size=(5_000, 2))
    index = index_points(P, 10)
    assert index.lists.shape[1] < 100
    assert (np.diff(index.lists.astype(np.int64), axis=1) >= 0).all()
    monkeypatch.setattr(nearest, "MOST_BOXES", 16)
    assert len(index_points(P, 10).lists) <= 17


def test_points_in_one_place_have_one_box() -> None:
    index = index_points(np.ones((500, 2)), 3)
    assert index.lists.shape == (1, 500)
