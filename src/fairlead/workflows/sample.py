"""Rows that something is learned from, with what folds and metrics need to know of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.intervals import RESAMPLES
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.report import evaluate
from fairlead.project.spec import CrossValidationSpec
from fairlead.training.cross_validation import Fold, at_most_five, folds
from fairlead.training.fitting import OutOfSample
from fairlead.training.nesting import Nesting


@dataclass(frozen=True, eq=False)
class Sample:
    """Training rows, or a part of them.

    Attributes:
        contract: the columns of X.
        X: shape (n, d), encoded rows.
        y: shape (n,), class codes or numbers.
        groups: shape (n,), of rows that stay together; None where each stands alone.
        times: shape (n,), where a column has that role.
        cv: cross-validation of the project.
        metric: the metric that ranks.
    """

    contract: Contract
    X: NDArray[np.float64]
    y: NDArray[Any]
    groups: NDArray[Any] | None
    times: NDArray[Any] | None
    cv: CrossValidationSpec
    metric: str

    def take(self, rows: NDArray[np.int64]) -> Sample:
        """Some of the rows."""
        groups, times = (None if each is None else each[rows] for each in (self.groups, self.times))
        return replace(self, X=self.X[rows], y=self.y[rows], groups=groups, times=times)

    @property
    def few(self) -> CrossValidationSpec:
        """The project's cross-validation with at most five folds of these rows."""
        return at_most_five(self.cv, self.y, self.groups)

    @property
    def nesting(self) -> Nesting:
        """What folds within these folds keep apart."""
        return Nesting.of(self.cv, self.groups, self.times)

    def folds(self) -> list[Fold]:
        """The folds of `few`.

        Raises:
            FoldsError: there are too few rows.
        """
        return folds(self.few, self.y, self.groups, self.times)

    def estimate(self, part: OutOfSample, resamples: int = RESAMPLES) -> Estimate:
        """The metric that ranks, of predictions for some of the rows."""
        report = evaluate(
            self._predictions(part),
            [self.metric],
            groups=None if self.groups is None else self.groups[part.rows],
            resamples=resamples,
            seed=self.cv.seed,
        )
        return report[self.metric]

    def compare(self, a: OutOfSample, b: OutOfSample) -> Comparison:
        """Compare predictions for the same rows, by the metric that ranks."""
        return compare(
            self._predictions(a),
            self._predictions(b),
            self.metric,
            groups=None if self.groups is None else self.groups[a.rows],
            seed=self.cv.seed,
        )

    def _predictions(self, part: OutOfSample) -> Predictions:
        y_true, found = self.y[part.rows], part.prediction
        return Predictions(y_true, found.values, found.probabilities, self.contract.classes)
