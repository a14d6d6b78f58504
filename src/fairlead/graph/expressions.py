"""Expressions as graph nodes: the exact operations on tensors, and the compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.graph.builder import Graph
from fairlead.graph.trees import Tree, tree_ensemble
from fairlead.project.expressions import Expression, calculate
from fairlead.project.primitives import NumpyOps, Value

EXACT = NumpyOps()
NEAR = 1e-6  # farther from 0 and 1 than what single precision takes for them


def compile_expression(graph: Graph, expression: Expression, columns: Mapping[str, str]) -> str:
    """Append an expression to the graph.

    Args:
        graph: where to append.
        expression: as `parse` checked it.
        columns: the names in the expression -> value [n, 1], float64.

    Returns:
        Value [n, 1], float64, or BOOL where `expression.kind` is `boolean`.
    """
    ops = GraphOps(graph)
    result = calculate(ops, expression, columns)
    return result if isinstance(result, str) else _repeat(graph, ops.tensor(result))


def _repeat(graph: Graph, constant: str) -> str:
    rows = graph.op("Shape", graph.X, start=0, end=1)
    shape = graph.op("Concat", rows, graph.constant(np.array([1], np.int64)), axis=0)
    return graph.op("Expand", constant, shape)


class GraphOps:
    """The operations as nodes; an operand is the name of a tensor [n, k], or a number.

    onnxruntime 1.31 simplifies graphs by rules that change bits: it drops the addition of what is 0
    and the product with what is 1 in single precision, though -0 + 0 is 0 and 1e-50 is not 0
    (NoopElimination), and makes 1 / b * c into c / b (DivMulFusion). So constants are calculated
    here, and those near 0 and 1 take part with the other sign, which no rule matches.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def tensor(self, value: Value) -> str:
        """A tensor's name as it is, a number as a constant of shape [1, 1]."""
        return value if isinstance(value, str) else self.graph.constant(np.array([[value]]))

    def _op(
        self, kind: str, exact: Callable[..., Value], *operands: Value, **attributes: Any
    ) -> Value:
        if not any(isinstance(operand, str) for operand in operands):
            return exact(*operands)
        return self.graph.op(kind, *map(self.tensor, operands), **attributes)

    def add(self, a: Value, b: Value) -> Value:
        """The sum a + b."""
        for constant, other in ((a, b), (b, a)):
            if _is_near(constant, 0.0) and isinstance(other, str):
                return self._op("Sub", EXACT.sub, constant, self.neg(other))
        return self._op("Add", EXACT.add, a, b)

    def sub(self, a: Value, b: Value) -> Value:
        """The difference a - b."""
        if _is_near(b, 0.0) and isinstance(a, str):
            return self._op("Sub", EXACT.sub, -b, self.neg(a))
        return self._op("Sub", EXACT.sub, a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """The product a * b."""
        for constant, other in ((a, b), (b, a)):
            if _is_near(constant, 1.0) and isinstance(other, str):
                return self.neg(self._op("Mul", EXACT.mul, -constant, other))
        return self._op("Mul", EXACT.mul, a, b)

    def div(self, a: Value, b: Value) -> Value:
        """The quotient a / b."""
        if _is_near(a, 1.0) and isinstance(b, str):
            return self._op("Div", EXACT.div, -a, self.neg(b))
        if _is_near(b, 1.0) and isinstance(a, str):
            return self.neg(self._op("Div", EXACT.div, a, -b))
        return self._op("Div", EXACT.div, a, b)

    def neg(self, a: Value) -> Value:
        """The number with the other sign."""
        return self._op("Neg", EXACT.neg, a)

    def absolute(self, a: Value) -> Value:
        """The number without its sign."""
        return self._op("Abs", EXACT.absolute, a)

    def sqrt(self, a: Value) -> Value:
        """Correctly rounded square root; NaN below 0."""
        return self._op("Sqrt", EXACT.sqrt, a)

    def floor(self, a: Value) -> Value:
        """Largest whole number <= a."""
        return self._op("Floor", EXACT.floor, a)

    def round(self, a: Value) -> Value:
        """Nearest whole number, of two the even one."""
        return self._op("Round", EXACT.round, a)

    def minimum(self, a: Value, b: Value) -> Value:
        """The smaller number, NaN if one of them is; of 0 and -0, either."""
        return self._op("Min", EXACT.minimum, a, b)

    def maximum(self, a: Value, b: Value) -> Value:
        """The larger number, NaN if one of them is; of 0 and -0, either."""
        return self._op("Max", EXACT.maximum, a, b)

    def less(self, a: Value, b: Value) -> Value:
        """Whether a < b; false for NaN."""
        return self._op("Less", EXACT.less, a, b)

    def less_or_equal(self, a: Value, b: Value) -> Value:
        """Whether a <= b; false for NaN."""
        return self._op("LessOrEqual", EXACT.less_or_equal, a, b)

    def equal(self, a: Value, b: Value) -> Value:
        """Whether a == b; false for NaN."""
        return self._op("Equal", EXACT.equal, a, b)

    def is_nan(self, a: Value) -> Value:
        """Whether a is NaN."""
        return self._op("IsNaN", EXACT.is_nan, a)

    def logical_and(self, a: Value, b: Value) -> Value:
        """Whether both hold."""
        return self._op("And", EXACT.logical_and, a, b)

    def logical_or(self, a: Value, b: Value) -> Value:
        """Whether at least one holds."""
        return self._op("Or", EXACT.logical_or, a, b)

    def logical_not(self, a: Value) -> Value:
        """Whether it does not hold."""
        return self._op("Not", EXACT.logical_not, a)

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        """Number a where the condition holds, b elsewhere; onnxruntime turns -0 in a into 0."""
        if not isinstance(condition, str):
            return a if condition else b
        return self._op("Where", EXACT.where, condition, a, b)

    def index(self, a: Value) -> Value:
        """A whole number as an index; of NaN, any index."""
        if not isinstance(a, str):
            return EXACT.index(a)
        return self.graph.op("Cast", a, to=TensorProto.INT64)

    def quotient(self, index: Value, divisor: int) -> Value:
        """Whole part of the quotient, towards 0."""
        return self._op("Div", EXACT.quotient, index, divisor)

    def remainder(self, index: Value, divisor: int) -> Value:
        """Remainder of the quotient, with the sign of the index."""
        return self._op("Mod", EXACT.remainder, index, divisor, fmod=1)

    def lookup(self, table: NDArray[np.float64], index: Value) -> Value:
        """Entry of a table; negative indices count from its end."""
        if not isinstance(index, str):
            return EXACT.lookup(table, index)
        return self.graph.op("Gather", self.graph.constant(table), index)

    def count_below(self, thresholds: NDArray[np.float64], a: Value) -> Value:
        """How many of the rising thresholds are < a; all of them for NaN."""
        if not isinstance(a, str):
            return EXACT.count_below(thresholds, a)
        return tree_ensemble(self.graph, a, [_search_tree(thresholds)], targets=1)


def _is_near(value: Value, target: float) -> bool:
    return not isinstance(value, str) and bool(abs(value - target) < NEAR)


def _search_tree(thresholds: NDArray[np.float64]) -> Tree:
    """A balanced tree whose leaves, from left to right, are 0..len(thresholds)."""
    count = len(thresholds)
    left, right = np.full((2, 2 * count + 1), -1)
    threshold = np.zeros(2 * count + 1)
    value = np.zeros(2 * count + 1)
    size = 1
    ranges = [(0, 0, count)]  # node, and the thresholds start..stop that it still has to tell apart
    while ranges:
        node, start, stop = ranges.pop()
        if start == stop:
            value[node] = start
            continue
        middle = (start + stop) // 2
        threshold[node] = thresholds[middle]
        left[node], right[node] = size, size + 1
        ranges += [(size, start, middle), (size + 1, middle + 1, stop)]
        size += 2
    return Tree(
        feature=np.zeros(size, np.int64),
        threshold=threshold,
        left=left,
        right=right,
        missing_left=np.zeros(size, np.bool_),
        value=value,
    )
