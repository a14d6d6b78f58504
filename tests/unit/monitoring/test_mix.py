"""A shift of the mix is told apart from a change within its parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairlead.monitoring.mix import remaining

RNG = np.random.default_rng(7)
Side = tuple[NDArray[Any], NDArray[Any]]


def traffic(coastal: float, rows: int = 4000, moved: float = 0.0) -> Side:
    """Incomes, high at the coast, and where each row is from."""
    parts = np.where(RNG.random(rows) < coastal, "coast", "inland")
    return np.where(parts == "coast", 8.0, 3.0) + RNG.normal(moved, 1, rows), parts


def asked(reference: Side, current: Side) -> float:
    return remaining(reference[0], current[0], reference[1], current[1])


def test_a_shift_of_the_mix_explains_all() -> None:
    assert asked(traffic(0.3), traffic(0.7)) < 0.1


def test_a_change_within_the_parts_is_not_explained() -> None:
    assert asked(traffic(0.3), traffic(0.3, moved=2.0)) > 0.9


def test_both_at_once_are_explained_in_part() -> None:
    assert 0.3 < asked(traffic(0.3), traffic(0.7, moved=2.0)) < 0.8


def test_categories_are_compared_too() -> None:
    (_, before), (_, now) = traffic(0.3), traffic(0.7)
    kinds = [np.where(side == "coast", "sea", "land") for side in (before, now)]
    assert remaining(kinds[0], kinds[1], before, now) < 0.1
    assert remaining(kinds[0], kinds[1], np.full_like(before, "x"), np.full_like(now, "x")) == 1


def test_a_part_that_is_new_explains_nothing_of_itself() -> None:
    reference, current = traffic(0.0), traffic(1.0)
    assert math.isnan(asked(reference, current))


def test_missing_values_are_left_out() -> None:
    values, parts = traffic(0.3)
    holes = np.where(RNG.random(len(values)) < 0.2, np.nan, values)
    assert asked((holes, parts), traffic(0.7)) < 0.1


@pytest.mark.parametrize("rows", [0, 5])
def test_nothing_to_compare_is_nan(rows: int) -> None:
    values, parts = np.full(rows, 1.0), np.full(rows, "a")
    assert math.isnan(remaining(values, values, parts, parts))
