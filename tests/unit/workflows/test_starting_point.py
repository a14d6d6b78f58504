from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.workflows.starting_point import starting_point


@pytest.mark.parametrize(
    ("rows", "classes", "split", "cv"),
    [
        (20, {}, "none", {"kind": "leave_one_out"}),
        (150, {}, "none", {"kind": "kfold", "folds": 5, "repeats": 5}),
        (150, {"a": 75, "b": 75}, "none", {"kind": "stratified", "folds": 5, "repeats": 5}),
        (150, {"a": 147, "b": 3}, "none", {"kind": "stratified", "folds": 3, "repeats": 5}),
        (1000, {"a": 997, "b": 3}, "none", {"kind": "stratified", "folds": 3, "repeats": 2}),
        (1000, {"a": 500, "b": 500}, "stratified", {"kind": "stratified", "folds": 5}),
        (1000, {}, "random", {"kind": "kfold", "folds": 5}),
    ],
)
def test_rows_are_kept_back_where_there_are_enough(
    rows: int, classes: dict[str, int], split: str, cv: dict[str, object]
) -> None:
    start = starting_point(rows, classes)
    assert start.split["kind"] == split
    assert start.evaluation["cv"] == cv


def test_where_one_class_is_most_of_the_rows_it_does_not_decide() -> None:
    lopsided = starting_point(1000, {"no": 900, "yes": 100})
    even = starting_point(1000, {"no": 500, "yes": 500})
    assert lopsided.evaluation["metric"] == "balanced_accuracy"
    assert even.evaluation["metric"] == "accuracy"
    assert "90% of the rows are of one class" in lopsided.why_evaluation


def test_boosting_is_short_where_each_iteration_grows_many_trees() -> None:
    classes = {str(number): 20 for number in range(30)}
    assert starting_point(600, classes).candidates["boosting"]["max_iter"] == 50


@given(st.integers(10, 10**9))
def test_a_tree_of_a_forest_never_sees_more_rows_than_help(rows: int) -> None:
    forest = starting_point(rows, {}).candidates["random_forest"]
    assert forest.get("max_samples", 1.0) * rows <= 20_100
