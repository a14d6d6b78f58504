"""Fitted models: what they can be asked, and the simple one, preprocessing and an estimator."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.graph.builder import INPUT, Graph
from fairlead.graph.expressions import EXACT, GraphOps
from fairlead.models.explanation import Explanation
from fairlead.models.family import Estimator, FitContext, Outputs, Tolerance
from fairlead.project.primitives import Ops, Value
from fairlead.training.candidate import Candidate
from fairlead.training.predictions import OutOfSample, Prediction, blame
from fairlead.training.preprocessing import Preprocessing, fit_preprocessing
from fairlead.training.targets import DOMAINS, restored, transformed

Matrix = NDArray[np.float64]
DESIGN = "design"
"""Name of the design matrix inside the graph, between preprocessing and estimator."""
SCORES = "scores"
"""Name of the raw scores inside the graph, for families that have them; not an output."""
PREDICTION, PROBABILITIES = "prediction", "probabilities"


@dataclass(frozen=True)
class Part:
    """An estimator inside a fitted model, for the proof of its part of the graph.

    Attributes:
        prefix: before the names of its values in the graph.
        fitted: preprocessing and estimator.
        X: shape (n, d), what it is given for n rows of the model.
        is_direct: whether X are the model's own rows, not what other parts say of them.
    """

    prefix: str
    fitted: Fitted
    X: Matrix
    is_direct: bool = True


class FittedModel(Protocol):
    """A candidate fitted on training rows, however it is composed."""

    @property
    def candidate(self) -> Candidate:
        """What was fitted."""

    @property
    def contract(self) -> Contract:
        """The columns of its rows."""

    @property
    def seconds(self) -> float:
        """Wall time of the fit on one core, everything included."""

    @property
    def tolerance(self) -> Tolerance:
        """How far its graph may be from `predict`."""

    def predict(self, X: Matrix) -> Prediction:
        """Score encoded rows of shape (n, d) with the estimators themselves, not with the graph.

        Raises:
            TrainingError: an estimator refuses the rows.
        """

    def compile(self, graph: Graph, prefix: str = "") -> Outputs:
        """Append it to a graph over its contract's columns; names of values get the prefix.

        Raises:
            CompileError: it cannot be expressed exactly.
        """

    def parts(self, X: Matrix, prefix: str = "") -> Iterator[Part]:
        """The estimators it is made of, with what each is given for encoded rows (n, d)."""

    def out_of_bag(self) -> OutOfSample | None:
        """Predictions of the training rows by the trees without them, where there are any."""

    def learned(self) -> dict[str, Any]:
        """What people should know of its composition, as JSON values; empty if it has none."""

    def explain(self) -> Explanation | None:
        """What people can follow of it; None if that is nothing."""


@dataclass(frozen=True)
class Fitted:
    """Preprocessing and an estimator.

    Attributes:
        seconds: wall time of the fit, preprocessing included, on one core.
    """

    candidate: Candidate
    contract: Contract
    preprocessing: Preprocessing
    estimator: Estimator
    context: FitContext
    seconds: float

    @property
    def tolerance(self) -> Tolerance:
        """The family's, for what the inverse of the target's transform makes of it."""
        allowed, kind = self.candidate.family.tolerance, self.candidate.transform_target
        if kind is None:
            return allowed
        return replace(allowed, prediction=allowed.prediction * DOMAINS[kind].amplified)

    def predict(self, X: Matrix) -> Prediction:
        """Score encoded rows of shape (n, d) with the estimator itself, not with the graph."""
        return self.predict_design(self.preprocessing.transform(X))

    def predict_design(self, D: Matrix) -> Prediction:
        """Score rows of the design matrix with the estimator itself.

        Raises:
            TrainingError: the estimator refuses the rows.
        """
        estimator: Any = self.estimator
        with blame(self.candidate.name):
            if self.context.task == "regression":
                return self._of_target(np.asarray(estimator.predict(D), np.float64))
            shares = self._of_all_classes(estimator.predict_proba(D))
            return Prediction(np.asarray(estimator.predict(D), np.int64), shares)

    def compile(self, graph: Graph, prefix: str = "", X: str = INPUT) -> Outputs:
        """Append both to a graph in which X is the value [n, d] that they are given."""
        design = self.preprocessing.compile(graph, X)
        graph.name(design, prefix + DESIGN)
        outputs = self.candidate.family.compile(self.estimator, graph, design, self.context)
        if outputs.scores is not None:
            graph.name(outputs.scores, prefix + SCORES)
        if self.context.task == "classification":
            return outputs
        found = self._restored(GraphOps(graph), outputs.prediction)
        return replace(outputs, prediction=str(found))

    def parts(self, X: Matrix, prefix: str = "") -> Iterator[Part]:
        """Itself."""
        yield Part(prefix, self, X)

    def explain(self) -> Explanation | None:
        """What the family says of the estimator; nothing where it predicts a transformed target."""
        if self.candidate.transform_target is not None:
            return None
        return self.candidate.family.explain(self.estimator, self.context)

    def out_of_bag(self) -> OutOfSample | None:
        """Predictions of the training rows by the trees without them, where there are any."""
        with blame(self.candidate.name):
            votes = self.candidate.family.out_of_bag(self.estimator)
        if votes is None:
            return None
        rows = np.flatnonzero(~np.isnan(votes.reshape(len(votes), -1)).any(axis=1))
        if not len(rows):
            return None
        if self.context.task == "regression":
            return OutOfSample(rows, self._of_target(votes[rows]))
        shares = self._of_all_classes(votes[rows])
        return OutOfSample(rows, Prediction(shares.argmax(axis=1), shares))

    def learned(self) -> dict[str, Any]:
        """Nothing that its parameters do not say."""
        return {}

    def _of_target(self, values: Matrix) -> Prediction:
        return Prediction(np.asarray(self._restored(EXACT, values)))

    def _restored(self, ops: Ops, value: Value) -> Value:
        """What the estimator predicts, as the target may be: on its own scale, in its bounds."""
        kind, target = self.candidate.transform_target, self.contract.target
        if kind is not None:
            value = restored(ops, kind, value)
        if target.min is not None:
            value = ops.maximum(value, target.min)
        return value if target.max is None else ops.minimum(value, target.max)

    def _of_all_classes(self, shares: NDArray[Any]) -> Matrix:
        """Shares (n, m) of the classes that were fitted, as (n, k): 0 for one that was not."""
        estimator: Any = self.estimator
        spread = np.zeros((len(shares), len(self.context.classes)))
        spread[:, np.asarray(estimator.classes_, np.int64)] = shares
        return spread


def fit_estimator(candidate: Candidate, contract: Contract, X: Matrix, y: NDArray[Any]) -> Fitted:
    """Fit a candidate's preprocessing and estimator, and nothing around them.

    Args:
        candidate: of a family, not a combination.
        contract: the columns of X.
        X: shape (n, d), encoded rows.
        y: shape (n,), class codes or numbers.

    Raises:
        TrainingError: the estimator refuses the rows.
    """
    chosen = candidate.family
    started = time.perf_counter()
    preprocessing, D = fit_preprocessing(candidate.features, contract, chosen.design, X, y)
    context = FitContext(
        task=contract.task,
        classes=contract.classes,
        columns=preprocessing.columns,
        categories=preprocessing.categories,
        seed=candidate.seed,
        booleans=tuple(
            name for name, column in contract.columns.items() if column.type == "boolean"
        ),
    )
    with blame(candidate.name):
        kind = candidate.transform_target
        estimator = chosen.build(candidate.parameters, context)
        estimator.fit(D, y if kind is None else transformed(candidate.name, kind, y))
    seconds = time.perf_counter() - started
    return Fitted(candidate, contract, preprocessing, estimator, context, seconds)
