"""Coverage: how often the truth is held, by slice, in numbers, words and pictures."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.evaluation.coverage import Coverage, Covered, measure_coverage
from fairlead.evaluation.coverage_figure import coverage_png
from fairlead.evaluation.coverage_table import about_coverage, coverage_table
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.slices import Cut

HELD = np.array([True, True, True, False] * 100)
SIZES = np.tile([1.0, 2.0, 3.0, 4.0], 100)
CUT = Cut("c", ("x", "y", "none"), np.repeat([0, 1], [390, 10]))


def measured() -> tuple[Covered, ...]:
    return measure_coverage(HELD, SIZES, [CUT], min_rows=30)


def coverage() -> Coverage:
    return Coverage(0.9, "interval", {"cv": measured(), "holdout": measured()})


def test_all_rows_come_first_then_the_slices_that_have_any() -> None:
    whole, x, y = measured()
    assert (whole.rows, whole.coverage.value, whole.size.value) == (400, 0.75, 2.5)
    assert (x.column, x.value, x.rows) == ("c", "x", 390)
    assert (y.value, y.rows, y.coverage.is_defined) == ("y", 10, False)


def test_the_error_is_that_of_a_share() -> None:
    whole = measured()[0]
    assert whole.coverage.standard_error == pytest.approx((0.75 * 0.25 / 400) ** 0.5, rel=0.1)


def test_rows_of_one_group_are_one_observation() -> None:
    groups = np.repeat(np.arange(100), 4)
    (whole, *_) = measure_coverage(HELD, SIZES, [], min_rows=30, groups=groups)
    assert whole.coverage.standard_error == pytest.approx(0, abs=1e-12)


def test_what_is_written_can_be_read() -> None:
    assert Coverage.from_dict(coverage().to_dict()) == coverage()
    entry = Entry("a", "ridge", {"rmse": Estimate(1.0, 0.1)}, coverage=coverage())
    board = Leaderboard("regression", "rmse", "5-fold", (entry,))
    assert Leaderboard.from_json(board.to_json()) == board


def test_the_table_has_shares_by_source_and_the_worst_slice_of_the_last() -> None:
    titles, row = coverage_table([("a", coverage()), ("b", None)], "USD")
    assert titles == [
        "90 % intervals",
        "held, CV (%)",
        "held, holdout (%)",
        "worst slice, holdout (%)",
        "mean width (USD)",
    ]
    assert row[0] == "a"
    assert row[1].startswith("75.0 ± 2.")
    assert row[-1] == "2.5"


def test_who_has_none_is_told_with_the_reason() -> None:
    lacking = Coverage(0.9, "set", reason="too few rows")
    assert coverage_table([("a", lacking)], None) == []
    assert about_coverage([("a", lacking)]) == "a has no sets: too few rows."
    assert about_coverage([("a", None)]) == ""


@pytest.mark.parametrize("unit", ["USD", None])
def test_the_picture_is_the_same_each_time(unit: str | None) -> None:
    first, second = (coverage_png(coverage(), title="a", unit=unit) for _ in range(2))
    assert first == second
    assert first.startswith(b"\x89PNG")
