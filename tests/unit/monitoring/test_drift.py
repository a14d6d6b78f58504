"""What drifts is told, what does not is not, and what is broken is told apart."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.bundle.sketch import sketch
from fairlead.monitoring.drift import judge
from fairlead.monitoring.records import ColumnDrift
from fairlead.monitoring.reference import Reference, reference_of
from fairlead.monitoring.sketches import Grid, sketch_of

from .conftest import FLOWERS, document, flowers

REFERENCE = reference_of(document(), "abc", "flowers version 3")


def found(X: np.ndarray, name: str, **options: object) -> ColumnDrift:
    report = judge(REFERENCE, [sketch_of(REFERENCE.grid, X)], **options)
    return next(each for each in report.columns if each.column == name)


@pytest.mark.parametrize("rows", [50, 200, 1000, 5000])
def test_rows_like_the_reference_do_not_drift(rows: int) -> None:
    drifted = []
    for seed in range(200):
        window = sketch_of(REFERENCE.grid, flowers(rows, 5000 + seed))
        report = judge(REFERENCE, [window], min_rows=1)
        drifted += report.drifted
        assert not report.broken
    # 0.5 % of 4 columns in 200 windows.
    assert len(drifted) <= 4


def test_a_shift_is_told_with_its_size() -> None:
    X = flowers(4000, 3)
    X[:, 0] += 1.0
    column = found(X, "length")
    assert (column.is_drifted, column.is_broken) == (True, False)
    assert column.effect == pytest.approx(1 / np.sqrt(3), abs=0.06)
    assert (column.method, column.kind) == ("wasserstein", "number")
    assert not found(X, "colour").is_drifted


def test_few_rows_must_be_farther_away_than_chance_brings_them() -> None:
    X = flowers(30, 3)
    column = found(X, "length", min_rows=1)
    assert column.effect >= column.threshold
    assert not column.is_drifted
    assert "by chance" in column.reason


def test_too_few_rows_are_not_judged(reference: Reference) -> None:
    X = flowers(199, 3)
    X[:, 0] += 100
    report = judge(reference, [sketch_of(reference.grid, X)])
    assert (report.verdict, report.drifted, report.broken, report.share) == (
        "too_few_rows", (), (), 0.0,
    )  # fmt: skip
    assert "200 are needed" in report.columns[0].reason
    assert judge(reference, []).verdict == "too_few_rows"


def test_gaps_that_were_not_there_are_a_fault() -> None:
    X = flowers(400, 3)
    X[:40, 1] = np.nan
    column = found(X, "petals")
    assert (column.missing, column.missing_reference) == (0.1, 0.0)
    assert column.is_broken
    assert column.is_drifted
    assert column.reason == "missing in 10.0% of the rows, 0.0% in the reference"


def test_fewer_gaps_than_before_are_no_fault() -> None:
    X = flowers(4000, 1)
    X[:2000, 0] = np.nan
    gappy = reference_of(sketch(FLOWERS, X), "abc", "flowers")
    report = judge(gappy, [sketch_of(gappy.grid, flowers(4000, 2))])
    assert (report.drifted, report.broken) == (("length",), ())


def test_categories_that_nobody_declared_are_a_fault() -> None:
    X = flowers(400, 3)
    X[:60, 2] = -1
    column = found(X, "colour")
    assert column.is_broken
    assert column.unknown == 0.15


def test_one_single_value_where_there_were_many_is_a_fault() -> None:
    X = flowers(400, 3)
    X[:, 1] = 7
    assert "one single value in 400 rows" in found(X, "petals").reason
    X[:, 2] = 1
    assert found(X, "colour").is_broken


def test_a_value_that_most_had_before_may_be_the_only_one() -> None:
    X = flowers(4000, 1)
    X[:, 2] = np.where(np.arange(4000) < 3900, 0, 1)
    reference = reference_of(sketch(FLOWERS, X), "abc", "flowers")
    alike = flowers(400, 3)
    alike[:, 2] = 0
    assert not judge(reference, [sketch_of(reference.grid, alike)]).broken


def test_a_unit_that_has_changed_is_a_fault() -> None:
    X = flowers(400, 3)
    X[:, 0] *= 1000
    assert "out of range" in found(X, "length").reason


def test_the_most_important_column_comes_first() -> None:
    X = flowers(500, 3)
    X[:, 0] += 1
    window = [sketch_of(REFERENCE.grid, X)]
    worth = {"wild": 0.3, "colour": 0.1}
    assert [each.column for each in judge(REFERENCE, window, importance=worth).columns][:3] == [
        "wild", "colour", "length",
    ]  # fmt: skip
    assert judge(REFERENCE, window).columns[0].column == "length"


def test_what_is_predicted_is_judged_apart_from_the_columns() -> None:
    X = flowers(500, 3)
    window = sketch_of(REFERENCE.grid, X, np.zeros(500))
    report = judge(REFERENCE, [window])
    assert report.prediction is not None
    assert report.prediction.is_drifted
    assert report.share == 0


def test_versions_with_other_columns_are_judged_by_name() -> None:
    X = flowers(300, 3)
    other = reference_of(sketch(FLOWERS, flowers(1000, 9)), "def", "version 4").grid
    fewer = other.only(["wild", "length"])
    windows = [sketch_of(REFERENCE.grid, X), sketch_of(fewer, X[:, [3, 0]] + [0, 50])]
    report = judge(REFERENCE, windows)
    assert report.rows == 600
    assert report.drifted == ("length",)


def test_categories_are_compared_by_what_they_are_called() -> None:
    turned = FLOWERS.columns["colour"].model_copy(
        update={"values": ("white", "green", "red", "blue")}
    )
    contract = replace(FLOWERS, columns={**FLOWERS.columns, "colour": turned})
    X = flowers(500, 3)
    X[:, 2] = np.array([2.0, 3.0, 0.0])[X[:, 2].astype(int)]
    grid: Grid = reference_of(sketch(contract, X), "def", "other").grid
    assert judge(REFERENCE, [sketch_of(grid, X)]).drifted == ()
    X[:100, 2] = 1
    column = next(
        each for each in judge(REFERENCE, [sketch_of(grid, X)]).columns if each.column == "colour"
    )
    assert column.unknown == 0.2


def test_a_column_that_is_as_one_season_earlier_has_not_drifted() -> None:
    night, other = flowers(500, 3), flowers(500, 4)
    for X in (night, other):
        X[:, 0] += 2
    window, earlier = (sketch_of(REFERENCE.grid, X) for X in (night, other))
    report = judge(REFERENCE, [window], earlier=[earlier])
    assert report.drifted == ()
    column = next(each for each in report.columns if each.column == "length")
    assert "one season earlier" in column.reason
    day = sketch_of(REFERENCE.grid, flowers(500, 5))
    assert judge(REFERENCE, [window], earlier=[day]).drifted == ("length",)
    few = sketch_of(REFERENCE.grid, other[:100])
    assert judge(REFERENCE, [window], earlier=[few]).drifted == ("length",)


@settings(max_examples=30, deadline=None)
@given(share=st.floats(0.01, 1), seed=st.integers(0, 20))
def test_a_higher_share_never_makes_a_drift_of_a_stable_window(share: float, seed: int) -> None:
    X = flowers(300, seed)
    X[:, : seed % 4] += 5
    window = [sketch_of(REFERENCE.grid, X)]
    strict = judge(REFERENCE, window, drift_share=share)
    milder = judge(REFERENCE, window, drift_share=min(1.0, share + 0.2))
    assert strict.verdict == "drifted" or milder.verdict == "stable"


def test_a_report_is_json(reference: Reference) -> None:
    X = flowers(300, 3)
    X[:, 0] = np.nan
    report = judge(reference, [sketch_of(reference.grid, X)])
    assert json.loads(json.dumps(report.to_json(), allow_nan=False))["columns"][0]["reason"]


def test_an_old_bundle_without_histograms_is_a_reference_too() -> None:
    old = document()
    for told in old["columns"].values():
        told.pop("histogram", None)
        told.pop("range", None)
    del old["prediction"]
    reference = reference_of(old, "abc", "flowers")
    quiet = judge(reference, [sketch_of(reference.grid, flowers(1000, 3))])
    X = flowers(1000, 3)
    X[:, 0] += 1
    assert (quiet.drifted, quiet.prediction) == ((), None)
    assert judge(reference, [sketch_of(reference.grid, X)]).drifted == ("length",)
