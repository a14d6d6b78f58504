"""Brings probabilities into line with how often they are right on rows that were not fitted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression

from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.graph.builder import Graph
from fairlead.graph.expressions import EXACT, GraphOps
from fairlead.graph.links import best
from fairlead.models.explanation import Explanation
from fairlead.models.family import Outputs, Tolerance
from fairlead.project.arithmetic import exp, log
from fairlead.project.primitives import Ops, Value
from fairlead.project.spec import Method
from fairlead.training.candidate import Candidate
from fairlead.training.fitted import PREDICTION, PROBABILITIES, FittedModel, Matrix, Part
from fairlead.training.predictions import OutOfSample, Prediction

INNER = "(uncalibrated)"
"""What stands before the names of the model within; no candidate can be called so."""
STEEPEST = 20.0
RESOLUTION = 4
"""Decimals that isotonic regression tells apart: so no step of it is steeper than 10,000."""
SPARE = 10.0
"""How much larger an error may become by the division through a sum below 1."""


class Calibration(Protocol):
    """A function of the probabilities, defined once for numpy and the graph."""

    def calibrate(self, ops: Ops, shares: Sequence[Value]) -> list[Value]:
        """New probabilities from old, one column (n, 1) for each class."""

    @property
    def amplified(self) -> float:
        """How many times it may enlarge an error."""

    def learned(self) -> dict[str, Any]:
        """What it has learned, as JSON values."""


@dataclass(frozen=True)
class Sigmoid:
    """Powers of the probabilities.

    Of two classes that is Platt's sigmoid of the log-odds (1999); of more, one temperature for all
    (Guo et al. 2017), which keeps the order of the classes.

    Attributes:
        slope: the exponent.
        offset: added to the log-odds of the second of two classes.
        floor: smaller probabilities are taken for this one.
        unseen: numbers of the classes that no row was of; their probability is 0.
    """

    slope: float
    offset: float
    floor: float
    unseen: frozenset[int] = frozenset()

    def calibrate(self, ops: Ops, shares: Sequence[Value]) -> list[Value]:
        """Share ** slope, times exp(offset) for the second of two classes, in proportion."""
        powers = []
        for number, share in enumerate(shares):
            if number in self.unseen:
                powers.append(ops.mul(share, 0.0))
                continue
            exponent = ops.mul(log(ops, ops.maximum(share, self.floor)), self.slope)
            if number == 1 and self.offset:
                exponent = ops.add(exponent, self.offset)
            powers.append(exp(ops, exponent))
        total = _sum(ops, powers)
        return [ops.div(power, total) for power in powers]

    @property
    def amplified(self) -> float:
        """The steepest that the power gets."""
        return SPARE * self.slope * max(1.0, float(self.floor ** (self.slope - 1.0)))

    def learned(self) -> dict[str, Any]:
        """Its two numbers."""
        return {"method": "sigmoid", "slope": self.slope, "offset": self.offset}


@dataclass(frozen=True)
class Steps:
    """A rising function through knots, level outside of them.

    Attributes:
        x: shape (m,), rising.
        y: shape (m,), in 0..1, not falling.
    """

    x: Matrix
    y: Matrix

    @property
    def slopes(self) -> Matrix:
        """Between the knots, shape (m - 1,)."""
        slopes: Matrix = np.diff(self.y) / np.diff(self.x)
        return slopes

    def at(self, ops: Ops, share: Value) -> Value:
        """The function of one column (n, 1)."""
        place = ops.index(ops.count_below(self.x, share))
        start = np.concatenate([self.x[:1], self.x])
        level = np.concatenate([self.y[:1], self.y])
        slope = np.concatenate([[0.0], self.slopes, [0.0]])
        run = ops.sub(share, ops.lookup(start, place))
        rise = ops.mul(run, ops.lookup(slope, place))
        found = ops.add(ops.lookup(level, place), rise)
        return ops.minimum(ops.maximum(found, 0.0), 1.0)


@dataclass(frozen=True)
class Isotonic:
    """A rising function for each class against the others, or for the second of two."""

    steps: tuple[Steps, ...]

    def calibrate(self, ops: Ops, shares: Sequence[Value]) -> list[Value]:
        """The functions in proportion."""
        if len(shares) == 2:
            second = self.steps[0].at(ops, shares[1])
            return [ops.sub(1.0, second), second]
        found = [steps.at(ops, share) for steps, share in zip(self.steps, shares, strict=True)]
        total = _sum(ops, found)
        return [ops.div(value, total) for value in found]

    @property
    def amplified(self) -> float:
        """The steepest of the functions."""
        return SPARE * max(float(steps.slopes.max(initial=1.0)) for steps in self.steps)

    def learned(self) -> dict[str, Any]:
        """How many knots there are."""
        return {"method": "isotonic", "knots": sum(len(steps.x) for steps in self.steps)}


def _sum(ops: Ops, values: Sequence[Value]) -> Value:
    total = values[0]
    for value in values[1:]:
        total = ops.add(total, value)
    return total


@dataclass(frozen=True)
class Calibrated:
    """A model and the calibration of its probabilities; it predicts the most probable class.

    Attributes:
        seconds: wall time of all fits, those on inner folds included.
    """

    candidate: Candidate
    model: FittedModel
    calibration: Calibration
    seconds: float

    @property
    def contract(self) -> Contract:
        """That of the model."""
        return self.model.contract

    @property
    def tolerance(self) -> Tolerance:
        """The model's, for what the calibration may make of it."""
        error = self.model.tolerance.probabilities
        return Tolerance(probabilities=error * self.calibration.amplified)

    def predict(self, X: Matrix) -> Prediction:
        """Score encoded rows of shape (n, d), not with the graph."""
        plain = self.model.predict(X).probabilities
        if plain is None:
            raise TrainingError(self.candidate.name, "it has no probabilities to calibrate")
        columns = [plain[:, [number]] for number in range(plain.shape[1])]
        shares = np.hstack(self.calibration.calibrate(EXACT, columns))
        return Prediction(shares.argmax(axis=1), shares)

    def compile(self, graph: Graph, prefix: str = "") -> Outputs:
        """The model, then the calibration."""
        below = f"{prefix}{INNER}/"
        plain = self.model.compile(graph, below)
        graph.name(plain.prediction, below + PREDICTION)
        graph.name(str(plain.probabilities), below + PROBABILITIES)
        columns = [
            graph.column(str(plain.probabilities), number)
            for number in range(len(self.contract.classes))
        ]
        shares = self.calibration.calibrate(GraphOps(graph), columns)
        whole = graph.op("Concat", *shares, axis=1)
        return Outputs(best(graph, whole), whole)

    def parts(self, X: Matrix, prefix: str = "") -> Iterator[Part]:
        """Those of the model."""
        yield from self.model.parts(X, f"{prefix}{INNER}/")

    def out_of_bag(self) -> OutOfSample | None:
        """None: the calibration has seen every row."""
        return None

    def explain(self) -> Explanation | None:
        """That of the model."""
        return self.model.explain()

    def learned(self) -> dict[str, Any]:
        """What model and calibration have learned."""
        return {**self.model.learned(), "calibration": self.calibration.learned()}


def learn_calibration(method: Method, prediction: Prediction, y: NDArray[Any]) -> Calibration:
    """Learn a calibration.

    Args:
        method: its kind.
        prediction: for n rows that were not fitted.
        y: shape (n,), their class codes.
    """
    shares = np.asarray(prediction.probabilities)
    return _learn_sigmoid(shares, y) if method == "sigmoid" else _learn_isotonic(shares, y)


def _learn_sigmoid(shares: Matrix, y: NDArray[Any]) -> Sigmoid:
    """The least log loss, by Newton's method.

    One row more that asks for no change keeps the numbers finite where classes are separable.
    """
    rows, classes = shares.shape
    floor = 1 / (rows + classes)
    features = np.log(np.maximum(shares, floor))[:, :, None]
    if classes == 2:
        second = np.broadcast_to(np.array([0.0, 1.0])[:, None], (rows, 2, 1))
        features = np.concatenate([features, second], axis=2)
    start = np.array([1.0, 0.0])[: features.shape[2]]
    found = start
    truth = features[np.arange(rows), y]
    for _ in range(100):
        scores = features @ found
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        weights = (powers / powers.sum(axis=1, keepdims=True))[:, :, None]
        mean = (weights * features).sum(axis=1)
        spread = features - mean[:, None, :]
        gradient = (mean - truth).sum(axis=0) + (found - start)
        curvature = np.einsum("nkp,nkq->pq", weights * spread, spread) + np.eye(len(start))
        step = np.linalg.solve(curvature, gradient)
        found = found - step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-10:
            break
    slope = float(np.clip(found[0], 0.0, STEEPEST))
    unseen = frozenset(range(classes)) - set(y.tolist())
    return Sigmoid(slope, float(found[1]) if classes == 2 else 0.0, floor, unseen)


def _learn_isotonic(shares: Matrix, y: NDArray[Any]) -> Isotonic:
    """Levels of 0 and 1 are left to classes without a row: nothing is certain after n rows."""
    floor = 1 / (len(y) + 2)
    rounded = shares.round(RESOLUTION)
    codes = [1] if shares.shape[1] == 2 else range(shares.shape[1])
    steps = []
    for code in codes:
        truth = (y == code).astype(np.float64)
        low, high = (floor, 1 - floor) if truth.any() else (0.0, 0.0)
        regression = IsotonicRegression(y_min=low, y_max=high, out_of_bounds="clip")
        regression.fit(rounded[:, code], truth)
        steps.append(Steps(regression.X_thresholds_, regression.y_thresholds_))
    return Isotonic(tuple(steps))
