"""Sketches: what a window's rows add up to, column by column, without the rows.

A sketch is one vector of numbers, laid out by a grid. Two sketches on the same grid are merged by
adding them, so a window costs the same whatever its traffic.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fairlead.data.histogram import binned
from fairlead.monitoring.records import Kind

Floats = NDArray[np.float64]
OWN = 3
"""Numbers of a column before its bins: missing, unknown, out of range."""


@dataclass(frozen=True, eq=False)
class Axis:
    """How the values of one column are counted.

    Attributes:
        name: of the column.
        kind: numbers are counted between edges, categories and booleans by value.
        bins: how many counts there are.
        values: of a category, in the order of its codes.
        edges: shape (bins - 1,) of a number; empty where only counts are read.
        low, high: values beyond are out of range.
    """

    name: str
    kind: Kind
    bins: int
    values: tuple[str, ...] = ()
    edges: Floats = field(default_factory=lambda: np.empty(0))
    low: float = -np.inf
    high: float = np.inf

    @property
    def size(self) -> int:
        """Numbers that a sketch holds of the column."""
        return OWN + self.bins * (2 if self.kind == "number" else 1)


@dataclass(frozen=True, eq=False)
class Grid:
    """What a sketch counts, and in which order its numbers stand.

    Attributes:
        origin: digest of the bundle whose training rows have given the edges.
        columns: the features.
        prediction: what was predicted; None where it is not counted.
    """

    origin: str
    columns: tuple[Axis, ...]
    prediction: Axis | None = None

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """The columns, and the prediction behind them."""
        return (*self.columns, *(() if self.prediction is None else (self.prediction,)))

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each axis begins, and where the last one ends; the number of rows comes first."""
        return tuple(np.cumsum([1, *(axis.size for axis in self.axes)]).tolist())

    @property
    def classes(self) -> int:
        """Number of classes; 0 for a regression."""
        return 0 if self.prediction is None else len(self.prediction.values)

    @property
    def size(self) -> int:
        """Numbers in a sketch: rows, axes, and the expected confusion matrix of a classifier."""
        return self.starts[-1] + self.classes**2

    @cached_property
    def layout(self) -> tuple[object, ...]:
        """Grids with the same layout have sketches that can be added."""
        return (self.origin, *((each.name, each.bins, each.values) for each in self.axes))

    def only(self, names: Sequence[str]) -> Grid:
        """The same for some of the columns, in that order; names that it does not have are left."""
        own = {axis.name: axis for axis in self.columns}
        kept = tuple(own[name] for name in names if name in own)
        return Grid(self.origin, kept, self.prediction)


class Counted(NamedTuple):
    """What a sketch holds of one column.

    Attributes:
        rows, missing, unknown, outside: numbers of rows.
        counts: shape (bins,).
        sums: shape (bins,); None for a category.
        least, most: of the values; infinite, the wrong way round, where there are none.
    """

    rows: float
    missing: float
    unknown: float
    outside: float
    counts: Floats
    sums: Floats | None
    least: float
    most: float


@dataclass(frozen=True, eq=False)
class Sketch:
    """Rows of one stretch of time, counted.

    Attributes:
        grid: how.
        totals: shape (grid.size,): what is added when sketches are merged.
        highs: shape (2, axes): the least value, negated, and the greatest one, of each axis.
    """

    grid: Grid
    totals: Floats
    highs: Floats

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.totals[0])

    def counted(self, index: int) -> Counted:
        """What it holds of one axis."""
        axis, start = self.grid.axes[index], self.grid.starts[index]
        first, middle = start + OWN, start + OWN + axis.bins
        missing, unknown, outside = self.totals[start:first].tolist()
        sums = self.totals[middle : self.grid.starts[index + 1]] if axis.kind == "number" else None
        counts, (least, most) = self.totals[first:middle], self.highs[:, index].tolist()
        return Counted(self.totals[0], missing, unknown, outside, counts, sums, -least, most)

    @property
    def confusion(self) -> Floats | None:
        """The expected confusion matrix, shape (k, k); None where there are no probabilities.

        Row i holds the sum of the probabilities of class i, by predicted class: with calibrated
        probabilities, how many rows of class i were predicted as class j.
        """
        k = self.grid.classes
        return self.totals[self.grid.starts[-1] :].reshape(k, k) if k else None


def sketch_of(
    grid: Grid,
    X: Floats,
    prediction: NDArray[np.float64] | None = None,
    probabilities: Floats | None = None,
) -> Sketch:
    """Count rows.

    Args:
        grid: with edges.
        X: shape (n, columns), encoded as the graph takes it, in the order of the grid.
        prediction: shape (n,), class codes or numbers, NaN where it is not finite.
        probabilities: shape (n, k).
    """
    totals = np.zeros(grid.size)
    highs = np.full((2, len(grid.axes)), -np.inf)
    totals[0] = len(X)
    for index, (axis, x) in enumerate(_values(grid, X, prediction)):
        part = totals[grid.starts[index] : grid.starts[index + 1]]
        highs[:, index] = _count(axis, x, part)
    if grid.classes and probabilities is not None and prediction is not None and len(X):
        member = np.arange(grid.classes)[:, None] == prediction
        totals[grid.starts[-1] :] = (member @ np.nan_to_num(probabilities)).T.ravel()
    return Sketch(grid, totals, highs)


def _values(
    grid: Grid, X: Floats, prediction: NDArray[np.float64] | None
) -> Iterator[tuple[Axis, Floats]]:
    yield from zip(grid.columns, X.T, strict=True)
    if grid.prediction is not None and prediction is not None:
        yield grid.prediction, prediction


def _count(axis: Axis, x: Floats, part: Floats) -> tuple[float, float]:
    """Count one column into its part of a sketch; returns what `Sketch.highs` has of it."""
    known = x[~np.isnan(x)]
    part[0] = len(x) - len(known)
    if axis.kind == "category":
        inside = known[(known >= 0) & (known < axis.bins)]
        part[1] = len(known) - len(inside)
        part[OWN:] = np.bincount(inside.astype(np.int64), minlength=axis.bins)
        return -np.inf, -np.inf
    if not len(known):
        return -np.inf, -np.inf
    part[2] = ((known < axis.low) | (known > axis.high)).sum()
    part[OWN : OWN + axis.bins], part[OWN + axis.bins :] = binned(axis.edges, known)
    return -known.min(), known.max()


def merge(sketches: Sequence[Sketch]) -> tuple[Sketch, ...]:
    """Add up what can be added: one sketch for each layout, in the order of their first."""
    groups: dict[tuple[object, ...], list[Sketch]] = {}
    for each in sketches:
        groups.setdefault(each.grid.layout, []).append(each)
    return tuple(
        Sketch(
            group[0].grid,
            np.sum([each.totals for each in group], axis=0),
            np.max([each.highs for each in group], axis=0),
        )
        for group in groups.values()
    )


def rebinned(axis: Axis, counted: Counted) -> Counted:
    """Numbers on the edges of another axis: each bin goes where its mean lies."""
    if counted.sums is None:
        return counted
    filled = counted.counts > 0
    means = counted.sums[filled] / counted.counts[filled]
    place = np.searchsorted(axis.edges, means, side="right")
    counts, sums = (
        np.bincount(place, weights=each[filled], minlength=axis.bins).astype(np.float64)
        for each in (counted.counts, counted.sums)
    )
    return counted._replace(counts=counts, sums=sums)


def recoded(axis: Axis, values: Sequence[str], counted: Counted) -> Counted:
    """Counts of categories in the order of another axis; those it does not have are unknown."""
    counts = np.zeros(axis.bins)
    code = {value: index for index, value in enumerate(axis.values)}
    unknown = counted.unknown
    for value, count in zip(values, counted.counts.tolist(), strict=True):
        if value in code:
            counts[code[value]] += count
        else:
            unknown += count
    return counted._replace(counts=counts, unknown=unknown)


def added(parts: Sequence[Counted]) -> Counted:
    """Several sketches of one column together."""
    if len(parts) == 1:
        return parts[0]
    sums = [each.sums for each in parts if each.sums is not None]
    return Counted(
        sum(each.rows for each in parts),
        sum(each.missing for each in parts),
        sum(each.unknown for each in parts),
        sum(each.outside for each in parts),
        np.sum([each.counts for each in parts], axis=0),
        np.sum(sums, axis=0) if sums else None,
        min(each.least for each in parts),
        max(each.most for each in parts),
    )
