"""Reads JSON rows by the contract: the same rules as `fairlead.data`, one value at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.serving.columns import UsualColumns
from fairlead.serving.errors import Problem
from fairlead.serving.values import (
    Location,
    ValueRefusedError,
    may_be_absent,
    value_reader,
)

ReadRow = Callable[[Any, Location], list[float]]

# Unknown columns are named, for typing errors, but not at any length nor in any number.
SHOWN_NAME = 64
SHOWN_EXTRAS = 100


class RowRefusedError(ValueError):
    """A row breaks the contract; `problems` says how."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__(f"{len(problems)} problems")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class ReadRows:
    """Rows as the graph takes them, and those that it cannot take.

    Attributes:
        X: shape (accepted rows, columns), in the order in which they were sent.
        accepted: row numbers of X, counted from 0.
        refused: row number -> what is wrong with that row.
    """

    X: NDArray[np.float64]
    accepted: list[int]
    refused: Mapping[int, tuple[Problem, ...]]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with all rows together."""
        return tuple(problem for problems in self.refused.values() for problem in problems)


class RowReader:
    """Turns records and lists of values into rows of the graph's input."""

    def __init__(self, contract: Contract) -> None:
        self.names = tuple(contract.columns)
        self.usual = UsualColumns(contract)
        self._known = frozenset(self.names)
        declarations = contract.declarations
        self._columns = [
            (name, value_reader(column, declarations[name]), may_be_absent(column))
            for name, column in contract.columns.items()
        ]

    def record(self, record: Any, loc: Location) -> list[float]:
        """Read `{column: value, …}`.

        Raises:
            RowRefusedError: it is no object, or breaks the contract.
        """
        if not isinstance(record, dict):
            raise RowRefusedError([not_an_object(loc)])
        row, problems = [], []
        for name, read, absent in self._columns:
            if name in record:
                try:
                    row.append(read(record[name]))
                except ValueRefusedError as refused:
                    problems.append(refused.at((*loc, name)))
            elif absent:
                row.append(math.nan)
            else:
                problems.append(Problem("missing", (*loc, name), "Field required"))
        extras = (name for name in record if name not in self._known)
        problems += [not_permitted(name, loc) for name in islice(extras, SHOWN_EXTRAS)]
        if problems:
            raise RowRefusedError(problems)
        return row

    def features(self, values: Any, loc: Location) -> list[float]:
        """Read `[value, …]`, one for each column, in the contract's order.

        Raises:
            RowRefusedError: it is no list of that length, or breaks the contract.
        """
        if not isinstance(values, list):
            raise RowRefusedError([not_a_list(loc)])
        expected = len(self._columns)
        if len(values) != expected:
            msg = f"Row should have {expected} values: {', '.join(self.names)}"
            raise RowRefusedError([Problem("row_length", loc, msg, {"expected": expected})])
        row, problems = [], []
        for value, (name, read, _) in zip(values, self._columns, strict=True):
            try:
                row.append(read(value))
            except ValueRefusedError as refused:
                problems.append(refused.at((*loc, name)))
        if problems:
            raise RowRefusedError(problems)
        return row

    def many(self, read: ReadRow, rows: Sequence[Any], loc: Location) -> ReadRows:
        """Read many rows with `record` or `features`; a bad one does not spoil the others."""
        X = self._usual_rows(read, rows)
        if X is not None:
            return ReadRows(X, list(range(len(rows))), {})
        good: list[list[float]] = []
        accepted, refused = [], {}
        for number, row in enumerate(rows):
            try:
                good.append(read(row, (*loc, number)))
                accepted.append(number)
            except RowRefusedError as error:
                refused[number] = error.problems
        X = np.array(good, np.float64).reshape(len(good), len(self._columns))
        return ReadRows(X, accepted, refused)

    def _usual_rows(self, read: ReadRow, rows: Sequence[Any]) -> NDArray[np.float64] | None:
        """All rows at once, by column, where each has every column and no other."""
        kind: type = list if read == self.features else dict
        width = len(self.names)
        if set(map(type, rows)) != {kind} or set(map(len, rows)) != {width}:
            return None
        if kind is list:
            return self.usual.rows(zip(*rows, strict=True), len(rows))
        try:
            columns = [[row[name] for row in rows] for name in self.names]
        except KeyError:
            return None
        return self.usual.rows(columns, len(rows))


def not_an_object(loc: Location) -> Problem:
    """A record, or the body, is something other than an object."""
    msg = "Input should be a valid dictionary or object to extract fields from"
    return Problem("model_attributes_type", loc, msg)


def not_a_list(loc: Location) -> Problem:
    """A list of rows or of values is something else."""
    return Problem("list_type", loc, "Input should be a valid list")


def not_permitted(name: str, loc: Location) -> Problem:
    """A key that nothing there has."""
    return Problem("extra_forbidden", (*loc, name[:SHOWN_NAME]), "Extra inputs are not permitted")
