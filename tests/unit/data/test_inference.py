from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fairlead.data.inference import (
    MAX_CATEGORIES,
    MAX_NAME,
    Inferred,
    bounds,
    identifiers,
    infer_column,
    infer_decimal,
    shown,
)
from fairlead.data.parsing import parse_column


def inferred(values: list[str], header: str = "x", decimal: str = ".") -> Inferred:
    return infer_column("x", pl.Series(header, values), decimal)


def declared(values: list[str], header: str = "x", decimal: str = ".") -> dict[str, Any]:
    return inferred(values, header, decimal).spec.model_dump(exclude_defaults=True)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["1.5", "2", "3"], {"type": "number", "min": 0, "max": 4}),
        (["1.0", "2.0", "3.0"], {"type": "number", "min": 0, "max": 4}),
        (["10", "30", "", "20"], {"type": "integer", "min": 0, "max": 40, "nullable": True}),
        (["-7", "12", "3", "3"], {"type": "integer", "min": -20, "max": 30}),
        (["0", "1", "1", "0"], {"type": "integer", "min": 0, "max": 1}),
        (["true", "False", "true", "NA"], {"type": "boolean", "nullable": True}),
        (
            ["yes", "no", "yes", "no"],
            {"type": "category", "values": ("no", "yes"), "unknown": "flag"},
        ),
        (["01", "02", "01", "02"], {"type": "category", "values": ("01", "02"), "unknown": "flag"}),
        (["2026-01-01", "2026-01-02 10:00"], {"type": "datetime"}),
    ],
)
def test_a_type_is_that_of_every_value(values: list[str], expected: dict[str, Any]) -> None:
    assert declared(values) == expected


def test_decimals_may_stand_behind_a_comma() -> None:
    assert declared(["1,5", "2", "7,25"], decimal=",") == {"type": "number", "min": 0, "max": 11}


@pytest.mark.parametrize(
    ("header", "values", "kind", "remark"),
    [
        ("x", ["", "NA", ""], "text", "has no value in any row"),
        ("x", ["7", "7", "7"], "integer", "is the same in every row"),
        ("x", ["a", "a", "a"], "category", "is the same in every row"),
        ("x", ["4", "2", "3", "5"], "integer", "numbers the rows: an identifier"),
        ("customer_id", ["70", "12", "99"], "integer", "numbers the rows: an identifier"),
        ("orderId", ["70", "12", "99"], "integer", "numbers the rows: an identifier"),
        ("x", ["a", "b", "c", "d"], "text", "is different in every row"),
        ("x", ["a", "b", "c", "c"], "text", "holds 3 different texts: too many"),
        ("x", ["1", "2", "?", "2"], "text", "25.0% of the values are none, such as `?`"),
        ("x", ["31.12.2025", "01.02.2026", "x"], "text", "holds dates, but not as 2026-12-31"),
        ("x", ["word " * 40, "word " * 40, "a", "b"], "text", "holds free text"),
        ("x", ["9007199254740993", "9007199254740995"], "text", "is different in every row"),
    ],
)
def test_what_a_model_cannot_learn_from_is_left_out_and_why(
    header: str, values: list[str], kind: str, remark: str
) -> None:
    column = inferred(values, header)
    assert (column.spec.type, column.spec.role) == (kind, "ignore")
    assert remark in column.remarks[0]


def test_an_identifier_that_repeats_may_be_a_group() -> None:
    column = inferred([str(number // 2) for number in range(100)], "shop_id")
    assert column.spec.role == "ignore"
    assert "`role: group`" in column.remarks[0]


def test_numbers_that_happen_to_be_unique_are_no_identifier() -> None:
    assert inferred(["310", "125", "999", "40"], "price").spec.role == "feature"


def test_too_many_categories_are_text() -> None:
    many = [f"c{number}" for number in range(MAX_CATEGORIES + 1)] * 3
    assert inferred(many).spec.type == "text"
    assert inferred([text for text in many if text != "c0"]).spec.type == "category"


def test_a_column_that_is_mostly_missing_is_remarked() -> None:
    assert inferred(["1.5", "2.5", "", "", ""]).remarks == ("is missing in 60% of the rows",)


def test_a_time_is_remarked() -> None:
    (remark,) = inferred(["2026-01-01", "2026-01-02"]).remarks
    assert "`role: time`" in remark


def test_a_header_that_is_no_name_is_kept_beside_it() -> None:
    assert inferred(["1.5", "2"], header="sepal length (cm)").spec.header == "sepal length (cm)"
    assert inferred(["1.5", "2"]).spec.header is None


@pytest.mark.parametrize(
    ("headers", "names"),
    [
        (["a", "Größe"], ["a", "Größe"]),
        (["sepal length (cm)", "m²"], ["sepal_length_cm", "m2"]),
        (["2nd", "%", "?"], ["column_2nd", "column", "column_2"]),
        (["a b", "a-b", "a_b"], ["a_b_2", "a_b_3", "a_b"]),
        (["x" * 99], ["x" * MAX_NAME]),
    ],
)
def test_headers_become_names(headers: list[str], names: list[str]) -> None:
    assert [identifiers(headers)[header] for header in headers] == names


@given(st.lists(st.text(min_size=1), unique=True, max_size=6))
def test_names_are_identifiers_unlike_each_other(headers: list[str]) -> None:
    names = identifiers(headers)
    assert list(map(names.get, headers)) == [names[header] for header in headers]
    assert all(name.isidentifier() for name in names.values())
    assert len(set(names.values())) == len(headers)


@pytest.mark.parametrize(
    ("columns", "decimal"),
    [
        ([["1,5", "2"], ["a", "b"]], ","),
        ([["1.5", "2"], ["a", "b"]], "."),
        ([["1,5"], ["2.5"]], "."),
        ([["1,5"], ["2,5"], ["3.5"]], ","),
        ([["1,000", "2,500"]], "."),
        ([["1,000", "2,50", "NA"]], ","),
        ([["a, b"], ["1"]], "."),
    ],
)
def test_the_decimals_are_told_by_most_columns(columns: list[list[str]], decimal: str) -> None:
    frame = [pl.Series(str(number), values) for number, values in enumerate(columns)]
    longest = max(map(len, frame))
    padded = [series.extend_constant("", longest - len(series)) for series in frame]
    assert infer_decimal(pl.DataFrame(padded)) == decimal


finite = st.floats(allow_nan=False, allow_infinity=False)


@given(finite, finite, st.booleans())
def test_a_range_holds_what_was_found(low: float, high: float, whole: bool) -> None:
    low, high = sorted((low, high))
    if whole:
        assume(abs(low) < 2**53 and abs(high) < 2**53)
        low, high = float(int(low)), float(int(high))
    bottom, top = bounds(low, high, whole=whole)
    assert bottom is None or bottom <= low
    assert top is None or top >= high
    assert low < 0 or bottom == 0 or (bottom or 0) > 0
    if whole:
        assert (bottom, top) == (int(bottom or 0), int(top or 0))


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.13, 0.94, (0, 1.4)),
        (0, 1, (0, 1)),
        (3, 100, (0, 100)),
        (-20, -1, (-30, 0)),
        (1990, 2020, (1970, 2040)),
        (0.001, 0.0015, (0.0007, 0.0018)),
        (-1e308, 1e308, (None, None)),
    ],
)
def test_a_range_is_round_and_has_slack(
    low: float, high: float, expected: tuple[float | None, float | None]
) -> None:
    assert bounds(float(low), float(high), whole=False) == expected


CELLS = st.one_of(
    st.text(max_size=8),
    st.integers().map(str),
    st.floats().map(str),
    st.dates().map(str),
    st.sampled_from(["", "NA", "true", "no", "0", "1", " 1 ", "a", "b", "1,5", "\x1c", "\u2028"]),
)


@given(st.lists(CELLS, min_size=1, max_size=12), st.sampled_from(".,"))
def test_whatever_a_column_holds_is_read_as_it_was_inferred(
    values: list[str], decimal: str
) -> None:
    series = pl.Series("x", values * 2)
    spec = infer_column("x", series, decimal).spec
    spec = type(spec).model_validate(spec.model_dump())
    parsed = parse_column(series, spec, typed=False, decimal=decimal)
    assert not parsed.wrong.any()
    assert spec.nullable or not parsed.missing.any()
    assert spec.min is None or not (parsed.values < spec.min).any()
    assert spec.max is None or not (parsed.values > spec.max).any()
    assert not (spec.values and (parsed.values < 0).any())


@given(st.text())
def test_a_value_is_shown_on_one_short_line(text: str) -> None:
    assert shown(text).isprintable()
    assert len(shown(text)) <= 30
