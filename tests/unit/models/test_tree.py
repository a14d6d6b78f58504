from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairlead.models.tree import unrounded

LARGEST = float(np.finfo(np.float32).max)


@given(
    threshold=st.floats(-LARGEST / 2, LARGEST / 2, allow_subnormal=True),
    steps=st.integers(-3, 3),
    single=st.booleans(),
)
def test_a_double_is_compared_as_its_float32_would_be(
    threshold: float, steps: int, single: bool
) -> None:
    if single:
        threshold = float(np.float32(threshold))
    test = unrounded(np.array([threshold]))[0]
    around = [threshold, test, float(np.float32(threshold))]
    for start in around:
        x = start
        for _ in range(abs(steps)):
            x = np.nextafter(x, np.inf * np.sign(steps))
        assert (x <= test) == (float(np.float32(x)) <= threshold)


def test_a_test_whether_a_value_is_missing_stays_one() -> None:
    assert unrounded(np.array([np.inf])).tolist() == [np.inf]
