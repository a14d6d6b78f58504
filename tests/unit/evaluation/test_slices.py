"""Slices: how columns are cut, how each part is scored, which parts are called worse."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fairlead.evaluation.metrics import METRICS, metric_names
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.slices import Cut, cut, score_slices
from fairlead.project.columns import ColumnSpec

ALL = np.arange(8)
NUMBER = ColumnSpec(type="number", nullable=True)


def names_of(found: Cut) -> list[str]:
    return [found.labels[code] for code in found.codes]


def test_a_category_is_cut_by_its_values() -> None:
    column = ColumnSpec(type="category", values=("x", "y"), unknown="flag", nullable=True)
    found = cut("c", column, np.array([0.0, 1, 1, -1, np.nan]), np.arange(5))
    assert names_of(found) == ["x", "y", "y", "unknown", "missing"]


def test_a_number_is_cut_at_the_quartiles_of_the_training_rows() -> None:
    values = np.array([1.0, 2, 3, 4, 5, 100, np.nan, 3])
    found = cut("n", NUMBER, values, train=ALL[:5])
    expected = ["<= 2", "<= 2", "2 to 3", "3 to 4", "> 4", "> 4", "missing", "2 to 3"]
    assert names_of(found) == expected


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([1.0, 1, 1, 1, 1, 1, 1, 2], ["<= 1"] * 7 + ["> 1"]),
        ([1.0, 2, 2, 2, 2, 2, 2, 2], ["all"] * 8),
        ([7.0] * 8, ["all"] * 8),
        ([np.nan] * 8, ["missing"] * 8),
    ],
)
def test_a_quarter_that_would_be_empty_is_no_slice(values: list[float], labels: list[str]) -> None:
    assert names_of(cut("n", NUMBER, np.array(values), ALL)) == labels


def test_booleans_times_and_texts_are_cut_too() -> None:
    truth = cut("b", ColumnSpec(type="boolean"), np.array([0.0, 1.0]), ALL[:2])
    texts = np.array(["b", "a", "", "b"], object)
    place = cut("t", ColumnSpec(type="text", role="ignore"), texts, ALL[:4])
    days = cut("d", ColumnSpec(type="datetime"), 86400.0 * ALL, ALL)
    assert names_of(truth) == ["false", "true"]
    assert names_of(place) == ["b", "a", "missing", "b"]
    assert names_of(days)[-1] == "> 1970-01-06T06:00:00+00:00"


@settings(max_examples=40, deadline=None)
@given(values=st.lists(st.floats(-1e6, 1e6) | st.just(math.nan), min_size=1, max_size=30))
def test_every_row_is_in_exactly_one_slice(values: list[float]) -> None:
    found = cut("n", NUMBER, np.array(values), np.arange(len(values)))
    assert ((found.codes >= 0) & (found.codes < len(found.labels))).all()
    assert len(set(found.labels)) == len(found.labels)


def two_kinds(rows: int, noise: float, seed: int = 0) -> tuple[Predictions, Cut]:
    """A model whose error on the second half of the rows is `noise`, elsewhere 1."""
    rng = np.random.default_rng(seed)
    codes = (np.arange(rows) >= rows // 2).astype(np.int64)
    y_true = rng.normal(size=rows)
    y_pred = y_true + rng.normal(size=rows) * np.where(codes, noise, 1.0)
    return Predictions(y_true, y_pred), Cut("half", ("first", "second"), codes)


def test_a_slice_has_the_metric_and_the_error_of_its_rows_alone() -> None:
    predictions, halves = two_kinds(600, noise=1.5)
    for metric in metric_names("regression"):
        for score, rows in zip(
            score_slices(predictions, metric, [halves], min_rows=30),
            (np.arange(300), np.arange(300, 600)),
            strict=True,
        ):
            alone = evaluate(predictions.take(rows), [metric])[metric]
            assert score.rows == 300
            assert score.estimate.value == alone.value
            assert score.estimate.standard_error == pytest.approx(alone.standard_error, rel=0.15)


@pytest.mark.parametrize("metric", metric_names("classification"))
def test_every_metric_of_a_classification_can_be_sliced(metric: str) -> None:
    name = f"{metric}[b]" if METRICS[metric].per_class else metric
    rng = np.random.default_rng(0)
    y_true, y_prob = rng.integers(0, 2, 200), rng.dirichlet([1, 1], 200)
    predictions = Predictions(y_true, y_prob.argmax(axis=1), y_prob, ("a", "b"))
    halves = Cut("half", ("first", "second"), np.repeat([0, 1], 100))
    for score in score_slices([predictions] * 2, name, [halves], min_rows=30):
        rows = np.flatnonzero(halves.codes == halves.labels.index(score.value))
        alone = evaluate(predictions.take(rows), [name])[name]
        assert score.estimate.value == pytest.approx(alone.value)
        assert score.estimate.low <= alone.value <= score.estimate.high


def test_a_slice_that_is_clearly_worse_is_marked_and_the_better_one_is_not() -> None:
    predictions, halves = two_kinds(600, noise=2.0)
    first, second = score_slices(predictions, "rmse", [halves], min_rows=30)
    assert (first.is_worse, second.is_worse) == (False, True)
    assert first.difference.high < 0 < second.difference.low


def test_of_equal_slices_few_are_called_worse_however_many_there_are() -> None:
    marked = 0
    for seed in range(40):
        predictions, _ = two_kinds(800, noise=1.0, seed=seed)
        cuts = [
            Cut(str(number), tuple("abcd"), np.random.default_rng(number).integers(0, 4, 800))
            for number in range(5)
        ]
        scores = score_slices(predictions, "mae", cuts, min_rows=30)
        marked += any(score.is_worse for score in scores)
    assert marked <= 6


def test_a_small_slice_is_counted_and_not_scored() -> None:
    predictions, _ = two_kinds(100, noise=1.0)
    codes: NDArray[np.int64] = (np.arange(100) >= 90).astype(np.int64)
    large, small = score_slices(
        predictions, "rmse", [Cut("c", ("most", "few"), codes)], min_rows=11
    )
    assert (large.rows, small.rows) == (90, 10)
    assert large.estimate.is_defined
    assert not small.estimate.is_defined
    assert not small.is_worse


def test_a_slice_without_rows_is_left_out() -> None:
    predictions, halves = two_kinds(100, noise=1.0)
    cuts = [Cut("half", (*halves.labels, "third"), halves.codes)]
    assert len(score_slices(predictions, "rmse", cuts, min_rows=30)) == 2


def test_groups_are_drawn_together_and_the_same_seed_gives_the_same_scores() -> None:
    predictions, halves = two_kinds(400, noise=1.0)
    rows = np.repeat(np.arange(400), 4)
    often, cuts = predictions.take(rows), [halves.of(rows)]
    honest, again = (score_slices(often, "rmse", cuts, min_rows=30, groups=rows) for _ in range(2))
    naive = score_slices(often, "rmse", cuts, min_rows=30)
    assert honest == again
    ratio = honest[0].estimate.standard_error / naive[0].estimate.standard_error
    assert ratio == pytest.approx(2, rel=0.15)


def test_scores_go_into_json() -> None:
    predictions, halves = two_kinds(100, noise=1.0)
    scores = score_slices(predictions, "rmse", [halves], min_rows=60)
    text = json.dumps([score.to_dict() for score in scores], allow_nan=False)
    assert json.loads(text)[0]["estimate"]["value"] is None
