"""`/invocations` in the OpenAPI document; the examples are golden rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from fairlead.serving.exchange import Answer, Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.protocols.mlflow import FORMS, PARQUET, invocations
from fairlead.serving.protocols.tables import CSV, to_csv
from fairlead.serving.schema import EXAMPLE_ROWS, OWN_TROUBLES, JsonSchema, request_schemas

CELLS: dict[type, Callable[[Any], Any]] = {type(None): lambda _: "", bool: lambda v: str(v).lower()}
TEXT: JsonSchema = {"type": "string"}
BINARY: JsonSchema = {"type": "string", "format": "binary"}
_KEYS = ["error_code", "message", "sqlstate", "error_class"]
REFUSAL: JsonSchema = {
    "type": "object",
    "properties": dict.fromkeys(_KEYS, TEXT),
    "required": _KEYS,
}
REFUSALS = {
    "400": "The body is not of the protocol, or breaks the contract",
    "413": "The body is too large",
    "415": "The body is of another type, or a Parquet file where pyarrow is not installed",
    **OWN_TROUBLES,
}


def invocations_operation(predictor: Predictor) -> JsonSchema:
    """`openapi_extra` of `POST /invocations`."""
    names = list(predictor.rows.names)
    records = predictor.bundle.golden()["records"][: min(EXAMPLE_ROWS, predictor.max_rows)]
    rows = [[record[name] for name in names] for record in records]
    bodies = {
        "dataframe_split": {"dataframe_split": {"columns": names, "data": rows}},
        "dataframe_records": {"dataframe_records": records},
        "instances": {"instances": rows},
        "inputs": {"inputs": {name: [record[name] for record in records] for name in names}},
        "record": records[0],
    }
    answers = {"golden": _answer(predictor, bodies["dataframe_split"])}
    if predictor.bundle.contract.classes:
        asked = {"dataframe_records": records, "params": {"probabilities": True}}
        bodies["probabilities"] = asked
        answers["probabilities"] = _answer(predictor, asked)
    table = to_csv([names, *([_cell(value) for value in row] for row in rows)]).decode()
    answer = _ask(predictor, bodies["dataframe_split"], {b"accept": CSV.encode()})
    return {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": _media(_request_schema(predictor), bodies),
                CSV: _media(TEXT, {"golden": table}),
                PARQUET: {"schema": BINARY},
            },
        },
        "responses": {
            "200": {
                "description": "Scored",
                "content": {
                    "application/json": _media(_response_schema(predictor), answers),
                    CSV: _media(TEXT, {"golden": answer.body.decode()}),
                },
            },
            **{
                status: {
                    "description": text,
                    "content": {"application/json": {"schema": REFUSAL}},
                }
                for status, text in REFUSALS.items()
            },
        },
    }


def _ask(predictor: Predictor, body: Any, headers: dict[bytes, bytes]) -> Answer:
    return invocations(predictor, Request(msgspec.json.encode(body), headers, ""))


def _answer(predictor: Predictor, body: Any) -> Any:
    return msgspec.json.decode(_ask(predictor, body, {}).body)


def _cell(value: Any) -> Any:
    return CELLS.get(type(value), lambda same: same)(value)


def _media(schema: JsonSchema, examples: dict[str, Any]) -> JsonSchema:
    shown = {name: {"summary": name, "value": value} for name, value in examples.items()}
    return {"schema": schema, "examples": shown}


def _request_schema(predictor: Predictor) -> JsonSchema:
    """One of the forms with its rows, or a single record; other keys are left aside."""
    schemas = request_schemas(predictor.bundle, predictor.max_rows)
    # Unlike at /predict, columns that the contract does not have are left aside.
    record = {**schemas["Record"], "additionalProperties": True}
    features = {"$ref": "#/components/schemas/Features"}
    bounds = {"minItems": 1, "maxItems": predictor.max_rows}
    records, lists = ({"type": "array", "items": items, **bounds} for items in (record, features))
    free = {"type": "array", "items": {"type": "array"}, **bounds}
    split = {
        "type": "object",
        "description": "Without `columns` the values are in the contract's order.",
        "properties": {
            "columns": {"type": "array", "items": TEXT},
            "index": {"type": "array"},
            "data": free,
        },
        "required": ["data"],
        "additionalProperties": False,
    }
    columns = {"type": "object", "description": "Column -> a list of values, or one value."}
    shapes = (split, records, {"anyOf": [records, lists]}, {"anyOf": [records, lists, columns]})
    forms = [
        {"type": "object", "properties": {form: shape}, "required": [form]}
        for form, shape in zip(FORMS, shapes, strict=True)
    ]
    return {"anyOf": [*forms, record]}


def _response_schema(predictor: Predictor) -> JsonSchema:
    contract = predictor.bundle.contract
    kinds: list[JsonSchema] = [{"type": ["number", "null"]}]
    if contract.classes:
        share = {"type": "number", "minimum": 0, "maximum": 1}
        by_class = {
            "type": "object",
            "properties": dict.fromkeys(contract.classes, share),
            "required": list(contract.classes),
        }
        kinds = [{"type": "string", "enum": list(contract.classes)}, by_class]
    predictions = {"type": "array", "items": {"anyOf": kinds}}
    return {
        "type": "object",
        "properties": {"predictions": predictions},
        "required": ["predictions"],
    }
