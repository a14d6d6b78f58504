"""Calibrates intervals and sets on what cross-validation predicted for rows it had left out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.models.family import Estimator, FitContext
from fairlead.models.hist_gradient_boosting import (
    HIST_GRADIENT_BOOSTING,
    HistGradientBoostingParameters,
)
from fairlead.training.conformal import Conformal, Intervals, Sets, expected, joined
from fairlead.training.fitting import OutOfSample, Prediction

Matrix = NDArray[np.float64]
Indices = NDArray[np.int64]

ERRORS = HistGradientBoostingParameters(
    max_iter=60, learning_rate=0.1, max_leaf_nodes=16, min_samples_leaf=100
)
"""What learns how large errors are; of fewer than 200 rows it learns one size for all."""
USUAL = 0.98
"""Errors above this quantile count as the quantile where their sizes are learned."""
MISSED_ROWS = 10
"""A class that has fewer rows to leave out has the threshold of all rows together."""


@dataclass(frozen=True)
class Calibrated:
    """What calibration has made.

    Attributes:
        conformal: calibrated on all rows that were predicted out of fold.
        crossed: what is said of each of these rows, calibrated without the rows of its fold.
    """

    conformal: Conformal
    crossed: NDArray[Any]


def fewest_rows(coverage: float) -> int:
    """Rows without which nothing finite has that coverage."""
    return math.ceil(coverage / (1 - coverage) - 1e-9)


def obstacle(coverage: float, y: NDArray[Any], found: OutOfSample, parts: Sequence[Indices]) -> str:
    """Why nothing can be calibrated on some rows; empty if it can. As `calibrate` takes them."""
    fewest, rows = fewest_rows(coverage), len(found.rows)
    left = rows - max(map(len, parts))
    if left < fewest:
        return (
            f"a coverage of {coverage:g} takes at least {fewest} rows that were predicted out of "
            f"fold and are not of the fold that is judged, there are {left} of {rows}"
        )
    if found.prediction.probabilities is None:
        with np.errstate(over="ignore", invalid="ignore"):
            mean = np.abs(y[found.rows] - found.prediction.values).mean()
        if not np.isfinite(mean):
            return "the errors are too large to be averaged in double precision"
    return ""


def calibrate(
    coverage: float,
    contract: Contract,
    X: Matrix,
    y: NDArray[Any],
    found: OutOfSample,
    parts: Sequence[Indices],
    seed: int,
) -> Calibrated:
    """Calibrate intervals, or sets where there are classes.

    Args:
        coverage: how often they shall hold the truth, in (0, 1).
        contract: the columns of X, and the target.
        X: shape (n, d), encoded training rows.
        y: shape (n,), class codes or numbers.
        found: out-of-fold predictions of r of these rows.
        parts: the r rows as positions 0..r-1, those of each fold together; at least two.
        seed: seeds what is learned.
    """
    truth = y[found.rows]
    if contract.classes:
        return _calibrate_sets(coverage, truth, found.prediction, parts)
    rows = joined(X[found.rows], found.prediction)
    context = FitContext(
        task="regression",
        classes=(),
        columns=(*contract.columns, "prediction"),
        categories={},
        seed=seed,
    )
    return _calibrate_intervals(coverage, contract, context, rows, truth, parts)


def _calibrate_intervals(
    coverage: float,
    contract: Contract,
    context: FitContext,
    rows: Matrix,
    truth: Matrix,
    parts: Sequence[Indices],
) -> Calibrated:
    residuals = np.abs(truth - rows[:, -1])
    mean = float(residuals.mean()) or 1.0
    sizes = residuals / mean
    sizes = np.minimum(sizes, np.quantile(sizes, USUAL))

    def learned(some: Indices) -> Estimator:
        estimator: Estimator = HIST_GRADIENT_BOOSTING.build(ERRORS, context)
        estimator.fit(rows[some], sizes[some])
        return estimator

    def made(factor: float, errors: Estimator) -> Intervals:
        low, high = contract.target.min, contract.target.max
        return Intervals(
            coverage,
            factor,
            errors,
            context,
            -math.inf if low is None else low,
            math.inf if high is None else high,
        )

    # A row's error must not be held against an expectation that was learned from it.
    models = [learned(others) for others in _others(parts)]
    scores = np.empty(len(rows))
    for part, errors in zip(parts, models, strict=True):
        scores[part] = residuals[part] / expected(errors, rows[part])
    crossed = np.empty((len(rows), 2))
    for part, others, errors in zip(parts, _others(parts), models, strict=True):
        crossed[part] = made(quantile(scores[others], coverage), errors).apply(rows[part])
    whole = made(quantile(scores, coverage), learned(np.arange(len(rows))))
    return Calibrated(whole, crossed)


def _calibrate_sets(
    coverage: float, truth: Indices, prediction: Prediction, parts: Sequence[Indices]
) -> Calibrated:
    shares = np.asarray(prediction.probabilities)
    # The predicted class is in whatever the threshold is.
    lacking = 1.0 - shares[np.arange(len(truth)), truth]
    scores = np.where(prediction.values == truth, -math.inf, lacking)
    own = math.ceil(MISSED_ROWS / (1 - coverage) - 1e-9)

    def made(some: Indices) -> Sets:
        of_class = [scores[some][truth[some] == code] for code in range(shares.shape[1])]
        of_all = quantile(scores[some], coverage)
        thresholds = [quantile(each, coverage) if len(each) >= own else of_all for each in of_class]
        return Sets(coverage, np.array(thresholds))

    whole = made(np.arange(len(truth)))
    rows = whole.inputs(np.empty((len(truth), 0)), prediction)
    crossed = np.empty(shares.shape, np.bool_)
    for part, others in zip(parts, _others(parts), strict=True):
        crossed[part] = made(others).apply(rows[part])
    return Calibrated(whole, crossed)


def _others(parts: Sequence[Indices]) -> list[Indices]:
    """For each part, the rows of all others."""
    every = np.sort(np.concatenate(parts))
    return [np.setdiff1d(every, part, assume_unique=True) for part in parts]


def quantile(scores: Matrix, coverage: float) -> float:
    """The smallest score that at least `coverage` of n + 1 are not above; infinite if none is."""
    place = math.ceil((len(scores) + 1) * coverage - 1e-9)
    if place > len(scores):
        return math.inf
    return float(np.partition(scores, place - 1)[place - 1])
