"""Each conclusion follows from figures, has them in it, and is not drawn without them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import numpy as np

from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.learning_curve import LearningCurve
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.slices import SliceScore
from fairlead.evaluation.training_report.conclusions import conclusions
from fairlead.evaluation.training_report.records import CandidateResults, TrainingResults
from fairlead.evaluation.validation import Validation
from fairlead.project.spec import ProjectSpec

Verdict = Literal["better", "worse", "inconclusive"]
SPEC = ProjectSpec.model_validate(
    {
        "name": "flats",
        "task": "regression",
        "data": {"path": "f.csv", "target": {"name": "rent", "unit": "EUR"},
                 "columns": {"size": {"type": "number"}, "floor": {"type": "integer"}}},
        "candidates": {"boosting": {"family": "hist_gradient_boosting"},
                       "line": {"family": "linear"}},
        "evaluation": {"metric": "rmse"},
    }
)  # fmt: skip


def estimate(value: float, error: float = 10.0) -> Estimate:
    return Estimate(value, error, value - 2 * error, value + 2 * error)


def versus(value: float, verdict: Verdict) -> Comparison:
    return Comparison("rmse", estimate(value), 0.95, 0.5, verdict, 1000)


BOOSTING = Entry(
    "boosting",
    "hist_gradient_boosting",
    cv={"rmse": estimate(400)},
    interpretability="low",
    against_baseline=versus(-600, "better"),
)
LINE = Entry(
    "line",
    "linear",
    cv={"rmse": estimate(500)},
    interpretability="high",
    against_best=versus(100, "worse"),
    against_baseline=versus(-500, "better"),
)


def results(
    *entries: Entry, chosen: dict[str, Any] | None = None, **fields: Any
) -> TrainingResults:
    board = Leaderboard("regression", "rmse", "5-fold, 1,000 rows", entries, unit="EUR")
    candidates = {entry.name: CandidateResults(entry) for entry in board.ranked}
    if chosen:
        name = board.ranked[0].name
        candidates[name] = replace(candidates[name], **chosen)
    return TrainingResults(
        SPEC, is_current=True, created_at="2026", board=board, candidates=candidates, **fields
    )


def said(report: TrainingResults) -> str:
    return "\n".join(conclusions(report))


def test_what_is_better_is_told_with_the_difference_on_the_same_rows() -> None:
    text = said(results(BOOSTING, LINE))
    assert "`boosting` beats the baseline by 600 ± 10 EUR on the same rows." in text
    assert "`boosting` beats `line` by 100 ± 10 EUR on the same rows." in text


def test_of_two_that_cannot_be_told_apart_the_simpler_is_named() -> None:
    near = replace(LINE, against_best=versus(5, "inconclusive"))
    text = said(results(BOOSTING, near))
    assert "Inconclusive between `boosting` and `line`: 5 ± 10 EUR" in text
    assert "[-15, 25]; the simpler one is `line`." in text


def test_of_two_that_are_as_easy_to_follow_none_is_called_simpler() -> None:
    near = replace(LINE, against_best=versus(5, "inconclusive"), interpretability="low")
    assert "the simpler one" not in said(results(BOOSTING, near))


def test_too_few_differing_rows_are_named_where_the_interval_alone_would_tell() -> None:
    near = replace(LINE, against_best=versus(100, "inconclusive"))
    assert "too few rows differ to tell" in said(results(BOOSTING, near))


def test_holdout_and_cross_validation_agree_within_two_errors() -> None:
    for value, word in ((410, "agree: 0.7"), (350, "disagree: 3.5"), (470, "disagree: 4.9")):
        entry = replace(BOOSTING, holdout={"rmse": estimate(value)})
        assert word in said(results(entry)), value
    worse = replace(BOOSTING, holdout={"rmse": estimate(470)})
    assert "the holdout is worse" in said(results(worse))
    assert "oldout" not in said(results(BOOSTING))


def test_where_the_way_to_validate_changes_the_best_each_is_named() -> None:
    spatial = (Validation("spatial blocks", 10, 650, 20, 600, 700),)
    local = replace(BOOSTING, validations=spatial)
    plain = replace(LINE, validations=(replace(spatial[0], mean=570, low=550, high=600),))
    text = said(results(local, plain))
    assert "`boosting` by 5-fold, `line` by spatial blocks" in text
    assert "By spatial blocks `boosting` is worse than by 5-fold: 650 EUR against 400 ± 10" in text
    assert "10 draws gave 600 EUR to 700 EUR" in text


def test_a_single_draw_is_no_range() -> None:
    once = (Validation("spatial blocks", 1, 650, 0.0, 650, 650),)
    text = said(results(replace(BOOSTING, validations=once)))
    assert "draws gave" not in text
    assert "650 EUR against" in text


def test_the_worst_slice_is_named_with_its_rows() -> None:
    good = SliceScore("floor", "<= 1", 600, "rmse", estimate(390), estimate(-10))
    bad = SliceScore("floor", "> 1", 400, "rmse", estimate(480), estimate(80), is_worse=True)
    few = SliceScore("floor", "missing", 3, "rmse")
    chosen = {"slices": (good, bad, few)}
    text = said(results(BOOSTING, chosen=chosen))
    assert "Worse than the whole" in text
    assert "The worst is floor: > 1 with 480 ± 10 EUR (400 rows), where all rows have 400" in text
    text = said(results(BOOSTING, chosen={"slices": (good, few)}))
    assert "None of 1 slice is shown to be worse" in text
    assert "lice" not in said(results(BOOSTING, chosen={"slices": (few,)}))


def test_features_are_named_with_what_they_are_worth() -> None:
    effects = (
        FeatureEffect("size", versus(90, "worse")),
        FeatureEffect("floor", versus(1, "inconclusive")),
    )
    text = said(results(BOOSTING, importance=effects))
    assert "`boosting` leans most on size (90 ± 10 EUR): what it loses if shuffled." in text
    assert "leans" not in said(results(BOOSTING, importance=effects[1:]))


def test_more_rows_help_where_the_last_ones_did() -> None:
    curve = LearningCurve(
        "boosting", [400, 800], [estimate(450), estimate(400)], versus(-50, "better")
    )
    text = said(results(BOOSTING, curves=(curve,)))
    assert "More rows would likely help `boosting`: from 400 to 800 rows" in text
    flat = replace(curve, last_step=versus(-5, "inconclusive"))
    assert "is not shown: from 400 to 800" in said(results(BOOSTING, curves=(flat,)))


def test_how_sure_a_classifier_is_is_compared_with_how_often_it_is_right() -> None:
    rows = 1000
    for share, word in ((0.9, "as sure as it may be"), (0.7, "too sure of itself"),
                        (0.99, "surer than it says")):  # fmt: skip
        y_pred = np.zeros(rows, np.int64)
        y_true = (np.arange(rows) >= share * rows).astype(np.int64)
        found = Predictions(y_true, y_pred, np.tile([0.9, 0.1], (rows, 1)), ("a", "b"))
        assert word in said(results(BOOSTING, chosen={"predictions": found}))


def test_nothing_follows_where_no_candidate_has_a_figure() -> None:
    assert said(results(Entry("line", "linear", error="it broke"))) == ""
