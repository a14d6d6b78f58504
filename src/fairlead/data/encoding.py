"""From values to the graph's input: one float64 matrix, and which rows break which rule.

Numbers stay as they are, missing is NaN, a category is its index, an unknown category is -1,
true is 1, a time is seconds since 1970 in UTC. Nothing is cast with a loss.

Needs numpy alone and nothing of Fairlead: the bundle's MLflow face ships this very file, so that
a row is read in the same way wherever it is scored.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any

import numpy as np
from numpy.typing import NDArray

UNKNOWN = -1.0
EXACT_INTEGERS = 2.0**53

TYPE_RULES = {
    "number": "a finite number",
    "integer": "a whole number",
    "boolean": "true or false",
    "category": "a category, as text",
    "datetime": "a time in ISO 8601",
    "text": "a text",
}


@dataclass(frozen=True)
class Fault:
    """The rows that break one rule of one column."""

    column: str
    rule: str
    rows: NDArray[np.int64]


def encode(
    columns: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any], rows: int
) -> tuple[NDArray[np.float64], list[Fault]]:
    """Encode columns of values by their declared types.

    Args:
        columns: name -> declaration with `type` and, for a category, `values`.
        values: name -> sequence, array or series with `rows` values; an absent column is missing
            in every row.
        rows: number of rows.

    Returns:
        Matrix of shape (rows, len(columns)) and the values that are not of their column's type;
        those are NaN in the matrix.
    """
    X = np.full((rows, len(columns)), np.nan)
    faults = []
    for index, (name, column) in enumerate(columns.items()):
        if name not in values:
            continue
        encoded, wrong = encode_column(column, values[name])
        X[:, index] = encoded
        if wrong.any():
            faults.append(Fault(name, TYPE_RULES[column["type"]], np.flatnonzero(wrong)))
    return X, faults


def encode_column(
    column: Mapping[str, Any], values: Any
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Encode one column and say which values are not of its type."""
    array = _array(values)
    if array.dtype.kind in "iuf" and column["type"] in ("number", "integer"):
        return _numbers(array, whole=column["type"] == "integer")
    encoded = np.full(len(array), np.nan)
    wrong = np.zeros(len(array), np.bool_)
    read = reader(column)
    for row, value in enumerate(array.tolist() if array.dtype.kind != "M" else array):
        if isinstance(value, np.number | np.bool_):
            # An array of objects may hold numpy's own scalars.
            value = value.item()
        if _is_missing(value):
            continue
        number = read(value)
        if number is None:
            wrong[row] = True
        else:
            encoded[row] = number
    return encoded, wrong


def violations(columns: Mapping[str, Mapping[str, Any]], X: NDArray[np.float64]) -> list[Fault]:
    """Find the rows that break a rule which the column's policy does not forgive.

    Args:
        columns: name -> declaration, in the order of the matrix.
        X: shape (n, len(columns)), as `encode` made it.

    Returns:
        Faults in the order of the columns: missing where not nullable or `missing: reject`,
        outside `min`..`max` where `outliers` is reject or drop, unknown where `unknown: reject`.
    """
    faults = []
    for index, (name, column) in enumerate(columns.items()):
        x = X[:, index]
        broken: list[tuple[str, NDArray[np.bool_]]] = []
        if not column.get("nullable") or column.get("missing") == "reject":
            broken.append(("not missing", np.isnan(x)))
        if column.get("outliers", "reject") in ("reject", "drop"):
            broken += outside(column, x)
        if column["type"] == "category" and column.get("unknown", "reject") == "reject":
            broken.append(("one of the declared categories", x == UNKNOWN))
        faults += [Fault(name, rule, np.flatnonzero(mask)) for rule, mask in broken if mask.any()]
    return faults


def outside(
    column: Mapping[str, Any], x: NDArray[np.float64]
) -> list[tuple[str, NDArray[np.bool_]]]:
    """The bounds of a column, each with the values beyond it; a missing value is beyond none."""
    broken = []
    if column.get("min") is not None:
        broken.append((f">= {column['min']:g}", x < column["min"]))
    if column.get("max") is not None:
        broken.append((f"<= {column['max']:g}", x > column["max"]))
    return broken


def normalise(text: str) -> str:
    """Text as it is compared: composed (NFC), without white space around it."""
    return unicodedata.normalize("NFC", text).strip()


def _array(values: Any) -> NDArray[Any]:
    """Any column-like object as a numpy array, its missing values as NaN or None."""
    if isinstance(values, np.ndarray):
        array = values
    elif hasattr(values, "array") and hasattr(values, "to_numpy"):  # pandas
        kind = getattr(values.dtype, "kind", "O")
        plain = isinstance(values.dtype, np.dtype) and kind in "iufbM"
        array = values.to_numpy() if plain else values.to_numpy(dtype=object, na_value=None)
    elif hasattr(values, "to_pylist"):  # pyarrow
        array = _objects(values.to_pylist())
    elif hasattr(values, "to_list"):  # polars
        array = _objects(values.to_list()) if values.null_count() else values.to_numpy()
    else:
        array = _objects(values)
    if array.ndim != 1:
        raise ValueError(f"a column has one dimension, found {array.ndim}")
    return array


def _objects(values: Sequence[Any]) -> NDArray[Any]:
    array = np.empty(len(values), object)
    array[:] = list(values)
    return array


def _numbers(array: NDArray[Any], *, whole: bool) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    encoded = array.astype(np.float64)
    wrong = np.isinf(encoded)
    if array.dtype.kind in "iu":
        # Compared as integers: 2**53 + 1 becomes 2**53 as a double.
        wrong |= (array > int(EXACT_INTEGERS)) | (array < -int(EXACT_INTEGERS))
    if whole:
        with np.errstate(invalid="ignore"):
            wrong |= (np.floor(encoded) != encoded) & ~np.isnan(encoded)
        wrong |= np.abs(encoded) > EXACT_INTEGERS
    encoded[wrong] = np.nan
    return encoded, wrong


def _is_missing(value: Any) -> bool:
    # NaN and NaT differ from themselves.
    return value is None or (isinstance(value, float | np.datetime64) and value != value)


def reader(column: Mapping[str, Any]) -> Callable[[Any], float | None]:
    """How one value of a column is read: its code, or None where it is not of the type."""
    kind = column["type"]
    if kind == "category":
        codes = {normalise(value): float(code) for code, value in enumerate(column["values"])}
        return lambda value: _category(codes, value)
    return {"number": _number, "integer": _integer, "boolean": _boolean, "datetime": _time}[kind]


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int) and abs(value) > EXACT_INTEGERS:
        return None
    return float(value) if abs(value) != float("inf") else None


def _integer(value: Any) -> float | None:
    number = _number(value)
    if number is None or not number.is_integer() or abs(number) > EXACT_INTEGERS:
        return None
    return number


def _boolean(value: Any) -> float | None:
    return float(value) if isinstance(value, bool) else None


def _category(codes: Mapping[str, float], value: Any) -> float | None:
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int):
        value = str(value)
    if not isinstance(value, str):
        return None
    code = codes.get(value)
    return codes.get(normalise(value), UNKNOWN) if code is None else code


def _time(value: Any) -> float | None:
    if isinstance(value, np.datetime64):
        # Whole numbers are divided exactly, as `timestamp` does.
        return int(value.astype("datetime64[us]").astype(np.int64)) / 1_000_000
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day, tzinfo=timezone.utc)  # noqa: UP017
    if not isinstance(value, datetime):
        return None
    zoned = value if value.tzinfo else value.replace(tzinfo=timezone.utc)  # noqa: UP017
    return zoned.timestamp()
