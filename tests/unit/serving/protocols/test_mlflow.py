from __future__ import annotations

import importlib
import io
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from fairlead.bundle.mlflow_loader import Model
from fairlead.bundle.reading import Bundle
from fairlead.serving.errors import Problem, RequestRefusedError
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.protocols.mlflow import answers_csv, invocations, mlflow_routes, refuse
from fairlead.serving.protocols.mlflow_schema import invocations_operation
from fairlead.serving.protocols.tables import MAX_PARQUET_BYTES
from fairlead.serving.schema import request_schemas
from fairlead.serving.table import Table
from fairlead.settings import Settings

CSV = {b"content-type": b"text/csv"}
PARQUET = {b"content-type": b"application/vnd.apache.parquet"}
FLOWER = [5.1, 3.5, 1.4, 0.2]
FLOWER_COLUMNS = ["sepal_length", "sepal_width", "petal_length", "petal_width"]
HOUSE: dict[str, Any] = {
    "age": 30,
    "rooms": None,
    "income": 3.5,
    "distance": 0.5,
    "ocean": "INLAND",
    "agent": "café",
    "garden": True,
    "sold": "2024-01-01T12:00:00",
}


def answer(bundle: Bundle, body: Any, headers: Any = None, max_rows: int = 1000) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return invocations(Predictor(bundle, max_rows), Request(content, headers or {}, "r-1"))


def predictions(bundle: Bundle, body: Any, headers: Any = None) -> Any:
    document = json.loads(answer(bundle, body, headers).body)
    assert list(document) == ["predictions"]
    return document["predictions"]


def refused(
    bundle: Bundle, body: Any, headers: Any = None, max_rows: int = 1000
) -> tuple[int, dict[str, str]]:
    with pytest.raises(RequestRefusedError) as caught:
        answer(bundle, body, headers, max_rows)
    return caught.value.status, json.loads(refuse(caught.value.status, caught.value.detail))


def message(bundle: Bundle, body: Any, headers: Any = None, max_rows: int = 1000) -> str:
    status, document = refused(bundle, body, headers, max_rows)
    assert status == 400
    return document["message"]


def parquet(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def golden_forms(bundle: Bundle) -> dict[str, Any]:
    records = bundle.golden()["records"]
    names = list(bundle.contract.columns)
    rows = [[record[name] for name in names] for record in records]
    backwards = [row[::-1] for row in rows]
    columns = {name: [record[name] for record in records] for name in names}
    return {
        "split": {"dataframe_split": {"columns": names, "data": rows}},
        "split with an index": {
            "dataframe_split": {"columns": names, "data": rows, "index": list(range(len(rows)))}
        },
        "split in another order": {"dataframe_split": {"columns": names[::-1], "data": backwards}},
        "split without columns": {"dataframe_split": {"data": rows}},
        "records": {"dataframe_records": records},
        "instances": {"instances": records},
        "instances as lists": {"instances": rows},
        "inputs": {"inputs": records},
        "inputs as lists": {"inputs": rows},
        "inputs as columns": {"inputs": columns},
    }


@pytest.mark.parametrize(
    ("body", "headers", "numbers"),
    [
        (dict(zip(FLOWER_COLUMNS, FLOWER, strict=True)), None, None),
        ({"inputs": dict(zip(FLOWER_COLUMNS, FLOWER, strict=True))}, None, None),
        ({"inputs": {name: [value] for name, value in zip(FLOWER_COLUMNS, FLOWER, strict=True)}},
         None, range(1)),
        ({"inputs": [FLOWER]}, None, range(1)),
        ({"dataframe_split": {"data": [FLOWER, FLOWER]}}, None, range(2)),
        (b"5.1,3.5,1.4,0.2\n", CSV, range(1)),
        (b"5.1,3.5,1.4,0.2\n", {**CSV, b"accept": b"text/csv"}, range(1)),
    ],
)  # fmt: skip
def test_rows_have_their_places_and_a_single_record_has_none(
    flowers: Bundle, body: Any, headers: Any, numbers: range | None
) -> None:
    assert answer(flowers, body, headers).numbers == numbers


@pytest.mark.parametrize("name", ["flowers", "houses"])
@pytest.mark.parametrize(
    "form",
    [
        "split",
        "split with an index",
        "split in another order",
        "split without columns",
        "records",
        "instances",
        "instances as lists",
        "inputs",
        "inputs as lists",
        "inputs as columns",
    ],
)
def test_every_form_is_scored_with_the_bits_of_the_bundle(
    request: pytest.FixtureRequest, name: str, form: str
) -> None:
    bundle = request.getfixturevalue(name)
    body = golden_forms(bundle)[form]
    assert predictions(bundle, body) == bundle.golden()["prediction"]


def test_a_value_for_each_column_is_one_record(houses: Bundle) -> None:
    expected = predictions(houses, {"dataframe_records": [HOUSE]})
    assert predictions(houses, {"inputs": HOUSE}) == expected
    assert predictions(houses, HOUSE) == expected


def test_other_columns_and_other_keys_are_left_aside(houses: Bundle) -> None:
    expected = predictions(houses, {"dataframe_records": [HOUSE]})
    names, values = [*HOUSE, "id"], [*HOUSE.values(), 7]
    columns = {name: [value] for name, value in zip(names, values, strict=True)}
    bodies = [
        {"dataframe_records": [HOUSE | {"id": 7}], "signature_name": "x"},
        {"dataframe_split": {"columns": ["id", *HOUSE], "data": [[7, *HOUSE.values()]]}},
        {"inputs": columns},
        {"inputs": columns | {"id": 7}},
        HOUSE | {"id": 7},
    ]
    assert [predictions(houses, body) for body in bodies] == [expected] * len(bodies)


def test_a_nullable_column_may_be_absent(houses: Bundle) -> None:
    expected = predictions(houses, {"dataframe_records": [HOUSE]})
    present = {name: value for name, value in HOUSE.items() if name != "rooms"}
    split = {"columns": list(present), "data": [list(present.values())]}
    assert predictions(houses, {"dataframe_split": split}) == expected
    assert predictions(houses, {"inputs": {name: [v] for name, v in present.items()}}) == expected


def test_a_classifier_answers_with_probabilities_on_request(flowers: Bundle) -> None:
    body = {"instances": [FLOWER], "params": {"probabilities": True, "unknown": 3}}
    (row,) = predictions(flowers, body)
    record = dict(zip(flowers.contract.columns, FLOWER, strict=True))
    assert list(row) == ["setosa", "versicolor", "virginica"]
    assert list(row.values()) == flowers.predict_proba([record])[0].tolist()


@pytest.mark.parametrize("params", [None, {}, {"probabilities": False}, {"threshold": 0.9}])
def test_without_the_parameter_a_classifier_answers_with_labels(
    flowers: Bundle, params: Any
) -> None:
    assert predictions(flowers, {"instances": [FLOWER], "params": params}) == ["setosa"]


@pytest.mark.parametrize("params", [3, {"probabilities": True}, {"probabilities": "yes"}])
def test_a_regression_has_no_parameters_and_looks_at_none(houses: Bundle, params: Any) -> None:
    expected = predictions(houses, {"dataframe_records": [HOUSE]})
    assert predictions(houses, {"dataframe_records": [HOUSE], "params": params}) == expected


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ([], "params: Input should be an object"),
        ({"probabilities": 1}, "params.probabilities: Input should be true or false"),
    ],
)
def test_a_parameter_of_the_wrong_type_is_refused(flowers: Bundle, params: Any, told: str) -> None:
    assert refused(flowers, {"instances": [FLOWER], "params": params}) == (
        400,
        {
            "error_code": "INVALID_PARAMETER_VALUE",
            "message": told,
            "sqlstate": "KAM00",
            "error_class": "INVALID_PARAMETER_VALUE",
        },
    )


@pytest.mark.parametrize("name", ["flowers", "houses"])
def test_the_answers_are_those_of_the_bundle_in_mlflow(
    request: pytest.FixtureRequest, name: str
) -> None:
    bundle = request.getfixturevalue(name)
    records = bundle.golden()["records"]
    frame = pd.DataFrame(records, columns=list(bundle.contract.columns), dtype=object)
    expected = Model(bundle.path).predict(frame).tolist()
    assert predictions(bundle, {"dataframe_records": records}) == expected


def test_the_probabilities_are_those_of_the_bundle_in_mlflow(flowers: Bundle) -> None:
    records = flowers.golden()["records"]
    params = {"probabilities": True}
    expected = Model(flowers.path).predict(pd.DataFrame(records), params).to_dict("records")
    assert predictions(flowers, {"dataframe_records": records, "params": params}) == expected


def test_nan_is_null_as_mlflows_client_writes_it(houses: Bundle) -> None:
    expected = predictions(houses, {"dataframe_records": [HOUSE]})
    body = json.dumps({"dataframe_records": [HOUSE | {"rooms": float("nan")}]}).encode()
    assert b"NaN" in body
    assert predictions(houses, body) == expected


def test_nan_in_a_text_stays_a_text(houses: Bundle) -> None:
    told = message(houses, {"dataframe_records": [HOUSE | {"ocean": "NaN"}]})
    assert told.startswith("row 0, column ocean: Input should be '<1H OCEAN'")


@pytest.mark.parametrize(
    ("column", "value", "told"),
    [
        ("age", 30.5, "Input should be a valid integer, got a number with a fractional part"),
        ("age", "30", "Input should be a valid integer"),
        ("age", True, "Input should be a valid integer"),
        ("age", None, "Input should be a valid integer"),
        ("age", float("nan"), "Input should be a valid integer"),
        ("age", 2**53 + 1, "Input should be less than or equal to 52"),
        ("income", "3.5", "Input should be a valid number"),
        ("income", float("inf"), "Input should be a finite number"),
        ("garden", 1, "Input should be a valid boolean"),
        ("ocean", "secret", "Input should be '<1H OCEAN', 'INLAND' or 'NEAR BAY'"),
        ("sold", 5, "Input should be a valid datetime"),
    ],
)
def test_nothing_is_cast_with_a_loss(houses: Bundle, column: str, value: Any, told: str) -> None:
    status, document = refused(houses, {"dataframe_records": [HOUSE, HOUSE | {column: value}]})
    assert (status, document) == (
        400,
        {
            "error_code": "INVALID_PARAMETER_VALUE",
            "message": f"row 1, column {column}: {told}",
            "sqlstate": "KAM01",
            "error_class": "SCHEMA_ENFORCEMENT_FAILED",
        },
    )


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_split": {"columns": ["petal_width", "sepal_width"], "data": [[1, 2]]}},
        {"inputs": {"petal_width": [1], "sepal_width": [2]}},
    ],
)
def test_absent_columns_are_told_once(flowers: Bundle, body: Any) -> None:
    assert message(flowers, body) == (
        "column sepal_length: Field required; column petal_length: Field required"
    )


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "the body is not JSON: EOF"),
        (b"{bad", "the body is not JSON: key must be"),
        (b'{"instances": [[NaN, "\xff"]]}', "the body is not JSON: "),
        ([], "expected a JSON object with one of dataframe_split, dataframe_records"),
        (3, "expected a JSON object"),
        ({}, "expected one of dataframe_split, dataframe_records, instances, inputs; found none"),
        ({"inputs": [], "instances": []}, "expected one of "),
        ({"messages": []}, "expected one of "),
        ({"dataframe_records": {}}, "dataframe_records should be a list of rows"),
        ({"instances": 3}, "instances should be a list of rows"),
        ({"inputs": 3}, "inputs should be a list of rows"),
        ({"dataframe_split": []}, "dataframe_split should be an object with data"),
        ({"dataframe_split": {"columns": []}}, "dataframe_split should be an object with data"),
        ({"dataframe_split": {"data": [], "dtype": 1}}, "dataframe_split should be an object"),
        ({"dataframe_split": {"data": {}}}, "dataframe_split: data should be a list"),
        ({"dataframe_split": {"data": [FLOWER], "index": []}}, "dataframe_split: index should"),
        ({"dataframe_split": {"data": [FLOWER], "columns": [1]}}, "dataframe_split: columns"),
        ({"dataframe_split": {"data": [FLOWER], "columns": "ab"}}, "dataframe_split: columns"),
        (
            {"inputs": {"petal_width": [1], "sepal_width": [1, 2]}},
            "inputs: the columns should be lists of the same length",
        ),
        (
            {"inputs": {"petal_width": [1], "sepal_width": 1}},
            "inputs: the columns should be lists of the same length",
        ),
        (
            {"dataframe_split": {"data": [[1, 2]], "columns": ["petal_width", "petal_width"]}},
            "more than one column is called petal_width",
        ),
    ],
)
def test_a_body_that_is_not_of_the_protocol_is_refused(
    flowers: Bundle, body: Any, told: str
) -> None:
    status, document = refused(flowers, body)
    assert document["message"].startswith(told)
    kind = (status, document["error_code"], document["error_class"])
    assert kind == (400, "BAD_REQUEST", "INVALID_PARAMETER_VALUE")


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ({"dataframe_records": [3]}, "row 0: Input should be a valid dictionary"),
        ({"instances": [FLOWER, {}]}, "row 1: Input should be a valid list"),
        ({"instances": [FLOWER, [1]]}, "row 1: Row should have 4 values"),
        (
            {"dataframe_split": {"columns": ["a", "b"], "data": [[1, 2]]}},
            "column sepal_length: Field required",
        ),
        (
            {
                "dataframe_split": {
                    "columns": ["sepal_length", "sepal_width", "petal_length", "petal_width"],
                    "data": [FLOWER, [1, 2, 3], 7],
                }
            },
            "row 1: Row should have 4 values, one for each column; row 2: Input should be a valid",
        ),
    ],
)
def test_a_row_of_the_wrong_shape_is_named(flowers: Bundle, body: Any, told: str) -> None:
    assert message(flowers, body).startswith(told)


@pytest.mark.parametrize(
    "body",
    [
        {"dataframe_records": []},
        {"dataframe_split": {"data": []}},
        {"instances": []},
        {"inputs": []},
        {"inputs": {"sepal_length": []}},
    ],
)
def test_a_request_without_rows_is_refused(flowers: Bundle, body: Any) -> None:
    assert message(flowers, body) == "the request has no rows"


@pytest.mark.parametrize(
    "form", ["split", "records", "instances", "inputs as lists", "inputs as columns"]
)
def test_too_many_rows_are_refused_unread(flowers: Bundle, form: str) -> None:
    body = golden_forms(flowers)[form]
    assert message(flowers, body, max_rows=2).startswith("the request has more than 2 rows")


def test_of_very_many_problems_the_first_are_told(flowers: Bundle) -> None:
    told = message(flowers, {"dataframe_records": [{}] * 50})
    assert told.count("Field required") == 100
    assert told.endswith("; and 100 more")


@pytest.mark.parametrize(
    "declared", [b"application/json", b"Application/JSON; Charset=UTF-8", b"", b"application/json;"]
)
def test_json_may_be_declared_in_any_case_or_not_at_all(flowers: Bundle, declared: bytes) -> None:
    headers = {b"content-type": declared}
    assert predictions(flowers, {"instances": [FLOWER]}, headers) == ["setosa"]


@pytest.mark.parametrize(
    "declared",
    [
        b"text/plain",
        b"application/x-www-form-urlencoded",
        b"text/csv; charset=latin-1",
        b"application/json; charset=utf-16",
        b"nonsense",
    ],
)
def test_any_other_type_is_refused(flowers: Bundle, declared: bytes) -> None:
    status, document = refused(flowers, b"", {b"content-type": declared})
    assert (status, document["error_code"]) == (415, "BAD_REQUEST")


def test_csv_is_read_by_the_types_of_the_columns(houses: Bundle) -> None:
    body = (
        "sold,garden,agent,ocean,distance,income,rooms,age,note\n"
        '2024-01-01T12:00:00,True,café,"INLAND",.5,35e-1,,30,"a, ""b""\nc"\n'
        "\n"
        "2024-01-01T12:00:00,false,café,INLAND,0.5,3.5,NaN,30.0,\n"
    ).encode("utf-8-sig")
    headers = {b"content-type": b"Text/CSV; charset=utf-8"}
    expected = {"dataframe_records": [HOUSE, HOUSE | {"garden": False}]}
    assert predictions(houses, body, headers) == predictions(houses, expected)


def test_what_pandas_writes_as_csv_is_read(houses: Bundle) -> None:
    records = houses.golden()["records"]
    frame = pd.DataFrame(records, columns=list(houses.contract.columns), dtype=object)
    body = frame.to_csv(index=False).encode()
    assert predictions(houses, body, CSV) == houses.golden()["prediction"]


def test_csv_without_a_header_is_in_the_contracts_order(flowers: Bundle) -> None:
    assert predictions(flowers, b"5.1,3.5,1.4,0.2\r\n7.7,2.6,6.9,2.3", CSV) == [
        "setosa",
        "virginica",
    ]


@pytest.mark.parametrize("header", [True, False])
@pytest.mark.parametrize("agent", ["age", "agent", "sold", "web"])
def test_a_category_may_be_called_as_a_column_is(houses: Bundle, agent: str, header: bool) -> None:
    row = f"30,,3.5,0.5,INLAND,{agent},true,2024-01-01T12:00:00\n"
    body = ",".join(houses.contract.columns) + "\n" + row if header else row
    expected = {"dataframe_records": [HOUSE | {"agent": agent}]}
    assert predictions(houses, body.encode(), CSV) == predictions(houses, expected)


def test_a_header_may_lack_the_columns_that_may_be_absent(houses: Bundle) -> None:
    body = b"age,income,distance,ocean,garden\n30,3.5,0.5,INLAND,true"
    expected = {name: HOUSE[name] for name in ("age", "income", "distance", "ocean", "garden")}
    assert predictions(houses, body, CSV) == predictions(houses, expected)


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        ({"dataframe_records": [HOUSE | {"sold": "NaT"}]}, {}),
        ({"instances": [[*(HOUSE | {"sold": "NaT"}).values()]]}, {}),
        ({"inputs": {name: [value] for name, value in HOUSE.items()} | {"sold": ["NaT"]}}, {}),
        (b"30,,3.5,0.5,INLAND,caf\xc3\xa9,True,NaT", CSV),
    ],
)
def test_nat_is_null_as_mlflows_client_writes_a_missing_time(
    houses: Bundle, body: Any, headers: Any
) -> None:
    expected = {"dataframe_records": [HOUSE | {"sold": None}]}
    assert predictions(houses, body, headers) == predictions(houses, expected)


def test_nat_in_a_text_stays_a_text(houses: Bundle) -> None:
    assert "ocean" in message(houses, {"dataframe_records": [HOUSE | {"ocean": "NaT"}]})


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        ("30.5,,3.5,1,INLAND,,true,", "row 0, column age: Input should be a valid integer, got"),
        (",,3.5,1,INLAND,,true,", "row 0, column age: Input should be a valid integer"),
        ("3_0,,3.5,1,INLAND,,true,", "row 0, column age: Input should be a valid integer"),
        ("٣,,3.5,1,INLAND,,true,", "row 0, column age: Input should be a valid integer"),
        ("30,,inf,1,INLAND,,true,", "row 0, column income: Input should be a finite number"),
        ("30,,3.5,secret,INLAND,,true,", "row 0, column distance: Input should be a valid number"),
        ("30,,3.5,1,INLAND,,1,", "row 0, column garden: Input should be a valid boolean"),
        ("30,9007199254740993,3.5,1,INLAND,,true,", "row 0, column rooms: Input should be a whole"),
        ("30,,3.5,1,INLAND,,true", "row 0: Row should have 8 values, one for each column"),
        ("age,income\n30,3.5", "column distance: Field required; column ocean: Field required"),
        ("age,age\n30,3.5", "more than one column is called age"),
        ("age,rooms", "the request has no rows"),
        ("", "the request has no rows"),
        ('"30', "the body is not CSV: unexpected end of data"),
        (f"{'9' * 200_000}", "the body is not CSV: field larger than field limit"),
    ],
)
def test_csv_that_breaks_the_contract_is_refused(houses: Bundle, cells: str, told: str) -> None:
    assert message(houses, cells.encode(), CSV).startswith(told)


def test_csv_that_is_not_utf8_is_refused(flowers: Bundle) -> None:
    assert message(flowers, b"\xff\xfe", CSV) == "the body is not UTF-8"


@pytest.mark.parametrize("header", [b"", b"sepal_length,sepal_width,petal_length,petal_width\n"])
def test_csv_has_the_same_limit_of_rows(flowers: Bundle, header: bytes) -> None:
    body = header + b"1,2,3,4\n" * 3
    assert answer(flowers, body, CSV, max_rows=3).X.shape == (3, 4)
    assert "more than 2 rows" in message(flowers, body, CSV, max_rows=2)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=200))
@pytest.mark.parametrize(
    "declared", [b"application/json", b"text/csv", b"application/vnd.apache.parquet"]
)
def test_any_bytes_are_answered_or_refused(houses: Bundle, declared: bytes, body: bytes) -> None:
    assert refused(houses, body, {b"content-type": declared})[0] == 400


def test_parquet_is_scored_with_the_bits_of_the_bundle(houses: Bundle) -> None:
    body = parquet(pa.Table.from_pylist(houses.golden()["records"]))
    assert predictions(houses, body, PARQUET) == houses.golden()["prediction"]


def test_parquet_may_hold_times_codes_and_other_columns(houses: Bundle) -> None:
    noon = datetime(2024, 1, 1, 12, tzinfo=UTC)
    table = pa.table(
        {
            "id": [[1, 2]],
            "sold": pa.array([noon], pa.timestamp("ns", "Europe/Paris")),
            "ocean": pa.array(["INLAND"]).dictionary_encode(),
            "agent": ["café"],
            "age": pa.array([30], pa.uint8()),
            "rooms": [float("nan")],
            "income": pa.array([3.5], pa.float32()),
            "distance": [0.5],
            "garden": [True],
        }
    )
    expected = predictions(houses, {"dataframe_records": [HOUSE]})
    assert predictions(houses, parquet(table), PARQUET) == expected


def test_parquet_that_breaks_the_contract_is_refused(houses: Bundle) -> None:
    table = pa.Table.from_pylist([HOUSE, HOUSE | {"age": 99}, HOUSE | {"garden": None}])
    assert message(houses, parquet(table), PARQUET) == (
        "row 1, column age: Input should be less than or equal to 52; "
        "row 2, column garden: Input should be a valid boolean"
    )


@pytest.mark.parametrize("value", [[1], {"a": 1}, pd.Timedelta(1).to_pytimedelta()])
def test_parquet_with_values_that_are_none_of_a_contract_is_refused(
    houses: Bundle, value: Any
) -> None:
    table = pa.Table.from_pylist([HOUSE | {"age": value}])
    assert message(houses, parquet(table), PARQUET).startswith("column age: Column should hold")


def test_parquet_without_a_column_is_refused(flowers: Bundle) -> None:
    body = parquet(pa.table({"petal_width": [1], "sepal_width": [1], "petal_length": [1]}))
    assert message(flowers, body, PARQUET) == "column sepal_length: Field required"


def test_parquet_has_the_same_limit_of_rows(flowers: Bundle) -> None:
    body = parquet(pa.Table.from_pylist(flowers.golden()["records"]))
    assert "more than 2 rows" in message(flowers, body, PARQUET, max_rows=2)


@pytest.mark.parametrize("dictionary", [False, True])
def test_parquet_that_unpacks_to_very_much_is_refused_unread(
    houses: Bundle, dictionary: bool
) -> None:
    text = pa.array(["x" * 2**20])
    chunk = pa.array([0] * (MAX_PARQUET_BYTES // 2**20 + 1), pa.int32())
    table = pa.Table.from_pylist([HOUSE] * len(chunk)).drop_columns("agent")
    table = table.append_column("agent", text.take(chunk))
    body = parquet(table, compression="zstd", use_dictionary=dictionary)
    status, document = refused(houses, body, PARQUET)
    assert (status, document["error_code"]) == (413, "BAD_REQUEST")
    assert len(body) < 2**20


def varint(number: int, size: int) -> bytes:
    """A whole number as Thrift writes it, in at least so many bytes."""
    number, octets = 2 * number, []
    while number or len(octets) < size:
        octets.append(number & 0x7F | 0x80)
        number >>= 7
    octets[-1] &= 0x7F
    return bytes(octets)


def with_false_footer(body: bytes, true: int, false: int) -> bytes:
    """A file whose footer has another number, wherever it has that one."""
    end = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    right = varint(true, 1)
    assert right in body[end:]
    return body[:end] + body[end:].replace(right, varint(false, len(right)))


def test_parquet_whose_footer_understates_its_pages_is_refused_unread(houses: Bundle) -> None:
    size = MAX_PARQUET_BYTES + 2**20
    table = pa.Table.from_pylist([HOUSE | {"agent": "x" * size}])
    body = parquet(table, compression="zstd", use_dictionary=False, write_statistics=False)
    facts = pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0)
    sizes = {facts.column(index).total_uncompressed_size for index in range(len(HOUSE))}
    body = with_false_footer(body, facts.total_byte_size, 100)
    body = with_false_footer(body, max(sizes), 10)
    assert pq.ParquetFile(io.BytesIO(body)).metadata.row_group(0).total_byte_size == 100
    status, document = refused(houses, body, PARQUET)
    assert (status, document["error_code"]) == (413, "BAD_REQUEST")


def test_parquet_whose_footer_understates_its_rows_is_refused_unread(houses: Bundle) -> None:
    body = parquet(pa.Table.from_pylist([HOUSE] * 5000), store_schema=False)
    end = len(body) - 8 - int.from_bytes(body[-8:-4], "little")
    at = body.index(varint(5000, 1), end)
    body = body[:at] + varint(1, 2) + body[at + 2 :]
    facts = pq.ParquetFile(io.BytesIO(body)).metadata
    assert (facts.num_rows, facts.row_group(0).num_rows) == (1, 5000)
    assert message(houses, body, PARQUET) == "the body is not a Parquet file that can be read"


def test_a_cut_parquet_file_is_refused(flowers: Bundle) -> None:
    body = parquet(pa.Table.from_pylist(flowers.golden()["records"]))
    assert message(flowers, body[:-100], PARQUET) == (
        "the body is not a Parquet file that can be read"
    )


def test_without_pyarrow_parquet_is_refused(
    flowers: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    status, document = refused(flowers, b"PAR1", PARQUET)
    assert status == 415
    assert "pyarrow" in document["message"]


@pytest.mark.parametrize(
    ("accept", "csv"),
    [
        (b"", False),
        (b"*/*", False),
        (b"application/json, text/csv", False),
        (b"image/png", False),
        (b"text/csv", True),
        (b"Text/CSV; charset=utf-8, application/json", True),
        (b"text/*", True),
        (b"image/png, text/csv, */*", True),
    ],
)
def test_what_is_accepted_first_is_answered(accept: bytes, csv: bool) -> None:
    assert answers_csv(accept) is csv


def test_csv_is_answered_on_request(flowers: Bundle) -> None:
    found = answer(flowers, {"instances": [FLOWER, FLOWER]}, {b"accept": b"text/csv"})
    assert (found.body, found.content_type) == (b"setosa\nsetosa\n", b"text/csv")


def test_numbers_in_csv_are_those_of_the_bundle(houses: Bundle) -> None:
    golden = houses.golden()
    body = {"dataframe_records": golden["records"]}
    lines = answer(houses, body, {b"accept": b"text/csv"}).body.split()
    assert [float(line) for line in lines] == golden["prediction"]


def test_probabilities_are_answered_as_csv(flowers: Bundle) -> None:
    body = {"instances": [FLOWER], "params": {"probabilities": True}}
    (line,) = answer(flowers, body, {b"accept": b"text/csv"}).body.splitlines()
    expected = list(predictions(flowers, body)[0].values())
    assert [float(cell) for cell in line.split(b",")] == expected


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BAD_REQUEST"),
        (403, "PERMISSION_DENIED"),
        (404, "RESOURCE_DOES_NOT_EXIST"),
        (405, "BAD_REQUEST"),
        (413, "BAD_REQUEST"),
        (415, "BAD_REQUEST"),
        (429, "RESOURCE_EXHAUSTED"),
        (500, "INTERNAL_ERROR"),
        (503, "TEMPORARILY_UNAVAILABLE"),
        (504, "DEADLINE_EXCEEDED"),
    ],
)
def test_an_error_has_mlflows_code(status: int, code: str) -> None:
    document = json.loads(refuse(status, "the reason"))
    assert list(document) == ["error_code", "message", "sqlstate", "error_class"]
    assert (document["error_code"], document["message"]) == (code, "the reason")


def test_a_value_of_the_request_is_never_repeated() -> None:
    body = refuse(400, (Problem("missing", ("body", 3, "age"), "Field required"),))
    assert json.loads(body)["message"] == "row 3, column age: Field required"


@pytest.fixture
def routes_of() -> Callable[[Any], TestClient]:
    """Speaks to the routes alone."""

    def make(service: Any) -> TestClient:
        app = FastAPI()
        app.include_router(mlflow_routes(service))
        return TestClient(app)

    return make


def test_ping_answers_an_empty_line(
    flowers_client: Any, routes_of: Callable[[Any], TestClient]
) -> None:
    found = routes_of(flowers_client.service).get("/ping")
    assert (found.status_code, found.content) == (200, b"\n")


def test_ping_says_when_the_service_stops(
    flowers_client: Any, routes_of: Callable[[Any], TestClient]
) -> None:
    flowers_client.service.draining = True
    assert routes_of(flowers_client.service).get("/ping").status_code == 503


def test_ping_says_when_nothing_is_served(
    client_of: Callable[..., Any], routes_of: Callable[[Any], TestClient]
) -> None:
    assert routes_of(client_of(Table({})).service).get("/ping").status_code == 503


def test_ping_is_answered_before_the_first_model_is_loaded_by_request(
    client_of: Callable[..., Any], routes_of: Callable[[Any], TestClient]
) -> None:
    service = client_of(Table({}), Settings(model_control=True)).service
    assert routes_of(service).get("/ping").status_code == 200
    service.draining = True
    assert routes_of(service).get("/ping").status_code == 503


@pytest.mark.parametrize("path", ["/invocations", "/models/a/invocations", "/models/a/invoke"])
def test_a_model_that_is_not_served_is_not_found(
    flowers_client: Any, routes_of: Callable[[Any], TestClient], path: str
) -> None:
    found = routes_of(flowers_client.service).post(path, json={"instances": []})
    assert found.status_code == 404
    assert found.json()["error_code"] == "RESOURCE_DOES_NOT_EXIST"


@pytest.mark.parametrize("name", ["flowers", "houses"])
def test_the_described_examples_work(request: pytest.FixtureRequest, name: str) -> None:
    bundle = request.getfixturevalue(name)
    operation = invocations_operation(Predictor(bundle, 1000))
    content = operation["requestBody"]["content"]
    schemas = {"components": {"schemas": request_schemas(bundle, 1000)}}
    validator = Draft202012Validator({**schemas, **content["application/json"]["schema"]})
    for example in content["application/json"]["examples"].values():
        validator.validate(example["value"])
        assert predictions(bundle, example["value"])
    table = content["text/csv"]["examples"]["golden"]["value"].encode()
    answers = operation["responses"]["200"]["content"]
    described = answers["application/json"]["examples"]["golden"]["value"]
    assert predictions(bundle, table, CSV) == described["predictions"]
    Draft202012Validator(answers["application/json"]["schema"]).validate(described)


@pytest.mark.slow
def test_mlflows_client_understands_both_sides(houses: Bundle) -> None:
    client = importlib.import_module("mlflow.deployments")
    bodies = importlib.import_module("mlflow.utils.proto_json_utils")
    golden = houses.golden()
    frame = pd.DataFrame(golden["records"], columns=list(houses.contract.columns))
    body = bodies.dump_input_data(frame).encode()
    found = client.PredictionsResponse.from_json(answer(houses, body).body.decode())
    assert found.get_predictions("ndarray").tolist() == golden["prediction"]
