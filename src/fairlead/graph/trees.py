"""Tree ensembles as one `TreeEnsemble` node whose sums have the library's own order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import numpy_helper

from fairlead.graph.builder import INPUT, Graph

LEQ, LT = 0, 1
NO_CHILD = -1


@dataclass(frozen=True)
class Tree:
    """One binary tree over n nodes, the root first. Leaves have `left == -1`.

    Attributes:
        feature: shape (n,), column tested by a node; ignored in leaves.
        threshold: shape (n,), what it is compared with; ignored in leaves.
        left: shape (n,), node taken when the test holds, -1 in leaves.
        right: shape (n,), node taken otherwise, -1 in leaves.
        missing_left: shape (n,), whether a missing value takes `left`.
        value: shape (n,), what a leaf adds; ignored elsewhere.
        target: the column of the result that the tree adds to.
    """

    feature: NDArray[np.int64]
    threshold: NDArray[np.float64]
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    missing_left: NDArray[np.bool_]
    value: NDArray[np.float64]
    target: int = 0


def constant_tree(value: float, target: int = 0) -> Tree:
    """A tree of one leaf: put first, it is where a sum starts."""
    none = np.array([NO_CHILD])
    return Tree(
        feature=np.array([0]),
        threshold=np.array([0.0]),
        left=none,
        right=none,
        missing_left=np.array([False]),
        value=np.array([value]),
        target=target,
    )


def merged(tree: Tree) -> Tree:
    """The same function with fewer nodes: a test whose two leaves are equal is a leaf."""
    left, right, value = tree.left.copy(), tree.right.copy(), tree.value.copy()
    while True:
        leaf = left == NO_CHILD
        # Index -1 reads the last node; `~leaf` discards what it says.
        idle = ~leaf & leaf[left] & leaf[right] & (value[left] == value[right])
        if not idle.any():
            break
        value[idle] = value[left[idle]]
        left[idle] = right[idle] = NO_CHILD
    reached = np.zeros(len(left), np.bool_)
    front = np.array([0])
    while front.size:
        reached[front] = True
        front = np.concatenate([left[front], right[front]])
        front = front[front != NO_CHILD]
    number = np.append(np.cumsum(reached) - 1, NO_CHILD)
    return replace(
        tree,
        feature=tree.feature[reached],
        threshold=tree.threshold[reached],
        left=number[left[reached]],
        right=number[right[reached]],
        missing_left=tree.missing_left[reached],
        value=value[reached],
    )


def tree_ensemble(
    graph: Graph,
    features: str,
    trees: Sequence[Tree],
    *,
    targets: int,
    test: Literal["<=", "<"] = "<=",
    single: bool = False,
) -> str:
    """Append the ensemble and return its sums.

    Args:
        graph: where to append.
        features: value [n, d], float64, or float32 if `single`.
        trees: added up in this order.
        targets: width of the result.
        test: how a feature is compared with a threshold to go left.
        single: compare and add in float32 (XGBoost) instead of float64.

    Returns:
        Value [n, targets] of the input's type.
    """
    kind = np.float32 if single else np.float64
    parts: dict[str, list[NDArray[Any]]] = defaultdict(list)
    roots, nodes, leaves = [], 0, 0
    for tree in trees:
        roots.append(nodes)
        for name, array in _attributes(tree, nodes, leaves).items():
            parts[name].append(array)
        nodes += len(parts["nodes_featureids"][-1])
        leaves += len(parts["leaf_weights"][-1])
    joined = {name: np.concatenate(arrays) for name, arrays in parts.items()}
    splits, weights = joined.pop("nodes_splits"), joined.pop("leaf_weights")
    modes = np.full(nodes, LEQ if test == "<=" else LT, np.uint8)
    return graph.op(
        "TreeEnsemble",
        features,
        domain="ai.onnx.ml",
        aggregate_function=1,  # sum
        post_transform=0,  # none
        n_targets=targets,
        tree_roots=roots,
        nodes_modes=numpy_helper.from_array(modes, "nodes_modes"),
        nodes_splits=numpy_helper.from_array(splits.astype(kind), "nodes_splits"),
        leaf_weights=numpy_helper.from_array(weights.astype(kind), "leaf_weights"),
        **{name: array.astype(np.int64).tolist() for name, array in joined.items()},
    )


def _attributes(tree: Tree, nodes: int, leaves: int) -> dict[str, NDArray[Any]]:
    """One tree as the operator takes it: tests and leaves apart, numbered from the given ones."""
    leaf = tree.left == NO_CHILD
    inner = np.flatnonzero(~leaf)
    number = np.where(leaf, np.cumsum(leaf) - 1 + leaves, np.cumsum(~leaf) - 1 + nodes)
    left, right, feature = tree.left[inner], tree.right[inner], tree.feature[inner]
    if not inner.size:
        # A root must be a test: both its branches lead to the only leaf. It reads a column that
        # there is, whatever the library writes into leaves (scikit-learn: -2).
        inner = left = right = feature = np.array([0])
    return {
        "nodes_featureids": feature,
        "nodes_splits": tree.threshold[inner],
        "nodes_truenodeids": number[left],
        "nodes_trueleafs": leaf[left],
        "nodes_falsenodeids": number[right],
        "nodes_falseleafs": leaf[right],
        "nodes_missing_value_tracks_true": tree.missing_left[inner],
        "leaf_targetids": np.full(int(leaf.sum()), tree.target),
        "leaf_weights": tree.value[leaf],
    }


def input_ensembles(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The tree ensembles that read a graph's input.

    Others are look-up tables: the logarithm of an expression has one.
    """
    direct = {INPUT}
    found = []
    for node in model.graph.node:
        if node.op_type in ("Identity", "Cast") and node.input[0] in direct:
            direct.add(node.output[0])
        if node.op_type == "TreeEnsemble" and node.input[0] in direct:
            found.append(node)
    return found


def thresholds(model: onnx.ModelProto) -> dict[int, NDArray[np.float64]]:
    """The distinct thresholds of the trees that read a graph's input, in rising order.

    Returns:
        Column of the input -> thresholds, shape (t,). An infinite one is left out: it parts
        missing values from all others.
    """
    found: dict[int, list[NDArray[np.float64]]] = defaultdict(list)
    for node in input_ensembles(model):
        fields = {attribute.name: attribute for attribute in node.attribute}
        splits = numpy_helper.to_array(fields["nodes_splits"].t).astype(np.float64)
        features = np.array(fields["nodes_featureids"].ints)
        true, false, true_leaf, false_leaf = (
            np.array(fields[f"nodes_{name}"].ints)
            for name in ("truenodeids", "falsenodeids", "trueleafs", "falseleafs")
        )
        # A tree of one leaf has a test that decides nothing.
        decides = (true != false) | (true_leaf != false_leaf)
        kept = decides & np.isfinite(splits)
        for feature in np.unique(features[kept]):
            found[int(feature)].append(splits[kept & (features == feature)])
    return {feature: np.unique(np.concatenate(parts)) for feature, parts in found.items()}
