from __future__ import annotations

import json
from functools import partial
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle
from fairlead.data.contract import Contract
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.answers import AnswerWriter
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.operations import refuse
from fairlead.serving.predictor import Predictor, parse
from fairlead.serving.rows import RowReader
from fairlead.serving.typed_rows import Form, TypedBodies

MAX_ROWS = 5
GOOD = {
    "age": ["30", "30.0", "0", "-0", "52", "3e1"],
    "rooms": ["7", "null", "3000.0"],
    "income": ["8.3252", "15.5", "-0.0", "1e-400", "9007199254740991"],
    "distance": ["-2.5", "0", "1e15"],
    "ocean": ['"INLAND"', '" INLAND\\t"', '"NEAR\\u0020BAY"', '"<1H OCEAN"'],
    "agent": ['"web"', '"caf\\u00e9"', '"cafe\\u0301"', '"nobody"', "null", '"\\ud83d\\ude00"'],
    "garden": ["true", "false"],
    "sold": ['"2024-02-29"', '"2024-01-01T00:00:00+02:00"', "null", '" 20240101T10 "'],
}
ODD = [
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1" + "0" * 400, "9" * 4500),
    *("9007199254740992", "9007199254740993", "-9007199254740993", "9007199254740992.0", "1e300"),
    *("18446744073709551616", "30.5", "53", "-1", "0.1e1", "01", "+1", ".5", "1.", "-", "1E+2"),
    *("null", "true", "1", '"5"', '"1"', '"true"', '"inland"', '""', '"2023-02-29"', '"\\ud800"'),
    *("[]", "{}", "[1]", '{"a": 1}', "[" * 300 + "]" * 300, '"\t"', '"\\q"', '"\x7f"', "nul", ""),
]
KEYS = [*GOOD, "extra", "records", "features", "\\u0061ge", "AGE", ""]


@st.composite
def records(draw: st.DrawFn) -> str:
    """The text of an object, mostly a good record."""
    members = [(name, draw(st.sampled_from(texts))) for name, texts in GOOD.items()]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        key = draw(st.sampled_from(KEYS))
        members.insert(draw(st.integers(0, len(members))), (key, draw(st.sampled_from(ODD))))
    members = [one for one in members if draw(st.integers(0, 60))]
    if draw(st.booleans()):
        members.reverse()
    space = draw(st.sampled_from(["", " ", "\n\t", "\r"]))
    return "{" + ",".join(f'{space}"{key}"{space}:{value}' for key, value in members) + "}"


@st.composite
def lists(draw: st.DrawFn) -> str:
    """The text of a list of values, mostly a good row."""
    values = [draw(st.sampled_from(texts)) for texts in GOOD.values()]
    for _ in range(draw(st.sampled_from([0, 0, 0, 1]))):
        values[draw(st.integers(0, len(values) - 1))] = draw(st.sampled_from(ODD))
    return "[" + ",".join(values[: draw(st.sampled_from([8, 8, 8, 8, 8, 7]))]) + "]"


def several(row: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.lists(row | row | row | st.sampled_from(ODD), max_size=MAX_ROWS + 1).map(
        lambda rows: "[" + ", ".join(rows) + "]"
    )


@st.composite
def bodies(draw: st.DrawFn) -> bytes:
    """A body in any form, sometimes with a byte too few, too many or changed."""
    forms = [("records", several(records())), ("features", several(lists()))]
    chosen = draw(st.sampled_from(["one", "list", 0, 1, 0, 1, "both"]))
    if chosen == "one":
        text = draw(records())
    elif chosen == "list":
        text = draw(several(records()))
    else:
        parts = forms if chosen == "both" else [forms[int(chosen)]]
        members = [f'"{key}": {draw(rows)}' for key, rows in parts]
        members += draw(st.sampled_from([[], [], [], ['"extra": 1'], ['"records": []']]))
        text = "{" + ",".join(members) + "}"
    body = text.encode("utf-8", "surrogatepass")
    if draw(st.integers(0, 3)) or not body:
        return draw(st.sampled_from([b"", b" ", b"\n"])) + body
    at = draw(st.integers(0, len(body) - 1))
    return body[:at] + draw(st.binary(max_size=1)) + body[at + draw(st.integers(0, 1)) :]


def outcome(work: Any, *arguments: Any) -> tuple[Any, ...]:
    """All that an answer or a refusal holds, comparable bit for bit."""
    try:
        answer: Answer = work(*arguments)
    except RequestRefusedError as refused:
        return refused.status, refuse(refused.status, refused.detail)
    scores = answer.scores
    return (
        answer.body,
        answer.X.shape,
        answer.X.tobytes(),
        answer.refused,
        None if scores is None else scores.prediction.tobytes(),
    )


def by_value(predictor: Predictor, body: bytes) -> Answer:
    """What `predict` answers to what it cannot read in one step."""
    X, single = predictor._read(body)
    return predictor._answer_one(X) if single else predictor._answer_many(X)


@settings(max_examples=400, deadline=None)
@given(body=bodies())
def test_a_body_is_answered_as_if_it_were_read_value_by_value(houses: Bundle, body: bytes) -> None:
    predictor = Predictor(houses, MAX_ROWS)
    request = Request(body, {}, "id")
    assert outcome(predictor.predict, request) == outcome(partial(by_value, predictor), body)
    assert outcome(predictor.predict_batch, request) == outcome(
        predictor._read_and_predict_batch, body
    )


@pytest.mark.parametrize("name", ["records", "features"])
def test_a_body_is_a_record_where_a_column_is_called_as_a_form(name: str) -> None:
    contract = Contract("regression", {name: ColumnSpec(type="number")}, TargetSpec(name="y"))
    typed = TypedBodies(contract, RowReader(contract).usual, MAX_ROWS)
    body = f'{{"{name}": 3}}'.encode()
    assert typed.form(body) == "record"
    assert same(typed.read(body, "record"), np.array([[3.0]]))


column_specs = (
    st.builds(
        ColumnSpec,
        type=st.sampled_from(["number", "integer"]),
        min=st.none() | st.integers(-3, 0),
        max=st.none() | st.integers(0, 3),
        outliers=st.sampled_from(["clip", "reject"]),
        nullable=st.booleans(),
        missing=st.sampled_from([None, "reject"]),
    )
    | st.builds(
        ColumnSpec,
        type=st.sampled_from(["boolean", "datetime"]),
        nullable=st.booleans(),
        missing=st.sampled_from([None, "reject"]),
    )
    | st.builds(
        ColumnSpec,
        type=st.just("category"),
        values=st.just(("INLAND", "café", "1", "true")),
        nullable=st.booleans(),
        missing=st.sampled_from([None, "reject"]),
        unknown=st.sampled_from(["flag", "reject"]),
    )
)
texts = st.sampled_from([text for some in GOOD.values() for text in some] + ODD)


@settings(max_examples=300, deadline=None)
@given(column=column_specs, text=texts)
def test_a_row_that_is_read_in_one_step_is_the_row_of_the_reader(
    column: ColumnSpec, text: str
) -> None:
    contract = Contract("regression", {"c": column}, TargetSpec(name="y"))
    reader = RowReader(contract)
    body = f'{{"c": {text}}}'.encode()
    X = TypedBodies(contract, reader.usual, MAX_ROWS).read(body, "record")
    assert X is None or same(X, np.array([reader.record(parse(body), ("body",))]))


@pytest.mark.parametrize("form", ["records", "features", "list"])
@pytest.mark.parametrize("count", [1, 2, MAX_ROWS])
def test_golden_rows_are_read_in_one_step(houses: Bundle, form: Form, count: int) -> None:
    rows = houses.golden()["records"][:count]
    expected = houses.encode(rows)
    if form == "features":
        rows = [list(row.values()) for row in rows]
    body = json.dumps(rows if form == "list" else {form: rows}).encode()
    assert same(read(houses, body, form), expected)


def test_each_golden_record_is_read_in_one_step(houses: Bundle) -> None:
    rows = houses.golden()["records"]
    encoded = [read(houses, json.dumps(row).encode(), "record") for row in rows]
    assert same(np.vstack([one for one in encoded if one is not None]), houses.encode(rows))


def test_whole_numbers_with_a_point_are_read_in_one_step(houses: Bundle) -> None:
    row = dict(houses.golden()["records"][0], age=30.0)
    X = read(houses, json.dumps(row).encode(), "record")
    assert X is not None
    assert X[0, 0] == 30.0


@pytest.mark.parametrize("literal", ["9007199254740992", "9007199254740993", "30.5", "null"])
def test_an_unusual_number_is_left_to_the_reader(houses: Bundle, literal: str) -> None:
    row = dict(houses.golden()["records"][0], age="AGE")
    body = json.dumps(row).replace('"AGE"', literal).encode()
    assert read(houses, body, "record") is None


names = st.lists(st.text(min_size=1, max_size=4), min_size=2, max_size=3, unique=True)


@settings(max_examples=100, deadline=None)
@given(classes=names, probabilities=st.lists(st.floats(0, 1), min_size=3, max_size=3))
def test_an_answer_is_the_json_of_its_document(
    classes: list[str], probabilities: list[float]
) -> None:
    row = probabilities[: len(classes)]
    prediction = np.array([classes[0]], object)
    scores = Scores(prediction, np.array([row]))
    writer = AnswerWriter(classes)
    named = dict(zip(classes, row, strict=True))
    one = {"prediction": classes[0], "probabilities": named}
    assert parse(writer.one(scores)) == one
    assert parse(writer.many(scores)) == {
        "predictions": [classes[0]],
        "probabilities": [named],
    }
    assert parse(writer.batch(writer.results(scores), 0))["results"] == [one]


def read(bundle: Bundle, body: bytes, form: Form) -> NDArray[np.float64] | None:
    reader = RowReader(bundle.contract)
    return TypedBodies(bundle.contract, reader.usual, MAX_ROWS).read(body, form)


def same(X: NDArray[np.float64] | None, expected: NDArray[np.float64]) -> bool:
    return X is not None and X.shape == expected.shape and X.tobytes() == expected.tobytes()
