"""Proves that a graph gives what the fitted estimator gives, where they are likeliest to differ.

The whole graph is compared on encoded rows, all of the training and random ones, and so is the
design matrix of every estimator in it. The part after a design matrix is taken out and compared
once more there, where every threshold can be met exactly: on rows that reach a test of a tree and
stand on, or one ulp (of float64 and of float32) beside, its threshold, and on rows in which
something is missing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from fairlead.bundle.compiling import estimator_part, inspected
from fairlead.data.contract import Contract
from fairlead.data.encoding import UNKNOWN
from fairlead.errors import ParityError
from fairlead.graph.builder import serialize
from fairlead.graph.paths import witnesses
from fairlead.graph.runtime import Session
from fairlead.training.fitted import (
    DESIGN,
    PREDICTION,
    PROBABILITIES,
    SCORES,
    Fitted,
    FittedModel,
    Part,
)
from fairlead.training.predictions import blame

RANDOM_ROWS = 5_000
TESTS = 4_000
"""At most so many tests of trees are met, evenly spread over all; each with eight rows."""
STARTS = 10_000
"""At most so many rows are followed through the trees to find one that reaches each test."""
RARE = 0.05
"""Share of the random rows in which a value is missing, unknown or any of the declared ones."""

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """How far one output of the graph is from the estimator.

    Attributes:
        output: name of the output.
        rows: rows compared.
        differing: rows that are not bit for bit equal.
        worst: largest difference relative to the output's size.
        tolerance: what is allowed; 0 means bit for bit.
    """

    output: str
    rows: int
    differing: int
    worst: float
    tolerance: float

    @property
    def is_allowed(self) -> bool:
        """Whether the graph may ship."""
        # A difference may be too small for `worst`, next to huge outputs.
        return not self.differing or 0 < self.tolerance >= self.worst


@dataclass(frozen=True)
class Proof:
    """What was compared, as the manifest states it."""

    training_rows: int
    random_rows: int
    threshold_rows: int
    outputs: tuple[Difference, ...]

    def to_json(self) -> dict[str, Any]:
        """As the manifest keeps it."""
        return asdict(self)


def prove(fitted: FittedModel, model: onnx.ModelProto, X: Matrix, seed: int) -> Proof:
    """Compare a model's graph with the estimators it was compiled from.

    Args:
        fitted: preprocessing and estimator, or what is composed of several.
        model: what `compile_model` made of them.
        X: shape (n, d), encoded training rows.
        seed: seeds the random rows.

    Raises:
        ParityError: an output differs by more than the family allows.
    """
    rng = np.random.default_rng(seed)
    random = random_rows(fitted.contract, X, rng)
    raw = np.vstack([X, random])
    differences, edges, is_whole = [], 0, False
    for part in fitted.parts(raw):
        found, met = _part_differences(part, model)
        differences += found
        edges += met
        is_whole |= not part.prefix
    if not is_whole:
        differences += _whole_differences(fitted, model, raw)
    for difference in differences:
        if not difference.is_allowed:
            raise ParityError(
                difference.output,
                difference.differing,
                difference.rows,
                difference.worst,
                difference.tolerance,
            )
    return Proof(len(X), len(random), edges, _merged(differences))


def random_rows(contract: Contract, X: Matrix, rng: np.random.Generator) -> Matrix:
    """Rows whose columns are drawn one by one and moved a little, missing and unknown among them.

    Returns:
        Shape (RANDOM_ROWS, d); every row keeps the contract.
    """
    rows = np.column_stack([rng.choice(column, RANDOM_ROWS) for column in X.T])
    for index, column in enumerate(contract.columns.values()):
        values = rows[:, index]
        if column.type == "number":
            with np.errstate(over="ignore", invalid="ignore"):
                spread = np.nanstd(X[:, index]) if np.isfinite(X[:, index]).any() else 0.0
            if np.isfinite(spread):
                values += rng.normal(0.0, 1.0, RANDOM_ROWS) * 0.1 * spread
            if column.outliers in ("reject", "drop"):
                values[:] = np.clip(values, column.min, column.max)
        # What training rows never held may come all the same.
        if column.type in ("category", "boolean"):
            rare = rng.random(RANDOM_ROWS) < RARE
            values[rare] = rng.integers(0, len(column.values) or 2, rare.sum())
        if column.type == "category" and column.unknown == "flag":
            values[rng.random(RANDOM_ROWS) < RARE] = UNKNOWN
        if column.nullable and column.missing != "reject":
            values[rng.random(RANDOM_ROWS) < RARE] = np.nan
    return rows


def threshold_rows(model: onnx.ModelProto, D: Matrix) -> Matrix:
    """Rows that meet a test of a tree on its threshold, or one ulp beside it.

    Each starts from a row that reaches the test, so that the test decides about it.

    Args:
        model: the estimator's graph over the design matrix.
        D: shape (n, m), rows to start from.

    Returns:
        Shape (r, m), float64; eight for each of at most TESTS tests, evenly spread.
    """
    starts = _spread(D)
    found = witnesses(model, starts)
    # A test whether a value is missing has an infinite threshold.
    tests = np.flatnonzero(np.abs(found.threshold) < np.finfo(np.float32).max / 2)
    if not len(tests):
        return np.empty((0, D.shape[1]))
    chosen = tests[np.unique(np.linspace(0, len(tests) - 1, TESTS).astype(np.int64))]
    values = beside(found.threshold[chosen])
    rows = np.tile(starts[found.row[chosen]], (len(values), 1))
    rows[np.arange(len(rows)), np.tile(found.feature[chosen], len(values))] = values.ravel()
    return rows


def missing_rows(D: Matrix) -> Matrix:
    """At most STARTS rows, in each of which one value is missing, column by column in turn."""
    rows = _spread(D).copy()
    turn = np.arange(len(rows))
    rows[turn, turn % D.shape[1]] = np.nan
    return rows


def _spread(D: Matrix) -> Matrix:
    """At most STARTS of the rows, evenly spread."""
    return D[np.unique(np.linspace(0, len(D) - 1, STARTS).astype(np.int64))]


def beside(thresholds: Matrix) -> Matrix:
    """Thresholds and their neighbours among float64 and float32, shape (8, t)."""
    low, high = -np.inf, np.inf
    single = thresholds.astype(np.float32)
    singles = [single, *(np.nextafter(single, np.float32(to)) for to in (low, high))]
    # The float32 neighbours' neighbours: a threshold may lie between two float32 values.
    singles += [
        np.nextafter(singles[1], np.float32(low)),
        np.nextafter(singles[2], np.float32(high)),
    ]
    doubles = [thresholds, *(np.nextafter(thresholds, to) for to in (low, high))]
    return np.stack([*doubles, *(values.astype(np.float64) for values in singles)])


def _part_differences(part: Part, model: onnx.ModelProto) -> tuple[list[Difference], int]:
    """Compare an estimator on the rows it is given and beside thresholds; how many those are."""
    fitted, prefix = part.fitted, part.prefix
    D = fitted.preprocessing.transform(part.X)
    width = D.shape[1]
    alone = estimator_part(model, width, prefix)
    edges = threshold_rows(alone, D)
    met = np.vstack([D, edges])
    if not fitted.candidate.family.design.fill_missing:
        met = np.vstack([met, missing_rows(D)])
    found = _differences(fitted, alone, met, met, prefix)
    if part.is_direct:
        found = [*_differences(fitted, inspected(model, width, prefix), part.X, D, prefix), *found]
    return found, len(edges)


def _whole_differences(
    fitted: FittedModel, model: onnx.ModelProto, raw: Matrix
) -> list[Difference]:
    """Compare what a composed model makes of its parts."""
    outputs, expected = Session(serialize(model)).run(raw), fitted.predict(raw)
    values, allowed = expected.values, fitted.tolerance
    actual = outputs[PREDICTION][:, 0]
    if expected.probabilities is None:
        return [compare(PREDICTION, actual, values, allowed.prediction)]
    shares = expected.probabilities
    # Of two classes that are nearer to each other than the parts are exact, either is right.
    rows = np.arange(len(raw))
    gap = shares.max(axis=1) - shares[rows, actual]
    tied = (gap <= 2 * allowed.probabilities) & (allowed.probabilities > 0)
    return [
        compare(PREDICTION, actual, np.where(tied, actual, values), allowed.prediction),
        compare(PROBABILITIES, outputs[PROBABILITIES], shares, allowed.probabilities),
    ]


def _differences(
    fitted: Fitted, model: onnx.ModelProto, rows: Matrix, D: Matrix, prefix: str
) -> list[Difference]:
    """Compare every output of an estimator's graph on rows whose design matrix is D."""
    candidate, expected = fitted.candidate, fitted.predict_design(D)
    family, allowed = candidate.family, fitted.tolerance
    outputs = Session(serialize(model)).run(rows)
    wanted: list[tuple[str, NDArray[Any], NDArray[Any], float]] = [
        (PREDICTION, outputs[prefix + PREDICTION][:, 0], expected.values, allowed.prediction)
    ]
    if expected.probabilities is not None:
        shares = outputs[prefix + PROBABILITIES]
        wanted.append((PROBABILITIES, shares, expected.probabilities, allowed.probabilities))
    if prefix + DESIGN in outputs:
        wanted.append((DESIGN, outputs[prefix + DESIGN], D, 0.0))
    if prefix + SCORES in outputs:
        with blame(candidate.name):
            scores = family.scores(fitted.estimator, D)
        if scores is not None:
            scores = np.asarray(scores).reshape(len(D), -1)
            wanted.append((SCORES, outputs[prefix + SCORES], scores, allowed.scores))
    return [
        compare(prefix + name, actual, wished, tolerance)
        for name, actual, wished, tolerance in wanted
    ]


def compare(
    output: str, actual: NDArray[Any], expected: NDArray[Any], tolerance: float
) -> Difference:
    """Compare an output with what the estimator gives; NaN equals NaN.

    Differences are relative to the larger of a value's own size and the output's spread, so that
    a value next to zero does not inflate a rounding error.
    """
    same = (actual == expected) | ((actual != actual) & (expected != expected))
    rows = same if same.ndim == 1 else same.all(axis=1)
    worst = 0.0
    if not same.all():
        a, e = actual[~same].astype(np.float64), expected[~same].astype(np.float64)
        known = expected[np.isfinite(expected)]
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            size = np.maximum(np.abs(e), np.std(known) if known.size else 0.0)
            relative = np.abs(a - e) / size
        worst = float(np.where(np.isnan(relative), np.inf, relative).max())
    return Difference(output, len(rows), int((~rows).sum()), worst, tolerance)


def _merged(differences: list[Difference]) -> tuple[Difference, ...]:
    merged: dict[str, Difference] = {}
    for new in differences:
        old = merged.get(new.output)
        merged[new.output] = Difference(
            new.output,
            new.rows + (old.rows if old else 0),
            new.differing + (old.differing if old else 0),
            max(new.worst, old.worst if old else 0.0),
            new.tolerance,
        )
    return tuple(merged.values())
