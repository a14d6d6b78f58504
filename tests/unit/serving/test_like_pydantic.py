"""What a bad request is told is what FastAPI tells of a model with the same rules."""

from __future__ import annotations

import json
import math
from datetime import datetime
from typing import Annotated, Any, Literal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    create_model,
)

from fairlead.bundle.reading import Bundle
from fairlead.data.contract import Contract
from fairlead.data.encoding import normalise
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.exchange import Request
from fairlead.serving.predictor import Predictor, parse
from fairlead.serving.rows import RowReader, RowRefusedError

MAX_ROWS = 3
STRICT = ConfigDict(strict=True, extra="forbid")
EXACT = 2**53
CATEGORIES = ("INLAND", "it's", 'the "bay"', "café", "1", "true")


def whole(value: Any) -> Any:
    """A contract's integer may be written 30.0, which a strict one of pydantic may not."""
    return TypeAdapter(int).validate_python(value) if isinstance(value, float) else value


def as_text(value: Any) -> Any:
    """A contract's category may be written as a whole number or a boolean."""
    if isinstance(value, int):
        value = str(value).lower()
    return normalise(value) if isinstance(value, str) else value


def as_time(value: Any) -> Any:
    """Over JSON, a strict time is a text; here pydantic gets what was read from JSON."""
    if not isinstance(value, str):
        return value
    try:
        return datetime.fromisoformat(value.strip())
    except ValueError:
        return TypeAdapter(datetime).validate_strings(value, strict=True)


def field_of(column: ColumnSpec) -> tuple[Any, Any]:
    bounded = column.outliers in ("reject", "drop")
    limits = {"ge": column.min, "le": column.max} if bounded else {}
    kind: Any
    match column.type:
        case "number":
            kind = Annotated[float, Field(allow_inf_nan=False, **limits)]
        case "integer":
            limits = {key: int(bound) for key, bound in limits.items() if bound is not None}
            kind = Annotated[int, BeforeValidator(whole), Field(**limits)]
        case "boolean":
            kind = bool
        case "category" if column.unknown == "flag":
            kind = Annotated[str, BeforeValidator(as_text)]
        case "category":
            kind = Annotated[Literal[column.values], BeforeValidator(as_text)]
        case _:
            kind = Annotated[datetime, BeforeValidator(as_time)]
    if column.nullable and column.missing != "reject":
        return kind | None, None
    return kind, ...


def model_of(contract: Contract) -> type[BaseModel]:
    fields: Any = {name: field_of(column) for name, column in contract.columns.items()}
    return create_model("Record", __config__=STRICT, **fields)


def told_by_pydantic(kind: Any, value: Any, loc: tuple[str, ...] = ("body",)) -> list[Any]:
    """The errors, as FastAPI asks for them and passes them on."""
    try:
        TypeAdapter(kind).validate_python(value, from_attributes=True)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        return [{**one, "loc": [*loc, *one["loc"]]} for one in errors]
    return []


def told_of_a_record(contract: Contract, record: Any) -> list[Any]:
    try:
        RowReader(contract).record(record, ("body",))
    except RowRefusedError as refused:
        return [problem.to_json() for problem in refused.problems]
    return []


def contract_of(**columns: ColumnSpec) -> Contract:
    return Contract("regression", columns, TargetSpec(name="y"))


def number(**rules: Any) -> ColumnSpec:
    return ColumnSpec(type="number", **rules)


def integer(**rules: Any) -> ColumnSpec:
    return ColumnSpec(type="integer", **rules)


def category(**rules: Any) -> ColumnSpec:
    return ColumnSpec(type="category", **{"values": CATEGORIES, **rules})


TIME = ColumnSpec(type="datetime")
BOOLEAN = ColumnSpec(type="boolean")


@pytest.mark.parametrize(
    ("column", "value"),
    [
        *((number(), value) for value in (None, "30", True, [1], {}, math.nan, -math.inf)),
        *((number(max=9), value) for value in (9.5, 10, 2**60, 10**400, math.inf)),
        *((number(min=0.5), value) for value in (-0.0, 0, -(2**60))),
        *((number(min=low), -math.inf) for low in (1e-7, 1e22, 123456789.125)),
        *((number(min=low), low - abs(low)) for low in (1e-7, 1e22, -0.001, 123456789.125)),
        *((integer(), value) for value in (None, "30", True, [1], 30.5, math.nan, math.inf)),
        *((integer(min=0, max=52), value) for value in (-1, 53, 53.0, 2.0**60, 10**400)),
        *((BOOLEAN, value) for value in (None, 0, 1, "true", math.nan)),
        *((category(), value) for value in (None, "inland", 2, False, 1.5, [], {}, math.nan)),
        *((category(unknown="flag"), value) for value in (None, 1.5, [], {}, math.nan)),
        *((category(values=("a",)), value) for value in (None, "b")),
        *((category(values=("a", "b")), value) for value in (None, "c")),
        *((TIME, value) for value in (None, 0, 1.5, True, [], math.nan)),
        *((TIME, value) for value in ("", "yesterday", "2024-13-01T00:00:00", "2023-02-29")),
        *((TIME, value) for value in ("2024-01-01T00:00:00+99:00", "2024-01-01T00:00:00Zx")),
        (number(nullable=True, missing="reject"), None),
        (number(nullable=True, max=1), 2),
    ],
    # Some values are 400 digits long.
    ids=lambda one: one.type if isinstance(one, ColumnSpec) else type(one).__name__,
)
def test_a_bad_value_is_told_as_pydantic_tells_it(column: ColumnSpec, value: Any) -> None:
    contract = contract_of(c=column)
    told = told_of_a_record(contract, {"c": value})
    assert told
    assert json.dumps(told) == json.dumps(told_by_pydantic(model_of(contract), {"c": value}))


@pytest.mark.parametrize(
    "record", [{}, {"a": 1}, {"b": 1, "x": 2, "a": "", "y": 3}, [], 7, None, ""]
)
def test_a_bad_record_is_told_as_pydantic_tells_it(record: Any) -> None:
    contract = contract_of(a=number(), b=integer(min=3))
    assert told_of_a_record(contract, record) == told_by_pydantic(model_of(contract), record)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.integers(-6, 6) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
policies: dict[str, Any] = {
    "nullable": st.booleans(),
    "missing": st.sampled_from([None, "reject"]),
}
bounds = {
    "min": st.none() | st.integers(-5, 0),
    "max": st.none() | st.integers(0, 5),
    "outliers": st.sampled_from(["reject", "drop", "clip", "flag"]),
}
columns = st.one_of(
    st.builds(number, **policies, **bounds),
    st.builds(number, min=st.none() | st.floats(-1e30, -1e-30), max=st.floats(1e-30, 1e30)),
    st.builds(integer, **policies, **bounds),
    st.builds(category, unknown=st.sampled_from(["flag", "reject"]), **policies),
    st.builds(ColumnSpec, type=st.sampled_from(["boolean", "datetime"]), **policies),
)


@settings(max_examples=300, deadline=None)
@given(specs=st.lists(columns, min_size=1, max_size=3), data=st.data())
def test_any_bad_record_is_told_as_pydantic_tells_it(
    specs: list[ColumnSpec], data: st.DataObject
) -> None:
    contract = contract_of(**{f"c{index}": column for index, column in enumerate(specs)})
    keys = data.draw(st.lists(st.sampled_from([*contract.columns, "extra"]), unique=True))
    record = {key: data.draw(json_values) for key in keys}
    told = told_of_a_record(contract, record)
    # Pydantic does not know that numbers beyond 2**53 are not exact.
    assume(not any(abs(value) > EXACT for value in record.values() if type(value) in (int, float)))
    # Seconds since 1970 as text are a time to pydantic alone.
    assume("not a time in ISO 8601" not in json.dumps(told))
    assert told == told_by_pydantic(model_of(contract), record)


ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@pytest.mark.parametrize(
    "document",
    [
        {"records": 7},
        {"records": None},
        {"records": ROW},
        {"records": [7, ROW, []]},
        {"records": [ROW, {**ROW, "sepal_width": "3"}, {}]},
        {"records": [{}] * 4},
        {"records": [ROW], "threshold": 0.5},
        {"records": 7, "threshold": 0.5, "limit": 1},
        {"records": [{**ROW, "colour": "blue"}], "threshold": 0.5},
    ],
)
def test_bad_rows_are_told_as_pydantic_tells_them(flowers: Bundle, document: Any) -> None:
    rows: Any = Annotated[list[model_of(flowers.contract)], Field(max_length=MAX_ROWS)]  # type: ignore[misc]
    model = create_model("Rows", __config__=STRICT, records=(rows, ...))
    assert told(Predictor(flowers, MAX_ROWS).predict, document) == told_by_pydantic(model, document)


@pytest.mark.parametrize("document", [7, None, "text", {}, [[]] * 4])
def test_a_bad_batch_is_told_as_pydantic_tells_it(flowers: Bundle, document: Any) -> None:
    rows = Annotated[list[dict[str, Any]], Field(max_length=MAX_ROWS)]
    batch = told(Predictor(flowers, MAX_ROWS).predict_batch, document)
    assert batch == told_by_pydantic(rows, document)


@pytest.mark.parametrize("document", [[], [ROW], 7, "text", True])
def test_a_body_that_is_no_object_is_told_as_pydantic_tells_it(
    flowers: Bundle, document: Any
) -> None:
    record = told_by_pydantic(model_of(flowers.contract), document)
    assert told(Predictor(flowers, MAX_ROWS).predict, document) == record


def test_the_limit_of_one_row_is_told_in_the_singular(flowers: Bundle) -> None:
    rows = Annotated[list[Any], Field(max_length=1)]
    assert told(Predictor(flowers, 1).predict_batch, [7, 7]) == told_by_pydantic(rows, [7, 7])


def told(work: Any, document: Any) -> list[Any]:
    with pytest.raises(RequestRefusedError) as caught:
        work(Request(json.dumps(document).encode(), {}, "id"))
    assert caught.value.status == 422
    problems: list[Any] = parse(json.dumps([one.to_json() for one in caught.value.detail]).encode())
    return problems
