"""The statistics of one version's traffic, minute by minute, in memory that does not grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.reading import Bundle
from fairlead.data.contract import Contract
from fairlead.data.encoding import UNKNOWN
from fairlead.serving.counted import MINUTES, Column, Info, Seen

# Upper bounds, from 10 µs to 10 s, ten to a decade.
LATENCY_BOUNDS_S = 1e-5 * 10 ** (np.arange(61) / 10)
LATENCY_BUCKETS = len(LATENCY_BOUNDS_S) + 1

Floats = NDArray[np.float64]


class Layout:
    """What stands where in a minute's row.

    The first `sums` numbers are added over minutes and workers. Of the others the largest is
    kept; the smallest value is kept as the largest of the negated ones.

    Args:
        columns: number of columns.
        classes: number of classes; 0 for a regression.
    """

    def __init__(self, columns: int, classes: int) -> None:
        self._end = 0
        self.rows = self._next(1)
        self.refused = self._next(1)
        self.latency = self._next(LATENCY_BUCKETS)
        self.total = self._next(columns)
        self.missing = self._next(columns)
        self.unknown = self._next(columns)
        self.outside = self._next(columns)
        # Of a regression: finite predictions, their sum, and those that are not finite.
        self.predictions = self._next(classes or 3)
        self.sums = self._end
        self.longest = self._next(1)
        self.highest = self._next(columns)
        self.lowest = self._next(columns)
        self.prediction_range = self._next(0 if classes else 2)
        self.width = self._end

    def _next(self, size: int) -> slice:
        self._end += size
        return slice(self._end - size, self._end)

    def blank(self) -> Floats:
        """The row of a minute in which nothing happened."""
        row = np.full(self.width, -np.inf)
        row[: self.sums] = 0
        return row


class Watch:
    """Gathers the statistics of one version in a ring of an hour's minutes.

    Args:
        model: name that it is served under.
        version: its label.
        bundle: its contract tells the columns.
    """

    def __init__(self, model: str, version: str, bundle: Bundle) -> None:
        contract = bundle.contract
        self.info = Info(model, version, bundle.digest, bundle.candidate)
        self._columns = columns_of(contract)
        self._classes = contract.classes
        self._codes = {label: code for code, label in enumerate(contract.classes)}
        specs = contract.columns.values()
        self._low = np.array([-np.inf if spec.min is None else spec.min for spec in specs])
        self._high = np.array([np.inf if spec.max is None else spec.max for spec in specs])
        self._categories = np.array([column.category for column in self._columns], bool)
        self._layout = Layout(len(self._columns), len(contract.classes))
        self._table = np.tile(self._layout.blank(), (MINUTES, 1))
        self._minutes = np.full(MINUTES, -1)

    def add(self, minute: int, seconds: Floats, refused: int) -> None:
        """Add requests.

        Args:
            minute: since 1970.
            seconds: that each of them took.
            refused: their rows that broke the contract.
        """
        at, row = self._layout, self._row(minute)
        row[at.refused] += refused
        places = np.searchsorted(LATENCY_BOUNDS_S, seconds)
        row[at.latency] += np.bincount(places, minlength=LATENCY_BUCKETS)
        _raise(row, at.longest, seconds.max())

    def add_rows(self, minute: int, X: Floats, predictions: Sequence[NDArray[Any]]) -> None:
        """Add rows that were scored.

        Args:
            minute: since 1970.
            X: shape (n, columns), n > 0.
            predictions: of these rows, in any number of parts.
        """
        at, row = self._layout, self._row(minute)
        row[at.rows] += len(X)
        missing = np.isnan(X)
        if missing.any():
            row[at.missing] += np.count_nonzero(missing, axis=0)
            row[at.total] += np.where(missing, 0.0, X).sum(axis=0)
        else:
            row[at.total] += X.sum(axis=0)
        lowest = np.fmin.reduce(X, axis=0, initial=np.inf)
        highest = np.fmax.reduce(X, axis=0, initial=-np.inf)
        _raise(row, at.lowest, -lowest)
        _raise(row, at.highest, highest)
        if ((lowest == UNKNOWN) & self._categories).any():
            row[at.unknown] += np.count_nonzero((X == UNKNOWN) & self._categories, axis=0)
        if ((lowest < self._low) | (highest > self._high)).any():
            row[at.outside] += np.count_nonzero((self._low > X) | (self._high < X), axis=0)
        self._add_predictions(row, predictions)

    def _add_predictions(self, row: Floats, predictions: Sequence[NDArray[Any]]) -> None:
        at = self._layout
        if self._classes:
            first = at.predictions.start
            labels = Counter(chain.from_iterable(part.tolist() for part in predictions))
            for label, count in labels.items():
                row[first + self._codes[label]] += count
            return
        values = np.concatenate(predictions)
        finite = values[np.isfinite(values)]
        row[at.predictions] += (len(finite), finite.sum(), len(values) - len(finite))
        if len(finite):
            _raise(row, at.prediction_range, np.array([finite.max(), -finite.min()]))

    def recent(self, minute: int) -> NDArray[np.bool_]:
        """Which slots of the ring hold a minute of the last hour."""
        return (self._minutes > minute - MINUTES) & (self._minutes <= minute)

    def seen(self, minute: int) -> Seen:
        """The last hour."""
        recent = self.recent(minute)
        return Seen(
            self.info.model,
            self.info.version,
            self.info.digest,
            self._columns,
            self._classes,
            self._layout.sums,
            tuple(self._minutes[recent].tolist()),
            self._table[recent].tobytes(),
        )

    def _row(self, minute: int) -> Floats:
        slot = minute % MINUTES
        if self._minutes[slot] != minute:
            self._minutes[slot] = minute
            self._table[slot] = self._layout.blank()
        row: Floats = self._table[slot]
        return row


def _raise(row: Floats, at: slice, values: Any) -> None:
    part = row[at]
    np.maximum(part, values, out=part)


def columns_of(contract: Contract) -> tuple[Column, ...]:
    """What is told of a contract's columns."""
    return tuple(
        Column(name, spec.type == "category", spec.min is not None or spec.max is not None)
        for name, spec in contract.columns.items()
    )
