"""Metrics against scikit-learn, and where they are not defined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from fairlead.errors import EvaluationError
from fairlead.evaluation.metrics import METRICS, expand_names, find_metric, metric_names
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate

CLASSES = ("a", "b", "c", "d")
FEW = settings(max_examples=60, deadline=None)


def value(predictions: Predictions, name: str) -> float:
    return evaluate(predictions, [name], resamples=0)[name].value


@st.composite
def classifications(draw: st.DrawFn, smallest: int = 2, all_occur: bool = False) -> Predictions:
    k = draw(st.integers(smallest, 4))
    n = draw(st.integers(k, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    y_true = rng.integers(0, k, n)
    if all_occur:
        y_true[:k] = range(k)
    # Few distinct scores, so that ties and probabilities of exactly 0 and 1 are among them.
    y_prob = rng.multinomial(draw(st.integers(1, 8)), np.ones(k) / k, size=n).astype(float)
    y_prob /= y_prob.sum(axis=1, keepdims=True)
    return Predictions(y_true, y_prob.argmax(axis=1), y_prob, CLASSES[:k])


finite = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def regressions(draw: st.DrawFn) -> Predictions:
    n = draw(st.integers(2, 60))
    y_true = draw(hnp.arrays(np.float64, n, elements=finite))
    y_pred = draw(hnp.arrays(np.float64, n, elements=finite))
    return Predictions(y_true, y_pred)


@FEW
@given(predictions=classifications())
def test_accuracy_and_f1_are_those_of_scikit_learn(predictions: Predictions) -> None:
    y_true, y_pred = predictions.y_true, predictions.y_pred
    assert value(predictions, "accuracy") == pytest.approx(sk.accuracy_score(y_true, y_pred))
    for average in ("macro", "weighted"):
        assert value(predictions, f"{average}_f1") == pytest.approx(
            sk.f1_score(y_true, y_pred, average=average, zero_division=0)
        )


@FEW
@given(predictions=classifications(all_occur=True))
def test_balanced_accuracy_is_that_of_scikit_learn(predictions: Predictions) -> None:
    assert value(predictions, "balanced_accuracy") == pytest.approx(
        sk.balanced_accuracy_score(predictions.y_true, predictions.y_pred)
    )


@FEW
@given(predictions=classifications())
def test_precision_and_recall_of_each_class_are_those_of_scikit_learn(
    predictions: Predictions,
) -> None:
    y_true, y_pred = predictions.y_true, predictions.y_pred
    report = evaluate(predictions, ["precision", "recall"], resamples=0)
    for name, oracle in (("precision", sk.precision_score), ("recall", sk.recall_score)):
        expected = oracle(
            y_true,
            y_pred,
            labels=range(len(predictions.classes)),
            average=None,
            zero_division=np.nan,
        )
        ours = [report[f"{name}[{label}]"].value for label in predictions.classes]
        assert ours == pytest.approx(list(expected), nan_ok=True)


@FEW
@given(predictions=classifications())
def test_log_loss_and_brier_are_those_of_scikit_learn(predictions: Predictions) -> None:
    y_true, labels = predictions.y_true, list(range(len(predictions.classes)))
    y_prob = predictions.y_prob
    assert y_prob is not None
    assert value(predictions, "log_loss") == pytest.approx(
        sk.log_loss(y_true, y_prob, labels=labels)
    )
    assert value(predictions, "brier") == pytest.approx(
        sk.brier_score_loss(y_true, y_prob, labels=labels, pos_label=None), abs=1e-12
    )


@FEW
@given(predictions=classifications(all_occur=True))
def test_roc_auc_is_that_of_scikit_learn(predictions: Predictions) -> None:
    y_prob: Any = predictions.y_prob
    score = y_prob[:, 1] if len(predictions.classes) == 2 else y_prob
    expected = sk.roc_auc_score(predictions.y_true, score, multi_class="ovr", average="macro")
    assert value(predictions, "roc_auc") == pytest.approx(expected)


@FEW
@given(predictions=regressions())
def test_regression_errors_are_those_of_scikit_learn(predictions: Predictions) -> None:
    y_true, y_pred = predictions.y_true, predictions.y_pred
    assert value(predictions, "rmse") == pytest.approx(sk.root_mean_squared_error(y_true, y_pred))
    assert value(predictions, "mae") == pytest.approx(sk.mean_absolute_error(y_true, y_pred))
    assume((np.abs(y_true) > 1e-9).all())
    assert value(predictions, "mape") == pytest.approx(
        sk.mean_absolute_percentage_error(y_true, y_pred)
    )


@FEW
@given(predictions=regressions())
def test_r2_is_that_of_scikit_learn(predictions: Predictions) -> None:
    assume(np.std(predictions.y_true) > 1e-6 * max(1.0, np.abs(predictions.y_true).max()))
    expected = sk.r2_score(predictions.y_true, predictions.y_pred)
    assert value(predictions, "r2") == pytest.approx(expected, rel=1e-8, abs=1e-8)


@FEW
@given(data=st.data())
def test_the_order_of_the_rows_changes_no_bit_of_a_metric(data: st.DataObject) -> None:
    predictions = data.draw(st.one_of(classifications(), regressions()))
    order = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(predictions.rows)
    prob = None if predictions.y_prob is None else predictions.y_prob[order]
    shuffled = Predictions(
        predictions.y_true[order], predictions.y_pred[order], prob, predictions.classes
    )
    names = metric_names(predictions.task)
    before, after = (evaluate(each, names, resamples=0) for each in (predictions, shuffled))
    assert before == after


def test_roc_auc_of_a_single_class_is_not_defined() -> None:
    y_prob = np.array([[0.2, 0.8], [0.6, 0.4]])
    predictions = Predictions(np.array([1, 1]), np.array([1, 0]), y_prob, ("no", "yes"))
    assert math.isnan(value(predictions, "roc_auc"))


def test_roc_auc_and_balanced_accuracy_leave_out_a_class_that_does_not_occur() -> None:
    y_prob = np.array([[0.8, 0.2, 0.0], [0.1, 0.7, 0.2], [0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    predictions = Predictions(np.array([0, 1, 0, 1]), y_prob.argmax(axis=1), y_prob, CLASSES[:3])
    # Class a is ranked perfectly; for b, 0.3 of a row of class a beats 0.2 of a row of class b,
    # and another ties with it.
    assert value(predictions, "roc_auc") == pytest.approx((1.0 + 2.5 / 4) / 2)
    assert value(predictions, "balanced_accuracy") == pytest.approx((1.0 + 0.5) / 2)


def test_mape_is_not_defined_where_a_target_is_zero() -> None:
    report = evaluate(Predictions(np.array([0.0, 1.0]), np.array([1.0, 1.0])), ["mape"])
    assert math.isnan(report["mape"].value)
    assert math.isnan(report["mape"].standard_error)


@pytest.mark.parametrize("constant", [0.1, 1 / 3, -1e9, 0.0])
def test_r2_of_a_constant_target_is_not_defined(constant: float) -> None:
    predictions = Predictions(np.full(7, constant), np.arange(7.0))
    assert math.isnan(value(predictions, "r2"))


def test_a_truth_of_probability_zero_costs_a_finite_log_loss() -> None:
    y_prob = np.array([[1.0, 0.0]])
    predictions = Predictions(np.array([1]), np.array([0]), y_prob, ("no", "yes"))
    assert value(predictions, "log_loss") == pytest.approx(36.04, abs=0.01)


def test_metrics_of_probabilities_are_not_defined_without_any() -> None:
    predictions = Predictions(np.array([0, 1]), np.array([0, 1]), None, ("no", "yes"))
    report = evaluate(predictions, ["accuracy", "log_loss", "brier", "roc_auc"])
    assert report["accuracy"].value == 1.0
    assert all(math.isnan(report[name].value) for name in ("log_loss", "brier", "roc_auc"))


def test_a_metric_per_class_expands_to_one_name_for_each() -> None:
    names = expand_names(["recall", "accuracy", "recall[b]"], "classification", ("a", "b"))
    assert names == ("recall[a]", "recall[b]", "accuracy")


@pytest.mark.parametrize("name", ["rmse", "accuracies", "accuracy[a]", "recall[z]", "recall[]"])
def test_an_unknown_metric_is_refused_with_what_there_is(name: str) -> None:
    with pytest.raises(EvaluationError, match="expected"):
        find_metric(name, "classification", ("a", "b"))


@pytest.mark.parametrize("huge", [1e154, 1e200, 1.7e308])
def test_what_overflows_is_not_defined(huge: float) -> None:
    predictions = Predictions(np.array([-1.0, 1.0, 2.0]), np.array([-huge, huge, huge]))
    report = evaluate(predictions, metric_names("regression"))
    assert math.isnan(report["rmse"].value)
    assert not any(math.isinf(estimate.value) for estimate in report.values())


def test_each_metric_knows_its_better_end_and_its_unit() -> None:
    smaller = {name for name, metric in METRICS.items() if metric.better == "smaller"}
    assert smaller == {"log_loss", "brier", "rmse", "mae", "mape"}
    assert {name for name, metric in METRICS.items() if metric.unit == "target"} == {"rmse", "mae"}
