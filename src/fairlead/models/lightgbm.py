"""LightGBM."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.errors import CompileError, ExtraMissingError
from fairlead.graph.builder import Graph
from fairlead.graph.links import best, both_classes, exceeds, sigmoid, softmax
from fairlead.graph.trees import Tree, constant_tree, tree_ensemble
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

# Bits of a node's `decision_type` in LightGBM's model text.
CATEGORICAL, DEFAULT_LEFT, MISSING_SHIFT = 1, 2, 2
MISSING_NONE, MISSING_NAN = 0, 2
# What LightGBM takes for 0: its `kZeroThreshold`, a float32.
ZERO = float(np.float32(1e-35))
# The largest double whose 1 / (1 + exp(-x)) is rounded to 1/2.
EVEN = 1.5 * 2.0**-53


class LightgbmParameters(MonotoneParameters, WeightedParameters):
    """Parameters of `lightgbm`, with the names of its scikit-learn interface."""

    only: ClassVar = {"objective": "regression", "class_weight": "classification"}

    n_estimators: int = Field(default=100, ge=1, le=10_000)
    """Number of iterations; each adds one tree, or one per class."""
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    """Factor on what every tree adds."""
    num_leaves: int = Field(default=31, ge=2, le=131_072)
    """Largest number of leaves of a tree."""
    max_depth: int | None = Field(default=None, ge=1, le=100)
    """Largest number of tests on the way to a leaf."""
    min_child_samples: int = Field(default=20, ge=0)
    """Smallest number of rows in a leaf."""
    subsample: float = Field(default=1.0, gt=0, le=1)
    """Share of the rows drawn for an iteration."""
    colsample_bytree: float = Field(default=1.0, gt=0, le=1)
    """Share of the features drawn for a tree."""
    reg_alpha: float = Field(default=0.0, ge=0)
    """L1 penalty on the leaves."""
    reg_lambda: float = Field(default=0.0, ge=0)
    """L2 penalty on the leaves."""
    objective: Literal["regression", "regression_l1", "huber"] = "regression"
    """What is minimised (regression): squared error, absolute error or Huber's."""


class Lightgbm(Family):
    """LightGBM's boosted trees."""

    name = "lightgbm"
    tasks = frozenset({"classification", "regression"})
    interpretability = "low"
    design = Design()
    parameters = LightgbmParameters
    tolerance = Tolerance(probabilities=4e-15)
    search_space: ClassVar = {
        "n_estimators": Range(50, 800, log=True, whole=True),
        "learning_rate": Range(0.01, 0.3, log=True),
        "num_leaves": Range(7, 127, log=True, whole=True),
        "min_child_samples": Range(5, 100, log=True, whole=True),
        "colsample_bytree": Range(0.4, 1.0),
        "reg_lambda": Range(1e-3, 10.0, log=True),
    }

    def build(self, parameters: LightgbmParameters, context: FitContext) -> Any:
        """An unfitted booster.

        Raises:
            ExtraMissingError: LightGBM is not installed.
        """
        try:
            from lightgbm import LGBMRegressor

            from fairlead.models.lightgbm_classifier import LightgbmClassifier
        except ImportError as error:
            raise ExtraMissingError("the lightgbm family", extra="lightgbm") from error
        options = arguments(parameters, context)
        options |= {
            "max_depth": parameters.max_depth or -1,
            # Without a frequency, LightGBM draws no rows at all.
            "subsample_freq": int(parameters.subsample < 1),
            "random_state": context.seed,
            "n_jobs": 1,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
            "monotone_constraints": constraints(parameters, context),
        }
        if context.task == "classification":
            return LightgbmClassifier(**options)
        return LGBMRegressor(**options)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """Every tree in the order of training; one sum per class."""
        booster = estimator.booster_
        targets = booster.num_model_per_iteration()
        trees = parse_trees(booster.model_to_string(num_iteration=-1), targets)
        # LightGBM grows no tree where nothing can be learned.
        trees = trees or [constant_tree(0.0, target) for target in range(targets)]
        scores = tree_ensemble(graph, features, trees, targets=targets)
        if context.task == "regression":
            return Outputs(scores)
        # LightGBM decides on its rounded probabilities: of equal ones, the first.
        if targets == 1:
            probabilities = both_classes(graph, sigmoid(graph, scores))
            position = exceeds(graph, scores, EVEN)
        else:
            probabilities = softmax(graph, scores)
            position = best(graph, probabilities)
        seen, classes = estimator.classes_, len(context.classes)
        return class_outputs(graph, position, probabilities, seen, classes, scores=scores)

    def scores(self, estimator: Any, X: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The sums of the trees; a regressor predicts them as they are."""
        if not hasattr(estimator, "classes_"):
            return None
        scores: NDArray[np.float64] = estimator.predict(X, raw_score=True)
        return scores


def parse_trees(text: str, targets: int) -> list[Tree]:
    """Read LightGBM's model text, which writes every double with 17 digits.

    Args:
        text: what `Booster.model_to_string` gives.
        targets: trees per iteration.

    Raises:
        CompileError: a tree is not made of numeric tests and constant leaves.
    """
    blocks = text.split("end of trees")[0].split("\nTree=")[1:]
    return [_tree(block, number % targets) for number, block in enumerate(blocks)]


def _tree(block: str, target: int) -> Tree:
    fields = dict(line.split("=", 1) for line in block.splitlines()[1:] if "=" in line)
    if fields.get("is_linear", "0") != "0" or fields["num_cat"] != "0":
        raise CompileError("lightgbm", "linear leaves and categorical splits are not supported")
    leaves = np.array(fields["leaf_value"].split(), np.float64)
    if len(leaves) == 1:
        return constant_tree(float(leaves[0]), target)
    tests = len(leaves) - 1
    threshold = np.array(fields["threshold"].split(), np.float64)
    kind = np.array(fields["decision_type"].split(), np.int64)
    missing = kind >> MISSING_SHIFT & 3
    if not np.isin(missing, (MISSING_NONE, MISSING_NAN)).all():
        raise CompileError("lightgbm", "`zero_as_missing` is not supported")
    # A feature without missing values in training: NaN counts as 0.
    missing_left = np.where(missing == MISSING_NAN, kind & DEFAULT_LEFT > 0, threshold >= 0.0)
    none = np.full(len(leaves), -1)
    # A number so near to 0 is 0 to LightGBM: its tests cannot tell such numbers apart.
    threshold[(threshold >= -ZERO) & (threshold < 0)] = np.nextafter(-ZERO, -np.inf)
    threshold[(threshold >= 0) & (threshold < ZERO)] = ZERO
    return Tree(
        feature=np.append(np.array(fields["split_feature"].split(), np.int64), none),
        threshold=np.append(threshold, np.zeros(len(leaves))),
        left=np.append(_children(fields["left_child"], tests), none),
        right=np.append(_children(fields["right_child"], tests), none),
        missing_left=np.append(missing_left, np.zeros(len(leaves), np.bool_)),
        value=np.append(np.zeros(tests), leaves),
        target=target,
    )


def _children(text: str, tests: int) -> NDArray[np.int64]:
    """Positions with the leaves behind the tests; LightGBM writes leaf i as ~i."""
    child = np.array(text.split(), np.int64)
    return np.where(child < 0, tests + ~child, child)


LIGHTGBM = Lightgbm()
