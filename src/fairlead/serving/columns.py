"""Encodes whole columns of usual values at once; leaves all that is unusual to `RowReader`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.data.encoding import EXACT_INTEGERS, reader
from fairlead.project.columns import ColumnSpec
from fairlead.serving.values import bounds, may_be_absent

# From here on a whole number may have lost digits when it became a double.
USUAL = EXACT_INTEGERS - 1
KINDS: dict[str, tuple[type, ...]] = {
    "number": (float, int),
    "integer": (float, int),
    "boolean": (bool,),
    "category": (str,),
    "datetime": (str,),
}


@dataclass(frozen=True)
class UsualColumn:
    """What usual values of a column look like.

    Attributes:
        kinds: their types.
        convert: makes one a number, or raises ValueError; None where they are numbers.
        low, high: the least and the greatest usual number or code.
        whole: whether it is a whole number.
    """

    kinds: frozenset[type]
    convert: Callable[[Any], float] | None
    low: float
    high: float
    whole: bool


class UsualColumns:
    """Encodes rows in which every value is of its column's type and within its rules."""

    def __init__(self, contract: Contract) -> None:
        declarations = contract.declarations
        columns = [_usual(column, declarations[name]) for name, column in contract.columns.items()]
        self.columns = columns
        self._converters = [
            (index, column.convert) for index, column in enumerate(columns) if column.convert
        ]
        self._bounds = [(column.low, column.high) for column in columns]
        self._low, self._high = np.array(self._bounds).T.copy()
        self._whole = [index for index, column in enumerate(columns) if column.whole]
        self._nullable = [
            index for index, column in enumerate(columns) if type(None) in column.kinds
        ]

    def row(self, values: Sequence[Any]) -> NDArray[np.float64] | None:
        """One row whose values are of its columns' `kinds`; None where it is unusual."""
        if self._converters:
            values = list(values)
            try:
                for index, convert in self._converters:
                    values[index] = convert(values[index])
            except ValueError:
                return None
        for value, (low, high) in zip(values, self._bounds, strict=True):
            if value < low or value > high:
                return None
        for index in self._whole:
            if values[index] % 1 > 0:
                return None
        return np.array([values], np.float64)

    def rows(self, columns: Iterable[Sequence[Any]], count: int) -> NDArray[np.float64] | None:
        """Columns of any values as `count` rows; None where any value is unusual."""
        X = np.empty((count, len(self.columns)))
        try:
            for index, (column, values) in enumerate(zip(self.columns, columns, strict=True)):
                if not column.kinds.issuperset(map(type, values)):
                    return None
                convert = column.convert
                X[:, index] = values if convert is None else [convert(value) for value in values]
                # NaN, which is refused, is no null.
                nulls = values.count(None) if index in self._nullable else 0
                if np.count_nonzero(np.isnan(X[:, index])) != nulls:
                    return None
        except (ValueError, OverflowError):
            return None
        beyond = np.less(X, self._low) | np.greater(X, self._high)
        if beyond.any() or np.any(X[:, self._whole] % 1 > 0):
            return None
        return X


def _usual(column: ColumnSpec, declaration: Mapping[str, Any]) -> UsualColumn:
    nullable = may_be_absent(column)
    low, high = bounds(column)
    if column.numeric:
        low, high = max(low, -USUAL), min(high, USUAL)
    return UsualColumn(
        kinds=frozenset({*KINDS[column.type], *([type(None)] if nullable else ())}),
        convert=_converter(column, declaration, nullable=nullable),
        low=low,
        high=high,
        whole=column.type == "integer",
    )


def _converter(
    column: ColumnSpec, declaration: Mapping[str, Any], *, nullable: bool
) -> Callable[[Any], float] | None:
    """How a value of the right kind, or null, becomes a number."""
    if column.numeric:
        return _nan_for_null if nullable else None
    known: dict[Any, float] = {None: math.nan} if nullable else {}
    if column.type == "boolean":
        return {**known, True: 1.0, False: 0.0}.__getitem__
    read = reader(declaration)
    known |= {value: float(code) for code, value in enumerate(column.values)}

    def convert(value: Any) -> float:
        number = known.get(value)
        if number is None:
            number = read(value)
        if number is None:
            raise ValueError
        return number

    return convert


def _nan_for_null(value: Any) -> float:
    return math.nan if value is None else value
