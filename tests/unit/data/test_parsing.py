from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.data.encoding import encode_column, normalise
from fairlead.data.parsing import MISSING_TOKENS, ParsedColumn, parse_column
from fairlead.project.columns import ColumnSpec

NUMBER = ColumnSpec(type="number")
INTEGER = ColumnSpec(type="integer")
BOOLEAN = ColumnSpec(type="boolean")
TIME = ColumnSpec(type="datetime")
COLOUR = ColumnSpec(type="category", values=("red", "green", "Grün"))
TEXT = ColumnSpec(type="text", role="ignore")

WRONG, MISSING = "wrong", None


def read(column: ColumnSpec, text: str) -> Any:
    """What one field of a CSV becomes."""
    return outcome(parse_column(pl.Series(["x", text]), column, typed=False), 1)


def outcome(parsed: ParsedColumn, row: int) -> Any:
    if parsed.wrong[row]:
        assert np.isnan(parsed.values[row])
        return WRONG
    return MISSING if parsed.missing[row] else parsed.values[row].item()


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        (NUMBER, "30.5", 30.5),
        (NUMBER, " -1e-3 ", -1e-3),
        (NUMBER, "+.5", 0.5),
        (NUMBER, "1,000", WRONG),
        (NUMBER, "1_000", WRONG),
        (NUMBER, "0x10", WRONG),
        (NUMBER, "inf", WRONG),
        (NUMBER, "-Infinity", WRONG),
        (NUMBER, "1e999", WRONG),
        (NUMBER, "-nan", WRONG),
        (NUMBER, "true", WRONG),
        (NUMBER, "9007199254740992", 2.0**53),
        (NUMBER, "9007199254740993", WRONG),
        (NUMBER, " NaN ", MISSING),
        (INTEGER, "41", 41.0),
        (INTEGER, "41.0", 41.0),
        (INTEGER, "1e3", 1000.0),
        (INTEGER, "30.5", WRONG),
        (INTEGER, "9007199254740993", WRONG),
        (INTEGER, "1e300", WRONG),
        (INTEGER, "N/A", MISSING),
        (BOOLEAN, "true", 1.0),
        (BOOLEAN, "YES", 1.0),
        (BOOLEAN, " 1", 1.0),
        (BOOLEAN, "False", 0.0),
        (BOOLEAN, "no", 0.0),
        (BOOLEAN, "2", WRONG),
        (BOOLEAN, "null", MISSING),
        (COLOUR, "green", 1.0),
        (COLOUR, " red\t", 0.0),
        (COLOUR, "Gru\u0308n", 2.0),
        (COLOUR, "Red", -1.0),
        (COLOUR, "None", MISSING),
        (ColumnSpec(type="category", values=("a", "None")), "None", 1.0),
        (ColumnSpec(type="category", values=("a", "None")), "NA", MISSING),
        (TIME, "1970-01-02", 86400.0),
        (TIME, "1970-01-01T01:00:00.5", 3600.5),
        (TIME, "1970-01-01 01:00:00+01:00", 0.0),
        (TIME, "1969-12-31T23:59:59Z", -1.0),
        (TIME, "02/01/1970", WRONG),
        (TIME, "", MISSING),
        (TEXT, "anything", 0.0),
        (TEXT, " ", MISSING),
    ],
)
def test_text_is_read_strictly_by_the_declared_type(
    column: ColumnSpec, text: str, expected: Any
) -> None:
    assert read(column, text) == expected


@pytest.mark.parametrize(
    ("column", "text", "expected"),
    [
        (NUMBER, "30,5", 30.5),
        (NUMBER, " -1,5e-3 ", -1.5e-3),
        (NUMBER, "41", 41.0),
        (NUMBER, "30.5", WRONG),
        (NUMBER, "1.000,5", WRONG),
        (NUMBER, "1,000,5", WRONG),
        (NUMBER, "N/A", MISSING),
        (INTEGER, "41,0", 41.0),
        (INTEGER, "1.000", WRONG),
        (COLOUR, "red", 0.0),
        (TIME, "1970-01-01T01:00:00.5", 3600.5),
    ],
)
def test_a_comma_may_stand_before_the_decimals(
    column: ColumnSpec, text: str, expected: Any
) -> None:
    parsed = parse_column(pl.Series(["x", text]), column, typed=False, decimal=",")
    assert outcome(parsed, 1) == expected


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_is_the_same_with_a_comma(number: float) -> None:
    text = repr(number).replace(".", ",")
    parsed = parse_column(pl.Series([text]), NUMBER, typed=False, decimal=",")
    assert outcome(parsed, 0) == read(NUMBER, repr(number))


@pytest.mark.parametrize("column", [NUMBER, INTEGER, BOOLEAN, COLOUR, TIME, TEXT])
@pytest.mark.parametrize("token", sorted(MISSING_TOKENS))
def test_every_token_for_a_missing_value_is_one_in_every_type(
    column: ColumnSpec, token: str
) -> None:
    assert read(column, token) is MISSING


WHOLE = st.integers(-(2**62), 2**62)
TYPED = {
    "number": st.floats() | st.none(),
    "integer": WHOLE | st.none(),
    "boolean": st.booleans() | st.none(),
    "category": st.sampled_from(["red", " green", "Gru\u0308n", "blue", "x,y", "NA"]) | st.none(),
    "datetime": st.datetimes(timezones=st.just(timezone.utc)) | st.none(),  # noqa: UP017
}
DECLARED = {
    "number": NUMBER,
    "integer": INTEGER,
    "boolean": BOOLEAN,
    "category": COLOUR,
    "datetime": TIME,
}
POLARS = {
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "boolean": pl.Boolean(),
    "category": pl.String(),
    "datetime": pl.Datetime("us", "UTC"),
}
COLUMNS = st.sampled_from(sorted(TYPED)).flatmap(
    lambda kind: st.tuples(st.just(kind), st.lists(TYPED[kind], min_size=1, max_size=20))
)


def encoded(kind: str, values: list[Any]) -> tuple[list[Any], list[bool]]:
    numbers, wrong = encode_column(DECLARED[kind].model_dump(mode="json"), values)
    return [repr(number) for number in numbers.tolist()], wrong.tolist()


def parsed(column: ParsedColumn) -> tuple[list[Any], list[bool]]:
    return [repr(number) for number in column.values.tolist()], column.wrong.tolist()


@given(COLUMNS)
def test_a_typed_column_is_read_as_online_rows_are(column: tuple[str, list[Any]]) -> None:
    kind, values = column
    series = pl.Series(values, dtype=POLARS[kind])
    assert parsed(parse_column(series, DECLARED[kind], typed=True)) == encoded(kind, values)


def written(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value)


@given(COLUMNS)
def test_text_is_read_as_the_values_it_was_written_from(column: tuple[str, list[Any]]) -> None:
    kind, values = column
    # In text, NA is a missing category and nan a missing number.
    values = [None if value == "NA" or value != value else value for value in values]
    series = pl.Series([written(value) for value in values])
    assert parsed(parse_column(series, DECLARED[kind], typed=False)) == encoded(kind, values)


@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False, places=30), max_size=20))
def test_numbers_are_rounded_as_python_rounds_them(values: list[Decimal]) -> None:
    texts = [f"{value:.40f}" for value in values]
    column = parse_column(pl.Series(texts, dtype=pl.String), NUMBER, typed=False)
    assert column.values.tolist() == [float(text) for text in texts]


@given(COLUMNS, st.data())
def test_a_row_is_read_alone_as_among_others(
    column: tuple[str, list[Any]], data: st.DataObject
) -> None:
    kind, values = column
    row = data.draw(st.integers(0, len(values) - 1))
    series = pl.Series([written(value) for value in values])
    together = parse_column(series, DECLARED[kind], typed=False)
    alone = parse_column(series[row : row + 1], DECLARED[kind], typed=False)
    assert outcome(alone, 0) == outcome(together, row)


@pytest.mark.parametrize(
    ("column", "series"),
    [
        (NUMBER, pl.Series(["1", None])),
        (NUMBER, pl.Series([True, None])),
        (INTEGER, pl.Series([date(2020, 1, 1), None])),
        (BOOLEAN, pl.Series([1, None])),
        (COLOUR, pl.Series([1.5, None])),
        (TIME, pl.Series([3, None])),
        (TEXT, pl.Series([[1], None])),
    ],
)
def test_a_typed_column_of_another_type_is_wrong_in_every_row_that_has_a_value(
    column: ColumnSpec, series: pl.Series
) -> None:
    parsed = parse_column(series, column, typed=True)
    assert parsed.wrong.tolist() == [True, False]
    assert parsed.missing.tolist() == [False, True]


@pytest.mark.parametrize(
    ("column", "series", "expected"),
    [
        (NUMBER, pl.Series([1.5, None], dtype=pl.Float32), 1.5),
        (NUMBER, pl.Series([Decimal("0.1"), None]), 0.1),
        (INTEGER, pl.Series([7, None], dtype=pl.UInt8), 7.0),
        (COLOUR, pl.Series(["green", None], dtype=pl.Categorical), 1.0),
        (COLOUR, pl.Series(["green", None], dtype=pl.Enum(["blue", "green"])), 1.0),
        (ColumnSpec(type="category", values=("1", "2")), pl.Series([2, None]), 1.0),
        (ColumnSpec(type="category", values=("true",)), pl.Series([True, None]), 0.0),
        (TIME, pl.Series([date(1970, 1, 2), None]), 86400.0),
        (TIME, pl.Series([datetime(1970, 1, 2), None], dtype=pl.Datetime("ns")), 86400.0),  # noqa: DTZ001
        (TIME, pl.Series(["1970-01-02", None]), 86400.0),
        (TEXT, pl.Series([12, None]), 0.0),
    ],
)
def test_related_types_are_read_without_loss(
    column: ColumnSpec, series: pl.Series, expected: float
) -> None:
    parsed = parse_column(series, column, typed=True)
    assert [outcome(parsed, 0), outcome(parsed, 1)] == [expected, MISSING]


@pytest.mark.parametrize("column", [NUMBER, INTEGER, BOOLEAN, COLOUR, TIME, TEXT])
def test_a_column_without_any_value_is_missing(column: ColumnSpec) -> None:
    parsed = parse_column(pl.Series([None, None]), column, typed=True)
    assert parsed.missing.all()


def test_times_far_away_are_read_as_online() -> None:
    start = datetime(9000, 1, 1, tzinfo=timezone.utc)  # noqa: UP017
    times = [start + timedelta(seconds=n, microseconds=17 * n) for n in range(1000)]
    values = parse_column(pl.Series(times), TIME, typed=True).values
    assert values.tolist() == [time.timestamp() for time in times]


@given(st.lists(st.text(max_size=5), max_size=20))
def test_texts_are_kept_normalised(texts: list[str]) -> None:
    column = parse_column(pl.Series(texts, dtype=pl.String), TEXT, typed=True)
    assert column.texts_in(np.arange(len(texts))) == [normalise(text) for text in texts]


@pytest.mark.parametrize("column", [NUMBER, INTEGER])
def test_a_whole_number_is_too_large_whatever_its_length(column: ColumnSpec) -> None:
    assert read(column, "9" * 5000) == WRONG
    assert read(column, "-9007199254740993") == WRONG
    assert read(column, "0" * 5000 + "9007199254740992") == 2.0**53
