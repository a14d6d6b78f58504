"""The decision tree, and what every tree of scikit-learn has in common when it is compiled."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.graph.builder import Graph
from fairlead.graph.links import best
from fairlead.graph.trees import Tree, merged, tree_ensemble
from fairlead.models.classes import class_outputs, seen_classes
from fairlead.models.explanation import Tree as TopOfTree
from fairlead.models.explanation import top_of_tree
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

Share = Annotated[float, Field(gt=0, le=1)]


class DecisionTreeParameters(MonotoneParameters, WeightedParameters):
    """Parameters of `decision_tree`, with scikit-learn's names and meanings."""

    only: ClassVar = {"criterion": "classification", "class_weight": "classification"}

    max_depth: int | None = Field(default=None, ge=1, le=100)
    """Largest number of tests on the way to a leaf; without it, as many as the data asks for."""
    max_leaf_nodes: int | None = Field(default=None, ge=2)
    """Largest number of leaves."""
    min_samples_split: int = Field(default=2, ge=2)
    """Smallest number of rows that may be split."""
    min_samples_leaf: int = Field(default=1, ge=1)
    """Smallest number of rows in a leaf."""
    max_features: Literal["sqrt", "log2"] | Share | None = None
    """Features tried at a split, as a share; without it, all."""
    ccp_alpha: float = Field(default=0.0, ge=0)
    """Cost of a leaf in pruning; 0 does not prune."""
    criterion: Literal["gini", "entropy"] = "gini"
    """What a split lowers (classification)."""


class DecisionTree(Family):
    """One tree of tests on single columns."""

    name = "decision_tree"
    tasks = frozenset({"classification", "regression"})
    interpretability = "high"
    design = Design()
    parameters = DecisionTreeParameters
    tolerance = Tolerance()
    search_space: ClassVar = {
        "max_depth": Range(2, 20, whole=True),
        "min_samples_leaf": Range(1, 50, log=True, whole=True),
        "ccp_alpha": Range(1e-6, 0.1, log=True),
    }

    def build(self, parameters: DecisionTreeParameters, context: FitContext) -> Any:
        """An unfitted tree."""
        from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

        options = arguments(parameters, context)
        options["monotonic_cst"] = constraints(parameters, context)
        if context.task == "classification":
            return DecisionTreeClassifier(**options, random_state=context.seed)
        return DecisionTreeRegressor(**options, random_state=context.seed)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """One tree; its leaves hold class shares or means."""
        return compile_trees(graph, features, [estimator], estimator, context)

    def explain(self, estimator: Any, context: FitContext) -> TopOfTree:
        """The first tests."""
        return top_of_tree(estimator.tree_, context.columns, seen_classes(estimator, context))


DECISION_TREE = DecisionTree()


def compile_trees(
    graph: Graph, features: str, trees: Iterable[Any], estimator: Any, context: FitContext
) -> Outputs:
    """The mean of scikit-learn's trees, as forests compute it.

    Args:
        graph: where to append.
        features: value [n, d], float64.
        trees: fitted `DecisionTree…` estimators.
        estimator: what they belong to.
        context: as it was fitted.
    """
    members = [tree.tree_ for tree in trees]
    targets = members[0].value.shape[2]
    ensemble = [_tree(member, target) for member in members for target in range(targets)]
    mean = tree_ensemble(graph, features, ensemble, targets=targets)
    if len(members) > 1:
        mean = graph.op("Div", mean, graph.constant(float(len(members))))
    if context.task == "regression":
        return Outputs(mean)
    position = best(graph, mean)
    return class_outputs(graph, position, mean, estimator.classes_, len(context.classes))


def _tree(member: Any, target: int) -> Tree:
    """One class of a fitted `Tree`: a leaf of the operator has one target."""
    tree = Tree(
        feature=member.feature,
        threshold=unrounded(member.threshold),
        left=member.children_left,
        right=member.children_right,
        missing_left=member.missing_go_to_left.astype(np.bool_),
        value=member.value[:, 0, target],
        target=target,
    )
    return merged(tree)


def unrounded(thresholds: NDArray[np.float64]) -> NDArray[np.float64]:
    """The doubles t for which x <= t says what scikit-learn's float32(x) <= threshold says.

    Between the last float32 that passes a test and the first that does not, t is the last double
    that is rounded to the former: their middle, if a tie goes there, or the double below it.
    """
    last = thresholds.astype(np.float32)
    last = np.where(last > thresholds, np.nextafter(last, np.float32(-np.inf)), last)
    first = np.nextafter(last, np.float32(np.inf))
    middle = last / np.float64(2) + first / np.float64(2)
    return np.where(middle.astype(np.float32) == last, middle, np.nextafter(middle, -np.inf))
