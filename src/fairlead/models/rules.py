"""A list of rules as a model: the first that holds decides."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.errors import ExpressionError, Problem, TrainingError
from fairlead.graph.builder import Graph
from fairlead.graph.expressions import compile_expression
from fairlead.models.explanation import Rule as Line
from fairlead.models.explanation import Rules
from fairlead.models.family import (
    Design,
    Family,
    FitContext,
    Outputs,
    Parameters,
    Tolerance,
)
from fairlead.project.columns import Task
from fairlead.project.expressions import Expression as Condition
from fairlead.project.expressions import Scope, evaluate, parse
from fairlead.project.parts import Category, Expression, SpecPart
from fairlead.project.problems import closest, shown
from fairlead.project.scope import feature_scope
from fairlead.project.spec import DataSpec


class Rule(SpecPart):
    """One rule."""

    when: Expression = Field(examples=["petal_length < 2.5"])
    """A condition over the columns and the derived columns."""
    predict: Category = Field(examples=["setosa"])
    """The class, or the number, where the condition holds."""


class RulesParameters(Parameters):
    """Parameters of `rules`."""

    rules: tuple[Rule, ...] = Field(min_length=1)
    """The rules, in the order in which they are tried."""
    otherwise: Category
    """The class, or the number, where no rule holds."""


class RuleList:
    """The rules as an estimator; fitting counts the classes of the rows that each rule decides.

    Args:
        conditions: one per rule, in order.
        outputs: shape (rules + 1,): what each rule predicts, and the prediction without one;
            class codes or numbers.
        columns: names of the columns of X.
        classes: number of classes; 0 for regression.
    """

    def __init__(
        self,
        conditions: Sequence[Condition],
        outputs: NDArray[Any],
        columns: Sequence[str],
        classes: int,
    ) -> None:
        self.conditions = tuple(conditions)
        self.outputs = outputs
        self.columns = tuple(columns)
        self.classes_ = np.arange(classes)

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Self:
        """Count; the rules themselves are as they were written."""
        deciding = self.deciding(X)
        self.rows_ = np.bincount(deciding, minlength=len(self.outputs))
        if len(self.classes_):
            counts = np.ones((len(self.outputs), len(self.classes_)))
            np.add.at(counts, (deciding, y.astype(np.int64)), 1.0)
            self.shares_ = counts / counts.sum(axis=1, keepdims=True)
            self.right_ = np.bincount(
                deciding[self.outputs[deciding] == y], minlength=len(self.outputs)
            )
        return self

    def deciding(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """The position of the first rule that holds for each row, shape (n,)."""
        values = dict(zip(self.columns, X.T, strict=True))
        first = np.full(len(X), len(self.conditions))
        for position in reversed(range(len(self.conditions))):
            first[evaluate(self.conditions[position], values).astype(np.bool_)] = position
        return first

    def predict(self, X: NDArray[np.float64]) -> NDArray[Any]:
        """What the deciding rules predict, shape (n,)."""
        predicted: NDArray[Any] = self.outputs[self.deciding(X)]
        return predicted

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shares of the classes among the training rows that the same rule decided, shape (n, k).

        Each class counts one row more than there are (Laplace): no share is 0.
        """
        shares: NDArray[np.float64] = self.shares_[self.deciding(X)]
        return shares


class RulesFamily(Family):
    """Rules written by hand."""

    name = "rules"
    tasks = frozenset({"classification", "regression"})
    interpretability = "high"
    design = Design(categories="code")
    parameters = RulesParameters
    tolerance = Tolerance()
    search_space: ClassVar = {}

    def problems(self, parameters: Any, data: DataSpec, task: Task) -> list[Problem]:
        """What is wrong with conditions and predictions."""
        scope = feature_scope(data, data.derived)
        return check_rules(parameters, scope, data.target.classes, task)

    def build(self, parameters: RulesParameters, context: FitContext) -> RuleList:
        """The rules, not fitted yet.

        Raises:
            TrainingError: a condition or a prediction does not fit the data.
        """
        scope = _scope(context)
        found = check_rules(parameters, scope, context.classes, context.task)
        if found:
            raise TrainingError(self.name, "; ".join(map(str, found)))
        predictions = [*(rule.predict for rule in parameters.rules), parameters.otherwise]
        if context.task == "classification":
            outputs = np.array([context.classes.index(label) for label in predictions])
        else:
            outputs = np.array([float(number) for number in predictions])
        conditions = [parse(rule.when, scope) for rule in parameters.rules]
        return RuleList(conditions, outputs, context.columns, len(context.classes))

    def compile(
        self, estimator: RuleList, graph: Graph, features: str, context: FitContext
    ) -> Outputs:
        """The position of the deciding rule, and what stands there."""
        used = {name for condition in estimator.conditions for name in condition.names}
        values = {
            name: graph.column(features, index)
            for index, name in enumerate(context.columns)
            if name in used
        }
        first = graph.constant(np.array([[len(estimator.conditions)]]))
        for position in reversed(range(len(estimator.conditions))):
            holds = compile_expression(graph, estimator.conditions[position], values)
            first = graph.op("Where", holds, graph.constant(np.array([[position]])), first)
        prediction = graph.op("Gather", graph.constant(estimator.outputs), first)
        if context.task == "regression":
            return Outputs(prediction)
        row = graph.op("Reshape", first, graph.constant(np.array([-1])))
        return Outputs(prediction, graph.op("Gather", graph.constant(estimator.shares_), row))

    def explain(self, estimator: RuleList, context: FitContext) -> Rules:
        """The rules, with what each decides."""
        whens = [*(condition.text for condition in estimator.conditions), None]
        outputs, rows = estimator.outputs.tolist(), estimator.rows_.tolist()
        if context.task == "regression":
            lines = [
                Line(*each) for each in zip(whens, map("{:g}".format, outputs), rows, strict=True)
            ]
            return Rules(tuple(lines))
        labels = [context.classes[code] for code in outputs]
        parts = zip(whens, labels, rows, estimator.right_.tolist(), strict=True)
        return Rules(tuple(Line(*each) for each in parts))


def check_rules(
    parameters: RulesParameters, scope: Scope, classes: tuple[str, ...], task: Task
) -> list[Problem]:
    """Find conditions that are none and predictions that cannot be.

    Args:
        parameters: the rules.
        scope: what a condition may name.
        classes: the labels; empty for regression, or where the data will tell them.
        task: classification or regression.

    Returns:
        Problems, each at its rule: `rules[0].when`, `rules[0].predict` or `otherwise`.
    """
    found: list[Problem] = []
    for index, rule in enumerate(parameters.rules):
        found += _condition_problems(f"rules[{index}].when", rule.when, scope)
        found += _prediction_problems(f"rules[{index}].predict", rule.predict, classes, task)
    return found + _prediction_problems("otherwise", parameters.otherwise, classes, task)


def _condition_problems(where: str, text: str, scope: Scope) -> list[Problem]:
    try:
        kind = parse(text, scope).kind
    except ExpressionError as error:
        found = error.found if error.text == text else f"{error.found} in `{error.text}`"
        return [Problem(where, found, error.expected)]
    if kind != "boolean":
        return [Problem(where, f"a {kind}: `{text}`", "a condition, such as `petal_width < 1.7`")]
    return []


def _prediction_problems(
    where: str, value: str, classes: tuple[str, ...], task: Task
) -> list[Problem]:
    if task == "classification":
        if not classes or value in classes:
            return []
        return [Problem(where, shown(value), closest(value, classes))]
    try:
        finite = np.isfinite(float(value))
    except ValueError:
        finite = False
    return [] if finite else [Problem(where, shown(value), "a number")]


def _scope(context: FitContext) -> Scope:
    kinds: Mapping[str, Any] = {
        name: "category"
        if name in context.categories
        else "boolean"
        if name in context.booleans
        else "number"
        for name in context.columns
    }
    return Scope(kinds, dict(context.categories))


RULES = RulesFamily()
