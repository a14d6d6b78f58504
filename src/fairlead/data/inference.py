"""Infers from the texts of a CSV how its columns can be declared: a first draft, with remarks.

What is inferred is what a request will look like, too: `yes` stays a category, and 0 a number.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from fairlead.data.encoding import normalise
from fairlead.data.parsing import MISSING_TOKENS, ParsedColumn, parse_column, with_point
from fairlead.project.columns import ColumnSpec, ColumnType

MAX_CATEGORIES = 50
MAX_CATEGORY_LENGTH = 100
MAX_NAME = 60
MAX_SHOWN = 30
GROUPS = 20
"""An identifier with more different values than that is no feature, though it repeats."""

_ID = re.compile(r"(^|[^A-Za-z])([Ii][Dd]|uuid|guid|key|index|nr)$|[a-z]I[dD]$")
_DATE = re.compile(r"\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b")
_LEADING_ZERO = r"^\s*[+-]?0[0-9]"
_THOUSANDS = r"^\s*[+-]?[0-9]{1,3},[0-9]{3}\s*$"


@dataclass(frozen=True)
class Inferred:
    """How a column can be declared.

    Attributes:
        name: what it is called in the project, an identifier.
        spec: the declaration; its header where that is not the name.
        remarks: what its author should know, a sentence each.
    """

    name: str
    spec: ColumnSpec
    remarks: tuple[str, ...] = ()

    def ignored(self, remark: str) -> Inferred:
        """The same column, left out of the model for this reason."""
        spec = self.spec.model_copy(update={"role": "ignore", "min": None, "max": None})
        return replace(self, spec=spec, remarks=(remark, *self.remarks))

    def remarked(self, remark: str) -> Inferred:
        """The same column with one remark more."""
        return replace(self, remarks=(*self.remarks, remark))


def identifiers(headers: Iterable[str]) -> dict[str, str]:
    """A name for each header, unlike all others; a header that can be a name keeps it."""
    headers = list(headers)
    names = {header: header for header in headers if _is_name(header)}
    taken = set(names)
    for header in headers:
        if header in names:
            continue
        plain = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", header))
        stem = re.sub(r"_+", "_", plain).strip("_")[:MAX_NAME].strip("_")
        if not _is_name(stem):
            stem = f"column_{stem}".strip("_") if _is_name(f"column_{stem}") else "column"
        name, number = stem, 2
        while name in taken:
            name, number = f"{stem}_{number}", number + 1
        taken.add(name)
        names[header] = name
    return names


def _is_name(text: str) -> bool:
    """Whether a text can be a column's name, and be named in an expression as it is."""
    composed = unicodedata.normalize("NFKC", text) == text
    return composed and text.isidentifier() and len(text) <= MAX_NAME


def infer_decimal(frame: pl.DataFrame) -> str:
    """What stands before the decimals of most columns of numbers: a point or a comma."""
    points = commas = 0
    for series in frame:
        points += _has_decimals(series, ".")
        commas += _has_decimals(series, ",") and not _all_match(series, _THOUSANDS)
    return "," if commas > points else "."


def _has_decimals(series: pl.Series, decimal: str) -> bool:
    if not series.str.contains(decimal, literal=True).any():
        return False
    texts = with_point(series, decimal).str.strip_chars()
    read = texts.cast(pl.Float64, strict=False).is_not_null()
    return bool((read | texts.is_in(list(MISSING_TOKENS))).all())


def _all_match(series: pl.Series, pattern: str) -> bool:
    known = series.filter(~series.str.strip_chars().is_in(list(MISSING_TOKENS)))
    return bool(known.str.contains(pattern).all())


def infer_column(name: str, series: pl.Series, decimal: str) -> Inferred:
    """Infer how one column can be declared.

    Args:
        name: what it is to be called; the series has the name of the header.
        series: its texts, all rows.
        decimal: what stands before the decimals of a number.
    """
    values = _Values(series, decimal)
    inferred = _inferred(name, values)
    if series.name != name:
        spec = inferred.spec.model_copy(update={"header": series.name})
        inferred = replace(inferred, spec=spec)
    if values.known and values.missing > values.rows / 2:
        inferred = inferred.remarked(
            f"is missing in {values.missing / values.rows:.0%} of the rows"
        )
    return inferred


@dataclass(frozen=True)
class _Values:
    """The values of a column, counted."""

    series: pl.Series
    decimal: str

    @property
    def rows(self) -> int:
        return len(self.series)

    @cached_property
    def distinct(self) -> pl.Series:
        """Every text that occurs, as it stands in the file."""
        return self.counts["text"]

    @cached_property
    def counts(self) -> pl.DataFrame:
        return self.series.fill_null("").alias("text").value_counts(name="rows")

    @cached_property
    def known(self) -> dict[str, int]:
        """Every text that is not missing, normalised -> in how many rows."""
        counted: dict[str, int] = {}
        for text, rows in self.counts.iter_rows():
            normal = normalise(text)
            if normal not in MISSING_TOKENS:
                counted[normal] = counted.get(normal, 0) + rows
        return counted

    @property
    def missing(self) -> int:
        return self.rows - sum(self.known.values())

    @property
    def unique(self) -> bool:
        """Whether no two rows have the same value, and none has none."""
        return len(self.known) == self.rows

    def parsed(self, kind: ColumnType) -> ParsedColumn:
        """The distinct texts, read as values of a type."""
        spec = ColumnSpec(type=kind, nullable=True)
        return parse_column(self.distinct, spec, typed=False, decimal=self.decimal)

    def are(self, kind: ColumnType) -> bool:
        """Whether all that is there is of a type."""
        return not self.parsed(kind).wrong.any()

    def share(self, kind: ColumnType) -> float:
        """The share of the rows with a value whose value is of a type."""
        right = ~np.isnan(self.parsed(kind).values)
        return float(self.counts["rows"].to_numpy()[right].sum() / (self.rows - self.missing))


def _inferred(name: str, values: _Values) -> Inferred:
    nullable = {"nullable": True} if values.missing else {}
    if not values.known:
        return _ignored_text(name, nullable, "has no value in any row")
    zeros = bool(values.distinct.str.contains(_LEADING_ZERO).any())
    if values.are("number") and not (zeros and values.are("integer")):
        inferred = _number(name, values, nullable)
    elif values.are("datetime"):
        spec = ColumnSpec(type="datetime", **nullable)
        inferred = Inferred(name, spec, (_TIME,))
    elif {text.lower() for text in values.known} == {"true", "false"}:
        inferred = Inferred(name, ColumnSpec(type="boolean", **nullable))
    elif _few(values):
        categories = tuple(sorted(values.known))
        spec = ColumnSpec(type="category", values=categories, unknown="flag", **nullable)
        inferred = Inferred(name, spec)
    else:
        return _ignored_text(name, nullable, _why_text(values))
    if len(values.known) == 1 and not values.missing:
        return replace(inferred, remarks=()).ignored("is the same in every row")
    return inferred


_TIME = (
    "is a time, to the model the seconds since 1970; to validate forward in time, say "
    "`role: time` here and `kind: time` in `split` and `cv`"
)


def _few(values: _Values) -> bool:
    """Whether texts are few enough for categories, and seen often enough to learn from."""
    distinct = len(values.known)
    return (
        distinct <= MAX_CATEGORIES
        and 2 * distinct <= max(values.rows - values.missing, 2)
        and max(map(len, values.known)) <= MAX_CATEGORY_LENGTH
    )


def _ignored_text(name: str, nullable: dict[str, Any], remark: str) -> Inferred:
    return Inferred(name, ColumnSpec(type="text", role="ignore", **nullable), (remark,))


def _why_text(values: _Values) -> str:
    """Why a column of texts is left out."""
    numbers = values.share("number")
    if 0.5 <= numbers < 1:
        wrong = values.distinct.filter(pl.Series(values.parsed("number").wrong))
        return (
            f"holds numbers, but {1 - numbers:.1%} of the values are none, such as "
            f"`{shown(min(wrong))}`: corrected or left empty, it can be a number"
        )
    if sum(bool(_DATE.match(text)) for text in values.known) > len(values.known) / 2:
        return "holds dates, but not as 2026-12-31 (ISO 8601): written so, it can be a datetime"
    if values.unique:
        return "is different in every row: an identifier or free text"
    if max(map(len, values.known)) > MAX_CATEGORY_LENGTH:
        return "holds free text"
    return f"holds {len(values.known):,} different texts: too many, or too rare, for categories"


def _number(name: str, values: _Values, nullable: dict[str, Any]) -> Inferred:
    """A number or an integer with a range, or an identifier."""
    numbers = values.parsed("number").values
    low, high = float(np.nanmin(numbers)), float(np.nanmax(numbers))
    decimals = bool(values.distinct.str.contains(values.decimal, literal=True).any())
    whole = not decimals and values.are("integer")
    bottom, top = bounds(low, high, whole=whole)
    kind: ColumnType = "integer" if whole else "number"
    inferred = Inferred(name, ColumnSpec(type=kind, min=bottom, max=top, **nullable))
    named = bool(_ID.search(values.series.name))
    if whole and values.unique and (named or high - low == values.rows - 1):
        return inferred.ignored("numbers the rows: an identifier")
    if whole and named and len(values.known) > GROUPS:
        return inferred.ignored(
            "is an identifier that repeats; where rows of one belong together, say `role: group` "
            "here and `kind: group` in `split` and `cv`"
        )
    return inferred


def bounds(low: float, high: float, *, whole: bool) -> tuple[float | None, float | None]:
    """A range to declare: half as much again on either side, rounded outwards to one digit of it.

    What is never negative stays so, and shares of 1 and of 100 end there. None where the bound
    would be beyond all doubles.
    """
    least, most = Decimal(repr(low)), Decimal(repr(high))
    width = most - least or abs(most) or Decimal(1)
    step = Decimal(1).scaleb(width.adjusted())
    if whole:
        step = max(step, Decimal(1))
    bottom = ((least - width / 2) / step).to_integral_value(ROUND_FLOOR) * step
    top = ((most + width / 2) / step).to_integral_value(ROUND_CEILING) * step
    if least >= 0:
        bottom = max(bottom, Decimal(0))
        top = most if most in (1, 100) else top
    if most <= 0:
        top = min(top, Decimal(0))
    # -0.0 + 0.0 is 0.0.
    first, last = float(bottom) + 0.0, float(top) + 0.0
    return (
        first if math.isfinite(first) and first <= low else None,
        last if math.isfinite(last) and last >= high else None,
    )


def shown(text: str) -> str:
    """A value of the data as a remark shows it: short, on one line."""
    plain = "".join(character for character in " ".join(text.split()) if character.isprintable())
    return plain if len(plain) <= MAX_SHOWN else f"{plain[: MAX_SHOWN - 1]}…"
