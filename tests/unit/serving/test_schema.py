from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fairlead.bundle.reading import Bundle
from fairlead.project.columns import ColumnSpec
from fairlead.serving.predictor import Predictor
from fairlead.serving.rows import RowReader, RowRefusedError
from fairlead.serving.schema import column_schema, request_schemas

HOUSE = {
    "age": 30,
    "rooms": 12,
    "income": 3.5,
    "distance": 0.5,
    "ocean": "INLAND",
    "agent": "web",
    "garden": True,
    "sold": "2024-01-01",
}
json_values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-60, 60),
    st.floats(-60, 60),
    st.sampled_from([30.0, "30", "web", "agent", [], {}]),
)


def validator(document: dict[str, Any], schema: dict[str, Any]) -> Draft202012Validator:
    return Draft202012Validator({**schema, "components": document["components"]})


def operations(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [(path, document["paths"][path]["post"]) for path in ("/predict", "/predict_batch")]


@pytest.mark.parametrize("client", ["flowers_client", "houses_client"])
def test_every_example_of_a_request_works_and_gets_an_answer_of_the_schema(
    client: str, request: pytest.FixtureRequest
) -> None:
    service: TestClient = request.getfixturevalue(client)
    document = service.get("/openapi.json").json()
    for path, operation in operations(document):
        sent = operation["requestBody"]["content"]["application/json"]
        got = operation["responses"]["200"]["content"]["application/json"]
        for example in sent["examples"].values():
            assert validator(document, sent["schema"]).is_valid(example["value"])
            answer = service.post(path, json=example["value"])
            assert answer.status_code == 200
            validator(document, got["schema"]).validate(answer.json())
            assert answer.json() in [example["value"] for example in got["examples"].values()]


def test_a_refusal_is_of_the_schema(houses_client: TestClient) -> None:
    document = houses_client.get("/openapi.json").json()
    for path, operation in operations(document):
        schema = operation["responses"]["422"]["content"]["application/json"]["schema"]
        answer = houses_client.post(path, json={"age": 99})
        assert answer.status_code == 422
        validator(document, schema).validate(answer.json())


def test_a_batch_with_a_bad_row_is_of_the_schema(houses_client: TestClient) -> None:
    document = houses_client.get("/openapi.json").json()
    content = document["paths"]["/predict_batch"]["post"]["responses"]["200"]["content"]
    answer = houses_client.post("/predict_batch", json=[HOUSE, {}])
    validator(document, content["application/json"]["schema"]).validate(answer.json())


# Times are left out: JSON Schema's `format` is only a note.
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(
        st.sampled_from([name for name in HOUSE if name != "sold"]), json_values, max_size=2
    ),
    absent=st.none() | st.sampled_from(list(HOUSE)),
)
def test_what_the_schema_admits_is_accepted_and_what_it_refuses_is_not(
    houses_predictor: Predictor, changes: dict[str, Any], absent: str | None
) -> None:
    record = {name: value for name, value in (HOUSE | changes).items() if name != absent}
    schema = request_schemas(houses_predictor.bundle, 100)["Record"]
    admitted = Draft202012Validator(schema).is_valid(record)
    # Categories are the one leniency: the text of a number is read, but not of 30.0, which is a
    # whole number to JSON Schema.
    lenient = isinstance(changes.get("ocean"), int) or isinstance(changes.get("agent"), float)
    assert admitted == accepts(houses_predictor.rows, record) or lenient


def accepts(reader: RowReader, record: dict[str, Any]) -> bool:
    try:
        reader.record(record, ("body",))
    except RowRefusedError:
        return False
    return True


@pytest.fixture
def houses_predictor(houses: Bundle) -> Predictor:
    return Predictor(houses, max_rows=10_000)


def test_a_column_tells_its_unit_and_meaning_and_what_happens_to_outliers() -> None:
    column = ColumnSpec(
        type="number", min=0, max=15, outliers="clip", unit="USD", description="Income of all."
    )
    schema = column_schema(column, "income")
    assert "minimum" not in schema
    assert schema["description"] == (
        "Income of all. Unit: USD. A value outside 0 to 15 is moved to the bound."
    )


def test_a_nullable_category_admits_null_in_its_list() -> None:
    column = ColumnSpec(type="category", values=("a", "b"), nullable=True)
    schema = column_schema(column, "c")
    assert (schema["type"], schema["enum"]) == (["string", "null"], ["a", "b", None])


def test_a_whole_number_that_a_double_cannot_hold_is_outside_the_schema() -> None:
    schema = column_schema(ColumnSpec(type="integer", min=1), "rooms")
    assert (schema["minimum"], schema["maximum"]) == (1, 2**53)


def test_the_schema_tells_the_most_rows_of_a_request(houses_predictor: Predictor) -> None:
    schemas = request_schemas(houses_predictor.bundle, 100)
    assert schemas["RecordsRequest"]["properties"]["records"]["maxItems"] == 100
    assert schemas["FeaturesRequest"]["properties"]["features"]["maxItems"] == 100
