"""From the contract's columns to the matrix an estimator gets: fitted once, compiled exactly.

The order is: values beyond the bounds are moved (`outliers: clip`), missing values are filled as
declared, derived columns are computed, categories are spread, and what is left missing is filled
and numbers are scaled where the family asks for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.data.contract import Contract
from fairlead.graph.builder import Graph
from fairlead.graph.expressions import compile_expression
from fairlead.models.family import Design
from fairlead.project.expressions import Expression, Scope, evaluate, parse
from fairlead.project.spec import ColumnSpec

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Preprocessing:
    """Fitted preprocessing. `transform` and `compile` do the same operations in the same order.

    Attributes:
        low, high: shape (d,), bounds to which values are moved; infinite where they are not.
        fill: shape (d,), what stands for a missing value; NaN where it stays missing.
        derived: name -> expression, each over the columns and the derived ones before it.
        numeric: indices of the columns, derived ones after the d of the contract, that enter the
            matrix as they are.
        codes: shape (c, 2), column index and category code of each spread column.
        late_fill: shape (len(numeric),), for what is missing after all; NaN to leave it.
        mean, scale: shape (len(numeric),); None without scaling.
        columns: names of the matrix's columns.
        categories: name -> values of the columns that are codes.
    """

    names: tuple[str, ...]
    low: Matrix
    high: Matrix
    fill: Matrix
    derived: Mapping[str, Expression]
    numeric: tuple[int, ...]
    codes: NDArray[np.int64]
    late_fill: Matrix
    mean: Matrix | None
    scale: Matrix | None
    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    def transform(self, X: Matrix) -> Matrix:
        """The design matrix of encoded rows, shape (n, len(columns))."""
        numbers = self.extend(X)[:, list(self.numeric)]
        numbers = np.where(np.isnan(numbers), self.late_fill, numbers)
        if self.mean is not None and self.scale is not None:
            with np.errstate(over="ignore", invalid="ignore"):
                numbers = (numbers - self.mean) / self.scale
        if not len(self.codes):
            return numbers
        filled = self._filled(X)
        spread = filled[:, self.codes[:, 0]] == self.codes[:, 1].astype(np.float64)
        return np.hstack([numbers, spread.astype(np.float64)])

    def extend(self, X: Matrix) -> Matrix:
        """The filled columns followed by the derived ones, shape (n, d + derived)."""
        X = self._filled(X)
        values = dict(zip(self.names, X.T, strict=True))
        for name, expression in self.derived.items():
            value = np.broadcast_to(evaluate(expression, values), len(X)).astype(np.float64)
            values[name] = np.where(np.isfinite(value), value, np.nan)
        return np.column_stack(list(values.values()))

    def _filled(self, X: Matrix) -> Matrix:
        X = np.where(self.low > X, self.low, X)
        X = np.where(self.high < X, self.high, X)
        return np.where(np.isnan(X), self.fill, X)

    def compile(self, graph: Graph) -> str:
        """Append the preprocessing of the graph's input; the value is the design matrix."""
        filled = self._compile_filled(graph)
        extended = self._compile_derived(graph, filled)
        width = len(self.names) + len(self.derived)
        numbers = (
            extended
            if self.numeric == tuple(range(width))
            else graph.columns(extended, list(self.numeric))
        )
        if not np.isnan(self.late_fill).all():
            numbers = _filled(graph, numbers, self.late_fill)
        if self.mean is not None and self.scale is not None:
            numbers = graph.op("Sub", numbers, graph.constant(self.mean))
            numbers = graph.op("Div", numbers, graph.constant(self.scale))
        if not len(self.codes):
            return numbers
        picked = graph.columns(filled, self.codes[:, 0].tolist())
        equal = graph.op("Equal", picked, graph.constant(self.codes[:, 1].astype(np.float64)))
        spread = graph.op("Cast", equal, to=TensorProto.DOUBLE)
        return graph.op("Concat", numbers, spread, axis=1) if self.numeric else spread

    def _compile_filled(self, graph: Graph) -> str:
        X = graph.X
        for bound, test in ((self.low, "Less"), (self.high, "Greater")):
            if np.isfinite(bound).any():
                limit = graph.constant(bound)
                X = graph.op("Where", graph.op(test, X, limit), limit, X)
        return X if np.isnan(self.fill).all() else _filled(graph, X, self.fill)

    def _compile_derived(self, graph: Graph, filled: str) -> str:
        if not self.derived:
            return filled
        used = {name for expression in self.derived.values() for name in expression.names}
        values = {
            name: graph.column(filled, index)
            for index, name in enumerate(self.names)
            if name in used
        }
        parts = [filled]
        missing, zero = graph.constant(np.nan), graph.constant(0.0)
        for name, expression in self.derived.items():
            value = compile_expression(graph, expression, values)
            if expression.kind == "boolean":
                value = graph.op("Cast", value, to=TensorProto.DOUBLE)
            # x - x is 0 for a finite x and NaN for all others.
            finite = graph.op("Equal", graph.op("Sub", value, value), zero)
            values[name] = graph.op("Where", finite, value, missing)
            parts.append(values[name])
        return graph.op("Concat", *parts, axis=1)


def _filled(graph: Graph, value: str, fill: Matrix) -> str:
    return graph.op("Where", graph.op("IsNaN", value), graph.constant(fill), value)


def fit_preprocessing(
    contract: Contract, derived: Mapping[str, str], design: Design, X: Matrix
) -> Preprocessing:
    """Learn fill values and scales from training rows.

    Args:
        contract: the columns of X.
        derived: name -> expression, as in the project file.
        design: what the family asks for.
        X: shape (n, d), encoded training rows.

    Raises:
        ExpressionError: a derived column is not valid.
    """
    names = tuple(contract.columns)
    clipped = [column.outliers == "clip" for column in contract.columns.values()]
    low, high = (
        np.array(
            [
                infinite if bound is None or not clip else bound
                for bound, clip in zip(bounds, clipped, strict=True)
            ]
        )
        for bounds, infinite in (
            ([column.min for column in contract.columns.values()], -np.inf),
            ([column.max for column in contract.columns.values()], np.inf),
        )
    )
    moved = np.where(high < X, high, np.where(low > X, low, X))
    fill = np.array(
        [
            _fill_value(column, values)
            for column, values in zip(contract.columns.values(), moved.T, strict=True)
        ]
    )
    numeric, codes, columns = _layout(contract, tuple(derived), design)
    unscaled = Preprocessing(
        names=names,
        low=low,
        high=high,
        fill=fill,
        derived=parse_derived(contract, derived),
        numeric=numeric,
        codes=codes,
        late_fill=np.full(len(numeric), np.nan),
        mean=None,
        scale=None,
        columns=columns,
        categories={
            name: column.values
            for name, column in contract.columns.items()
            if column.type == "category" and design.categories == "code"
        },
    )
    return _with_statistics(unscaled, design, X)


def _with_statistics(plain: Preprocessing, design: Design, X: Matrix) -> Preprocessing:
    numbers = plain.extend(X)[:, list(plain.numeric)]
    late_fill, mean, scale = plain.late_fill, None, None
    if design.fill_missing:
        late_fill = np.array([_median(values) for values in numbers.T])
        numbers = np.where(np.isnan(numbers), late_fill, numbers)
    if design.scale:
        # Where sums overflow, the column is left as it is.
        with np.errstate(over="ignore", invalid="ignore"):
            mean, scale = numbers.mean(axis=0), numbers.std(axis=0)
        mean[~np.isfinite(mean)] = 0.0
        scale[(scale == 0) | ~np.isfinite(scale)] = 1.0
    return Preprocessing(**{**vars(plain), "late_fill": late_fill, "mean": mean, "scale": scale})


def parse_derived(contract: Contract, derived: Mapping[str, str]) -> dict[str, Expression]:
    """Parse derived columns; each may use the columns and the derived ones before it.

    Raises:
        ExpressionError: one is not valid.
    """
    parsed: dict[str, Expression] = {}
    for name, text in derived.items():
        parsed[name] = parse(text, Scope.of_columns(contract.columns, parsed))
    return parsed


def _layout(
    contract: Contract, derived: tuple[str, ...], design: Design
) -> tuple[tuple[int, ...], NDArray[np.int64], tuple[str, ...]]:
    """Which columns stay numbers, which (column, code) pairs are spread, and all their names."""
    numeric: list[int] = []
    codes: list[tuple[int, int]] = []
    names: list[str] = []
    spread: list[str] = []
    for index, (name, column) in enumerate(contract.columns.items()):
        if column.type != "category" or design.categories == "code":
            numeric.append(index)
            names.append(name)
            continue
        for code, value in enumerate(column.values):
            if code or design.categories == "one_hot":
                codes.append((index, code))
                spread.append(f"{name}={value}")
    numeric += range(len(contract.columns), len(contract.columns) + len(derived))
    return (
        tuple(numeric),
        np.array(codes, np.int64).reshape(-1, 2),
        (*names, *derived, *spread),
    )


def _fill_value(column: ColumnSpec, values: Matrix) -> float:
    known = values[~np.isnan(values)]
    match column.missing:
        case "constant" if isinstance(column.fill, str):
            return float(column.values.index(column.fill))
        case "constant":
            return float(column.fill or 0.0)
        case "median":
            return _median(values)
        case "mean":
            return float(known.mean()) if len(known) else 0.0
        case "mode":
            distinct, counts = np.unique(
                known[known >= 0] if column.values else known, return_counts=True
            )
            return float(distinct[counts.argmax()]) if len(distinct) else 0.0
        case _:
            return float("nan")


def _median(values: Matrix) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0
