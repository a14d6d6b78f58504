"""Estimates without labels are right where their assumptions hold, and say where they do not."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import datasets
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict

from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.monitoring.estimates import (
    FROM_CONFUSION,
    FROM_SUMS,
    ErrorsByPrediction,
    cbpe,
    confusion_of,
    corrected,
    expected_by_probabilities,
    expected_sums,
)
from fairlead.monitoring.labelled import Seen

CLASSES = ("a", "b", "c")
RNG = np.random.default_rng(42)


def drawn(rows: int, sharpness: float = 1.0) -> Predictions:
    """Rows whose labels follow their probabilities."""
    rng = np.random.default_rng(rows)
    y_prob = rng.dirichlet((sharpness,) * 3, rows)
    y_true = (rng.random(rows)[:, None] > y_prob.cumsum(axis=1)).sum(axis=1).clip(0, 2)
    return Predictions(y_true, y_prob.argmax(axis=1), y_prob, CLASSES)


def seen_of(predictions: Predictions) -> Seen:
    assert predictions.y_prob is not None
    sums = {name: float(row.sum()) for name, row in expected_sums(predictions.y_prob).items()}
    confusion = confusion_of(predictions.y_pred, predictions.y_prob)
    return Seen("1", "champion", predictions.rows, 0, confusion, **sums)


@pytest.mark.parametrize("metric", [*FROM_CONFUSION[:4], "precision[b]", "recall[c]", *FROM_SUMS])
def test_where_probabilities_are_right_the_estimate_is_what_labels_say(metric: str) -> None:
    rows = drawn(20_000)
    measured = evaluate(rows, [metric])[metric]
    expected = expected_by_probabilities(seen_of(rows), metric, CLASSES)
    assert abs(expected.value - measured.value) < 4 * measured.standard_error


@given(
    cells=st.lists(st.integers(0, 50), min_size=9, max_size=9),
    metric=st.sampled_from(FROM_CONFUSION[:4]),
)
def test_of_certain_probabilities_the_estimate_is_the_metric(cells: list[int], metric: str) -> None:
    counts = np.array(cells, np.float64).reshape(3, 3)
    pairs = [(i, j) for i in range(3) for j in range(3) for _ in range(int(counts[i, j]))]
    expected = cbpe(counts, metric, CLASSES, resamples=0)
    if not pairs:
        assert not expected.is_defined
        return
    y_pred, y_true = np.array(pairs).T
    measured = evaluate(Predictions(y_true, y_pred, None, CLASSES), [metric], resamples=0)[metric]
    assert expected.value == pytest.approx(measured.value, nan_ok=True)


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss", "brier", "recall"])
def test_what_does_not_follow_from_the_matrix_is_not_defined(metric: str) -> None:
    assert not cbpe(np.eye(3), metric, CLASSES).is_defined


def test_the_interval_holds_what_labels_would_say() -> None:
    held = 0
    for seed in range(200):
        rows = drawn(300 + seed)
        expected = cbpe(seen_of(rows).confusion, "macro_f1", CLASSES)  # type: ignore[arg-type]
        measured = evaluate(rows, ["macro_f1"], resamples=0)["macro_f1"].value
        held += expected.low <= measured <= expected.high
    assert held >= 180


def test_overconfident_probabilities_are_corrected_by_what_labels_have_shown() -> None:
    def overconfident(rows: Predictions) -> Predictions:
        sharp = np.asarray(rows.y_prob) ** 3
        y_prob = sharp / sharp.sum(axis=1, keepdims=True)
        return Predictions(rows.y_true, rows.y_pred, y_prob, CLASSES)

    reference, now = overconfident(drawn(5_000)), overconfident(drawn(5_001))
    measured = evaluate(now, ["accuracy", "log_loss"])
    for metric, gain in (("accuracy", 5), ("log_loss", 5)):
        plain = expected_by_probabilities(seen_of(now), metric, CLASSES)
        mended = expected_by_probabilities(seen_of(now), metric, CLASSES, reference)
        error = abs(mended.value - measured[metric].value)
        assert error * gain < abs(plain.value - measured[metric].value)


def test_a_correction_keeps_how_often_each_class_is_predicted() -> None:
    expected = RNG.random((3, 3)) * 100
    mended = corrected(expected, RNG.random((3, 3)) * 9, np.eye(3) * 9)
    np.testing.assert_allclose(mended.sum(axis=1), expected.sum(axis=1))


def test_cbpe_follows_a_shift_of_the_rows() -> None:
    """Held-out iris, the hard rows drawn more and more often: truth and estimate fall together."""
    X, y = datasets.load_iris(return_X_y=True)
    X = X[:, :2]
    y_prob = cross_val_predict(
        LogisticRegression(max_iter=2000), X, y, cv=5, method="predict_proba"
    )
    rows = Predictions(y, y_prob.argmax(axis=1), y_prob, CLASSES)
    doubt = 1 - y_prob.max(axis=1)
    found = []
    for strength in (-6.0, 0.0, 6.0):
        weights = np.exp(strength * doubt)
        drawn = np.random.default_rng(7).choice(150, 4000, p=weights / weights.sum())
        window = rows.take(drawn)
        expected = expected_by_probabilities(seen_of(window), "accuracy", CLASSES, rows).value
        found.append((evaluate(window, ["accuracy"], resamples=0)["accuracy"].value, expected))
    truths, estimates = zip(*found, strict=True)
    assert truths[0] - truths[2] > 0.15
    assert max(abs(truth - expected) for truth, expected in found) < 0.05
    assert estimates[0] > estimates[1] > estimates[2]


def regression(rows: int, high: float) -> Predictions:
    """Errors that grow with the prediction."""
    rng = np.random.default_rng(rows)
    y_pred = rng.uniform(0, high, rows)
    return Predictions(y_pred + rng.normal(0, 0.1 + y_pred), y_pred)


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_errors_of_the_holdout_follow_what_is_predicted(metric: str) -> None:
    errors = ErrorsByPrediction.of(regression(4_000, 10))
    now = regression(4_001, 3)
    bins = np.bincount(np.searchsorted(errors.edges, now.y_pred), minlength=len(errors.edges) + 1)
    expected = errors.expected(bins.astype(np.float64), metric)
    measured = evaluate(now, [metric])[metric]
    spread = math.hypot(expected.standard_error, measured.standard_error)
    assert abs(expected.value - measured.value) < 4 * spread + 0.05 * abs(measured.value)
    assert expected.low < expected.value < expected.high


def test_without_predictions_nothing_is_expected() -> None:
    errors = ErrorsByPrediction.of(regression(100, 10))
    assert not errors.expected(np.zeros(len(errors.edges) + 1), "rmse").is_defined
    assert not cbpe(np.zeros((3, 3)), "accuracy").is_defined
