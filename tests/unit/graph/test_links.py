from __future__ import annotations

import numpy as np
from onnx import TensorProto

from fairlead.graph.builder import Graph, serialize
from fairlead.graph.links import best, both_classes, exceeds, row_sum, sigmoid, softmax
from fairlead.graph.runtime import Session

SCORES = np.random.default_rng(0).normal(size=(500, 4)) * 20
SCORES[:5] = [
    [0, 0, 0, 0],
    [800, -800, 0, 0],
    [-1e-300, 0, 1e-17, 0],
    [710, 709, 1, 1],
    [1, 1, 2, 2],
]


def run(link: object, scores: np.ndarray, kind: int = TensorProto.DOUBLE) -> np.ndarray:
    graph = Graph(scores.shape[1])
    value = link(graph, graph.X)
    session = Session(serialize(graph.model({"y": (value, kind, "k")})))
    whole = session.run(scores)["y"]
    for row in range(0, len(scores), 7):
        assert session.run(scores[row : row + 1])["y"].tobytes() == whole[row : row + 1].tobytes()
    return whole


def test_softmax_is_within_an_ulp_of_numpys() -> None:
    powers = np.exp(SCORES - SCORES.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    assert np.abs(run(softmax, SCORES) - expected).max() < 4e-16


def test_sigmoid_is_within_an_ulp_of_numpys() -> None:
    score = SCORES[:, :1]
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-score))
    assert np.abs(run(sigmoid, score) - expected).max() < 2e-16


def test_both_classes_add_up_to_one() -> None:
    found = run(lambda graph, value: both_classes(graph, sigmoid(graph, value)), SCORES[:, :1])
    assert (found.sum(axis=1) == 1).all()


def test_row_sums_are_added_from_left_to_right() -> None:
    expected = ((SCORES[:, 0] + SCORES[:, 1]) + SCORES[:, 2]) + SCORES[:, 3]
    assert (run(row_sum, SCORES)[:, 0] == expected).all()


def test_the_first_of_equal_scores_is_best() -> None:
    rounded = np.random.default_rng(1).integers(0, 3, (500, 9)).astype(float)
    found = run(best, rounded, TensorProto.INT64)[:, 0]
    assert (found == rounded.argmax(axis=1)).all()


def test_a_limit_is_not_exceeded_by_itself() -> None:
    values = np.array([[-1.0], [0.0], [5e-324], [np.nan]])
    found = run(lambda graph, value: exceeds(graph, value, 0.0), values, TensorProto.INT64)
    assert found[:, 0].tolist() == [0, 0, 1, 0]
