"""What can be scored at all, and what an estimate is."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import EvaluationError
from fairlead.evaluation.records import Estimate, Predictions

HALF = np.full((2, 2), 0.5)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"y_true": [], "y_pred": []}, "no rows"),
        ({"y_true": [1.0, 2.0], "y_pred": [1.0]}, "shape"),
        ({"y_true": [[1.0]], "y_pred": [[1.0]]}, "shape"),
        ({"y_true": [1.0], "y_pred": [math.nan]}, "1 values of y_pred NaN"),
        ({"y_true": [math.inf], "y_pred": [1.0]}, "y_true NaN or infinite"),
        ({"y_true": [0, 2], "y_pred": [0, 1], "classes": ("a", "b")}, "outside the classes"),
        ({"y_true": [0, 1], "y_pred": [0, -1], "classes": ("a", "b")}, "outside the classes"),
        ({"y_true": ["a"], "y_pred": ["a"], "classes": ("a", "b")}, "of type"),
        ({"y_true": [0.0, 1.0], "y_pred": [0, 1], "classes": ("a", "b")}, "of type float64"),
        ({"y_true": [0], "y_pred": [0], "y_prob": HALF, "classes": ("a", "b")}, "y_prob of shape"),
        (
            {"y_true": [0, 1], "y_pred": [0, 1], "y_prob": HALF * 3, "classes": ("a", "b")},
            "probabilities outside",
        ),
    ],
)
def test_predictions_that_cannot_be_scored_are_refused(fields: dict[str, Any], found: str) -> None:
    with pytest.raises(EvaluationError, match=found):
        Predictions(**fields)


numbers = st.floats(allow_infinity=False)


@given(fields=st.tuples(numbers, numbers, numbers, numbers))
def test_an_estimate_survives_json_with_what_is_not_defined(
    fields: tuple[float, float, float, float],
) -> None:
    estimate = Estimate(*fields)
    assert Estimate.from_dict(estimate.to_dict()) == estimate
    assert hash(Estimate.from_dict(estimate.to_dict())) == hash(estimate)
