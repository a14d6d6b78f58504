"""Linear models: least squares, ridge and logistic regression."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.graph.builder import Graph
from fairlead.graph.links import best, both_classes, exceeds, sigmoid, softmax
from fairlead.models.classes import class_outputs, seen_classes
from fairlead.models.explanation import Weights, weights
from fairlead.models.family import (
    Design,
    Family,
    FitContext,
    Outputs,
    Parameters,
    Range,
    Tolerance,
)
from fairlead.models.options import WeightedParameters, arguments

# A dot product may add in any order: the last bits differ from machine to machine.
TOLERANCE = Tolerance(prediction=1e-12, probabilities=1e-12, scores=1e-12)


class LinearParameters(Parameters):
    """Parameters of `linear`, with scikit-learn's names and meanings."""

    fit_intercept: bool = True
    """Whether there is a constant term."""
    positive: bool = False
    """Whether coefficients are kept from being negative."""


class RidgeParameters(LinearParameters):
    """Parameters of `ridge`, with scikit-learn's names and meanings."""

    alpha: float = Field(default=1.0, ge=0)
    """Strength of the penalty on large coefficients; the columns are scaled before."""


class LogisticParameters(WeightedParameters):
    """Parameters of `logistic`, with scikit-learn's names and meanings."""

    C: float = Field(default=1.0, gt=0)
    """Inverse strength of the penalty on large coefficients; the columns are scaled before."""
    fit_intercept: bool = True
    """Whether there is a constant term."""
    max_iter: int = Field(default=1000, ge=1)
    """Largest number of steps of the solver."""
    tol: float = Field(default=1e-4, gt=0)
    """Gradient at which the solver stops."""


class Linear(Family):
    """Least squares."""

    name = "linear"
    tasks = frozenset({"regression"})
    interpretability = "high"
    # Without an intercept of its own a category is left out: the rest determine it.
    design = Design(categories="drop_first", fill_missing=True, scale=True)
    parameters: type[Parameters] = LinearParameters
    tolerance = TOLERANCE
    search_space: ClassVar = {}

    def build(self, parameters: Any, context: FitContext) -> Any:
        """An unfitted least squares model."""
        from sklearn.linear_model import LinearRegression

        return LinearRegression(**parameters.model_dump(), n_jobs=1)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """A weighted sum of the features."""
        return Outputs(weighted_sums(graph, features, estimator.coef_, estimator.intercept_))

    def explain(self, estimator: Any, context: FitContext) -> Weights:
        """The weights of the one sum."""
        return weights(context.columns, ("",), estimator.coef_, estimator.intercept_)


class RidgeRegression(Linear):
    """Least squares with a penalty on large coefficients."""

    name = "ridge"
    design = Design(categories="one_hot", fill_missing=True, scale=True)
    parameters = RidgeParameters
    search_space: ClassVar = {"alpha": Range(1e-3, 1e3, log=True)}

    def build(self, parameters: Any, context: FitContext) -> Any:
        """An unfitted ridge model."""
        from sklearn.linear_model import Ridge

        return Ridge(**parameters.model_dump(), random_state=context.seed)


class Logistic(Family):
    """Logistic regression, multinomial for more than two classes."""

    name = "logistic"
    tasks = frozenset({"classification"})
    interpretability = "high"
    design = Design(categories="one_hot", fill_missing=True, scale=True)
    parameters = LogisticParameters
    tolerance = TOLERANCE
    search_space: ClassVar = {"C": Range(1e-3, 1e3, log=True)}

    def build(self, parameters: Any, context: FitContext) -> Any:
        """An unfitted logistic model."""
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(**arguments(parameters, context), random_state=context.seed)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """One weighted sum per class, or one for two classes."""
        return compile_linear_classifier(estimator, graph, features, context)

    def scores(self, estimator: Any, X: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The weighted sums."""
        scores: NDArray[np.float64] = estimator.decision_function(X)
        return scores

    def explain(self, estimator: Any, context: FitContext) -> Weights:
        """The weights of each class."""
        return weights_of_classes(estimator, context)


def compile_linear_classifier(
    estimator: Any, graph: Graph, features: str, context: FitContext
) -> Outputs:
    """A classifier with `coef_`, `intercept_` and `classes_`."""
    scores = weighted_sums(graph, features, estimator.coef_, estimator.intercept_)
    if len(estimator.classes_) == 2:
        position = exceeds(graph, scores, 0.0)
        probabilities = both_classes(graph, sigmoid(graph, scores))
    else:
        position, probabilities = best(graph, scores), softmax(graph, scores)
    seen, classes = estimator.classes_, len(context.classes)
    return class_outputs(graph, position, probabilities, seen, classes, scores=scores)


def weights_of_classes(estimator: Any, context: FitContext) -> Weights:
    """Those of a classifier with `coef_`, `intercept_` and `classes_`."""
    seen = seen_classes(estimator, context)
    # Of two classes, one sum is for the second and against the first.
    outputs = seen[1:] if len(seen) == 2 else seen
    return weights(context.columns, outputs, estimator.coef_, estimator.intercept_)


def weighted_sums(
    graph: Graph,
    features: str,
    coefficients: NDArray[np.float64],
    intercept: float | NDArray[np.float64],
) -> str:
    """Sums over the features, added from left to right, as [n, k].

    MatMul, Gemm and ReduceSum add in an order that depends on the number of rows.

    Args:
        graph: where to append.
        features: value [n, d], float64.
        coefficients: shape (d,) or (k, d).
        intercept: one number, or shape (k,).
    """
    weights = np.atleast_2d(coefficients)
    spread = graph.op("Unsqueeze", features, graph.constant(np.array([1])))
    products = graph.op("Mul", spread, graph.constant(weights))
    running = graph.op("CumSum", products, graph.constant(np.array(2)))
    sums = graph.op("Gather", running, graph.constant(np.array(-1)), axis=2)
    return graph.op("Add", sums, graph.constant(np.atleast_1d(intercept).astype(np.float64)))


LINEAR = Linear()
RIDGE = RidgeRegression()
LOGISTIC = Logistic()
