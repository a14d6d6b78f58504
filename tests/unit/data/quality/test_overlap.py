"""Rows that are repeated, or known before they are predicted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Found = Callable[..., dict[str, Any]]
Rows = dict[str, np.ndarray[Any, Any]]

CATEGORY = {"c": {"type": "category", "values": ["p", "q"]}}
GROUP = {"g": {"type": "integer", "role": "group"}}
TIME = {"t": {"type": "integer", "role": "time"}}


def twice(rows: Rows, **changes: Any) -> Rows:
    """Each row two times, the second time with other values in some columns."""
    return {name: np.r_[x, changes.get(name, x)] for name, x in rows.items()}


def test_rows_that_have_nothing_in_common_are_no_finding(found: Found, noise: Rows) -> None:
    assert found(noise) == {}


def test_repeated_rows_are_counted(found: Found, noise: Rows) -> None:
    finding = found(twice(noise))["duplicate_rows"]
    assert (finding.figure, finding.severity) == (0.5, "warning")


def test_repeated_rows_that_are_left_out_are_merely_told(found: Found, noise: Rows) -> None:
    finding = found(twice(noise), duplicates="drop")["duplicate_rows"]
    assert (finding.figure, finding.severity) == (0.5, "info")


def test_a_holdout_with_the_features_of_training_rows_is_found(found: Found, noise: Rows) -> None:
    rows = twice(noise, y=noise["y"] + 1)
    report = found(rows)
    # Of a row in the holdout, its twin is among the other 80 %.
    assert report["duplicates_across_split"].figure == pytest.approx(0.8, abs=0.1)
    assert "near_duplicates_across_split" not in report
    assert "duplicates_across_split" not in found(rows, split={"kind": "none"})


def test_a_holdout_with_nearly_the_features_of_training_rows_is_found(
    found: Found, noise: Rows
) -> None:
    near = found(twice(noise, a=noise["a"] + 1e-3, b=noise["b"] - 1e-3))
    assert near["near_duplicates_across_split"].figure == pytest.approx(0.8, abs=0.1)
    assert "duplicates_across_split" not in near
    assert "near_duplicates_across_split" not in found(twice(noise, a=noise["a"] + 0.5))


def test_rows_of_another_category_are_not_near(found: Found, noise: Rows) -> None:
    rows = twice(noise) | {"c": ["p"] * 200 + ["q"] * 200}
    assert "duplicates_across_split" not in found(rows, CATEGORY)
    assert "duplicates_across_split" in found(rows | {"c": ["p"] * 400}, CATEGORY)


def test_a_row_with_a_gap_is_not_near_one_without(found: Found, noise: Rows) -> None:
    rows = twice(noise) | {"c": [0.0] * 200 + [None] * 200}
    nullable = {"c": {"type": "number", "nullable": True}}
    assert "duplicates_across_split" not in found(rows, nullable)


@pytest.mark.parametrize("factor", [2.0**-900, 2.0**-3, 2.0**10, 2.0**900])
def test_what_is_near_does_not_depend_on_the_unit(found: Found, noise: Rows, factor: float) -> None:
    rows = twice(noise, a=noise["a"] + 1e-3)
    figure = found(rows)["near_duplicates_across_split"].figure
    scaled = rows | {"a": rows["a"] * factor}
    assert found(scaled)["near_duplicates_across_split"].figure == figure


@pytest.mark.parametrize("names", [("longitude", "latitude"), ("lon", "Lat")])
def test_rows_at_the_place_of_others_are_found(
    found: Found, noise: Rows, names: tuple[str, str]
) -> None:
    x = np.arange(200)
    shared = noise | {names[0]: x // 4 + 0.5, names[1]: 70 - x // 4 - 0.5}
    assert found(shared)["shared_locations"].columns == (names[1], names[0])
    apart = noise | {names[0]: x + 0.5, names[1]: 70 - x // 4 - 0.5}
    assert "shared_locations" not in found(apart)


def test_coordinates_by_another_name_are_numbers_like_all(found: Found, noise: Rows) -> None:
    assert "shared_locations" not in found(noise | {"u": np.arange(200) // 4, "latitude": 1.0})


def test_groups_on_both_sides_of_the_split_are_a_failure(found: Found, noise: Rows) -> None:
    finding = found(noise | {"g": np.arange(200) // 10}, GROUP, cv="group")["group_leakage"]
    assert (finding.severity, finding.figure) == ("error", 1.0)
    assert "of the holdout" in finding.found


def test_groups_in_several_folds_are_a_failure(found: Found, noise: Rows) -> None:
    rows = noise | {"g": np.arange(200) // 10}
    finding = found(rows, GROUP, split={"kind": "group"})["group_leakage"]
    assert "evaluation.cv.kind: group" in finding.advice
    assert "group_leakage" not in found(rows, GROUP, cv="group", split={"kind": "group"})


def test_groups_of_one_row_cannot_leak(found: Found, noise: Rows) -> None:
    assert "group_leakage" not in found(noise | {"g": np.arange(200)}, GROUP)


def test_rows_without_a_group_belong_to_none(found: Found, noise: Rows) -> None:
    text = {"g": {"type": "text", "role": "group", "nullable": True}}
    assert "group_leakage" not in found(noise | {"g": [None] * 200}, text)
    assert "group_leakage" in found(noise | {"g": ["one"] * 200}, text)


def test_rows_that_are_predicted_by_later_ones_are_found(found: Found, noise: Rows) -> None:
    rows = noise | {"t": np.arange(200)}
    assert found(rows, TIME)["time_leakage"].figure > 0.9
    folds = found(rows, TIME, split={"kind": "time"})["time_leakage"]
    assert "evaluation.cv.kind: time" in folds.advice
    assert "time_leakage" not in found(rows, TIME, cv="time", split={"kind": "time"})


def test_rows_of_one_time_are_not_later_than_each_other(found: Found, noise: Rows) -> None:
    assert "time_leakage" not in found(noise | {"t": [7] * 200}, TIME)
