"""The OpenAPI document's JSON Schemas and examples, made from a bundle's contract."""

from __future__ import annotations

from typing import Any

from fairlead.bundle.reading import Bundle
from fairlead.data.encoding import EXACT_INTEGERS
from fairlead.project.columns import ColumnSpec
from fairlead.serving.parameters import INTERVAL
from fairlead.serving.predictor import Predictor
from fairlead.serving.values import may_be_absent, plain

JsonSchema = dict[str, Any]

TYPES: dict[str, JsonSchema] = {
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "category": {"type": "string"},
    "datetime": {"type": "string", "format": "date-time"},
}
EXAMPLE_ROWS = 2
OWN_TROUBLES = {
    "500": "An error of the service; the log has more under the request's id",
    "503": "Too many large requests wait; Retry-After says when to come back",
    "504": "A large request was not answered in time",
}
"""Status -> what every prediction may be answered with through no fault of the caller's."""


def column_schema(column: ColumnSpec, title: str) -> JsonSchema:
    """One column: what it refuses as keywords, everything else as text."""
    schema: JsonSchema = {"title": title, **TYPES[column.type]}
    if column.type == "integer":
        schema |= {"minimum": -int(EXACT_INTEGERS), "maximum": int(EXACT_INTEGERS)}
    notes = [column.description.rstrip(".")] if column.description else []
    if column.unit:
        notes.append(f"Unit: {column.unit}")
    if column.outliers in ("reject", "drop"):
        if column.min is not None:
            schema["minimum"] = plain(column.min)
        if column.max is not None:
            schema["maximum"] = plain(column.max)
    elif column.min is not None or column.max is not None:
        kept = "moved to the bound" if column.outliers == "clip" else "kept and counted"
        low, high = ("…" if bound is None else plain(bound) for bound in (column.min, column.max))
        notes.append(f"A value outside {low} to {high} is {kept}")
    if column.type == "category":
        if column.unknown == "reject":
            schema["enum"] = list(column.values)
        else:
            # What is no text is read as its text; as a category of the list it would be unknown.
            schema["type"] = ["string", "integer", "boolean"]
            schema["examples"] = list(column.values)
            notes.append("Another category than the examples counts as unknown")
    if may_be_absent(column):
        types = schema["type"]
        schema["type"] = [*([types] if isinstance(types, str) else types), "null"]
        if "enum" in schema:
            schema["enum"].append(None)
    if notes:
        schema["description"] = ". ".join(notes) + "."
    return schema


def request_schemas(bundle: Bundle, max_rows: int) -> dict[str, JsonSchema]:
    """Component name -> schema of what the predict routes take."""
    contract = bundle.contract
    columns = {name: column_schema(column, name) for name, column in contract.columns.items()}
    required = [name for name, column in contract.columns.items() if not may_be_absent(column)]
    record: JsonSchema = {
        "title": "Record",
        "description": f"One row of {bundle.name}.",
        "type": "object",
        "properties": columns,
        "additionalProperties": False,
    }
    if required:
        record["required"] = required
    features: JsonSchema = {
        "title": "Features",
        "description": f"One row as a list, in this order: {', '.join(columns)}.",
        "type": "array",
        "prefixItems": list(columns.values()),
        "minItems": len(columns),
        "maxItems": len(columns),
    }
    return {
        "Record": record,
        "Features": features,
        "RecordsRequest": _object("RecordsRequest", records=_rows("Record", max_rows)),
        "FeaturesRequest": _object("FeaturesRequest", features=_rows("Features", max_rows)),
    }


def response_schemas(bundle: Bundle) -> dict[str, JsonSchema]:
    """Component name -> schema of what the predict routes answer."""
    contract = bundle.contract
    one: JsonSchema
    if contract.classes:
        one = {"type": "string", "enum": list(contract.classes)}
        share = {"type": "number", "minimum": 0, "maximum": 1}
        probabilities = _object("Probabilities", **dict.fromkeys(contract.classes, share))
        of_one = {"probabilities": probabilities}
        of_many = {"probabilities": _list(probabilities)}
    else:
        one, of_one, of_many = {"type": ["number", "null"]}, {}, {}
        unit = f", in {contract.target.unit}" if contract.target.unit else ""
        one["description"] = f"{contract.target.name}{unit}; null where it is not a finite number."
    problem = _object(
        "Problem",
        type={"type": "string"},
        loc=_list({"type": ["string", "integer"]}),
        msg={"type": "string"},
    )
    problem["properties"]["ctx"] = {"type": "object"}
    count = {"type": "integer", "minimum": 0}
    refused = _object("RefusedRow", errors=_list(_ref("Problem")))
    problems = _object("Problems", detail=_list(_ref("Problem")))
    problems["properties"]["omitted"] = count
    summary = _object("Summary", rows=count, scored=count, failed=count)
    prediction = _object("Prediction", prediction=one, **of_one)
    predictions = _object("Predictions", predictions=_list(one), **of_many)
    if bundle.coverage is not None:
        name, beside = _beside(bundle, one)
        prediction["properties"][name] = beside
        predictions["properties"][f"{name}s"] = _list(beside)
    return {
        "Prediction": prediction,
        "Predictions": predictions,
        "BatchAnswer": _object(
            "BatchAnswer", results=_list(_any(_ref("Prediction"), refused)), summary=summary
        ),
        "Problem": problem,
        "Problems": problems,
        "Refusal": _object("Refusal", detail={"type": "string"}),
    }


def _beside(bundle: Bundle, one: JsonSchema) -> tuple[str, JsonSchema]:
    """What `interval=true` adds to a prediction."""
    share = f"of {100 * (bundle.coverage or 0):g} % of rows like those of the training"
    if bundle.contract.classes:
        said = f"The predicted class and others; such sets hold the class {share}."
        return "set", {**_list(one), "minItems": 1, "description": said}
    ends = _list({"type": ["number", "null"]})
    said = f"Lower and upper end; such intervals hold the value {share}."
    return "interval", {**ends, "minItems": 2, "maxItems": 2, "description": said}


def _interval_parameter(bundle: Bundle) -> JsonSchema:
    what = "the set of classes" if bundle.contract.classes else "the prediction interval"
    said = f"Whether the answer has {what}, too."
    schema: JsonSchema = {"type": "boolean", "default": False}
    if bundle.coverage is None:
        said = "This model has no intervals or sets: true is refused with 422."
        schema["enum"] = [False]
    return {"name": INTERVAL, "in": "query", "description": said, "schema": schema}


def predict_operation(predictor: Predictor) -> JsonSchema:
    """`openapi_extra` of `POST /predict`."""
    golden = predictor.bundle.golden()
    records = golden["records"][:EXAMPLE_ROWS]
    names = predictor.rows.names
    features = [[record[name] for name in names] for record in records]
    scores = predictor.bundle.score(predictor.bundle.encode(records))
    many = predictor.many_document(scores)
    operation = _operation(
        _any(_ref("Record"), _ref("RecordsRequest"), _ref("FeaturesRequest")),
        {
            "record": ("One record", records[0]),
            "records": ("Several records", {"records": records}),
            "features": ("Several rows as lists", {"features": features}),
        },
        _any(_ref("Prediction"), _ref("Predictions")),
        {
            "record": ("To one record", predictor.documents(scores)[0]),
            "many": ("To several rows", many),
        },
    )
    return {"parameters": [_interval_parameter(predictor.bundle)], **operation}


def batch_operation(predictor: Predictor) -> JsonSchema:
    """`openapi_extra` of `POST /predict_batch`."""
    records = predictor.bundle.golden()["records"][:EXAMPLE_ROWS]
    results = predictor.documents(predictor.bundle.score(predictor.bundle.encode(records)))
    summary = {"rows": len(records), "scored": len(records), "failed": 0}
    return _operation(
        _rows("Record", predictor.max_rows),
        {"records": ("Several records", records)},
        _ref("BatchAnswer"),
        {"results": ("All rows scored", {"results": results, "summary": summary})},
    )


def _operation(
    request: JsonSchema,
    request_examples: dict[str, tuple[str, Any]],
    response: JsonSchema,
    response_examples: dict[str, tuple[str, Any]],
) -> JsonSchema:
    refusals = {
        "400": ("The body is not JSON", "Problems"),
        "413": ("The body is too large", "Refusal"),
        "415": ("The body is declared to be something other than JSON", "Refusal"),
        "422": ("The body breaks the contract", "Problems"),
        **{status: (text, "Refusal") for status, text in OWN_TROUBLES.items()},
    }
    return {
        "requestBody": {"required": True, "content": _content(request, request_examples)},
        "responses": {
            "200": {"description": "Scored", "content": _content(response, response_examples)},
            **{
                status: {"description": text, "content": _content(_ref(schema), {})}
                for status, (text, schema) in refusals.items()
            },
        },
    }


def _content(schema: JsonSchema, examples: dict[str, tuple[str, Any]]) -> JsonSchema:
    media: JsonSchema = {"schema": schema}
    if examples:
        media["examples"] = {
            name: {"summary": summary, "value": value}
            for name, (summary, value) in examples.items()
        }
    return {"application/json": media}


def _ref(name: str) -> JsonSchema:
    return {"$ref": f"#/components/schemas/{name}"}


def _list(items: JsonSchema) -> JsonSchema:
    return {"type": "array", "items": items}


def _rows(schema: str, most: int) -> JsonSchema:
    return {**_list(_ref(schema)), "maxItems": most}


def _any(*schemas: JsonSchema) -> JsonSchema:
    return {"anyOf": list(schemas)}


def _object(title: str, /, **properties: JsonSchema) -> JsonSchema:
    return {
        "title": title,
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
