"""Of models that are no better few are promoted, of those that are better most."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.evaluation.records import Predictions
from fairlead.registry.comparisons import Rows, Terms, beats_champion

ROWS, CORRELATION = 300, 0.9
ERROR = 1 / np.sqrt(2 * ROWS)
"""Standard error of the RMSE of normal errors, relative to it."""


def share(gain: float, pairs: int) -> float:
    """The share that beats the champion, of models whose RMSE is lower by `gain`."""
    passed = 0
    for seed in range(pairs):
        rng = np.random.default_rng(seed)
        covariance = [[1, np.sqrt(CORRELATION)], [np.sqrt(CORRELATION), 1]]
        mine, theirs = rng.multivariate_normal([0, 0], covariance, ROWS).T
        sides = [(Predictions(np.zeros(ROWS), each),) for each in ((1 - gain) * mine, theirs)]
        passed += beats_champion(Rows("holdout", *sides), Terms("rmse")).outcome == "pass"
    return passed / pairs


@pytest.mark.parametrize(
    ("better", "worse", "outcome"),
    [(3, 0, "inconclusive"), (4, 0, "pass"), (5, 1, "inconclusive"), (6, 1, "pass")],
)
def test_so_many_answers_must_be_right_instead_of_wrong(
    better: int, worse: int, outcome: str
) -> None:
    y_true, row = np.zeros(600, np.int64), np.arange(600)
    sides = [
        (Predictions(y_true, wrong.astype(np.int64), None, ("a", "b")),)
        for wrong in (row < worse, (row >= worse) & (row < worse + better))
    ]
    found = beats_champion(Rows("holdout", *sides), Terms("accuracy"))
    assert found.outcome == outcome


def test_no_better_passes_rarely_and_better_by_two_standard_errors_mostly() -> None:
    assert share(0.0, 300) <= 0.05
    assert share(-2 * ERROR, 30) == 0
    assert share(2 * ERROR, 60) >= 0.8
