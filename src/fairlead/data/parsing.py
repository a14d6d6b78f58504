"""From a column of a file to numbers: the rules of `encoding`, a whole column at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairlead.data.encoding import EXACT_INTEGERS, UNKNOWN, normalise, reader
from fairlead.project.columns import ColumnSpec

MISSING_TOKENS = frozenset({"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
"""What stands for a missing value in a CSV, unless it is a declared category."""
TRUTH = {"true": 1.0, "yes": 1.0, "1": 1.0, "false": 0.0, "no": 0.0, "0": 0.0}

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]
_INTEGER_TEXT = r"^[+-]?[0-9]+$"


@dataclass(frozen=True)
class ParsedColumn:
    """One column by its declared type.

    Attributes:
        values: shape (n,), as `fairlead.data.encoding` has it: missing and wrong as NaN, a category
            as its code, -1 if it is not declared. Of a text, or where no category is declared, 0.
        wrong: shape (n,), values that are not of the type.
        texts: the distinct texts of a category or text column, normalised.
        index: shape (n,), which of the texts it is, -1 where missing or wrong.
    """

    values: Floats
    wrong: Mask
    texts: tuple[str, ...] = ()
    index: NDArray[np.int64] | None = None

    @property
    def missing(self) -> Mask:
        """Where there is no value, shape (n,)."""
        return np.isnan(self.values) & ~self.wrong

    def texts_in(self, rows: NDArray[np.int64]) -> list[str]:
        """The text of each of these rows, without missing ones; none if these are no texts."""
        if self.index is None:
            return []
        return [self.texts[index] for index in self.index[rows].tolist() if index >= 0]

    def codes(self, labels: tuple[str, ...]) -> NDArray[np.float64]:
        """The position of each row's text among the labels, shape (n,).

        -1 where it is none of them, NaN where there is no text.
        """
        place = {normalise(label): float(code) for code, label in enumerate(labels)}
        table = [place.get(text, UNKNOWN) for text in self.texts]
        return np.array([*table, np.nan])[self.index]


def parse_column(
    series: pl.Series, column: ColumnSpec, *, typed: bool, decimal: str = "."
) -> ParsedColumn:
    """Parse a column strictly by its declared type.

    Args:
        series: text as it stands in a CSV, or values with a type of their own.
        column: the declaration.
        typed: whether the values have types of their own; text is then never a number, and only
            null and NaN are missing.
        decimal: what stands before the decimals of a number as text.
    """
    if series.dtype == pl.Null:
        series = series.cast(pl.String)
    if column.type in ("category", "text"):
        return _texts(series, column, typed)
    if column.type == "boolean":
        return _typed_booleans(series) if typed else _mapped(series, _truth)
    if column.type == "datetime":
        return _times(series, column, typed)
    parsed = _typed_numbers(series) if typed else _numbers(with_point(series, decimal))
    if column.type == "number":
        return parsed
    values, wrong = parsed.values, parsed.wrong
    whole = (np.floor(values) == values) & (np.abs(values) <= EXACT_INTEGERS)
    return _parsed(values, wrong | ~(whole | np.isnan(values)))


def with_point(series: pl.Series, decimal: str) -> pl.Series:
    """Numbers as text, with a point before the decimals; one that has a point already is none."""
    if decimal == ".":
        return series
    unread = series.str.replace_all(".", "?", literal=True)
    return unread.str.replace_all(decimal, ".", literal=True)


def _parsed(values: Floats, wrong: Mask) -> ParsedColumn:
    return ParsedColumn(np.where(wrong, np.nan, values), wrong)


def _numbers(series: pl.Series) -> ParsedColumn:
    """Numbers as text; polars rounds them exactly, as `float` does."""
    values = _floats(series.cast(pl.Float64, strict=False))
    wrong = np.zeros(len(values), np.bool_)
    # Few values need a closer look: those with white space, missing, wrong, or very large.
    rest = np.flatnonzero(~(np.abs(values) < EXACT_INTEGERS))
    if len(rest):
        texts = series.gather(rest).str.strip_chars()
        values[rest] = closer = _floats(texts.cast(pl.Float64, strict=False))
        missing = texts.is_in(list(MISSING_TOKENS)).to_numpy()
        inexact = texts.str.contains(_INTEGER_TEXT).to_numpy()
        # `int` refuses more than 4300 digits.
        inexact[inexact] = [abs(Decimal(text)) > EXACT_INTEGERS for text in texts.filter(inexact)]
        wrong[rest] = ~missing & (~np.isfinite(closer) | inexact)
    return _parsed(values, wrong)


def _typed_numbers(series: pl.Series) -> ParsedColumn:
    if isinstance(series.dtype, pl.Decimal):
        # By way of text: the nearest double, as if it were read from a CSV.
        series = series.cast(pl.String).cast(pl.Float64)
    if not series.dtype.is_numeric():
        return _refused(series)
    values = _floats(series.cast(pl.Float64))
    wrong = np.isinf(values)
    if series.dtype.is_integer():
        large = np.flatnonzero(np.abs(values) >= EXACT_INTEGERS)
        wrong[large] = [abs(whole) > EXACT_INTEGERS for whole in series.gather(large)]
    return _parsed(values, wrong)


def _refused(series: pl.Series) -> ParsedColumn:
    """A column of another type: every value in it is wrong."""
    return ParsedColumn(np.full(len(series), np.nan), series.is_not_null().to_numpy())


def _typed_booleans(series: pl.Series) -> ParsedColumn:
    if series.dtype != pl.Boolean and series.null_count() < len(series):
        return _refused(series)
    values = _floats(series.cast(pl.Float64))
    return ParsedColumn(values, np.zeros(len(values), np.bool_))


def _truth(text: str) -> float | None:
    return TRUTH.get(text.lower())


def _times(series: pl.Series, column: ColumnSpec, typed: bool) -> ParsedColumn:
    if series.dtype == pl.String:
        missing = frozenset[str]() if typed else MISSING_TOKENS
        return _mapped(series, reader(column.model_dump(mode="json")), missing)
    if series.dtype == pl.Date:
        series = series.cast(pl.Datetime("us"))
    if not isinstance(series.dtype, pl.Datetime):
        return _refused(series)
    known = series.is_not_null().to_numpy()
    stamps = series.dt.timestamp("us").fill_null(0).to_numpy()
    values = stamps / 1e6
    far = np.abs(stamps) > EXACT_INTEGERS
    # Beyond the year 2255 the stamp itself is no exact double; whole numbers are divided exactly.
    values[far] = [stamp / 1_000_000 for stamp in stamps[far].tolist()]
    return ParsedColumn(np.where(known, values, np.nan), np.zeros(len(known), np.bool_))


def _mapped(
    series: pl.Series,
    read: Callable[[str], float | None],
    missing: frozenset[str] = MISSING_TOKENS,
) -> ParsedColumn:
    """Parse text by way of its distinct values; None from `read` is wrong."""
    distinct, index = _distinct(series)
    stripped = [text.strip() for text in distinct]
    numbers = [None if text in missing else read(text) for text in stripped]
    values = np.array([np.nan if number is None else number for number in numbers] + [np.nan])
    wrong = [
        number is None and text not in missing
        for number, text in zip(numbers, stripped, strict=True)
    ]
    # The last entry is for index -1: a missing value.
    return ParsedColumn(values[index], np.array([*wrong, False])[index])


def _texts(series: pl.Series, column: ColumnSpec, typed: bool) -> ParsedColumn:
    kind = series.dtype
    if isinstance(kind, pl.Categorical | pl.Enum) or kind.is_integer() or kind == pl.Boolean:
        series = series.cast(pl.String)
    if series.dtype != pl.String:
        return replace(_refused(series), index=np.full(len(series), -1))
    missing = frozenset[str]() if typed else MISSING_TOKENS - set(column.values)
    distinct, index = _distinct(series)
    normalised = [normalise(text) for text in distinct]
    texts = tuple(dict.fromkeys(text for text in normalised if text not in missing))
    place = {text: number for number, text in enumerate(texts)}
    index = np.array([*(place.get(text, -1) for text in normalised), -1])[index]
    wrong = np.zeros(len(index), np.bool_)
    parsed = ParsedColumn(np.where(index < 0, np.nan, 0.0), wrong, texts, index)
    return replace(parsed, values=parsed.codes(column.values)) if column.values else parsed


def _distinct(series: pl.Series) -> tuple[list[str], NDArray[np.int64]]:
    """The distinct texts of a column, and for each row which one it is; -1 where null."""
    distinct = series.drop_nulls().unique()
    numbers = pl.Series(np.arange(len(distinct)))
    index = series.replace_strict(distinct, numbers, default=None, return_dtype=pl.Int64)
    return distinct.to_list(), index.fill_null(-1).to_numpy()


def _floats(series: pl.Series) -> Floats:
    """A writable copy, null as NaN."""
    return np.array(series.to_numpy(), np.float64)
