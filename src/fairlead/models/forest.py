"""Forests of scikit-learn: random forest and extra trees."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.graph.builder import Graph
from fairlead.models.family import (
    Design,
    Family,
    FitContext,
    Outputs,
    Range,
    Tolerance,
)
from fairlead.models.options import (
    ClassWeights,
    MonotoneParameters,
    WeightedParameters,
    arguments,
    constraints,
)
from fairlead.models.tree import Share, compile_trees
from fairlead.project.parts import SpecFault


class ForestParameters(MonotoneParameters, WeightedParameters):
    """Parameters of `extra_trees`, with scikit-learn's names and meanings."""

    only: ClassVar = {"criterion": "classification", "class_weight": "classification"}

    n_estimators: int = Field(default=100, ge=1, le=10_000)
    """Number of trees."""
    max_depth: int | None = Field(default=None, ge=1, le=100)
    """Largest number of tests on the way to a leaf; without it, as many as the data asks for."""
    max_leaf_nodes: int | None = Field(default=None, ge=2)
    """Largest number of leaves of a tree."""
    min_samples_split: int = Field(default=2, ge=2)
    """Smallest number of rows that may be split."""
    min_samples_leaf: int = Field(default=1, ge=1)
    """Smallest number of rows in a leaf."""
    max_features: Literal["sqrt", "log2"] | Share | None = None
    """Features tried at a split, as a share; without it, scikit-learn's choice: the square root
    of their number for classification, all for regression."""
    criterion: Literal["gini", "entropy"] = "gini"
    """What a split lowers (classification)."""
    class_weight: Literal["balanced", "balanced_subsample"] | ClassWeights | None = None  # type: ignore[assignment]
    """How much a row of each class counts: `balanced` gives every class the same total weight,
    `balanced_subsample` does so in the rows of each tree; class -> weight leaves those that are
    not named at 1 (classification)."""


class RandomForestParameters(ForestParameters):
    """Parameters of `random_forest`, with scikit-learn's names and meanings."""

    bootstrap: bool = True
    """Whether each tree gets rows drawn with replacement; out-of-bag evaluation needs it."""
    max_samples: Share | None = None
    """Share of the rows drawn for a tree; without it, as many as there are."""

    def faults(self) -> Iterator[SpecFault]:
        """What contradicts what."""
        yield from super().faults()
        if self.max_samples is not None and not self.bootstrap:
            yield SpecFault(
                "max_samples", f"`{self.max_samples}`", "it with `bootstrap: true` only"
            )


@dataclass(frozen=True)
class Forest(Family):
    """The mean of many trees, each grown a little differently."""

    name: str
    parameters: type[ForestParameters]

    tasks = frozenset({"classification", "regression"})
    interpretability = "low"
    design = Design()
    tolerance = Tolerance()
    search_space: ClassVar = {
        "n_estimators": Range(50, 500, log=True, whole=True),
        "max_depth": Range(4, 40, whole=True),
        "min_samples_leaf": Range(1, 20, log=True, whole=True),
        "max_features": Range(0.2, 1.0),
    }

    def build(self, parameters: ForestParameters, context: FitContext) -> Any:
        """An unfitted forest."""
        from fairlead.models.forest_estimators import ESTIMATORS

        options = arguments(parameters, context)
        options["monotonic_cst"] = constraints(parameters, context)
        if parameters.max_features is None:
            options["max_features"] = "sqrt" if context.task == "classification" else 1.0
        if isinstance(parameters, RandomForestParameters):
            options["oob_score"] = parameters.bootstrap
        return ESTIMATORS[self.name, context.task](**options, random_state=context.seed, n_jobs=1)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """All trees, added up in their order and divided by their number."""
        return compile_trees(graph, features, estimator.estimators_, estimator, context)

    def out_of_bag(self, estimator: Any) -> NDArray[np.float64] | None:
        """The mean of the trees that did not draw a row."""
        if not getattr(estimator, "oob_score", False):
            return None
        regression = hasattr(estimator, "oob_prediction_")
        votes = estimator.oob_prediction_ if regression else estimator.oob_decision_function_
        drawn = np.zeros(len(votes), np.int64)
        for rows in estimator.estimators_samples_:
            drawn[np.unique(rows)] += 1
        result = np.array(votes, np.float64)
        result[drawn == len(estimator.estimators_)] = np.nan
        return result


RANDOM_FOREST = Forest("random_forest", RandomForestParameters)
EXTRA_TREES = Forest("extra_trees", ForestParameters)
