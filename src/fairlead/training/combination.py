"""Models that combine the predictions of others: a weighted mean, or a model over them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from fairlead.data.contract import Contract
from fairlead.graph.builder import Graph
from fairlead.graph.expressions import EXACT, GraphOps
from fairlead.graph.links import best
from fairlead.models.combinations import final_spec
from fairlead.models.explanation import Explanation
from fairlead.models.family import Outputs, Tolerance
from fairlead.project.columns import ColumnSpec
from fairlead.project.primitives import Ops, Value
from fairlead.training.candidate import Candidate
from fairlead.training.fitted import (
    PREDICTION,
    PROBABILITIES,
    Fitted,
    FittedModel,
    Matrix,
    Part,
    fit_estimator,
)
from fairlead.training.predictions import OutOfSample, Prediction

FINAL = "(final)"
"""The final model of a stack; no candidate can be called so."""
AMPLIFIED = 100.0
"""How many times a combination may enlarge the relative error of a member: coefficients of a final
model, and sums that are smaller than what is added up."""
TINY = 1e-15
STEPS = 1_000


class Rule(Protocol):
    """How predictions become one."""

    @property
    def members(self) -> tuple[str, ...]:
        """Names of the candidates whose predictions it needs."""

    @property
    def tolerance(self) -> Tolerance:
        """Its own, for members that are exact."""

    def combine(self, predictions: Sequence[Prediction]) -> Prediction:
        """The prediction from those of the members, in their order."""

    def compile(self, graph: Graph, outputs: Sequence[Outputs], prefix: str) -> Outputs:
        """The same in a graph."""

    def parts(self, predictions: Sequence[Prediction], prefix: str) -> Iterator[Part]:
        """The estimators that it is made of, with what each is given."""

    def learned(self) -> dict[str, Any]:
        """What it has learned, as JSON values."""


@dataclass(frozen=True)
class Combined:
    """Members and the rule that combines them.

    Attributes:
        members: one for each name in `rule.members`.
        seconds: wall time of all fits, those on inner folds included.
    """

    candidate: Candidate
    contract: Contract
    members: tuple[FittedModel, ...]
    rule: Rule
    seconds: float

    @property
    def tolerance(self) -> Tolerance:
        """The rule's, and what it may make of the members' own."""
        own, worst = self.rule.tolerance, [member.tolerance for member in self.members]
        classes = bool(self.contract.classes)
        error = max(each.probabilities if classes else each.prediction for each in worst)
        allowed = max(own.probabilities if classes else own.prediction, AMPLIFIED * error)
        return Tolerance(probabilities=allowed) if classes else Tolerance(prediction=allowed)

    def predict(self, X: Matrix) -> Prediction:
        """Score encoded rows of shape (n, d) with the estimators themselves."""
        return self.rule.combine([member.predict(X) for member in self.members])

    def compile(self, graph: Graph, prefix: str = "") -> Outputs:
        """All members side by side, then the rule."""
        outputs = []
        for member in self.members:
            below = f"{prefix}{member.candidate.name}/"
            found = member.compile(graph, below)
            graph.name(found.prediction, below + PREDICTION)
            if found.probabilities is not None:
                graph.name(found.probabilities, below + PROBABILITIES)
            outputs.append(found)
        return self.rule.compile(graph, outputs, prefix)

    def parts(self, X: Matrix, prefix: str = "") -> Iterator[Part]:
        """Those of the members, then those of the rule."""
        for member in self.members:
            yield from member.parts(X, f"{prefix}{member.candidate.name}/")
        yield from self.rule.parts([member.predict(X) for member in self.members], prefix)

    def out_of_bag(self) -> OutOfSample | None:
        """None: a row that one member has not seen, another has."""
        return None

    def explain(self) -> Explanation | None:
        """None: nobody follows several models at once."""
        return None

    def learned(self) -> dict[str, Any]:
        """Members with their parameters, and what the rule has learned."""
        members = [
            {"name": each.name, "family": each.family_name, "parameters": each.recorded()}
            for each in self.candidate.members
        ]
        return {"members": members, **self.rule.learned()}


@dataclass(frozen=True)
class WeightedMean:
    """The mean of numbers or probabilities, added in the order of the members.

    Attributes:
        weights: member -> weight, adding up to 1; a member without weight is not needed.
    """

    weights: Mapping[str, float]

    @property
    def tolerance(self) -> Tolerance:
        """Products and sums of doubles are exact."""
        return Tolerance()

    @property
    def members(self) -> tuple[str, ...]:
        """Those that have a weight."""
        return tuple(name for name, weight in self.weights.items() if weight > 0)

    def _sum(self, ops: Ops, values: Sequence[Value]) -> Value:
        total: Value = None
        for name, value in zip(self.members, values, strict=True):
            term = ops.mul(value, self.weights[name])
            total = term if total is None else ops.add(total, term)
        return total

    def combine(self, predictions: Sequence[Prediction]) -> Prediction:
        """Numbers, or probabilities and the class of the largest."""
        shares = [each.probabilities for each in predictions if each.probabilities is not None]
        if not shares:
            return Prediction(self._sum(EXACT, [each.values for each in predictions]))
        mean = self._sum(EXACT, shares)
        return Prediction(mean.argmax(axis=1), mean)

    def compile(self, graph: Graph, outputs: Sequence[Outputs], prefix: str) -> Outputs:  # noqa: ARG002
        """Products and sums."""
        ops = GraphOps(graph)
        shares = [each.probabilities for each in outputs if each.probabilities is not None]
        if not shares:
            return Outputs(self._sum(ops, [each.prediction for each in outputs]))
        mean = self._sum(ops, shares)
        return Outputs(best(graph, mean), mean)

    def parts(self, predictions: Sequence[Prediction], prefix: str) -> Iterator[Part]:  # noqa: ARG002
        """None: it is no estimator."""
        return iter(())

    def learned(self) -> dict[str, Any]:
        """The weights."""
        return {"weights": dict(self.weights)}


@dataclass(frozen=True)
class FinalModel:
    """A model whose columns are the members' numbers, or their probabilities but the first."""

    fitted: Fitted
    members: tuple[str, ...]

    @property
    def tolerance(self) -> Tolerance:
        """That of the model's family."""
        return self.fitted.tolerance

    def combine(self, predictions: Sequence[Prediction]) -> Prediction:
        """What the model makes of them."""
        return self.fitted.predict(_columns(predictions))

    def compile(self, graph: Graph, outputs: Sequence[Outputs], prefix: str) -> Outputs:
        """The columns side by side, then the model."""
        rest = list(range(1, len(self.fitted.contract.classes)))
        columns = [
            each.prediction
            if each.probabilities is None
            else graph.columns(each.probabilities, rest)
            for each in outputs
        ]
        X = graph.op("Concat", *columns, axis=1)
        found = self.fitted.compile(graph, f"{prefix}{FINAL}/", X)
        graph.name(found.prediction, f"{prefix}{FINAL}/{PREDICTION}")
        if found.probabilities is not None:
            graph.name(found.probabilities, f"{prefix}{FINAL}/{PROBABILITIES}")
        return found

    def parts(self, predictions: Sequence[Prediction], prefix: str) -> Iterator[Part]:
        """The model."""
        yield Part(f"{prefix}{FINAL}/", self.fitted, _columns(predictions), is_direct=False)

    def learned(self) -> dict[str, Any]:
        """Family and parameters of the model."""
        final = self.fitted.candidate
        return {"final": {"family": final.family_name, "parameters": final.recorded()}}


def _columns(predictions: Sequence[Prediction]) -> Matrix:
    return np.column_stack(
        [
            each.values if each.probabilities is None else each.probabilities[:, 1:]
            for each in predictions
        ]
    )


OutOfFold = Callable[[], tuple[NDArray[np.int64], list[Prediction]]]
"""Rows, and what each member predicts for them when fitted on others; it costs all those fits."""
Learn = Callable[[Candidate, Contract, NDArray[Any], OutOfFold], Rule]


def learn_weights(
    candidate: Candidate, contract: Contract, y: NDArray[Any], out_of_fold: OutOfFold
) -> Rule:
    """A weighted mean, of weights that were given or that are best for rows not fitted."""
    given, names = candidate.parameters.weights, candidate.parameters.of
    if given == "fitted":
        rows, predictions = out_of_fold()
        best_of = _log_loss_weights if contract.classes else _squared_error_weights
        found = best_of(predictions, y[rows])
    else:
        found = np.array(given)
    return WeightedMean(dict(zip(names, (found / found.sum()).tolist(), strict=True)))


def _squared_error_weights(predictions: Sequence[Prediction], y: NDArray[Any]) -> Matrix:
    """Weights >= 0 of sum 1 with the least squared error.

    Among weights of sum 1 the error is that of the weighted residuals; a last row of ones makes
    non-negative least squares find a multiple of them (Lawson and Hanson, 1974, chapter 23).
    """
    residuals = np.column_stack([each.values - y for each in predictions])
    scale = float(np.sqrt((residuals**2).mean())) * np.sqrt(len(y))
    if not 0 < scale < np.inf:
        return np.ones(len(predictions))
    rows = np.vstack([residuals / scale, np.ones(len(predictions))])
    solver = LinearRegression(fit_intercept=False, positive=True)
    found: Matrix = solver.fit(rows, np.append(np.zeros(len(y)), 1.0)).coef_
    return found


def _log_loss_weights(predictions: Sequence[Prediction], y: NDArray[Any]) -> Matrix:
    """Weights of sum 1 with the least log loss: those of a mixture, by expectation-maximisation."""
    rows = np.arange(len(y))
    shares = np.column_stack(
        [each.probabilities[rows, y] for each in predictions if each.probabilities is not None]
    )
    shares = np.maximum(shares, TINY)
    weights = np.full(len(predictions), 1 / len(predictions))
    for _ in range(STEPS):
        terms = shares * weights
        weights = (terms / terms.sum(axis=1, keepdims=True)).mean(axis=0)
    return np.where(weights < 1e-6, 0.0, weights)


def learn_final(
    candidate: Candidate, contract: Contract, y: NDArray[Any], out_of_fold: OutOfFold
) -> Rule:
    """A model fitted on what the members predict for rows that they have not seen."""
    names = candidate.parameters.of
    rows, predictions = out_of_fold()
    spec = final_spec(candidate.parameters, contract.task)
    final = Candidate.of(candidate.name, spec, {}, candidate.seed)
    labels = contract.classes[1:]
    columns = [f"{name}={label}" for name in names for label in labels] if labels else names
    number = ColumnSpec(type="number")
    own = Contract(contract.task, dict.fromkeys(columns, number), contract.target, contract.classes)
    return FinalModel(fit_estimator(final, own, _columns(predictions), y[rows]), tuple(names))


LEARN: dict[str, Learn] = {"blend": learn_weights, "stack": learn_final}
"""Combination -> how its rule is learned."""
