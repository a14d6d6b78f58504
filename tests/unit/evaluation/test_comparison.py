"""Two candidates on the same rows: who is better, and how sure that is."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom, poisson

from fairlead.errors import EvaluationError
from fairlead.evaluation.comparison import Comparison, _chance, compare
from fairlead.evaluation.metrics import METRICS, metric_names
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate

CLASSES = ("a", "b", "c")
FEW = settings(max_examples=25, deadline=None)
names = st.sampled_from(
    [f"{name}[b]" if METRICS[name].per_class else name for name in METRICS if name != "mape"]
)


def classifier(y_true: NDArray[np.int64], seed: int, skill: float = 1.0) -> Predictions:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=(len(y_true), 3)) + skill * (y_true[:, None] == np.arange(3))
    y_prob = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    return Predictions(y_true, y_prob.argmax(axis=1), y_prob, CLASSES)


def regressor(y_true: NDArray[np.float64], seed: int, noise: float = 1.0) -> Predictions:
    rng = np.random.default_rng(seed)
    return Predictions(y_true, y_true + noise * rng.normal(size=len(y_true)))


def pair(metric: str, rows: int, seed: int) -> tuple[Predictions, Predictions]:
    """Two models of about the same skill on the same rows."""
    rng = np.random.default_rng(seed)
    if METRICS[metric.partition("[")[0]].task == "classification":
        codes = rng.integers(0, 3, rows)
        return classifier(codes, seed + 1), classifier(codes, seed + 2)
    numbers = rng.normal(size=rows)
    return regressor(numbers, seed + 1), regressor(numbers, seed + 2)


def taken(predictions: Predictions, rows: NDArray[np.int64]) -> Predictions:
    y_prob = None if predictions.y_prob is None else predictions.y_prob[rows]
    return Predictions(
        predictions.y_true[rows], predictions.y_pred[rows], y_prob, predictions.classes
    )


@FEW
@given(metric=names, rows=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_exchanging_the_two_turns_every_sign_round(metric: str, rows: int, seed: int) -> None:
    a, b = pair(metric, rows, seed)
    one, other = compare(a, b, metric, resamples=200), compare(b, a, metric, resamples=200)
    opposite = {"better": "worse", "worse": "better", "inconclusive": "inconclusive"}
    assert other.verdict == opposite[one.verdict]
    for name, mirrored in (("value", "value"), ("low", "high"), ("high", "low")):
        mirror = -getattr(other.difference, mirrored)
        assert getattr(one.difference, name) == pytest.approx(mirror, rel=1e-9, nan_ok=True)
    if one.probability is not None:
        assert other.probability == pytest.approx(1 - one.probability)


@FEW
@given(metric=names, rows=st.integers(1, 40), seed=st.integers(0, 10**6))
def test_the_order_of_the_rows_changes_nothing(metric: str, rows: int, seed: int) -> None:
    a, b = pair(metric, rows, seed)
    order = np.random.default_rng(seed).permutation(rows)
    again = compare(taken(a, order), taken(b, order), metric, resamples=200)
    assert again == compare(a, b, metric, resamples=200)


@FEW
@given(metric=names, rows=st.integers(2, 40), seed=st.integers(0, 10**6))
def test_identical_predictions_differ_by_exactly_nothing(metric: str, rows: int, seed: int) -> None:
    a, _ = pair(metric, rows, seed)
    tie = compare(a, a, metric, resamples=200)
    if not math.isnan(tie.difference.value):
        assert (tie.difference.value, tie.difference.low, tie.difference.high) == (0, 0, 0)
        assert tie.probability == 0.5
        assert tie.is_within_one_error
    assert tie.verdict == "inconclusive"


def test_two_that_are_wrong_on_as_many_rows_of_each_kind_are_even() -> None:
    y_true = np.arange(60) % 2
    wrong_first = np.where(np.arange(60) < 6, 1 - y_true, y_true)
    wrong_last = np.where(np.arange(60) >= 54, 1 - y_true, y_true)
    a, b = (Predictions(y_true, y, None, ("no", "yes")) for y in (wrong_first, wrong_last))
    even = compare(a, b, "accuracy")
    assert even.difference.value == 0
    assert even.difference.low == -even.difference.high
    assert even.probability == 0.5


@pytest.mark.parametrize("metric", ["rmse", "accuracy", "roc_auc", "r2"])
def test_a_clearly_better_model_is_found_to_be_better(metric: str) -> None:
    rng = np.random.default_rng(0)
    if METRICS[metric].task == "classification":
        codes = rng.integers(0, 3, 400)
        good, bad = classifier(codes, 1, skill=3.0), classifier(codes, 2, skill=1.0)
    else:
        numbers = rng.normal(size=400)
        good, bad = regressor(numbers, 1, noise=0.5), regressor(numbers, 2, noise=1.0)
    found = compare(good, bad, metric)
    assert (found.verdict, found.probability) == ("better", 1.0)
    assert (found.difference.value > 0) == (METRICS[metric].better == "greater")


def test_the_difference_is_that_of_the_reported_metrics() -> None:
    for metric in metric_names("regression"):
        a, b = pair(metric, 50, seed=4)
        reported = [evaluate(each, [metric])[metric].value for each in (a, b)]
        assert compare(a, b, metric).difference.value == pytest.approx(reported[0] - reported[1])


def test_the_error_of_a_mean_is_that_of_the_paired_differences() -> None:
    a, b = pair("mae", 2000, seed=5)
    losses = [np.abs(each.y_pred - each.y_true) for each in (a, b)]
    expected = (losses[0] - losses[1]).std() / np.sqrt(2000)
    assert compare(a, b, "mae").difference.standard_error == pytest.approx(expected, rel=0.06)


def test_what_is_hard_for_both_cancels_out() -> None:
    rng = np.random.default_rng(6)
    y_true, hard = rng.normal(size=500), rng.normal(0, 10, 500)
    a, b = (Predictions(y_true, y_true + hard + rng.normal(0, 0.1, 500)) for _ in range(2))
    alone = evaluate(a, ["rmse"])["rmse"].standard_error
    assert compare(a, b, "rmse").difference.standard_error < alone / 20


def noisy(rows: int, seed: int) -> Comparison:
    """A regression of noise 1.0 against one of noise 1.1 that shares a part of it."""
    rng = np.random.default_rng(seed)
    y_true, shared = rng.normal(size=rows), rng.normal(0, 0.8, rows)
    a = Predictions(y_true, y_true + shared + rng.normal(0, 0.6, rows))
    b = Predictions(y_true, y_true + shared + rng.normal(0, np.sqrt(1.21 - 0.64), rows))
    return compare(a, b, "rmse", resamples=1000)


def test_the_interval_holds_the_truth_about_95_times_in_100() -> None:
    held = [c.difference.low <= 1.0 - 1.1 <= c.difference.high for c in map_seeds(noisy, 200)]
    assert 0.90 <= np.mean(held) <= 0.99


def even_classifiers(rows: int, seed: int) -> Comparison:
    """Two classifiers that are right on 90 % of the rows each, on 4 % of them alone."""
    rng = np.random.default_rng(seed)
    y_true = rng.integers(0, 2, rows)
    kind = rng.choice(4, rows, p=[0.86, 0.04, 0.04, 0.06])
    a, b = (
        Predictions(y_true, np.where(np.isin(kind, right), y_true, 1 - y_true), None, ("n", "y"))
        for right in ([0, 1], [0, 2])
    )
    return compare(a, b, "accuracy", resamples=1000)


def test_of_equal_classifiers_about_one_in_twenty_is_called_better_or_worse() -> None:
    called = [c.verdict != "inconclusive" for c in map_seeds(even_classifiers, 200)]
    assert np.mean(called) <= 0.08


def map_seeds(simulate: object, rows: int) -> list[Comparison]:
    return [simulate(rows, seed) for seed in range(300)]  # type: ignore[operator]


def test_more_rows_make_the_interval_narrower() -> None:
    widths = [
        noisy(rows, seed=1).difference.high - noisy(rows, seed=1).difference.low
        for rows in (100, 400, 1600, 6400)
    ]
    ratios = np.array(widths[:-1]) / widths[1:]
    assert ratios == pytest.approx([2, 2, 2], rel=0.25)


def test_a_higher_level_makes_the_interval_wider() -> None:
    a, b = pair("rmse", 200, seed=7)
    inner, outer = (compare(a, b, "rmse", level=level).difference for level in (0.8, 0.99))
    assert outer.low < inner.low < inner.high < outer.high


@pytest.mark.parametrize(
    ("rows", "differing", "verdict"),
    [
        (1000, 3, "inconclusive"),
        (1000, 4, "better"),
        (10, 4, "inconclusive"),
        (10, 5, "better"),
        (5, 5, "inconclusive"),
        (6, 6, "better"),
    ],
)
def test_few_differing_rows_decide_nothing(rows: int, differing: int, verdict: str) -> None:
    y_true = np.arange(rows) % 2
    worse = np.where(np.arange(rows) < differing, 1 - y_true, y_true)
    right, wrong = (Predictions(y_true, y, None, ("no", "yes")) for y in (y_true, worse))
    assert compare(right, wrong, "accuracy").verdict == verdict


@given(units=st.integers(1, 60), data=st.data())
def test_what_equal_models_do_by_chance_is_never_likelier_than_told(
    units: int, data: st.DataObject
) -> None:
    differing = data.draw(st.integers(0, units))
    share = data.draw(st.integers(0, 1000)) / 1000
    more = np.arange(differing, units + 1)
    exact = (binom.pmf(more, units, share) * 0.5**more).sum()
    told = _chance(differing, units)
    # The likeliest share is found up to the distance of those that are tried.
    assert exact <= told * 1.001 + 1e-12
    assert told <= 0.5**differing + 1e-12
    if differing:
        # Beyond 30 a bound is told that is a little above the chance.
        assert told <= _chance(differing - 1, units) + 1e-9


@pytest.mark.parametrize("units", [10**3, 10**7])
def test_chance_is_that_of_a_poisson_where_few_of_many_differ(units: int) -> None:
    rates = np.linspace(0.1, 20, 2000)
    expected = max(poisson.sf(3, rates / 2) * poisson.pmf(0, rates / 2))
    assert _chance(4, units) == pytest.approx(expected, rel=0.01)
    assert _chance(1000, units) < 1e-9


def test_rows_of_a_group_are_drawn_together() -> None:
    a, b = pair("rmse", 200, seed=8)
    rows, groups = np.repeat(np.arange(200), 5), np.repeat(np.arange(200), 5)
    honest = compare(taken(a, rows), taken(b, rows), "rmse", groups=groups).difference
    naive = compare(taken(a, rows), taken(b, rows), "rmse").difference
    single = compare(a, b, "rmse").difference
    assert honest.standard_error == pytest.approx(single.standard_error, rel=0.1)
    assert honest.standard_error > 1.9 * naive.standard_error


def test_repeats_of_the_same_predictions_add_no_information() -> None:
    a, b = pair("rmse", 100, seed=9)
    once, thrice = compare(a, b, "rmse"), compare([a] * 3, [b] * 3, "rmse")
    assert thrice.difference.standard_error == pytest.approx(once.difference.standard_error)


def test_a_single_row_or_group_decides_nothing() -> None:
    one = compare(*pair("mae", 1, seed=1), "mae")
    group = compare(*pair("mae", 9, seed=1), "mae", groups=np.zeros(9))
    assert {one.verdict, group.verdict} == {"inconclusive"}
    assert math.isnan(one.difference.low)
    assert math.isnan(group.difference.standard_error)


def test_a_metric_that_one_of_them_lacks_decides_nothing() -> None:
    a, b = pair("log_loss", 30, seed=2)
    labels = Predictions(b.y_true, b.y_pred, None, CLASSES)
    undefined = compare(a, labels, "log_loss")
    assert (undefined.verdict, undefined.probability) == ("inconclusive", None)
    assert math.isnan(undefined.difference.value)


def test_other_rows_and_other_repeats_are_refused() -> None:
    a, b = pair("rmse", 20, seed=3)
    with pytest.raises(EvaluationError, match="different rows"):
        compare(a, taken(b, np.arange(19)), "rmse")
    with pytest.raises(EvaluationError, match="1 and 2 repeats"):
        compare(a, [b, b], "rmse")


def test_very_many_rows_are_compared_in_bounded_time_with_the_same_error() -> None:
    a, b = pair("mae", 60_000, seed=5)
    losses = [np.abs(each.y_pred - each.y_true) for each in (a, b)]
    expected = (losses[0] - losses[1]).std() / np.sqrt(60_000)
    assert compare(a, b, "mae").difference.standard_error == pytest.approx(expected, rel=0.08)


@pytest.mark.parametrize("metric", ["rmse", "mape"])
def test_a_comparison_survives_json(metric: str) -> None:
    y_true = np.arange(30.0)  # a zero among them: mape is not defined
    found = compare(regressor(y_true, 1), regressor(y_true, 2), metric)
    again = Comparison.from_dict(json.loads(json.dumps(found.to_dict(), allow_nan=False)))
    assert again == found
