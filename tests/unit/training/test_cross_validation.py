from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fairlead.errors import FoldsError
from fairlead.project.spec import CrossValidationSpec
from fairlead.training.cross_validation import (
    at_most_five,
    block_of,
    folds,
    growing,
    without_leaving_one_out,
)


@settings(max_examples=40, deadline=None)
@given(
    kind=st.sampled_from(["kfold", "stratified"]),
    count=st.integers(2, 5),
    repeats=st.integers(1, 3),
    rows=st.integers(20, 60),
    seed=st.integers(0, 1000),
)
def test_each_repeat_scores_every_row_once_and_never_fits_on_it(
    kind: str, count: int, repeats: int, rows: int, seed: int
) -> None:
    y = np.arange(rows) % 2
    cv = CrossValidationSpec(kind=kind, folds=count, repeats=repeats, seed=seed)
    layout = folds(cv, y)
    assert all(not set(fold.train) & set(fold.test) for fold in layout)
    scored = Counter((fold.repeat, row) for fold in layout for row in fold.test.tolist())
    assert scored == Counter({(r, row): 1 for r in range(repeats) for row in range(rows)})


def test_leave_one_out_has_a_fold_for_every_row() -> None:
    layout = folds(CrossValidationSpec(kind="leave_one_out"), np.zeros(7))
    assert [fold.test.tolist() for fold in layout] == [[row] for row in range(7)]


def test_a_group_is_never_on_both_sides() -> None:
    groups = np.repeat(np.arange(6), 5)
    for fold in folds(CrossValidationSpec(kind="group", folds=3), np.zeros(30), groups):
        assert not set(groups[fold.train]) & set(groups[fold.test])


def test_a_block_is_left_out_as_a_whole() -> None:
    places = np.random.default_rng(0).uniform(-3, 3, (200, 2))
    blocks = block_of([1.0, 2.0], places)
    corners = np.floor(places / [1.0, 2.0])
    for number in np.unique(blocks):
        assert len(np.unique(corners[blocks == number], axis=0)) == 1
    cv = CrossValidationSpec(kind="blocks", blocks={"x": 1.0, "y": 2.0}, folds=4)
    for fold in folds(cv, np.zeros(200), blocks):
        assert not set(blocks[fold.train]) & set(blocks[fold.test])


def test_time_folds_are_fitted_on_earlier_rows_only() -> None:
    times = np.random.default_rng(0).permutation(40).astype(float)
    for fold in folds(CrossValidationSpec(kind="time", folds=4), np.zeros(40), times=times):
        assert times[fold.train].max() < times[fold.test].min()


def test_the_same_seed_gives_the_same_folds() -> None:
    cv = CrossValidationSpec(kind="stratified", folds=3, seed=7)
    y = np.arange(30) % 3
    first, second = folds(cv, y), folds(cv, y)
    assert all((a.test == b.test).all() for a, b in zip(first, second, strict=True))


def test_a_class_smaller_than_the_number_of_folds_is_named() -> None:
    y = np.array([0] * 20 + [1] * 2)
    with pytest.raises(FoldsError, match="smallest class has 2 rows, 5 folds need as many"):
        folds(CrossValidationSpec(kind="stratified", folds=5), y)


def test_more_folds_than_rows_is_an_error_of_the_project() -> None:
    with pytest.raises(FoldsError, match=r"\(kfold\) cannot cut the 3 training rows"):
        folds(CrossValidationSpec(kind="kfold", folds=5), np.zeros(3))


def test_rows_of_one_time_are_never_fitted_and_scored() -> None:
    times = np.repeat(np.arange(7.0), 9)
    for fold in folds(CrossValidationSpec(kind="time", folds=5), np.zeros(63), times=times):
        assert times[fold.train].max() < times[fold.test].min()


def test_a_missing_time_is_refused() -> None:
    times = np.array([1.0, np.nan, 2.0, 3.0, np.nan, 4.0])
    with pytest.raises(FoldsError, match="2 rows have no time"):
        folds(CrossValidationSpec(kind="time", folds=2), np.zeros(6), times=times)


def test_one_time_for_all_rows_is_too_few() -> None:
    with pytest.raises(FoldsError, match="1 different times are too few"):
        folds(CrossValidationSpec(kind="time", folds=2), np.zeros(9), times=np.ones(9))


def test_a_class_that_is_declared_but_has_no_row_does_not_count() -> None:
    y = np.array([0, 2] * 10)
    assert len(folds(CrossValidationSpec(kind="stratified", folds=5), y)) == 5


def test_a_fold_that_would_be_fitted_on_one_class_is_refused() -> None:
    y = np.array([0] * 20 + [1] * 10)
    with pytest.raises(FoldsError, match="fold 1 would be fitted on rows of one class"):
        folds(CrossValidationSpec(kind="time", folds=3), y, times=np.arange(30.0))


@pytest.mark.parametrize(
    ("y", "kind"),
    [
        (np.repeat([0, 1], [20, 5]), "stratified"),
        (np.linspace(0, 1, 5), "kfold"),
        (np.repeat([0, 1], [20, 4]), "leave_one_out"),
        (np.linspace(0, 1, 4), "leave_one_out"),
    ],
)
def test_five_folds_stand_in_for_leaving_one_out_where_there_are_rows_for_it(
    y: NDArray[Any], kind: str
) -> None:
    coarse = without_leaving_one_out(CrossValidationSpec(kind="leave_one_out"), y, repeats=3)
    assert coarse.kind == kind
    assert len(folds(coarse, y)) == (len(y) if kind == "leave_one_out" else 15)


def test_no_other_cross_validation_is_replaced() -> None:
    cv = CrossValidationSpec(kind="group")
    assert without_leaving_one_out(cv, np.arange(100)) is cv


@settings(max_examples=30, deadline=None)
@given(rows=st.integers(20, 60), classes=st.integers(0, 3), seed=st.integers(0, 1000))
def test_parts_of_the_folds_grow_within_each_other_and_score_the_same_rows(
    rows: int, classes: int, seed: int
) -> None:
    y = np.arange(rows) % classes if classes else np.linspace(0, 1, rows)
    layout = folds(CrossValidationSpec(folds=3), np.zeros(rows))
    parts = growing(layout, [0.3, 0.6, 1.0], y, None, seed)
    for number, fold in enumerate(layout):
        small, middle, whole = (set(part[number].train) for part in parts)
        assert small < middle < whole == set(fold.train)
        assert all((part[number].test == fold.test).all() for part in parts)


def test_every_class_keeps_its_share_in_a_small_part() -> None:
    y = np.repeat([0, 1, 2], [60, 30, 10])
    layout = folds(CrossValidationSpec(kind="stratified"), y)
    (part,) = growing(layout, [0.25], y, None, seed=1)
    counts = np.array([np.bincount(y[fold.train], minlength=3) for fold in part])
    assert (np.abs(counts - [12, 6, 2]) <= 2).all()


def test_groups_come_as_a_whole() -> None:
    groups = np.repeat(np.arange(10), 5)
    layout = folds(CrossValidationSpec(kind="group"), np.zeros(50), groups)
    (part,) = growing(layout, [0.5], np.zeros(50), groups, seed=1)
    assert all(len(set(groups[fold.train])) == 4 for fold in part)


def test_at_most_five_folds_and_no_repeats_whatever_the_project_has() -> None:
    y = np.repeat([0, 1], [30, 3])
    groups = np.repeat([1, 2, 3, 4], [10, 10, 10, 3])
    kinds: dict[str, tuple[Any, Any]] = {
        "kfold": (y, None),
        "stratified": (y, None),
        "group": (y, groups),
        "time": (y, None),
    }
    found = {
        kind: at_most_five(CrossValidationSpec.model_validate({"kind": kind, "folds": 9}), *rows)
        for kind, rows in kinds.items()
    }
    assert {kind: cv.folds for kind, cv in found.items()} == {
        "kfold": 5,
        "stratified": 3,
        "group": 4,
        "time": 5,
    }
    assert all(cv.kind == kind for kind, cv in found.items())
    repeated = CrossValidationSpec(kind="kfold", folds=3, repeats=4)
    assert at_most_five(repeated, y, None) == CrossValidationSpec(kind="kfold", folds=3)
    assert at_most_five(CrossValidationSpec(kind="leave_one_out"), y[:30], None).folds == 5
