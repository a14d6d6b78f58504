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
from fairlead.data.encoding import UNKNOWN, reader
from fairlead.project.spec import ColumnSpec
from fairlead.serving.errors import Problem

Location = tuple[str | int, ...]
ReadValue = Callable[[Any], float]
ReadRow = Callable[[Any, Location], list[float]]

# Unknown columns are named, for typing errors, but not at any length nor in any number.
SHOWN_NAME = 64
SHOWN_EXTRAS = 100

TYPE_PROBLEMS = {
    "number": ("float_type", "Input should be a number"),
    "integer": ("int_type", "Input should be a whole number"),
    "boolean": ("bool_type", "Input should be true or false"),
    "category": ("string_type", "Input should be a category, as text"),
    "datetime": ("datetime_type", "Input should be a time in ISO 8601, as text"),
}


class _ValueRefusedError(ValueError):
    """A value breaks a rule of its column."""

    def __init__(self, kind: str, msg: str, ctx: dict[str, Any] | None = None) -> None:
        super().__init__(kind, msg, ctx or {})

    def at(self, loc: Location) -> Problem:
        return Problem(self.args[0], loc, self.args[1], self.args[2])


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
        self._known = frozenset(self.names)
        self._extra_msg = f"Extra inputs are not permitted; columns: {', '.join(self.names)}"
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
            raise RowRefusedError([Problem("dict_type", loc, "Input should be an object")])
        row, problems = [], []
        for name, read, may_be_absent in self._columns:
            if name in record:
                try:
                    row.append(read(record[name]))
                except _ValueRefusedError as refused:
                    problems.append(refused.at((*loc, name)))
            elif may_be_absent:
                row.append(math.nan)
            else:
                problems.append(Problem("missing", (*loc, name), "Field required"))
        extras = (name for name in record if name not in self._known)
        problems += [
            Problem("extra_forbidden", (*loc, name[:SHOWN_NAME]), self._extra_msg)
            for name in islice(extras, SHOWN_EXTRAS)
        ]
        if problems:
            raise RowRefusedError(problems)
        return row

    def features(self, values: Any, loc: Location) -> list[float]:
        """Read `[value, …]`, one for each column, in the contract's order.

        Raises:
            RowRefusedError: it is no list of that length, or breaks the contract.
        """
        if not isinstance(values, list):
            raise RowRefusedError([Problem("list_type", loc, "Input should be a list of values")])
        expected = len(self._columns)
        if len(values) != expected:
            msg = f"Row should have {expected} values: {', '.join(self.names)}"
            raise RowRefusedError([Problem("row_length", loc, msg, {"expected": expected})])
        row, problems = [], []
        for value, (name, read, _) in zip(values, self._columns, strict=True):
            try:
                row.append(read(value))
            except _ValueRefusedError as refused:
                problems.append(refused.at((*loc, name)))
        if problems:
            raise RowRefusedError(problems)
        return row

    def many(self, read: ReadRow, rows: Sequence[Any], loc: Location) -> ReadRows:
        """Read many rows with `record` or `features`; a bad one does not spoil the others."""
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


def value_reader(column: ColumnSpec, declaration: Mapping[str, Any]) -> ReadValue:
    """How one JSON value of a column becomes a number, by its type and its policies.

    Args:
        column: the column.
        declaration: the same as plain JSON values.

    Returns:
        A function that raises when a value breaks a rule.
    """
    read = reader(declaration)
    nullable = may_be_absent(column)
    accept = _policy(column)

    def read_value(value: Any) -> float:
        if value is None:
            if nullable:
                return math.nan
            raise _ValueRefusedError("null_forbidden", "Input should not be null")
        # JSON has no NaN, yet many writers send it: never a silent null.
        if isinstance(value, float) and not math.isfinite(value):
            raise _ValueRefusedError("finite_number", "Input should be a finite number")
        number = read(value)
        if number is None:
            raise _ValueRefusedError(*TYPE_PROBLEMS[column.type])
        return accept(number)

    return read_value


def _policy(column: ColumnSpec) -> Callable[[float], float]:
    """The rule that a number or code of the right type must still follow."""
    bounded = column.outliers in ("reject", "drop")
    low = column.min if bounded and column.min is not None else -math.inf
    high = column.max if bounded and column.max is not None else math.inf
    unknown_refused = column.type == "category" and column.unknown == "reject"

    def accept(number: float) -> float:
        if number < low:
            msg = f"Input should be greater than or equal to {plain(low)}"
            raise _ValueRefusedError("greater_than_equal", msg, {"ge": plain(low)})
        if number > high:
            msg = f"Input should be less than or equal to {plain(high)}"
            raise _ValueRefusedError("less_than_equal", msg, {"le": plain(high)})
        if unknown_refused and number == UNKNOWN:
            msg = f"Input should be one of the declared categories: {', '.join(column.values)}"
            raise _ValueRefusedError("unknown_category", msg, {"expected": list(column.values)})
        return number

    return accept


def plain(bound: float) -> float:
    """A bound as people write it: 90, not 90.0."""
    return int(bound) if bound.is_integer() else bound


def may_be_absent(column: ColumnSpec) -> bool:
    """Whether a row may lack the column, or give null."""
    return column.nullable and column.missing != "reject"
