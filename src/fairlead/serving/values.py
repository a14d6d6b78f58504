"""Reads one JSON value by its column; a refusal is worded as pydantic words it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from pydantic import TypeAdapter, ValidationError

from fairlead.data.encoding import EXACT_INTEGERS, UNKNOWN, reader
from fairlead.project.columns import ColumnSpec
from fairlead.serving.errors import Problem

Location = tuple[str | int, ...]
ReadValue = Callable[[Any], float]

INEXACT = "Input should be a whole number from -2^53 to 2^53, where each one is exact"
NOT_ISO = "not a time in ISO 8601"
_times = TypeAdapter(datetime)


class ValueRefusedError(ValueError):
    """A value breaks a rule of its column."""

    def __init__(self, kind: str, msg: str, ctx: dict[str, Any] | None = None) -> None:
        super().__init__(kind, msg, ctx or {})

    def at(self, loc: Location) -> Problem:
        """As the answer tells it."""
        return Problem(self.args[0], loc, self.args[1], self.args[2])


def value_reader(column: ColumnSpec, declaration: Mapping[str, Any]) -> ReadValue:
    """How one JSON value of a column becomes a number, by its type and its policies.

    Args:
        column: the column.
        declaration: the same as plain JSON values.

    Returns:
        A function that raises ValueRefusedError when a value breaks a rule.
    """
    read = reader(declaration)
    nullable = may_be_absent(column)
    accept = _policy(column)
    mismatch = MISMATCHES[column.type]

    def read_value(value: Any) -> float:
        if value is None and nullable:
            return math.nan
        number = read(value)
        # JSON has no NaN, yet many writers send it: never a silent null.
        if number is None or number != number:
            raise mismatch(column, value)
        return accept(number)

    return read_value


def may_be_absent(column: ColumnSpec) -> bool:
    """Whether a row may lack the column, or give null."""
    return column.nullable and column.missing != "reject"


def bounds(column: ColumnSpec) -> tuple[float, float]:
    """The least and the greatest number or code that a row may have there."""
    if column.type == "category":
        return UNKNOWN if column.unknown == "flag" else 0.0, math.inf
    bounded = column.outliers in ("reject", "drop")
    low = column.min if bounded and column.min is not None else -math.inf
    high = column.max if bounded and column.max is not None else math.inf
    return low, high


def plain(bound: float) -> float:
    """A bound as people write it: 90, not 90.0."""
    whole = bound.is_integer() and abs(bound) <= EXACT_INTEGERS
    return int(bound) if whole else bound


def _policy(column: ColumnSpec) -> ReadValue:
    """The rule that a number or code of the right type must still follow."""
    low, high = bounds(column)

    def accept(number: float) -> float:
        if number < low or number > high:
            raise _beyond(column, number)
        return number

    return accept


def _beyond(column: ColumnSpec, number: float) -> ValueRefusedError:
    """Which bound a number or code breaks."""
    if column.type == "category":
        return _no_category(column)
    low, high = bounds(column)
    if number < low:
        kind, key, words, bound = "greater_than_equal", "ge", "greater than or equal to", low
    else:
        kind, key, words, bound = "less_than_equal", "le", "less than or equal to", high
    text = f"{Decimal(repr(bound)).normalize():f}"
    shown = plain(bound) if column.type == "integer" else bound
    return ValueRefusedError(kind, f"Input should be {words} {text}", {key: shown})


def _no_category(column: ColumnSpec) -> ValueRefusedError:
    *others, last = map(repr, column.values)
    expected = f"{', '.join(others)} or {last}" if others else last
    return ValueRefusedError("literal_error", f"Input should be {expected}", {"expected": expected})


def _not_finite() -> ValueRefusedError:
    return ValueRefusedError("finite_number", "Input should be a finite number")


def _too_large(column: ColumnSpec, number: float) -> ValueRefusedError:
    """A bound is told before the limit of exact numbers, which pydantic does not have."""
    low, high = bounds(column)
    if number < low or number > high:
        return _beyond(column, number)
    return ValueRefusedError("inexact_number", INEXACT)


def _no_number(column: ColumnSpec, value: Any) -> ValueRefusedError:
    if isinstance(value, float):
        return _not_finite()
    if isinstance(value, int) and not isinstance(value, bool):
        with suppress(OverflowError):
            float(value)
            return _too_large(column, value)
    return ValueRefusedError("float_type", "Input should be a valid number")


def _no_integer(column: ColumnSpec, value: Any) -> ValueRefusedError:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return ValueRefusedError("int_type", "Input should be a valid integer")
    if isinstance(value, int):
        return _too_large(column, value)
    if not math.isfinite(value):
        return _not_finite()
    if value.is_integer():
        return _too_large(column, value)
    msg = "Input should be a valid integer, got a number with a fractional part"
    return ValueRefusedError("int_from_float", msg)


def _no_boolean(column: ColumnSpec, value: Any) -> ValueRefusedError:
    del column, value
    return ValueRefusedError("bool_type", "Input should be a valid boolean")


def _no_text(column: ColumnSpec, value: Any) -> ValueRefusedError:
    del value
    if column.unknown == "reject":
        return _no_category(column)
    return ValueRefusedError("string_type", "Input should be a valid string")


def _no_time(column: ColumnSpec, value: Any) -> ValueRefusedError:
    del column
    if not isinstance(value, str):
        return ValueRefusedError("datetime_type", "Input should be a valid datetime")
    reason = NOT_ISO
    try:
        # Seconds since 1970, as text, are a time to pydantic and not to the contract.
        _times.validate_strings(value, strict=True)
    except ValidationError as error:
        # Fixed words, such as "input is too short"; never the text.
        (fault,) = error.errors(include_input=False)
        reason = fault.get("ctx", {}).get("error", NOT_ISO)
    msg = f"Input should be a valid datetime, {reason}"
    return ValueRefusedError("datetime_parsing", msg, {"error": reason})


MISMATCHES: dict[str, Callable[[ColumnSpec, Any], ValueRefusedError]] = {
    "number": _no_number,
    "integer": _no_integer,
    "boolean": _no_boolean,
    "category": _no_text,
    "datetime": _no_time,
}
