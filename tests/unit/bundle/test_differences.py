from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from fairlead.bundle.differences import graph_differences
from fairlead.graph.builder import Graph, serialize
from fairlead.graph.trees import NO_CHILD, Tree, tree_ensemble


def stump(
    threshold: float = 2.5,
    low: float = 1.0,
    *,
    scale: float | np.ndarray = 2.0,
    kind: str = "Mul",
    width: int = 2,
) -> bytes:
    tree = Tree(
        feature=np.array([1, 0, 0]),
        threshold=np.array([threshold, 0.0, 0.0]),
        left=np.array([1, NO_CHILD, NO_CHILD]),
        right=np.array([2, NO_CHILD, NO_CHILD]),
        missing_left=np.array([False, False, False]),
        value=np.array([0.0, low, 4.0]),
    )
    graph = Graph(width)
    value = tree_ensemble(graph, graph.X, [tree], targets=1)
    value = graph.op(kind, value, graph.constant(scale))
    return serialize(graph.model({"prediction": (value, TensorProto.DOUBLE, 1)}))


def test_equal_graphs_have_no_differences() -> None:
    assert graph_differences(stump(), stump()) == ()


@pytest.mark.parametrize(
    ("other", "told"),
    [
        (stump(2.75), "node 0, TreeEnsemble: nodes_splits: 2.5 → 2.75"),
        (
            stump(2.75, 1.5),
            "node 0, TreeEnsemble: nodes_splits: 2.5 → 2.75; and leaf_weights",
        ),
        (
            stump(low=np.nextafter(1.0, 2.0)),
            "node 0, TreeEnsemble: leaf_weights: 1 of 2 values, by up to 5.6e-17 of the largest, ",
        ),
        (stump(scale=-2.0), "constant c0: 2.0 → -2.0"),
        (stump(scale=np.array([2.0])), "constant c0: float64[] → float64[1]"),
        (stump(kind="Add"), "node 1: Mul → Add"),
        (stump(width=3), "inputs and outputs: ['X:11[n, 2]', "),
    ],
)
def test_the_part_that_differs_is_told_with_both_values(other: bytes, told: str) -> None:
    (line,) = graph_differences(stump(), other)
    assert line.startswith(told)


def test_zeros_of_two_signs_are_not_the_same_bytes() -> None:
    (line,) = graph_differences(stump(scale=0.0), stump(scale=-0.0))
    assert line == "constant c0: 0.0 → -0.0"


def test_the_same_parts_in_other_bytes_are_said_to_be_so() -> None:
    model = onnx.load_model_from_string(stump())
    model.doc_string = "another"
    told = graph_differences(stump(), model.SerializeToString())
    assert told == ("both hold the same parts, written otherwise",)
