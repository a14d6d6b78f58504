"""What can be said without looking at the features: the baseline that a model must beat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from fairlead.graph.builder import Graph
from fairlead.models.classes import class_outputs
from fairlead.models.family import Design, Family, FitContext, Outputs, Parameters, Tolerance
from fairlead.project.columns import Task


class DummyParameters(Parameters):
    """Parameters of `dummy`."""

    only: ClassVar[Mapping[str, Task]] = {"statistic": "regression"}

    statistic: Literal["mean", "median"] = "mean"
    """What of the training targets is predicted: the mean is the best constant for the squared
    error, the median for the absolute one."""


class Dummy(Family):
    """The same answer for every row: the most frequent class and the shares, or one number."""

    name = "dummy"
    tasks = frozenset({"classification", "regression"})
    interpretability = "high"
    design = Design(categories="code")
    parameters = DummyParameters
    tolerance = Tolerance()
    search_space: ClassVar = {}

    def build(self, parameters: DummyParameters, context: FitContext) -> Any:
        """An unfitted constant."""
        from sklearn.dummy import DummyClassifier, DummyRegressor

        if context.task == "classification":
            return DummyClassifier(strategy="prior")
        return DummyRegressor(strategy=parameters.statistic)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """The constant, once for each row."""
        if context.task == "regression":
            return Outputs(_for_each_row(graph, features, estimator.constant_))
        shares = np.atleast_2d(estimator.class_prior_)
        position = _for_each_row(graph, features, shares.argmax(axis=1, keepdims=True))
        probabilities = _for_each_row(graph, features, shares)
        seen = estimator.classes_
        return class_outputs(graph, position, probabilities, seen, len(context.classes))


def _for_each_row(graph: Graph, features: str, values: NDArray[Any]) -> str:
    """A constant of shape (1, k) as [n, k]."""
    rows = graph.op("Shape", features, start=0, end=1)
    width = graph.constant(np.array([values.shape[1]]))
    shape = graph.op("Concat", rows, width, axis=0)
    return graph.op("Expand", graph.constant(values), shape)


DUMMY = Dummy()
