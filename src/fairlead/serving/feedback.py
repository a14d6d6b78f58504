"""The routes that take labels: what became of a prediction, once that is known."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response

from fairlead.data.contract import Contract
from fairlead.errors import StorageError
from fairlead.serving.bodies import is_json
from fairlead.serving.errors import (
    RequestRefusedError,
    not_json,
    overloaded,
    unsupported_media_type,
)
from fairlead.serving.label_log import LabelLog
from fairlead.serving.labels import VISIBLE, LabelLine, LabelReader, label_column
from fairlead.serving.openapi import COMPONENT, COUNT, TEXT, answers, body, fields, listed, refusals
from fairlead.serving.responses import as_json
from fairlead.serving.routes import model_of
from fairlead.serving.schema import JsonSchema, column_schema
from fairlead.serving.service import Model, Service

PATHS = ("/feedback", "/models/{name}/feedback")
NOWHERE = (
    "labels are kept beside the predictions that they are of, and this service logs none: "
    "set FAIRLEAD_PREDICTION_LOG"
)
UNWRITABLE = "the labels could not be written; none of them is kept, send them again later"
INLINE_BYTES = 1024
"""A larger body is checked in a thread: a label takes up to 30 µs, and predictions wait for it."""
EXAMPLE_ID = "9d3f1c7a5b2e4860"


def feedback_routes(service: Service) -> APIRouter:
    """The routes; each answers 404 where there is no prediction log."""
    router = APIRouter(default_response_class=Response, include_in_schema=False)
    # The routes are made anew with each generation of models.
    readers: dict[str, LabelReader] = {}

    @router.post(PATHS[0])
    async def feedback(request: Request) -> Response:
        return await _take(service, None, request, readers)

    @router.post(PATHS[1])
    async def named_feedback(name: str, request: Request) -> Response:
        return await _take(service, name, request, readers)

    return router


async def _take(
    service: Service, name: str | None, request: Request, readers: dict[str, LabelReader]
) -> Response:
    """Answer when the labels are on the disk; the event loop never waits for that."""
    model, writer = model_of(service, name), service.labels
    if writer is None:
        raise RequestRefusedError(404, NOWHERE)
    declared = request.headers.get("content-type")
    if declared is not None and not is_json(declared.encode("latin-1")):
        raise unsupported_media_type()
    text = await request.body()
    if writer.is_full:
        raise overloaded()
    most = service.settings.max_rows
    count = service.recorder.count
    reader = readers.get(model.name)
    if reader is None:
        contract = model.primary.predictor.bundle.contract
        reader = readers.setdefault(model.name, LabelReader(contract, classes_of(model)))
    try:
        if len(text) > INLINE_BYTES:
            lines = await asyncio.to_thread(_read, reader, writer, text, most)
        else:
            lines = _read(reader, writer, text, most)
    except RequestRefusedError:
        count("labels", model=model.name, outcome="refused")
        raise
    task = model.primary.predictor.bundle.contract.task
    try:
        await asyncio.wrap_future(writer.add(model.name, task, lines))
    except StorageError:
        count("labels", len(lines), model=model.name, outcome="unwritable")
        raise RequestRefusedError(503, UNWRITABLE) from None
    count("labels", len(lines), model=model.name, outcome="received")
    return as_json({"accepted": len(lines)})


def _read(reader: LabelReader, writer: LabelLog, text: bytes, most: int) -> list[LabelLine]:
    try:
        sent = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise not_json(str(error)) from None
    number = len(sent["labels"]) if isinstance(sent, dict) and _is_list(sent) else 1
    return reader.read(sent, most, writer.times(number))


def _is_list(sent: Mapping[str, Any]) -> bool:
    return isinstance(sent.get("labels"), list)


def classes_of(model: Model) -> tuple[str, ...]:
    """The classes of all versions that are served: any of them may have been predicted."""
    contracts = [each.predictor.bundle.contract for each in model.deployments.values()]
    return tuple(dict.fromkeys(label for each in contracts for label in each.classes))


def feedback_operations(
    service: Service, models: Mapping[str, Model], default: str | None
) -> dict[str, tuple[str, JsonSchema]]:
    """Path -> model, and how labels are sent there; nothing where they cannot be kept."""
    if service.settings.prediction_log is None:
        return {}
    most = service.settings.max_rows
    found = {
        PATHS[1].format(name=name): (name, _described(model, most, f"models_{name}_feedback"))
        for name, model in models.items()
    }
    if default is not None:
        found[PATHS[0]] = (default, _described(models[default], most, "feedback"))
    return found


def _described(model: Model, most: int, operation_id: str) -> JsonSchema:
    contract = model.primary.predictor.bundle.contract
    one = _label_schema(contract, classes_of(model))
    several = {**fields(labels={**listed(one), "minItems": 1, "maxItems": most})}
    several["additionalProperties"] = False
    example = {"prediction_id": EXAMPLE_ID, "label": _example(contract)}
    told = answers(
        "The labels are on the disk",
        fields(accepted=COUNT),
        {
            **refusals({"$ref": f"{COMPONENT}Problems"}, {400: "The body is not JSON"}),
            **refusals(
                fields(detail=TEXT),
                {
                    404: "There is no such model, or no prediction log to keep labels in",
                    413: "The body is too large",
                    415: "The body is declared to be something other than JSON",
                    503: "The disk refuses the labels, or is too slow; none is kept",
                },
            ),
            **refusals(
                {"$ref": f"{COMPONENT}Problems"},
                {422: "A label breaks the contract; none of the request is kept"},
            ),
        },
    )
    return {
        "summary": "Take the truth about predictions; answered when it is on the disk.",
        "operationId": operation_id,
        **body(
            {"anyOf": [one, several]},
            one={**example, "time": "2026-11-24T12:00:00Z"},
            several={"labels": [{**example, "prediction_id": f"{EXAMPLE_ID}-0"}]},
        ),
        "responses": {str(status): each for status, each in told.items()},
    }


def _label_schema(contract: Contract, classes: tuple[str, ...]) -> JsonSchema:
    schema = fields(
        prediction_id={**TEXT, "pattern": f"^{VISIBLE.pattern}$"},
        label=column_schema(label_column(contract, classes), "label"),
    )
    schema["properties"]["time"] = {"type": ["string", "null"], "format": "date-time"}
    schema["additionalProperties"] = False
    return schema


def _example(contract: Contract) -> str | float:
    """A label that the contract takes."""
    if contract.classes:
        return contract.classes[0]
    low, high = contract.target.min, contract.target.max
    return low if low is not None else high if high is not None else 1.5
