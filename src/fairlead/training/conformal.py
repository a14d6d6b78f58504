"""Conformal prediction: intervals and sets that hold the truth as often as was asked for.

They are calibrated on what cross-validation predicted for rows that a fold's model had not seen.
Half the width of an interval is a factor times the error that is expected of the row (Lei et al.
2018, section 5.2). A set leaves out the classes that are less likely than the true one was for all
but the least likely rows of calibration (Sadinle et al. 2019), and never the predicted one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.graph.builder import Graph
from fairlead.models.family import Estimator, FitContext
from fairlead.models.hist_gradient_boosting import (
    HIST_GRADIENT_BOOSTING,
)
from fairlead.training.fitting import Prediction

Matrix = NDArray[np.float64]
Indices = NDArray[np.int64]

FLOOR = 0.05
"""Smallest error that is expected of any row, as a share of the mean error."""


@dataclass(frozen=True)
class Intervals:
    """Intervals of a regression, around the prediction, in numpy and as a graph: the same bits.

    Attributes:
        coverage: how often they shall hold the truth.
        factor: half the width for a row of the expected error 1.
        errors: fitted; encoded row and prediction -> expected error.
        context: what it was fitted with.
        low, high: the target's bounds, which no end goes beyond; infinite where there is none.
    """

    coverage: float
    factor: float
    errors: Estimator
    context: FitContext
    low: float
    high: float
    output: ClassVar[str] = "interval"
    method: ClassVar[str] = (
        "conformal; half-widths are a factor times the expected error of the row, learned and "
        "calibrated on out-of-fold errors"
    )

    def inputs(self, X: Matrix, prediction: Prediction) -> Matrix:
        """What `apply` and the graph take: encoded rows, their predictions behind; (n, d + 1)."""
        return joined(X, prediction)

    def apply(self, rows: Matrix) -> NDArray[np.float64]:
        """Lower and upper ends, shape (n, 2)."""
        half = expected(self.errors, rows) * self.factor
        ends = np.column_stack([rows[:, -1] - half, rows[:, -1] + half])
        return np.minimum(np.maximum(ends, self.low), self.high)

    def compile(self) -> onnx.ModelProto:
        """float64 [n, d + 1] to `interval`, float64 [n, 2]."""
        width = len(self.context.columns)
        graph = Graph(width)
        compiled = HIST_GRADIENT_BOOSTING.compile(self.errors, graph, graph.X, self.context)
        size = graph.op("Max", compiled.prediction, graph.constant(FLOOR))
        half = graph.op("Mul", size, graph.constant(self.factor))
        prediction = graph.column(graph.X, width - 1)
        ends = [graph.op(kind, prediction, half) for kind in ("Sub", "Add")]
        value = graph.op("Concat", *ends, axis=1)
        if math.isfinite(self.low):
            value = graph.op("Max", value, graph.constant(self.low))
        if math.isfinite(self.high):
            value = graph.op("Min", value, graph.constant(self.high))
        return graph.model({self.output: (value, TensorProto.DOUBLE, 2)})

    def edges(self) -> Matrix:
        """Rows of `inputs` at which a comparison outside trees turns: both sides are equal here."""
        return np.empty((0, len(self.context.columns)))


@dataclass(frozen=True)
class Sets:
    """Sets of classes, the predicted one always among them, in numpy and as a graph.

    Attributes:
        coverage: how often they shall hold the truth.
        thresholds: shape (k,): a class is in if 1 minus its probability is not above its own.
    """

    coverage: float
    thresholds: Matrix
    output: ClassVar[str] = "members"
    method: ClassVar[str] = (
        "conformal; the predicted class and the likely ones, by thresholds for each class that has "
        "rows enough, calibrated on out-of-fold probabilities"
    )

    def inputs(self, _: Matrix, prediction: Prediction) -> Matrix:
        """What `apply` and the graph take: probabilities, the predicted code behind; (n, k + 1)."""
        return np.column_stack([np.asarray(prediction.probabilities), prediction.values])

    def apply(self, rows: Matrix) -> NDArray[np.bool_]:
        """Which classes are in the set, shape (n, k)."""
        codes = np.arange(len(self.thresholds), dtype=np.float64)
        members: NDArray[np.bool_] = (1.0 - rows[:, :-1] <= self.thresholds) | (
            rows[:, -1:] == codes
        )
        return members

    def compile(self) -> onnx.ModelProto:
        """float64 [n, k + 1] to `members`, bool [n, k]."""
        classes = len(self.thresholds)
        graph = Graph(classes + 1)
        shares = graph.columns(graph.X, list(range(classes)))
        lacking = graph.op("Sub", graph.constant(1.0), shares)
        likely = graph.op("LessOrEqual", lacking, graph.constant(self.thresholds))
        codes = graph.constant(np.arange(classes, dtype=np.float64))
        predicted = graph.op("Equal", graph.column(graph.X, classes), codes)
        members = graph.op("Or", likely, predicted)
        return graph.model({self.output: (members, TensorProto.BOOL, classes)})

    def edges(self) -> Matrix:
        """Rows of `inputs` at which a comparison turns: on the thresholds, and one ulp beside."""
        on = 1.0 - np.where(np.isfinite(self.thresholds), self.thresholds, 0.0)
        rows = np.stack([on, np.nextafter(on, -np.inf), np.nextafter(on, np.inf)])
        return np.column_stack([rows, np.zeros(len(rows))])


Conformal = Intervals | Sets


def joined(X: Matrix, prediction: Prediction) -> Matrix:
    """Encoded rows, and the prediction behind them: shape (n, d + 1)."""
    return np.column_stack([X, prediction.values])


def expected(errors: Estimator, rows: Matrix) -> Matrix:
    """The error that is expected of each row, as a share of the mean error, shape (n,)."""
    sizes: Matrix = np.maximum(errors.predict(rows), FLOOR)
    return sizes
