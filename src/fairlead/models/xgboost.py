"""XGBoost."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto
from pydantic import Field

from fairlead.errors import CompileError, ExtraMissingError
from fairlead.graph.builder import Graph
from fairlead.graph.expressions import GraphOps
from fairlead.graph.links import best, exceeds, row_sum
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
    present,
)
from fairlead.project.arithmetic import exp


class XgboostParameters(MonotoneParameters, WeightedParameters):
    """Parameters of `xgboost`, with the names of its scikit-learn interface."""

    only: ClassVar = {"objective": "regression", "class_weight": "classification"}

    n_estimators: int = Field(default=100, ge=1, le=10_000)
    """Number of iterations; each adds one tree, or one per class."""
    learning_rate: float = Field(default=0.3, gt=0, le=1)
    """Factor on what every tree adds."""
    max_depth: int = Field(default=6, ge=1, le=100)
    """Largest number of tests on the way to a leaf."""
    min_child_weight: float = Field(default=1.0, ge=0)
    """Smallest weight (for squared error: number) of the rows in a leaf."""
    gamma: float = Field(default=0.0, ge=0)
    """Smallest gain of a split."""
    subsample: float = Field(default=1.0, gt=0, le=1)
    """Share of the rows drawn for an iteration."""
    colsample_bytree: float = Field(default=1.0, gt=0, le=1)
    """Share of the features drawn for a tree."""
    reg_alpha: float = Field(default=0.0, ge=0)
    """L1 penalty on the leaves."""
    reg_lambda: float = Field(default=1.0, ge=0)
    """L2 penalty on the leaves."""
    max_bin: int = Field(default=256, ge=2)
    """Values that a feature is reduced to while training."""
    objective: Literal["reg:squarederror", "reg:absoluteerror", "reg:pseudohubererror"] = (
        "reg:squarederror"
    )
    """What is minimised (regression)."""


@dataclass
class XgboostClassifier:
    """XGBoost's classifier for any class codes: its own takes 0..m-1 without a gap.

    Attributes:
        model: the `XGBClassifier`.
        classes_: shape (m,), the codes it was fitted on.
        class_weight: by class code, `balanced` or None.
    """

    model: Any
    classes_: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, np.int64))
    class_weight: Any = None

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> XgboostClassifier:
        """Fit on rows of at least two classes."""
        from sklearn.utils.class_weight import compute_sample_weight

        self.classes_, positions = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("rows of at least two classes are needed, found one class")
        weights = present(self.class_weight, y)
        rows = None if weights is None else compute_sample_weight(weights, y)
        self.model.fit(X, positions, sample_weight=rows)
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
        """Class codes, shape (n,)."""
        codes: NDArray[np.int64] = self.classes_[self.model.predict(X)]
        return codes

    def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float32]:
        """Probabilities in the order of `classes_`, shape (n, m)."""
        probabilities: NDArray[np.float32] = self.model.predict_proba(X)
        return probabilities


class Xgboost(Family):
    """XGBoost's boosted trees."""

    name = "xgboost"
    tasks = frozenset({"classification", "regression"})
    interpretability = "low"
    design = Design()
    parameters = XgboostParameters
    # Its probabilities are float32.
    tolerance = Tolerance(probabilities=1e-6)
    search_space: ClassVar = {
        "n_estimators": Range(50, 800, log=True, whole=True),
        "learning_rate": Range(0.01, 0.3, log=True),
        "max_depth": Range(3, 10, whole=True),
        "min_child_weight": Range(1.0, 20.0, log=True),
        "subsample": Range(0.5, 1.0),
        "colsample_bytree": Range(0.4, 1.0),
        "reg_lambda": Range(1e-2, 10.0, log=True),
    }

    def build(self, parameters: XgboostParameters, context: FitContext) -> Any:
        """An unfitted booster.

        Raises:
            ExtraMissingError: XGBoost is not installed.
        """
        try:
            import xgboost
        except ImportError as error:
            raise ExtraMissingError("the xgboost family", extra="xgboost") from error
        options = arguments(parameters, context)
        weights = options.pop("class_weight", None)
        options |= {"random_state": context.seed, "n_jobs": 1, "tree_method": "hist"}
        signs = constraints(parameters, context)
        options["monotone_constraints"] = signs and tuple(signs)
        if context.task == "classification":
            return XgboostClassifier(xgboost.XGBClassifier(**options), class_weight=weights)
        return xgboost.XGBRegressor(**options)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """The base score, then every tree in the order of training, all in float32."""
        regression = context.task == "regression"
        booster = (estimator if regression else estimator.model).get_booster()
        base = base_margin(booster)
        trees = [constant_tree(float(value), target) for target, value in enumerate(base)]
        trees += parse_trees(booster)
        single = graph.op("Cast", features, to=TensorProto.FLOAT)
        margin = tree_ensemble(graph, single, trees, targets=len(base), test="<", single=True)
        scores = graph.op("Cast", margin, to=TensorProto.DOUBLE)
        if regression:
            return Outputs(scores)
        # XGBoost decides on its rounded probabilities.
        if len(base) == 1:
            second = _sigmoid(graph, margin)
            position = exceeds(graph, second, np.array(0.5, np.float32))
            first = graph.op("Sub", graph.constant(np.array(1, np.float32)), second)
            probabilities = graph.op("Concat", first, second, axis=1)
        else:
            probabilities = _softmax(graph, margin)
            position = best(graph, probabilities)
        probabilities = graph.op("Cast", probabilities, to=TensorProto.DOUBLE)
        seen, classes = estimator.classes_, len(context.classes)
        return class_outputs(graph, position, probabilities, seen, classes, scores=scores)

    def scores(self, estimator: Any, X: NDArray[np.float64]) -> NDArray[np.float32] | None:
        """The sums of the trees; a regressor predicts them as they are."""
        if not isinstance(estimator, XgboostClassifier):
            return None
        scores: NDArray[np.float32] = estimator.model.predict(X, output_margin=True)
        return scores


def base_margin(booster: Any) -> NDArray[np.float32]:
    """Where the sums start, shape (targets,): what a copy with empty leaves predicts.

    The model file has the base score as a probability for some objectives; XGBoost's own
    conversion is the only one with its own last bit.
    """
    import xgboost

    document = json.loads(booster.save_raw("json"))
    for tree in document["learner"]["gradient_booster"]["model"]["trees"]:
        tree["split_conditions"] = [
            0.0 if left == NO_CHILD else condition
            for condition, left in zip(tree["split_conditions"], tree["left_children"], strict=True)
        ]
    empty = xgboost.Booster()
    empty.load_model(bytearray(json.dumps(document).encode()))
    row = xgboost.DMatrix(np.zeros((1, booster.num_features())))
    margin: NDArray[np.float32] = empty.predict(row, output_margin=True).ravel()
    return margin


def parse_trees(booster: Any) -> list[Tree]:
    """Read the model file, which writes every float32 so that it reads back as the same.

    Raises:
        CompileError: a tree is not made of numeric tests and constant leaves.
    """
    model = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]
    trees = []
    for tree, target in zip(model["trees"], model["tree_info"], strict=True):
        if tree["categories"] or tree["tree_param"]["size_leaf_vector"] not in ("0", "1"):
            raise CompileError("xgboost", "categorical splits and leaf vectors are not supported")
        numbers = np.array(tree["split_conditions"], np.float32).astype(np.float64)
        trees.append(
            Tree(
                feature=np.array(tree["split_indices"], np.int64),
                threshold=numbers,
                left=np.array(tree["left_children"], np.int64),
                right=np.array(tree["right_children"], np.int64),
                missing_left=np.array(tree["default_left"], np.bool_),
                value=numbers,
                target=target,
            )
        )
    return trees


def _single_exp(graph: Graph, value: str) -> str:
    """The float32 next to the exponential of a float32."""
    double = graph.op("Cast", value, to=TensorProto.DOUBLE)
    return graph.op("Cast", exp(GraphOps(graph), double), to=TensorProto.FLOAT)


def _sigmoid(graph: Graph, margin: str) -> str:
    """XGBoost's 1 / (1 + exp(-margin)) in float32."""
    one = graph.constant(np.array(1, np.float32))
    power = _single_exp(graph, graph.op("Neg", margin))
    return graph.op("Div", one, graph.op("Add", one, power))


def _softmax(graph: Graph, margin: str) -> str:
    """XGBoost's softmax: powers and quotients in float32, their sum in double."""
    top = graph.op("ReduceMax", margin, graph.constant(np.array([1])), keepdims=1)
    powers = _single_exp(graph, graph.op("Sub", margin, top))
    total = row_sum(graph, graph.op("Cast", powers, to=TensorProto.DOUBLE))
    return graph.op("Div", powers, graph.op("Cast", total, to=TensorProto.FLOAT))


XGBOOST = Xgboost()
