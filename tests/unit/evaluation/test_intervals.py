"""The bootstrap against formulas where there are any."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fairlead.errors import EvaluationError
from fairlead.evaluation.intervals import MAX_UNITS, resampled_weights, sampling_units
from fairlead.evaluation.metrics import metric_names
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate

YES_NO = ("no", "yes")


def binary(n: int, seed: int, shift: float = 1.0) -> Predictions:
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 2, n)
    score = 1 / (1 + np.exp(-rng.normal(shift * (2 * y_true - 1), 1.5)))
    return Predictions(y_true, score > 0.5, np.column_stack([1 - score, score]), YES_NO)


def regression(n: int, seed: int) -> Predictions:
    rng = np.random.default_rng(seed)
    y_true = rng.normal(200_000, 100_000, n)
    return Predictions(y_true, y_true + rng.normal(0, 50_000, n))


@settings(max_examples=20, deadline=None)
@given(n=st.integers(150, 3000), wrong=st.integers(3, 70))
def test_error_of_accuracy_is_the_binomial_one(n: int, wrong: int) -> None:
    y_true = np.arange(n) % 3
    y_pred = np.where(np.arange(n) < wrong, (y_true + 1) % 3, y_true)
    accuracy = evaluate(Predictions(y_true, y_pred, None, ("a", "b", "c")), ["accuracy"])
    p = 1 - wrong / n
    assert accuracy["accuracy"].standard_error == pytest.approx(np.sqrt(p * (1 - p) / n), rel=0.1)


def test_errors_of_mean_errors_are_the_analytic_ones() -> None:
    predictions = regression(4000, seed=1)
    error = predictions.y_pred - predictions.y_true
    report = evaluate(predictions, ["mae", "rmse"])
    assert report["mae"].standard_error == pytest.approx(
        np.abs(error).std() / np.sqrt(4000), rel=0.08
    )
    # The delta method: rmse = sqrt(mse).
    of_mse = (error**2).std() / np.sqrt(4000)
    assert report["rmse"].standard_error == pytest.approx(
        of_mse / (2 * report["rmse"].value), rel=0.08
    )


@pytest.mark.parametrize("metric", ["roc_auc", "macro_f1", "balanced_accuracy", "log_loss"])
def test_error_is_how_much_the_metric_varies_between_samples(metric: str) -> None:
    values = [
        evaluate(binary(400, seed), [metric], resamples=0)[metric].value for seed in range(300)
    ]
    errors = [evaluate(binary(400, seed), [metric])[metric].standard_error for seed in range(8)]
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.12)


def test_interval_holds_the_truth_about_95_times_in_100() -> None:
    truth = evaluate(binary(200_000, seed=9), ["roc_auc"], resamples=0)["roc_auc"].value
    estimates = [
        evaluate(binary(300, s), ["roc_auc"], resamples=400)["roc_auc"] for s in range(200)
    ]
    held = sum(estimate.low <= truth <= estimate.high for estimate in estimates)
    assert 180 <= held <= 199


def test_rows_of_a_group_are_drawn_together() -> None:
    once = binary(300, seed=4)
    assert once.y_prob is not None
    fivefold = Predictions(
        np.repeat(once.y_true, 5),
        np.repeat(once.y_pred, 5),
        np.repeat(once.y_prob, 5, axis=0),
        YES_NO,
    )
    names = metric_names("classification")
    honest = evaluate(fivefold, names, groups=np.repeat(np.arange(300), 5))
    independent, single = evaluate(fivefold, names), evaluate(once, names)
    for name in honest:
        assert honest[name].standard_error == pytest.approx(single[name].standard_error, rel=1e-6)
        assert honest[name].standard_error > 1.9 * independent[name].standard_error


def test_very_many_rows_have_the_same_error_and_take_no_longer() -> None:
    predictions = regression(5 * MAX_UNITS, seed=3)
    error = predictions.y_pred - predictions.y_true
    start = time.perf_counter()
    report = evaluate(predictions, ["mae"])
    assert time.perf_counter() - start < 5
    assert report["mae"].standard_error == pytest.approx(
        np.abs(error).std() / np.sqrt(len(error)), rel=0.08
    )


def test_the_same_seed_gives_the_same_errors_and_another_seed_others() -> None:
    predictions, names = binary(500, seed=2), metric_names("classification")
    first, again, other = (evaluate(predictions, names, seed=seed) for seed in (7, 7, 8))
    assert first == again
    assert first["accuracy"].value == other["accuracy"].value
    assert first["accuracy"].standard_error != other["accuracy"].standard_error


def test_a_metric_has_the_same_error_alone_and_among_others() -> None:
    predictions = regression(200, seed=5)
    together = evaluate(predictions, metric_names("regression"))
    for name in together:
        assert evaluate(predictions, [name])[name] == together[name]


def test_a_single_row_or_group_has_no_error() -> None:
    one = evaluate(Predictions(np.array([1.0]), np.array([2.0])), ["mae"])["mae"]
    group = evaluate(regression(9, seed=1), ["mae"], groups=np.zeros(9))["mae"]
    assert one.value == 1.0
    assert np.isnan([one.standard_error, one.low, group.standard_error]).all()


def test_repeats_are_averaged_metric_by_metric() -> None:
    first, second = regression(100, seed=1), regression(100, seed=1)
    worse = Predictions(second.y_true, second.y_pred + 30_000)
    both = evaluate([first, worse], ["rmse"])["rmse"]
    alone = [evaluate(each, ["rmse"])["rmse"].value for each in (first, worse)]
    assert both.value == pytest.approx(np.mean(alone))
    assert evaluate([first, worse], ["rmse"]).repeats == 2


def test_repeats_of_the_same_predictions_add_no_information() -> None:
    predictions = binary(200, seed=6)
    names = metric_names("classification")
    once, thrice = evaluate(predictions, names), evaluate([predictions] * 3, names)
    for name in once:
        assert thrice[name].value == pytest.approx(once[name].value)
        assert thrice[name].standard_error == pytest.approx(once[name].standard_error)


def test_repeats_of_other_rows_are_refused() -> None:
    with pytest.raises(EvaluationError, match="different truths"):
        evaluate([regression(10, seed=1), regression(10, seed=2)], ["mae"])


@settings(max_examples=30, deadline=None)
@given(units=st.integers(1, 50), resamples=st.integers(1, 40), seed=st.integers(0, 2**32 - 1))
def test_each_resample_draws_as_many_units_as_there_are(
    units: int, resamples: int, seed: int
) -> None:
    weights = np.vstack(list(resampled_weights(units, resamples, seed)))
    assert weights.shape == (resamples, units)
    assert (weights.sum(axis=1) == units).all()


@given(groups=st.lists(st.sampled_from("abc"), min_size=1, max_size=20))
def test_rows_share_a_unit_if_they_share_a_group(groups: list[str]) -> None:
    units: NDArray[np.int64] | None = sampling_units(len(groups), np.array(groups), seed=0)
    assert units is not None
    assert len(set(zip(groups, units.tolist(), strict=True))) == len(set(groups))
