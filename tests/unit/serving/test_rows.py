from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.data.contract import Contract
from fairlead.errors import ContractError
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.errors import Problem
from fairlead.serving.rows import ReadRow, RowReader, RowRefusedError
from fairlead.serving.values import Location

BODY = ("body",)
CATEGORIES = ("<1H OCEAN", "INLAND", "café", "1", "true")

policies = {
    "nullable": st.booleans(),
    "reject_missing": st.booleans(),
    "outliers": st.sampled_from(["clip", "drop", "flag", "reject"]),
    "unknown": st.sampled_from(["flag", "reject"]),
}
bounds = st.none() | st.integers(-5, 5)
numeric = st.fixed_dictionaries(
    {"type": st.sampled_from(["number", "integer"]), "low": bounds, "width": bounds, **policies}
)
other = st.fixed_dictionaries(
    {"type": st.sampled_from(["boolean", "category", "datetime"]), **policies}
)
json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(-6, 6),
    st.floats(allow_nan=False),
    st.sampled_from([30.0, 30.5, -0.0, 2.0**53, 2.0**60, 1e300]),
    st.text(max_size=5),
    st.sampled_from([*CATEGORIES, " INLAND\t", "cafe\u0301", "inland", "30"]),
    st.sampled_from(["2024-02-29", "2023-02-29", "2024-01-01T00:00:00+02:00", "20240101T10"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)


def column_of(drawn: dict[str, Any]) -> ColumnSpec:
    drawn = dict(drawn)
    if "low" in drawn:
        low, width = drawn.pop("low"), drawn.pop("width")
        drawn["min"] = low
        drawn["max"] = None if width is None else (low or 0) + abs(width)
    if drawn["type"] == "category":
        drawn["values"] = CATEGORIES
    if drawn.pop("reject_missing"):
        drawn["missing"] = "reject"
    return ColumnSpec(**drawn)


def contract_of(**columns: ColumnSpec) -> Contract:
    return Contract("regression", columns, TargetSpec(name="y"))


def refusal(reader: RowReader, record: Any) -> list[dict[str, Any]]:
    with pytest.raises(RowRefusedError) as caught:
        reader.record(record, BODY)
    return [problem.to_json() for problem in caught.value.problems]


def usual(column: ColumnSpec) -> st.SearchStrategy[Any]:
    """Values that a column of this type mostly accepts."""
    match column.type:
        case "number":
            return st.integers(-5, 5) | st.floats(-5, 5)
        case "integer":
            return st.integers(-5, 5) | st.integers(-5, 5).map(float)
        case "boolean":
            return st.booleans()
        case "category":
            return st.sampled_from(CATEGORIES)
        case _:
            return st.datetimes().map(str)


def outcome(read: ReadRow, row: Any, loc: Location = BODY) -> str | tuple[Problem, ...]:
    """The row as text, where NaN equals itself, or what is wrong with it."""
    try:
        return repr(read(row, loc))
    except RowRefusedError as refused:
        return refused.problems


@settings(max_examples=300, deadline=None)
@given(drawn=st.lists(numeric | other, min_size=1, max_size=3), data=st.data())
def test_a_row_is_read_as_training_and_batch_read_it(
    drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    contract = contract_of(**{f"c{index}": column_of(one) for index, one in enumerate(drawn)})
    names = data.draw(st.lists(st.sampled_from([*contract.columns, "extra"]), unique=True))
    record = {name: data.draw(json_values) for name in names}
    try:
        expected = contract.encode({name: [value] for name, value in record.items()}, 1)
    except ContractError as error:
        broken = {violation.column for violation in error.violations}
        problems = refusal(RowReader(contract), record)
        assert {problem["loc"][1] for problem in problems} == broken
    else:
        row = RowReader(contract).record(record, BODY)
        np.testing.assert_array_equal(np.array([row]), expected)
        assert np.array_equal(np.signbit([row]), np.signbit(expected))


@settings(max_examples=80, deadline=None)
@given(drawn=st.lists(numeric | other, min_size=1, max_size=3), data=st.data())
def test_a_list_of_values_is_read_as_the_record_with_these_values(
    drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    contract = contract_of(**{f"c{index}": column_of(one) for index, one in enumerate(drawn)})
    reader = RowReader(contract)
    values = [data.draw(json_values) for _ in drawn]
    read = outcome(reader.features, values)
    assert read == outcome(reader.record, dict(zip(contract.columns, values, strict=True)))


@settings(max_examples=200, deadline=None)
@given(drawn=st.lists(numeric | other, min_size=1, max_size=3), data=st.data())
def test_many_rows_are_read_as_each_of_them_alone(
    drawn: list[dict[str, Any]], data: st.DataObject
) -> None:
    contract = contract_of(**{f"c{index}": column_of(one) for index, one in enumerate(drawn)})
    reader = RowReader(contract)
    values = st.tuples(*(json_values | usual(column) for column in contract.columns.values()))
    rows: list[Any] = [list(row) for row in data.draw(st.lists(values, min_size=1, max_size=4))]
    read: ReadRow = reader.features
    if data.draw(st.booleans()):
        rows = [dict(zip(contract.columns, row, strict=True)) for row in rows]
        read = reader.record
    many = reader.many(read, rows, BODY)
    alone = [outcome(read, row, (*BODY, number)) for number, row in enumerate(rows)]
    good = [number for number, one in enumerate(alone) if isinstance(one, str)]
    assert many.accepted == good
    assert [repr(row) for row in many.X.tolist()] == [alone[number] for number in good]
    assert many.refused == {
        number: one for number, one in enumerate(alone) if number not in many.accepted
    }


@settings(max_examples=80, deadline=None)
@given(secret=st.text("xyz", min_size=9, max_size=12), drawn=numeric | other)
def test_a_problem_never_holds_the_value(secret: str, drawn: dict[str, Any]) -> None:
    reader = RowReader(contract_of(c=column_of({**drawn, "unknown": "reject"})))
    assert secret not in json.dumps(refusal(reader, {"c": secret}))


@pytest.mark.parametrize(
    ("column", "value", "kind"),
    [
        (ColumnSpec(type="integer"), 30.5, "int_from_float"),
        (ColumnSpec(type="integer"), "30", "int_type"),
        (ColumnSpec(type="integer"), True, "int_type"),
        (ColumnSpec(type="number"), "30", "float_type"),
        (ColumnSpec(type="number"), False, "float_type"),
        (ColumnSpec(type="number"), [1], "float_type"),
        (ColumnSpec(type="number"), 2**53 + 1, "inexact_number"),
        (ColumnSpec(type="number", max=9), 2**53 + 1, "less_than_equal"),
        pytest.param(ColumnSpec(type="number"), 10**400, "float_type", id="beyond a double"),
        (ColumnSpec(type="integer"), 2.0**60, "inexact_number"),
        (ColumnSpec(type="integer"), 2**60, "inexact_number"),
        pytest.param(ColumnSpec(type="integer", max=0), 10**400, "less_than_equal", id="huge"),
        (ColumnSpec(type="number"), math.nan, "finite_number"),
        (ColumnSpec(type="number", nullable=True), math.nan, "finite_number"),
        (ColumnSpec(type="number", outliers="flag"), -math.inf, "finite_number"),
        (ColumnSpec(type="number"), None, "float_type"),
        (ColumnSpec(type="number", nullable=True, missing="reject"), None, "float_type"),
        (ColumnSpec(type="number", min=0), -0.5, "greater_than_equal"),
        (ColumnSpec(type="number", max=9, outliers="drop"), 9.5, "less_than_equal"),
        (ColumnSpec(type="boolean"), 1, "bool_type"),
        (ColumnSpec(type="category", values=("a",)), 1.5, "literal_error"),
        (ColumnSpec(type="category", values=("a",)), "b", "literal_error"),
        (ColumnSpec(type="category", values=("a",), unknown="flag"), 1.5, "string_type"),
        (ColumnSpec(type="datetime"), 0, "datetime_type"),
        (ColumnSpec(type="datetime"), "yesterday", "datetime_parsing"),
    ],
)
def test_a_bad_value_is_refused_by_its_rule(column: ColumnSpec, value: Any, kind: str) -> None:
    problems = refusal(RowReader(contract_of(c=column)), {"c": value})
    assert [(problem["type"], problem["loc"]) for problem in problems] == [(kind, ["body", "c"])]


@pytest.mark.parametrize(
    ("column", "value", "expected"),
    [
        (ColumnSpec(type="integer"), 30.0, 30.0),
        (ColumnSpec(type="number"), 30, 30.0),
        (ColumnSpec(type="number", min=0, outliers="clip"), -3, -3.0),
        (ColumnSpec(type="number", max=0, outliers="flag"), 3, 3.0),
        (ColumnSpec(type="number", nullable=True), None, math.nan),
        (ColumnSpec(type="boolean"), True, 1.0),
        (ColumnSpec(type="category", values=("a", "café")), " cafe\u0301 ", 1.0),
        (ColumnSpec(type="category", values=("a",), unknown="flag"), "b", -1.0),
        (ColumnSpec(type="datetime"), "1970-01-02T00:00:00", 86400.0),
    ],
)
def test_a_good_value_is_read_without_loss(column: ColumnSpec, value: Any, expected: float) -> None:
    row = RowReader(contract_of(c=column)).record({"c": value}, BODY)
    np.testing.assert_array_equal(row, [expected])


def test_a_nullable_column_may_be_absent() -> None:
    row = RowReader(contract_of(c=ColumnSpec(type="integer", nullable=True))).record({}, BODY)
    np.testing.assert_array_equal(row, [math.nan])


def test_a_misspelt_column_is_named_beside_the_missing_one() -> None:
    problems = refusal(RowReader(contract_of(age=ColumnSpec(type="integer"))), {"aeg": 3})
    assert [(problem["type"], problem["loc"][1]) for problem in problems] == [
        ("missing", "age"),
        ("extra_forbidden", "aeg"),
    ]


def test_a_list_of_the_wrong_length_is_told_the_columns() -> None:
    reader = RowReader(contract_of(a=ColumnSpec(type="integer"), b=ColumnSpec(type="integer")))
    with pytest.raises(RowRefusedError) as caught:
        reader.features([1, 2, 3], (*BODY, "features", 4))
    (problem,) = caught.value.problems
    assert problem.loc == ("body", "features", 4)
    assert problem.msg == "Row should have 2 values: a, b"


def test_bad_rows_do_not_spoil_the_good_ones() -> None:
    reader = RowReader(contract_of(a=ColumnSpec(type="integer")))
    read = reader.many(reader.record, [{"a": 1}, 7, {"a": 3}, {"a": "x"}], BODY)
    assert read.X.tolist() == [[1.0], [3.0]]
    assert read.accepted == [0, 2]
    assert list(read.refused) == [1, 3]
