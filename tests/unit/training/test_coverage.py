"""Calibration: the promised share of truths is held, where it is promised."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.training.conformal import Intervals, Sets
from fairlead.training.coverage import (
    Calibrated,
    calibrate,
    fewest_rows,
    obstacle,
    quantile,
)
from fairlead.training.fitting import OutOfSample, Prediction

CLASSES = ("a", "b", "c")
scores = st.lists(st.floats(0, 1e9), min_size=1, max_size=60).map(np.array)
coverages = st.floats(0.01, 0.99)


def contract(*classes: str, low: float | None = None) -> Contract:
    task = "classification" if classes else "regression"
    target = TargetSpec(name="y", min=low)
    return Contract(task, {"x": ColumnSpec(type="number", nullable=True)}, target, classes)


def parts_of(rows: int, count: int = 5) -> list[NDArray[np.int64]]:
    return np.array_split(np.random.default_rng(0).permutation(rows), count)


def regression(rows: int, seed: int = 1, *, low: float | None = None) -> Calibrated:
    """Errors grow with x from nothing to 1."""
    rng = np.random.default_rng(seed)
    X = rng.random((rows, 1))
    found = OutOfSample(np.arange(rows), Prediction(X[:, 0]))
    y = X[:, 0] + X[:, 0] * rng.normal(size=rows)
    return calibrate(0.9, contract(low=low), X, y, found, parts_of(rows), 42)


def classified(rows: int, coverage: float, seed: int = 1) -> tuple[Calibrated, NDArray[np.int64]]:
    rng = np.random.default_rng(seed)
    shares = rng.dirichlet((1, 1, 0.3), rows)
    truth = (rng.random(rows)[:, None] > shares.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    found = OutOfSample(np.arange(rows), Prediction(shares.argmax(axis=1), shares))
    X = np.zeros((rows, 1))
    return calibrate(coverage, contract(*CLASSES), X, truth, found, parts_of(rows), 42), truth


@given(scores=scores, coverage=coverages)
def test_the_quantile_is_the_smallest_score_that_holds_enough(
    scores: NDArray[np.float64], coverage: float
) -> None:
    found = quantile(scores, coverage)
    needed = (len(scores) + 1) * coverage - 1e-9
    assert (scores <= found).sum() >= needed or math.isinf(found)
    assert (scores < found).sum() < needed


@given(coverage=coverages)
def test_with_fewer_than_the_fewest_rows_nothing_finite_holds_enough(coverage: float) -> None:
    rows = fewest_rows(coverage)
    assert math.isfinite(quantile(np.zeros(rows), coverage))
    assert math.isinf(quantile(np.zeros(rows - 1), coverage))


def test_intervals_are_wide_where_errors_are_large_and_hold_the_truth_there_too() -> None:
    made = regression(4_000).conformal
    assert isinstance(made, Intervals)
    rng = np.random.default_rng(7)
    x = rng.random(20_000)
    y = x + x * rng.normal(size=len(x))
    ends = made.apply(np.column_stack([x, x]))
    held = (ends[:, 0] <= y) & (y <= ends[:, 1])
    for part in (x < 0.25, x > 0.75, x >= 0):
        assert held[part].mean() == pytest.approx(0.9, abs=0.03)
    width = ends[:, 1] - ends[:, 0]
    assert width[x > 0.75].mean() > 4 * width[x < 0.25].mean()


def test_rows_are_judged_by_what_the_other_folds_calibrate() -> None:
    shares = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        X = rng.random((200, 1))
        y = X[:, 0] + X[:, 0] * rng.normal(size=200)
        ends = regression(200, seed).crossed
        shares.append(((ends[:, 0] <= y) & (y <= ends[:, 1])).mean())
    assert np.mean(shares) == pytest.approx(0.9, abs=0.025)


def test_of_few_rows_all_intervals_are_equally_wide() -> None:
    made = regression(60).conformal
    x = np.linspace(0, 1, 50)
    ends = made.apply(np.column_stack([x, x]))
    assert np.ptp(ends[:, 1] - ends[:, 0]) < 1e-12


def test_no_end_goes_beyond_the_targets_bounds() -> None:
    made = regression(400, low=0.1).conformal
    ends = made.apply(np.array([[0.0, -5.0], [0.9, 0.9]]))
    assert ends[0].tolist() == [0.1, 0.1]
    assert ends[1, 0] == 0.1


def test_a_model_without_errors_has_intervals_without_width() -> None:
    X = np.arange(50.0)[:, None]
    found = OutOfSample(np.arange(50), Prediction(X[:, 0]))
    made = calibrate(0.9, contract(), X, X[:, 0], found, parts_of(50), 42).conformal
    assert made.apply(np.array([[3.0, 4.0]])).tolist() == [[4.0, 4.0]]


@pytest.mark.parametrize("coverage", [0.8, 0.95])
def test_sets_hold_the_truth_of_each_class_that_has_rows_enough(coverage: float) -> None:
    found, truth = classified(6_000, coverage)
    held = found.crossed[np.arange(len(truth)), truth]
    for code in range(3):
        assert held[truth == code].mean() >= coverage - 0.02
    assert held.mean() >= coverage - 0.01
    assert found.crossed.sum(axis=1).min() >= 1


def test_a_class_of_few_rows_has_the_threshold_of_all() -> None:
    made = classified(300, 0.95)[0].conformal
    assert isinstance(made, Sets)
    rows = np.bincount(classified(300, 0.95)[1])
    assert rows[2] < 200  # 10 rows outside at 95 % take 200
    assert len(set(made.thresholds.tolist())) == 1


def test_a_model_that_is_right_often_enough_names_one_class() -> None:
    rng = np.random.default_rng(3)
    truth = rng.integers(0, 3, 900)
    shares = np.where(np.arange(3) == truth[:, None], 0.5, 0.25)
    found = OutOfSample(np.arange(900), Prediction(shares.argmax(axis=1), shares))
    arguments = contract(*CLASSES), np.zeros((900, 1)), truth, found, parts_of(900), 42
    assert (calibrate(0.9, *arguments).crossed.sum(axis=1) == 1).all()


def test_what_cannot_be_calibrated_is_said() -> None:
    y = np.arange(12.0)
    found = OutOfSample(np.arange(12), Prediction(y + 1))
    why = partial(obstacle, found=found, parts=parts_of(12, 3))
    assert why(0.8, y) == ""
    assert "at least 9 rows" in why(0.9, y)
    assert "there are 8 of 12" in why(0.9, y)
    assert "too large" in why(0.5, np.where(y > 3, 1e308, 0.0))
