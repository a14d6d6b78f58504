"""The OpenAPI document: what the routes' own descriptions need, and what is added to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from fairlead.serving.schema import JsonSchema, request_schemas, response_schemas
from fairlead.serving.service import Endpoint, Model

COMPONENT = "#/components/schemas/"
TOKEN: JsonSchema = {"type": "http", "scheme": "bearer"}

TEXT: JsonSchema = {"type": "string"}
FLAG: JsonSchema = {"type": "boolean"}
NUMBER: JsonSchema = {"type": "number"}
COUNT: JsonSchema = {"type": "integer", "minimum": 0}
ANY_OBJECT: JsonSchema = {"type": "object"}
NO_MODEL = "There is no such model"
NO_CONTROL = "Models are not loaded or unloaded by request here"
STOPPING = "Requests are not welcome: the service stops, or nothing is served"


def listed(items: JsonSchema) -> JsonSchema:
    """A list of such items."""
    return {"type": "array", "items": items}


def mapped(values: JsonSchema) -> JsonSchema:
    """An object with any keys and such values."""
    return {"type": "object", "additionalProperties": values}


def optional(schema: JsonSchema) -> JsonSchema:
    """The same, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def fields(**properties: JsonSchema) -> JsonSchema:
    """An object with at least these keys."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def content(schema: JsonSchema, **examples: Any) -> JsonSchema:
    """JSON of a schema, with examples by name."""
    media: JsonSchema = {"schema": schema}
    if examples:
        media["examples"] = {name: {"value": value} for name, value in examples.items()}
    return {"application/json": media}


def refusals(schema: JsonSchema, reasons: Mapping[int, str]) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: status -> why, all in one shape."""
    return {
        status: {"description": why, "content": content(schema)} for status, why in reasons.items()
    }


def answers(
    description: str, schema: JsonSchema, others: Mapping[int | str, dict[str, Any]] | None = None
) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: 200 with JSON of a schema, and others."""
    return {200: {"description": description, "content": content(schema)}, **(others or {})}


def body(schema: JsonSchema, *, required: bool = True, **examples: Any) -> dict[str, Any]:
    """`openapi_extra` of a route that reads JSON by itself."""
    return {"requestBody": {"required": required, "content": content(schema, **examples)}}


def complete(
    document: dict[str, Any],
    models: Mapping[str, Model],
    endpoints: Mapping[str, Endpoint],
    feedback: Mapping[str, tuple[str, JsonSchema]],
    max_rows: int,
) -> None:
    """Add what FastAPI does not know: the predictions, and what is served; take back its guesses.

    Args:
        document: made by FastAPI; changed in place.
        models: name -> model.
        endpoints: path -> what answers predictions there, and never reaches FastAPI.
        feedback: path -> the model whose labels are taken there, and how.
        max_rows: most rows of a request.
    """
    bodies = _bodies(next(iter(models.values()))) if models else {}
    for operations in document["paths"].values():
        for operation in operations.values():
            _correct(operation, models, bodies)
    components = document.setdefault("components", {})
    # The shapes of a validation that no route leaves to FastAPI.
    schemas = components["schemas"] = {}
    if any(path.startswith("/admin/") for path in document["paths"]):
        components["securitySchemes"] = {"token": TOKEN}
    for name, model in models.items():
        bundle = model.primary.predictor.bundle
        for title, schema in {
            **request_schemas(bundle, max_rows),
            **response_schemas(bundle),
        }.items():
            schemas[f"{name}.{title}"] = _scoped(schema, name)
    for path, endpoint in endpoints.items():
        name, operation = endpoint.model.name, endpoint.operation
        way = next(iter(endpoint.ways.values()))
        entry = {
            "tags": [name],
            "summary": operation.summary,
            "operationId": path.strip("/").replace("/", "_").replace(":", "_"),
            **_scoped(operation.describe(way.deployment.predictor), name),
        }
        document["paths"][path] = {"post": entry}
    for path, (name, described) in feedback.items():
        document["paths"][path] = {"post": {"tags": [name], **_scoped(described, name)}}


def _bodies(model: Model) -> dict[str, Any]:
    """Operation -> a body that works on that model."""
    folder = str(model.primary.predictor.bundle.path)
    routes = model.served.routes
    return {
        "sagemaker_load": {"model_name": f"{model.name}-2", "url": folder},
        "v2_repository_load": {"parameters": {"path": folder}},
        "set_traffic": {"weights": {name: route.weight for name, route in routes.items()}},
    }


def _correct(
    operation: dict[str, Any], models: Mapping[str, Model], bodies: Mapping[str, Any]
) -> None:
    """Drop FastAPI's own 422, which no text can cause, and give examples of what is served."""
    guessed = operation["responses"].get("422", {}).get("content", {})
    if "HTTPValidationError" in str(guessed):
        del operation["responses"]["422"]
    parameters = {each["name"]: each for each in operation.get("parameters", [])}
    names = list(models)
    example = bodies.get(operation["operationId"])
    if example is not None:
        sent = operation["requestBody"]["content"]["application/json"]
        sent["examples"] = {"served": {"value": example}}
        names = names[:1]
    if "version" in parameters:
        names = names[:1]
        labels = [label for name in names for label in models[name].deployments]
        parameters["version"]["examples"] = {label: {"value": label} for label in labels}
    if "name" in parameters:
        parameters["name"]["examples"] = {name: {"value": name} for name in names}


def _scoped(schema: dict[str, Any], model: str) -> dict[str, Any]:
    """The same, its references going to the schemas of one model."""
    text = msgspec.json.encode(schema)
    # Without its quotation marks; what must be escaped in JSON is.
    name = msgspec.json.encode(model)[1:-1]
    scoped = text.replace(f'"{COMPONENT}'.encode(), f'"{COMPONENT}'.encode() + name + b".")
    result: dict[str, Any] = msgspec.json.decode(scoped)
    return result
