from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairlead.data.further import FEW, newest, parts_of

values = st.lists(
    st.tuples(st.floats(-1e6, 1e6), st.sampled_from([0.0, -0.0, 1.0, np.nan])), min_size=1
)


@given(rows=values)
def test_what_a_row_is_for_depends_on_its_values_alone(rows: list[tuple[float, float]]) -> None:
    X = np.array(rows)
    there, back = parts_of(("a", "b"), X), parts_of(("b", "a"), X[:, ::-1])
    assert there.tolist() == back.tolist()
    assert parts_of(("a", "b"), X[::-1]).tolist() == there[::-1].tolist()


def test_equal_rows_are_on_one_side() -> None:
    X = np.repeat(np.arange(50.0)[:, None], 4, axis=0)
    assert (np.ptp(parts_of(("a",), X).reshape(50, 4), axis=1) == 0).all()


@given(count=st.integers(0, 5000))
def test_the_newest_rows_are_a_quarter_or_a_few(count: int) -> None:
    taken = np.arange(count)[newest(count)]
    assert len(taken) == min(count, max(FEW, count // 4))
    assert taken.tolist() == list(range(count - len(taken), count))
