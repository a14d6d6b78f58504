"""Small data sets and comparisons for the conformance suites."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, numpy_helper

from fairlead.bundle.parity import beside, compare
from fairlead.graph.builder import Graph, serialize
from fairlead.graph.runtime import Session
from fairlead.graph.trees import input_ensembles
from fairlead.models.family import Design, Family, FitContext

Matrix = NDArray[np.float64]
ROWS = 240
NUMBERS = ("size", "income", "count", "share")
COLOURS = ("red", "green", "blue")
CLASSES = {"regression": (), "two_classes": ("no", "yes"), "three_classes": ("low", "mid", "high")}


@dataclass(frozen=True)
class Case:
    """A design matrix with a target.

    Attributes:
        X: shape (n, d): the columns `size`, `income`, `count`, `share`, then `colour` with the
            values red, green and blue, spread or coded as the family's design asks.
        y: shape (n,), class codes or numbers.
        context: what a family is told of it.
    """

    X: Matrix
    y: NDArray[Any]
    context: FitContext

    def jittered(self, seed: int = 0) -> Matrix:
        """The rows with every number moved a little."""
        rng = np.random.default_rng(seed)
        rows = self.X.copy()
        rows[:, : len(NUMBERS)] *= 1 + 0.1 * rng.normal(size=(len(rows), len(NUMBERS)))
        return rows

    def with_missing(self, design: Design) -> Matrix:
        """The rows with a number missing here and there, and none in the first ones."""
        rows = self.jittered()
        if not design.fill_missing:
            gone = np.random.default_rng(1).random((len(rows), len(NUMBERS))) < 0.3
            rows[:, : len(NUMBERS)][gone] = np.nan
        return rows

    def without_missing(self) -> Self:
        """The same data without a missing value."""
        return replace(self, X=np.where(np.isnan(self.X), 1.0, self.X))

    def with_unknown(self) -> Matrix:
        """The rows with a colour that was never declared."""
        rows = self.jittered()
        rows[:, len(NUMBERS) :] = -1.0 if self.context.categories else 0.0
        return rows

    def without_class(self, code: int) -> Self:
        """The rows of the other classes."""
        kept = self.y != code
        return replace(self, X=self.X[kept], y=self.y[kept])


def case_of(name: str, family: Family) -> Case:
    """Data with missing numbers, where the family takes them, and a target that can be learned.

    Args:
        name: `regression`, `two_classes` or `three_classes`.
        family: whose design the matrix follows.
    """
    rng = np.random.default_rng(7)
    size, count = rng.normal(10.0, 3.0, ROWS), rng.integers(0, 10, ROWS).astype(float)
    numbers = np.column_stack([size, rng.lognormal(10, 1, ROWS), count, rng.random(ROWS) / 1e3])
    colour = rng.integers(0, len(COLOURS), ROWS)
    signal = size / 3 + 2.0 * (count > 4) + colour + rng.normal(0.0, 0.3, ROWS)
    classes = CLASSES[name]
    levels = np.quantile(signal, np.arange(1, max(len(classes), 1)) / max(len(classes), 1))
    y = np.digitize(signal, levels) if classes else signal * 1e4
    if family.design.scale:
        numbers = (numbers - numbers.mean(axis=0)) / numbers.std(axis=0)
    if not family.design.fill_missing:
        numbers[rng.random(numbers.shape) < 0.05] = np.nan
    categories, names, spread = _colours(family.design, colour)
    context = FitContext(
        task="classification" if classes else "regression",
        classes=classes,
        columns=(*NUMBERS, *names),
        categories=categories,
        seed=42,
    )
    return Case(np.hstack([numbers, spread]), y, context)


def _colours(
    design: Design, colour: NDArray[np.int64]
) -> tuple[dict[str, tuple[str, ...]], list[str], Matrix]:
    if design.categories == "code":
        return {"colour": COLOURS}, ["colour"], colour[:, None].astype(np.float64)
    first = 1 if design.categories == "drop_first" else 0
    codes = np.arange(first, len(COLOURS))
    names = [f"colour={COLOURS[code]}" for code in codes]
    return {}, names, (colour[:, None] == codes).astype(np.float64)


@dataclass(frozen=True)
class Trial:
    """A fitted estimator and the graph that was compiled from it."""

    family: Family
    estimator: Any
    case: Case
    model: onnx.ModelProto

    def unseen_probabilities(self, probabilities: Matrix) -> float:
        """The largest probability of a class that the estimator has not seen."""
        seen = np.asarray(self.estimator.classes_, np.int64)
        return float(np.delete(probabilities, seen, axis=1).max(initial=0.0))


def compile_estimator(family: Family, estimator: Any, context: FitContext) -> onnx.ModelProto:
    """The estimator alone: the design matrix in, predictions, probabilities and scores out."""
    graph = Graph(len(context.columns))
    outputs = family.compile(estimator, graph, graph.X, context)
    kind = TensorProto.INT64 if context.classes else TensorProto.DOUBLE
    public: dict[str, tuple[str, int, int | str]] = {"prediction": (outputs.prediction, kind, 1)}
    if outputs.probabilities is not None:
        width = len(context.classes)
        public["probabilities"] = (outputs.probabilities, TensorProto.DOUBLE, width)
    if outputs.scores is not None:
        public["scores"] = (outputs.scores, TensorProto.DOUBLE, "j")
    return graph.model(public)


def worst_excess(trial: Trial, rows: Matrix) -> float:
    """By how much any output differs from the estimator's beyond what the family tolerates.

    Returns:
        0 or less where every output agrees.
    """
    outputs = Session(serialize(trial.model)).run(rows)
    estimator, tolerance = trial.estimator, trial.family.tolerance
    excess = [
        _excess("prediction", outputs["prediction"][:, 0], estimator.predict(rows), tolerance)
    ]
    if "probabilities" in outputs:
        expected = np.zeros((len(rows), len(trial.case.context.classes)))
        expected[:, np.asarray(estimator.classes_, np.int64)] = estimator.predict_proba(rows)
        excess.append(_excess("probabilities", outputs["probabilities"], expected, tolerance))
    scores = trial.family.scores(estimator, rows)
    if scores is not None:
        expected = np.asarray(scores).reshape(len(rows), -1)
        excess.append(_excess("scores", outputs["scores"], expected, tolerance))
    return max(excess)


def _excess(output: str, actual: NDArray[Any], expected: NDArray[Any], tolerance: Any) -> float:
    allowed: float = getattr(tolerance, output)
    return compare(output, actual, np.asarray(expected), allowed).worst - allowed


def nudges(trial: Trial, count: int) -> Iterator[tuple[Trial, Matrix]]:
    """Graphs in which one tree's first threshold is one ulp lower, and rows that meet it.

    Args:
        trial: whose graph is copied.
        count: at most so many trees are nudged.
    """
    for ensemble in input_ensembles(trial.model):
        fields = {attribute.name: attribute for attribute in ensemble.attribute}
        splits = numpy_helper.to_array(fields["nodes_splits"].t)
        true, false = fields["nodes_truenodeids"].ints, fields["nodes_falsenodeids"].ints
        for root in fields["tree_roots"].ints:
            leaf = true[root] == false[root]
            if leaf or not np.isfinite(splits[root]) or count == 0:
                continue
            count -= 1
            copy = onnx.ModelProto()
            copy.CopyFrom(trial.model)
            _lower(copy, root)
            near = beside(splits[root : root + 1].astype(np.float64)).ravel()
            rows = np.tile(trial.case.X, (len(near), 1))
            rows[:, fields["nodes_featureids"].ints[root]] = np.repeat(near, len(trial.case.X))
            yield replace(trial, model=copy), rows


def _lower(model: onnx.ModelProto, test: int) -> None:
    """Lower one threshold by one ulp, in place."""
    for attribute in input_ensembles(model)[0].attribute:
        if attribute.name == "nodes_splits":
            splits = numpy_helper.to_array(attribute.t).copy()
            splits[test] = np.nextafter(splits[test], splits.dtype.type(-np.inf))
            attribute.t.CopyFrom(numpy_helper.from_array(splits, "nodes_splits"))
