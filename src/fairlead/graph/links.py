"""From scores to classes and probabilities, the same bits for one row as for many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.graph.builder import Graph
from fairlead.graph.expressions import GraphOps
from fairlead.project.arithmetic import exp

TINY = 2.0**-30


def softmax(graph: Graph, scores: str) -> str:
    """Probabilities of k classes: scores [n, k] to [n, k], float64.

    onnxruntime's own Softmax, Exp and ReduceSum round differently with the number of rows.
    """
    top = graph.op("ReduceMax", scores, graph.constant(np.array([1])), keepdims=1)
    below = graph.op("Sub", scores, top)
    # The square of a tiny exponent is lost, so that 1 + x is correctly rounded: equal
    # probabilities are equal where the exact ones are.
    near = graph.op("Greater", below, graph.constant(-TINY))
    linear = graph.op("Add", graph.constant(1.0), below)
    powers = graph.op("Where", near, linear, exp(GraphOps(graph), below))
    return graph.op("Div", powers, row_sum(graph, powers))


def sigmoid(graph: Graph, score: str) -> str:
    """1 / (1 + exp(-score)), float64, elementwise."""
    one = graph.constant(1.0)
    power = exp(GraphOps(graph), graph.op("Neg", score))
    return graph.op("Div", one, graph.op("Add", one, power))


def both_classes(graph: Graph, probability: str) -> str:
    """Probabilities of two classes from that of the second: [n, 1] to [n, 2]."""
    first = graph.op("Sub", graph.constant(1.0), probability)
    return graph.op("Concat", first, probability, axis=1)


def row_sum(graph: Graph, value: str) -> str:
    """The sum of each row, added from left to right: [n, k] to [n, 1]."""
    running = graph.op("CumSum", value, graph.constant(np.array(1)))
    return graph.op("Gather", running, graph.constant(np.array([-1])), axis=1)


def best(graph: Graph, scores: str) -> str:
    """The position of each row's largest score, the first of equals: [n, k] to int64 [n, 1]."""
    return graph.op("ArgMax", scores, axis=1, keepdims=1, select_last_index=0)


def exceeds(graph: Graph, value: str, limit: float | NDArray[Any]) -> str:
    """1 where a value [n, 1] is greater than the limit, else 0, int64 [n, 1]."""
    greater = graph.op("Greater", value, graph.constant(limit))
    return graph.op("Cast", greater, to=TensorProto.INT64)
