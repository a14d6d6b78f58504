"""SageMaker's container contract beyond `/ping` and `/invocations`: models come and go."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct

from fairlead.errors import BundleError, StorageError
from fairlead.serving.openapi import NO_CONTROL as CONTROL_OFF
from fairlead.serving.openapi import NO_MODEL as NOT_SERVED
from fairlead.serving.openapi import TEXT, answers, body, fields, listed, refusals
from fairlead.serving.protocols.mlflow import refuse
from fairlead.serving.protocols.mlflow_schema import REFUSAL
from fairlead.serving.responses import NO_CONTROL, as_json
from fairlead.serving.service import Model, Service
from fairlead.serving.table import MODEL_NAME

PAGE = 100
"""Models that one answer lists."""
NO_MODEL = "no such model is served; GET /models lists them"
SERVED = fields(modelName=TEXT, modelUrl=TEXT)
PAGE_OF_MODELS = fields(models=listed(SERVED))
PAGE_OF_MODELS["properties"]["nextPageToken"] = TEXT
LOAD = body(
    fields(model_name={**TEXT, "pattern": f"^{MODEL_NAME.pattern}$"}, url={**TEXT, "minLength": 1})
)
LOADED = answers(
    "It is served",
    SERVED,
    refusals(
        REFUSAL,
        {
            400: "The body is something else, or the bundle is not sound",
            403: CONTROL_OFF,
            409: "A model of this name is served already",
            413: "The body is too large",
            507: "There is no room for another model",
        },
    ),
)
NO_LOAD = 'expected {"model_name": "a name", "url": "folder of a bundle"}'


class LoadRequest(Struct):
    """Body of `POST /models`."""

    model_name: str
    url: str


def sagemaker_routes(service: Service) -> APIRouter:
    """`/models`: what is served, and whether another model may be."""
    router = APIRouter(prefix="/models", tags=["SageMaker"], default_response_class=Response)
    _add_lists(router, service)
    _add_control(router, service)
    return router


def _add_lists(router: APIRouter, service: Service) -> None:
    @router.get("", name="sagemaker_models", responses=answers("What is served", PAGE_OF_MODELS))
    async def models(next_page_token: str = "") -> Response:
        """The models by name, 100 at a time."""
        served: Mapping[str, Model] = service.models
        names = sorted(name for name in served if name > next_page_token)
        page: dict[str, Any] = {"models": [_document(served[name]) for name in names[:PAGE]]}
        if len(names) > PAGE:
            page["nextPageToken"] = names[PAGE - 1]
        return as_json(page)

    @router.get(
        "/{name}",
        name="sagemaker_model",
        responses=answers("It is served", SERVED, refusals(REFUSAL, {404: NOT_SERVED})),
    )
    async def model(name: str) -> Response:
        """Whether a model is served, and from which folder."""
        found = service.models.get(name)
        return _refused(404, NO_MODEL) if found is None else as_json(_document(found))


def _add_control(router: APIRouter, service: Service) -> None:
    controlled = service.settings.model_control

    @router.post(
        "",
        name="sagemaker_load",
        responses=LOADED,
        openapi_extra=LOAD,
        include_in_schema=controlled,
    )
    async def load(request: Request) -> Response:
        """Serve a bundle under a name; answers when it is served."""
        if not service.settings.model_control:
            return _refused(403, NO_CONTROL)
        try:
            asked = msgspec.json.decode(await request.body(), type=LoadRequest)
        except (ValueError, RecursionError):
            return _refused(400, NO_LOAD)
        if not asked.url or MODEL_NAME.fullmatch(asked.model_name) is None:
            return _refused(400, NO_LOAD)
        if asked.model_name in service.models:
            return _refused(409, "a model of this name is served already")
        return await _load(service, asked)

    @router.delete(
        "/{name}",
        name="sagemaker_unload",
        responses=answers(
            "It is served no longer",
            fields(modelName=TEXT),
            refusals(REFUSAL, {403: CONTROL_OFF, 404: NOT_SERVED}),
        ),
        include_in_schema=controlled,
    )
    async def unload(name: str) -> Response:
        """Serve a model no longer."""
        if not service.settings.model_control:
            return _refused(403, NO_CONTROL)
        try:
            await service.unload(name)
        except KeyError:
            return _refused(404, NO_MODEL)
        return as_json({"modelName": name})


async def _load(service: Service, asked: LoadRequest) -> Response:
    """Load a model, or leave nothing of it behind."""
    name = asked.model_name
    try:
        await service.load(name, Path(asked.url))
    except BundleError as error:
        return _refused(400, str(error))
    except (MemoryError, StorageError):
        await _forget(service, name)
        return _refused(507, "there is no room for another model; unload one")
    if name not in service.models:
        await _forget(service, name)
        return _refused(400, "the bundle is not sound; the service's log says why")
    return as_json(_document(service.models[name]))


async def _forget(service: Service, name: str) -> None:
    # What could not be loaded now is not to come back by itself.
    with suppress(KeyError, MemoryError, StorageError):
        await service.unload(name)


def _document(model: Model) -> dict[str, str]:
    url = model.primary.predictor.bundle.path
    return {"modelName": model.name, "modelUrl": str(url)}


def _refused(status: int, reason: str) -> Response:
    return Response(refuse(status, reason), status, media_type="application/json")
