"""From the contract's columns to the matrix an estimator gets: fitted once, compiled exactly.

The order is: values beyond the bounds are moved (`outliers: clip`), missing values are filled as
declared, derived columns are computed, the nearest training rows are looked up; then, as the family
asks for it, what is still missing is filled, categories are spread and numbers are scaled.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.data.contract import Contract
from fairlead.data.encoding import UNKNOWN
from fairlead.graph.builder import INPUT, Graph
from fairlead.graph.expressions import compile_expression
from fairlead.models.family import Design
from fairlead.project.columns import ColumnSpec
from fairlead.project.derived import extend, finite, parse_derived
from fairlead.project.expressions import Expression
from fairlead.project.neighbours import NeighboursSpec
from fairlead.training.neighbours import Neighbours, fit_neighbours

Matrix = NDArray[np.float64]
Statistic = Literal["median", "mean", "mode"]


@dataclass(frozen=True)
class Features:
    """What a candidate makes of the columns.

    Attributes:
        derived: name -> expression, as in the project file.
        without: columns and derived columns that the estimator does not get.
        neighbours: what is taken from the nearest training rows.
    """

    derived: Mapping[str, str]
    without: tuple[str, ...] = ()
    neighbours: NeighboursSpec | None = None


@dataclass(frozen=True)
class Preprocessing:
    """Fitted preprocessing. `transform` and `compile` do the same operations in the same order.

    Attributes:
        names: the d columns of the contract.
        low, high: shape (d,), bounds to which values are moved; infinite where they are not.
        fill: shape (d,), what stands for a missing value; NaN where it stays missing.
        derived: name -> expression, each over the columns and the derived ones before it.
        neighbours: features from the nearest training rows; None without.
        picked: shape (m,), which of the extended columns each column of the matrix is made of.
        late_fill: shape (m,), what stands for a value that is missing after all; NaN to leave it.
        codes: shape (m,), the category whose rows are 1 and all others 0; NaN for numbers.
        mean, scale: shape (m,); None without scaling.
        columns: names of the matrix's m columns.
        categories: name -> values of the columns that are codes.
    """

    names: tuple[str, ...]
    low: Matrix
    high: Matrix
    fill: Matrix
    derived: Mapping[str, Expression]
    neighbours: Neighbours | None
    picked: NDArray[np.int64]
    late_fill: Matrix
    codes: Matrix
    mean: Matrix | None
    scale: Matrix | None
    columns: tuple[str, ...]
    categories: Mapping[str, tuple[str, ...]]

    def transform(self, X: Matrix) -> Matrix:
        """The design matrix of encoded rows that were not fitted, shape (n, m)."""
        E = self.derive(X)
        if self.neighbours is not None:
            E = np.hstack([E, self.neighbours.transform(E)])
        return self.design(E)

    def design(self, E: Matrix) -> Matrix:
        """From the extended columns to the design matrix."""
        D = _filled(E[:, self.picked], self.late_fill)
        D = np.where(np.isnan(self.codes), D, self.codes == D)
        if self.mean is None or self.scale is None:
            return D
        with np.errstate(over="ignore", invalid="ignore"):
            return (D - self.mean) / self.scale

    def derive(self, X: Matrix) -> Matrix:
        """The filled columns and the derived ones."""
        X = _filled(np.minimum(np.maximum(X, self.low), self.high), self.fill)
        if not self.derived:
            return X
        values = extend(dict(zip(self.names, X.T, strict=True)), self.derived)
        return finite(np.column_stack(list(values.values())))

    @property
    def extended(self) -> tuple[str, ...]:
        """Names of the columns, the derived ones and those of the neighbours, in this order."""
        near = self.neighbours.names if self.neighbours else ()
        return (*self.names, *self.derived, *near)

    def compile(self, graph: Graph, X: str = INPUT) -> str:
        """Append the preprocessing of X, the graph's input; the value is the design matrix."""
        D = self._compile_derived(graph, X)
        if self.neighbours is not None:
            D = graph.op("Concat", D, self.neighbours.compile(graph, D), axis=1)
        if self.picked.tolist() != list(range(len(self.extended))):
            D = graph.columns(D, self.picked.tolist())
        D = _compile_filled(graph, D, self.late_fill)
        if not np.isnan(self.codes).all():
            equal = graph.op("Equal", D, graph.constant(self.codes))
            spread = graph.op("Cast", equal, to=TensorProto.DOUBLE)
            D = graph.op("Where", graph.constant(np.isnan(self.codes)), D, spread)
        if self.mean is None or self.scale is None:
            return D
        centred = graph.op("Sub", D, graph.constant(self.mean))
        return graph.op("Div", centred, graph.constant(self.scale))

    def _compile_derived(self, graph: Graph, X: str) -> str:
        if np.isfinite(self.low).any():
            X = graph.op("Max", X, graph.constant(self.low))
        if np.isfinite(self.high).any():
            X = graph.op("Min", X, graph.constant(self.high))
        X = _compile_filled(graph, X, self.fill)
        if not self.derived:
            return X
        used = {name for expression in self.derived.values() for name in expression.names}
        values = {
            name: graph.column(X, index) for index, name in enumerate(self.names) if name in used
        }
        parts = [X]
        for name, expression in self.derived.items():
            value = compile_expression(graph, expression, values)
            if expression.kind == "boolean":
                value = graph.op("Cast", value, to=TensorProto.DOUBLE)
            # All are made finite together below, but another expression must not see an infinity.
            values[name] = _compile_finite(graph, value) if name in used else value
            parts.append(values[name])
        return _compile_finite(graph, graph.op("Concat", *parts, axis=1))


def _filled(X: Matrix, fill: Matrix) -> Matrix:
    return np.where(np.isnan(X), fill, X)


def _compile_filled(graph: Graph, X: str, fill: Matrix) -> str:
    if np.isnan(fill).all():
        return X
    return graph.op("Where", graph.op("IsNaN", X), graph.constant(fill), X)


def _compile_finite(graph: Graph, value: str) -> str:
    """As `fairlead.project.derived.finite`."""
    return graph.op("Add", value, graph.op("Sub", value, value))


def fit_preprocessing(
    features: Features, contract: Contract, design: Design, X: Matrix, y: NDArray[Any]
) -> tuple[Preprocessing, Matrix]:
    """Learn fill values, scales and neighbours from training rows.

    Args:
        features: what is made of the columns.
        contract: the columns of X.
        design: what the family asks for.
        X: shape (n, d), encoded training rows.
        y: shape (n,), class codes or numbers.

    Returns:
        The preprocessing, and the design matrix of these rows, shape (n, m): none of them is its
        own neighbour, so `transform` may give another.

    Raises:
        ExpressionError: a derived column is not valid.
        TrainingError: there are too few rows for the neighbours asked for.
    """
    columns = contract.columns.values()
    low = np.array([_bound(column, column.min, -np.inf) for column in columns])
    high = np.array([_bound(column, column.max, np.inf) for column in columns])
    moved = np.minimum(np.maximum(X, low), high)
    fill = [_declared_fill(column, x) for column, x in zip(columns, moved.T, strict=True)]
    plain = Preprocessing(
        names=tuple(contract.columns),
        low=low,
        high=high,
        fill=np.array(fill),
        derived=parse_derived(contract.columns, features.derived),
        neighbours=None,
        picked=np.array([], np.int64),
        late_fill=np.array([]),
        codes=np.array([]),
        mean=None,
        scale=None,
        columns=(),
        categories={
            name: column.values
            for name, column in contract.columns.items()
            if column.type == "category"
            and design.categories == "code"
            and name not in features.without
        },
    )
    E = plain.derive(X)
    if features.neighbours is not None:
        known = dict(zip(plain.extended, E.T, strict=True))
        near = fit_neighbours(features.neighbours, contract, known, y)
        plain, E = replace(plain, neighbours=near), np.hstack([E, near.transform(E, own=True)])
    picked, codes, names = _layout(contract, plain.extended, features.without, design)
    late_fill = np.full(len(picked), np.nan)
    if design.fill_missing:
        sources = zip(plain.extended, E.T, strict=True)
        usual = [_usual(contract.columns.get(name), values) for name, values in sources]
        late_fill = np.array(usual)[picked]
    plain = replace(plain, picked=picked, codes=codes, columns=names, late_fill=late_fill)
    D = plain.design(E)
    if not design.scale:
        return plain, D
    scaled = _scaled(plain, D)
    return scaled, scaled.design(E)


def _scaled(plain: Preprocessing, D: Matrix) -> Preprocessing:
    with np.errstate(over="ignore", invalid="ignore"):
        mean, scale = D.mean(axis=0), D.std(axis=0)
        # The mean of a constant column may be off by a rounding error, which would be its scale.
        kept = ~np.isnan(plain.codes) | ~np.isfinite(mean) | ~np.isfinite(scale) | (scale == 0)
    constant = (D[0] == D).all(axis=0) & np.isnan(plain.codes)
    # Category columns stay 0 and 1; where sums over- or underflow, the column is left as it is.
    mean = np.where(constant, D[0], np.where(kept, 0.0, mean))
    return replace(plain, mean=mean, scale=np.where(constant | kept, 1.0, scale))


def _layout(
    contract: Contract, extended: tuple[str, ...], without: Container[str], design: Design
) -> tuple[NDArray[np.int64], Matrix, tuple[str, ...]]:
    """`picked`, `codes` and `columns` of the matrix: numbers first, then spread categories."""
    numbers: list[tuple[int, float, str]] = []
    spread: list[tuple[int, float, str]] = []
    for index, name in enumerate(extended):
        column = contract.columns.get(name)
        if name in without:
            continue
        if column is None or column.type != "category" or design.categories == "code":
            numbers.append((index, np.nan, name))
            continue
        first = 1 if design.categories == "drop_first" else 0
        spread += [
            (index, float(code), f"{name}={column.values[code]}")
            for code in range(first, len(column.values))
        ]
    layout = [*numbers, *spread]
    return (
        np.array([index for index, _, _ in layout], np.int64),
        np.array([code for _, code, _ in layout], np.float64),
        tuple(name for _, _, name in layout),
    )


def _bound(column: ColumnSpec, bound: float | None, without: float) -> float:
    return bound if bound is not None and column.outliers == "clip" else without


def _usual(column: ColumnSpec | None, values: Matrix) -> float:
    """What fills a column, or a derived one, where the family takes no missing value."""
    if column is None:
        return _statistic("median", values)
    if not column.nullable or column.missing is not None:
        return float("nan")  # nothing is missing any more
    kind: Statistic = "mode" if column.type in ("category", "boolean") else "median"
    return _statistic(kind, _declared(column, values))


def _declared(column: ColumnSpec, values: Matrix) -> Matrix:
    """The values without unknown categories."""
    return values[values != UNKNOWN] if column.type == "category" else values


def _declared_fill(column: ColumnSpec, values: Matrix) -> float:
    match column.missing:
        case None | "reject":
            return float("nan")
        case "constant" if isinstance(column.fill, str):
            return float(column.values.index(column.fill))
        case "constant":
            return float(column.fill or 0.0)
        case kind:
            return _statistic(kind, _declared(column, values))


def _statistic(kind: Statistic, values: Matrix) -> float:
    """The median, mean or (of equals, smallest) mode of what is not missing; 0 where all is."""
    known = values[~np.isnan(values)]
    if not len(known):
        return 0.0
    match kind:
        case "median":
            return float(np.median(known))
        case "mean":
            return float(known.mean())
        case "mode":
            distinct, counts = np.unique(known, return_counts=True)
            return float(distinct[counts.argmax()])
