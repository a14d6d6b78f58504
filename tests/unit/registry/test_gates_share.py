"""Of models that are no better few are promoted, of those that are better most."""

from __future__ import annotations

import numpy as np

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


def test_no_better_passes_rarely_and_better_by_two_standard_errors_mostly() -> None:
    assert share(0.0, 300) <= 0.05
    assert share(-2 * ERROR, 30) == 0
    assert share(2 * ERROR, 60) >= 0.8
