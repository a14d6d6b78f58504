"""KServe's protocol v1: predictions for a list of instances."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import APIRouter, Response

from fairlead.serving.errors import Problem, RequestRefusedError
from fairlead.serving.exchange import Answer, Request
from fairlead.serving.openapi import (
    FLAG,
    NO_MODEL,
    STOPPING,
    TEXT,
    answers,
    fields,
    listed,
    refusals,
)
from fairlead.serving.predictor import Predictor, parse
from fairlead.serving.protocols.open_inference import REFUSAL, operation
from fairlead.serving.protocols.open_inference import refuse as refuse
from fairlead.serving.responses import as_json
from fairlead.serving.rows import not_a_list, not_an_object
from fairlead.serving.schema import EXAMPLE_ROWS
from fairlead.serving.service import Service
from fairlead.serving.values import Location

READY = fields(name=TEXT, ready=FLAG)


def predict_v1(predictor: Predictor, request: Request) -> Answer:
    """Answer `POST /v1/models/{name}:predict`: `instances` are records, or lists of values.

    Raises:
        RequestRefusedError: 400, the body is not of the protocol, or a row breaks the contract.
    """
    document = parse(request.body)
    if not isinstance(document, dict):
        raise RequestRefusedError(400, (not_an_object(("body",)),))
    instances = document.get("instances")
    if not isinstance(instances, list):
        raise RequestRefusedError(400, (not_a_list(("instances",)),))
    if len(instances) > predictor.max_rows:
        msg = f"List should have at most {predictor.max_rows} rows"
        raise RequestRefusedError(400, (Problem("too_long", ("instances",), msg),))
    rows = predictor.rows

    def either(instance: Any, loc: Location) -> list[float]:
        read = rows.features if isinstance(instance, list) else rows.record
        return read(instance, loc)

    kinds = set(map(type, instances))
    read = rows.features if kinds == {list} else rows.record if kinds == {dict} else either
    result = rows.many(read, instances, ())
    if result.refused:
        raise RequestRefusedError(400, result.problems)
    scores = predictor.bundle.score(result.X) if len(result.X) else None
    predictions = [] if scores is None else scores.prediction.tolist()
    body = msgspec.json.encode({"predictions": predictions})
    return Answer(body, result.X, scores, numbers=result.accepted)


def v1_operation(predictor: Predictor) -> dict[str, Any]:
    """`openapi_extra` of `POST /v1/models/{name}:predict`; the examples are golden rows."""
    contract = predictor.bundle.contract
    example = {
        "instances": predictor.bundle.golden()["records"][: min(EXAMPLE_ROWS, predictor.max_rows)]
    }
    answer = predict_v1(predictor, Request(msgspec.json.encode(example), {}, ""))
    component = "#/components/schemas/"
    instance = {"anyOf": [{"$ref": f"{component}Record"}, {"$ref": f"{component}Features"}]}
    prediction: dict[str, Any] = {"type": ["number", "null"]}
    if contract.classes:
        prediction = {"type": "string", "enum": list(contract.classes)}
    return operation(
        (_list_of("instances", instance, predictor.max_rows), "Records", example),
        (
            _list_of("predictions", prediction, predictor.max_rows),
            "To records",
            msgspec.json.decode(answer.body),
        ),
    )


def kserve_v1_routes(service: Service) -> APIRouter:
    """What is served, in the words of the protocol."""
    router = APIRouter(prefix="/v1/models", tags=["KServe v1"], default_response_class=Response)

    @router.get(
        "", name="v1_models", responses=answers("What is served", fields(models=listed(TEXT)))
    )
    async def models() -> Response:
        """The names of the models."""
        return as_json({"models": list(service.models)})

    @router.get(
        "/{name}",
        name="v1_model",
        responses=answers(
            "It answers",
            READY,
            refusals(REFUSAL, {404: NO_MODEL}) | refusals(READY, {503: STOPPING}),
        ),
    )
    async def model(name: str) -> Response:
        """Whether a model answers; 503 while stopping."""
        if name not in service.models:
            return _unknown()
        return as_json({"name": name, "ready": service.ready}, 200 if service.ready else 503)

    # A model that is served is answered before FastAPI is asked.
    @router.post("/{name}:predict", name="v1_predict", include_in_schema=False)
    async def predict(name: str) -> Response:
        """Say that there is no such model."""
        del name
        return _unknown()

    return router


def _unknown() -> Response:
    return Response(refuse(404, "no such model is served"), 404, media_type="application/json")


def _list_of(key: str, items: dict[str, Any], most: int) -> dict[str, Any]:
    rows = {"type": "array", "items": items, "maxItems": most}
    return {"type": "object", "properties": {key: rows}, "required": [key]}
