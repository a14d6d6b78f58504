"""Pictures of features and learning curves: whatever is to be drawn, the same bytes each time."""

from __future__ import annotations

import pytest

from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.learning_curve import LearningCurve
from fairlead.evaluation.metrics import METRICS
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.study_figures import features_png, learning_curve_png


def loss(number: float, error: float = 1.0) -> Comparison:
    ends = Estimate(number, error, number - 2 * error, number + 2 * error)
    return Comparison("rmse", ends, 0.95, 0.1, "worse" if number > 2 * error else "inconclusive", 9)


@pytest.mark.parametrize(
    "effects",
    [
        (),
        (FeatureEffect("only", None, error="it is the only column"),),
        (FeatureEffect("a", loss(5.0)), FeatureEffect("b", loss(0.5)), FeatureEffect("c", None)),
        (FeatureEffect("a", loss(float("nan"))),),
        (FeatureEffect("a", Comparison("rmse", Estimate(1.0), 0.95, None, "inconclusive", 1)),),
    ],
)
def test_any_effects_can_be_drawn(effects: tuple[FeatureEffect, ...]) -> None:
    first, again = (
        features_png(effects, METRICS["rmse"], title="tree", unit="USD") for _ in range(2)
    )
    assert first.startswith(b"\x89PNG")
    assert first == again


@pytest.mark.parametrize("count", [0, 1, 9])
def test_any_number_of_learning_curves_can_be_drawn(count: int) -> None:
    points = [Estimate(0.8, 0.02), Estimate(0.9, 0.01), Estimate(0.93)]
    curves = [
        LearningCurve(f"candidate {number}", [10, 20, 40], points, loss(1.0))
        for number in range(count)
    ]
    picture = learning_curve_png(curves, METRICS["accuracy"], title="accuracy")
    assert picture.startswith(b"\x89PNG")
