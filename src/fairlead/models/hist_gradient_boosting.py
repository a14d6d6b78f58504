"""scikit-learn's histogram gradient boosting."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.graph.builder import Graph
from fairlead.graph.links import best, both_classes, exceeds, sigmoid, softmax
from fairlead.graph.trees import NO_CHILD, Tree, constant_tree, tree_ensemble
from fairlead.models.classes import class_outputs
from fairlead.models.family import (
    Design,
    Family,
    FitContext,
    Outputs,
    Range,
    Tolerance,
)
from fairlead.models.options import (
    MonotoneParameters,
    WeightedParameters,
    arguments,
    constraints,
)


class HistGradientBoostingParameters(MonotoneParameters, WeightedParameters):
    """Parameters of `hist_gradient_boosting`, with scikit-learn's names and meanings.

    There is no early stopping: it would keep rows back that the split does not know of.
    """

    only: ClassVar = {"loss": "regression", "class_weight": "classification"}

    learning_rate: float = Field(default=0.1, gt=0, le=1)
    """Factor on what every tree adds."""
    max_iter: int = Field(default=100, ge=1, le=10_000)
    """Number of iterations; each adds one tree, or one per class."""
    max_leaf_nodes: int | None = Field(default=31, ge=2)
    """Largest number of leaves of a tree."""
    max_depth: int | None = Field(default=None, ge=1, le=100)
    """Largest number of tests on the way to a leaf."""
    min_samples_leaf: int = Field(default=20, ge=1)
    """Smallest number of rows in a leaf."""
    l2_regularization: float = Field(default=0.0, ge=0)
    """Shrinks the leaves of few rows."""
    max_features: float = Field(default=1.0, gt=0, le=1)
    """Share of the features tried at a split."""
    max_bins: int = Field(default=255, ge=2, le=255)
    """Values that a feature is reduced to while training."""
    loss: Literal["squared_error", "absolute_error"] = "squared_error"
    """What is minimised (regression)."""


class HistGradientBoosting(Family):
    """Trees that each correct the sum of those before."""

    name = "hist_gradient_boosting"
    tasks = frozenset({"classification", "regression"})
    interpretability = "low"
    design = Design()
    parameters = HistGradientBoostingParameters
    tolerance = Tolerance(probabilities=4e-15)
    search_space: ClassVar = {
        "learning_rate": Range(0.01, 0.3, log=True),
        "max_iter": Range(50, 800, log=True, whole=True),
        "max_leaf_nodes": Range(7, 63, log=True, whole=True),
        "min_samples_leaf": Range(5, 100, log=True, whole=True),
        "l2_regularization": Range(1e-3, 10.0, log=True),
    }

    def build(self, parameters: HistGradientBoostingParameters, context: FitContext) -> Any:
        """An unfitted booster."""
        from fairlead.models.boosting_estimators import BoostingClassifier, BoostingRegressor

        options = arguments(parameters, context)
        options |= {"early_stopping": False, "random_state": context.seed}
        options["monotonic_cst"] = constraints(parameters, context)
        if context.task == "classification":
            return BoostingClassifier(**options)
        return BoostingRegressor(**options)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """The baseline, then every tree in the order of training; one sum per class."""
        baseline = estimator._baseline_prediction.ravel()  # noqa: SLF001 (no public name)
        trees = [constant_tree(float(value), target) for target, value in enumerate(baseline)]
        for iteration in estimator._predictors:  # noqa: SLF001 (no public name)
            trees += [_tree(predictor.nodes, target) for target, predictor in enumerate(iteration)]
        scores = tree_ensemble(graph, features, trees, targets=len(baseline))
        if context.task == "regression":
            return Outputs(scores)
        if len(baseline) == 1:
            position = exceeds(graph, scores, 0.0)
            probabilities = both_classes(graph, sigmoid(graph, scores))
        else:
            position, probabilities = best(graph, scores), softmax(graph, scores)
        seen, classes = estimator.classes_, len(context.classes)
        return class_outputs(graph, position, probabilities, seen, classes, scores=scores)

    def scores(self, estimator: Any, X: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The sums of the trees; a regressor predicts them as they are."""
        if not hasattr(estimator, "classes_"):
            return None
        scores: NDArray[np.float64] = estimator.decision_function(X)
        return scores


def _tree(nodes: NDArray[Any], target: int) -> Tree:
    """One tree from scikit-learn's table of nodes."""
    leaf = nodes["is_leaf"].astype(np.bool_)
    return Tree(
        feature=nodes["feature_idx"].astype(np.int64),
        threshold=nodes["num_threshold"],
        left=np.where(leaf, NO_CHILD, nodes["left"].astype(np.int64)),
        right=np.where(leaf, NO_CHILD, nodes["right"].astype(np.int64)),
        missing_left=nodes["missing_go_to_left"].astype(np.bool_),
        value=nodes["value"],
        target=target,
    )


HIST_GRADIENT_BOOSTING = HistGradientBoosting()
