"""Features from the nearest training rows: fitted with the rest, compiled exactly.

A place outside the box around the training rows counts as the nearest place on its edge. Of rows
equally near, the one that stands first in the training rows comes first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto

from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.graph.builder import Graph
from fairlead.graph.nearest import Index, index_points
from fairlead.graph.trees import tree_ensemble
from fairlead.project.derived import finite
from fairlead.project.neighbours import NeighboursSpec

Matrix = NDArray[np.float64]
Indices = NDArray[np.int64]
CHUNK = 2_048
"""So many rows are searched at once, which bounds the memory that takes."""


@dataclass(frozen=True)
class Neighbours:
    """Fitted neighbours. `transform` and `compile` do the same operations in the same order.

    Attributes:
        names: of the features.
        sources: shape (c,), which of the columns, derived ones included, make rows near.
        scale: shape (c,), what they are multiplied with.
        low, high: shape (c,), the box around the points.
        points: shape (p, c), the scaled training rows.
        values: shape (p, v), what is averaged.
        ratios: shape (r, 3): positions in `values` of what is divided and of what it is divided
            by, and which of the columns the quotient is multiplied with.
        k: numbers of neighbours, rising.
        softening: added to every distance before its reciprocal is the weight.
        index: finds the `max(k) + 1` nearest points.
    """

    names: tuple[str, ...]
    sources: Indices
    scale: Matrix
    low: Matrix
    high: Matrix
    points: Matrix
    values: Matrix
    ratios: Indices
    k: tuple[int, ...]
    softening: float
    index: Index

    def transform(self, E: Matrix, *, own: bool = False) -> Matrix:
        """The features of rows.

        Args:
            E: shape (n, d + derived), the filled columns and the derived ones.
            own: whether these are the rows that were fitted, in their order: none is its own
                neighbour.

        Returns:
            Shape (n, len(names)).
        """
        places = np.minimum(np.maximum(E[:, self.sources] * self.scale, self.low), self.high)
        # What is too large to be averaged is missing, as in derived columns.
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            parts = [
                self._features(E, places, start, own=own) for start in range(0, len(places), CHUNK)
            ]
        return finite(np.concatenate([np.empty((0, len(self.names))), *parts]))

    def _features(self, E: Matrix, places: Matrix, start: int, *, own: bool) -> Matrix:
        """Those of the CHUNK rows from `start` on."""
        E, places = E[start : start + CHUNK], places[start : start + CHUNK]
        near = self.index.lists[self.index.boxes(places)]
        padded = np.vstack([self.points, np.full(self.points.shape[1], np.inf)])
        square = np.zeros(near.shape)
        for place, column in zip(places.T, padded.T, strict=True):
            apart = place[:, None] - column[near]
            square += apart * apart
        if own:
            square[near == np.arange(start, start + len(near))[:, None]] = np.inf
        order = np.argsort(square, axis=1, kind="stable")[:, : self.k[-1]]
        distance = np.sqrt(np.take_along_axis(square, order, axis=1))
        weight = 1.0 / (distance + self.softening)
        weighted = self.values[np.take_along_axis(near, order, axis=1)] * weight[:, :, None]
        last = np.array(self.k) - 1
        means = weighted.cumsum(axis=1)[:, last] / weight.cumsum(axis=1)[:, last, None]
        above, below, column = self.ratios.T
        ratios = means[:, :, above] / means[:, :, below] * E[:, None, column]
        flat = [part.reshape(len(places), -1) for part in (means, ratios)]
        return np.hstack([*flat, distance[:, last]])

    def compile(self, graph: Graph, E: str) -> str:
        """Append the features of E, [n, d + derived]; the value is [n, len(names)]."""
        place = graph.op("Mul", graph.columns(E, self.sources.tolist()), graph.constant(self.scale))
        place = graph.op("Max", place, graph.constant(self.low))
        place = graph.op("Min", place, graph.constant(self.high))
        box = tree_ensemble(graph, place, [self.index.tree], targets=1)
        box = graph.op("Cast", box, to=TensorProto.INT64)
        box = graph.op("Squeeze", box, graph.constant(np.array([1])))
        lists = self.index.lists.astype(np.int32)
        near = graph.op("Gather", graph.constant(lists), box)
        square = ""
        for axis, column in enumerate(self.points.T):
            coordinate = graph.op("Gather", graph.constant(np.append(column, np.inf)), near)
            apart = graph.op("Sub", graph.column(place, axis), coordinate)
            own = graph.op("Mul", apart, apart)
            square = graph.op("Add", square, own) if axis else own
        squares, order = graph.smallest(square, self.k[-1])
        point = graph.op("GatherElements", near, order, axis=1)
        distance = graph.op("Sqrt", squares)
        softened = graph.op("Add", distance, graph.constant(self.softening))
        weight = graph.op("Div", graph.constant(1.0), softened)
        return self._compile_means(graph, E, point, distance, weight)

    def _compile_means(self, graph: Graph, E: str, point: str, distance: str, weight: str) -> str:
        """From the nearest points, how far each is and what it weighs, [n, max(k)], to features."""
        behind, along = graph.constant(np.array([2])), graph.constant(np.array(1))
        value = graph.op("Gather", graph.constant(self.values), point)
        weighted = graph.op("Mul", value, graph.op("Unsqueeze", weight, behind))
        last = graph.constant(np.array(self.k) - 1)
        sums = graph.op("Gather", graph.op("CumSum", weighted, along), last, axis=1)
        weights = graph.op("Gather", graph.op("CumSum", weight, along), last, axis=1)
        means = graph.op("Div", sums, graph.op("Unsqueeze", weights, behind))
        parts = [self._flat(graph, means, self.values.shape[1])]
        if len(self.ratios):
            above, below, column = (graph.constant(each) for each in self.ratios.T)
            quotient = graph.op(
                "Div",
                graph.op("Gather", means, above, axis=2),
                graph.op("Gather", means, below, axis=2),
            )
            own = graph.op("Gather", E, column, axis=1)
            own = graph.op("Unsqueeze", own, graph.constant(np.array([1])))
            parts.append(self._flat(graph, graph.op("Mul", quotient, own), len(self.ratios)))
        parts.append(graph.op("Gather", distance, last, axis=1))
        found = graph.op("Concat", *parts, axis=1)
        return graph.op("Add", found, graph.op("Sub", found, found))

    def _flat(self, graph: Graph, value: str, width: int) -> str:
        """From [n, len(k), width] to [n, len(k) * width]."""
        shape = graph.constant(np.array([-1, len(self.k) * width]))
        return graph.op("Reshape", value, shape)


def fit_neighbours(
    spec: NeighboursSpec,
    contract: Contract,
    columns: Mapping[str, Matrix],
    y: NDArray[np.float64] | NDArray[np.int64],
) -> Neighbours:
    """Take training rows as the neighbours of others.

    Args:
        spec: which columns make rows near, and what is averaged.
        contract: the features, and the target.
        columns: name -> shape (n,), the filled columns and the derived ones, in their order.
        y: shape (n,), class codes or numbers.

    Raises:
        TrainingError: there are no more rows than neighbours, or a place is missing.
    """
    if len(y) <= spec.k[-1]:
        found = f"{len(y)} rows for {spec.k[-1]} neighbours of each; expected more rows, or fewer"
        raise TrainingError("neighbours", found)
    names = list(columns)
    sources = np.array([names.index(name) for name in spec.columns])
    scale = np.array(list(spec.columns.values()))
    points = np.column_stack([columns[name] for name in spec.columns]) * scale
    if not np.isfinite(points).all():
        raise TrainingError("neighbours", "a row has no place: fill the columns that make it near")
    averaged = {name: list(_averaged(name, contract, columns, y)) for name in spec.mean}
    starts = dict(zip(averaged, np.cumsum([0, *map(len, averaged.values())]), strict=False))
    values = np.column_stack([value for group in averaged.values() for value in group])
    ratios = [(starts[a], starts[b], names.index(b)) for a, b in spec.ratio.items()]
    return Neighbours(
        names=spec.names(contract.target.name, contract.classes),
        sources=sources,
        scale=scale,
        low=points.min(axis=0),
        high=points.max(axis=0),
        points=points,
        values=values,
        ratios=np.array(ratios, np.int64).reshape(-1, 3),
        k=spec.k,
        softening=spec.softening,
        # One more: a row that was fitted is among its own nearest.
        index=index_points(points, spec.k[-1] + 1),
    )


def _averaged(
    name: str,
    contract: Contract,
    columns: Mapping[str, Matrix],
    y: NDArray[np.float64] | NDArray[np.int64],
) -> Iterator[Matrix]:
    """The columns to average; a missing value is as large as the usual one."""
    if name == contract.target.name:
        if not contract.classes:
            yield np.asarray(y, np.float64)
        for code in range(len(contract.classes)):
            yield (y == code).astype(np.float64)
        return
    values = columns[name]
    known = values[~np.isnan(values)]
    yield np.where(np.isnan(values), np.median(known) if len(known) else 0.0, values)
