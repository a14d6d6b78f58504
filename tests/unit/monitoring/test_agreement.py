"""Predictions of several versions beside the labels of the same rows."""

from __future__ import annotations

import math
from typing import Any

from fairlead.monitoring.agreement import paired_quality, with_labels

CAT = {"dog": 0.1, "cat": 0.9}
DOG = {"dog": 0.8, "cat": 0.2}


def test_rows_that_cannot_be_scored_are_left_out_of_all() -> None:
    one: list[Any] = [("cat", CAT), ("dog", DOG), ("cat", CAT), ("cat", CAT), (None, CAT)]
    two: list[Any] = [("dog", DOG), ("dog", DOG), ("cat", None), ("cat", CAT), ("cat", CAT)]
    found = with_labels([one, two], ["cat", "dog", "cat", "bird", "cat"])
    assert found is not None
    assert [each.y_pred.tolist() for each in found] == [[1, 0], [0, 0]]
    assert found[0].classes == ("dog", "cat")
    assert found[0].y_true.tolist() == [1, 0]


def test_classes_without_probabilities_are_those_that_were_said() -> None:
    found = with_labels([[("b", None), ("a", None)]], ["a", "a"])
    assert found is not None
    assert (found[0].classes, found[0].y_prob) == (("a", "b"), None)


def test_numbers_that_are_none_are_left_out() -> None:
    sides: list[Any] = [[(1.0, None), (2.0, None)], [(1.5, None), (math.nan, None)]]
    found = with_labels(sides, [1.0, 2.0])
    assert found is not None
    assert [each.y_pred.tolist() for each in found] == [[1.0], [1.5]]
    assert with_labels(sides, [None, 2.0]) is None


def test_a_better_shadow_is_told_as_such() -> None:
    labels = ["cat", "dog"] * 50
    right: list[Any] = [(label, None) for label in labels]
    wrong: list[Any] = [("cat", None)] * 100
    found = with_labels([wrong, right], labels)
    assert found is not None
    quality = paired_quality(found[0], found[1], "accuracy")
    assert quality is not None
    assert quality.comparison.verdict == "better"
    assert (quality.primary.value, quality.shadow.value) == (0.5, 1.0)
    assert paired_quality(found[0], found[1], "log_loss") is None
