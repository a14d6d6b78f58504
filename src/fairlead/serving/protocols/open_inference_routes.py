"""Open Inference Protocol v2: health, metadata, and the repository of models."""

from __future__ import annotations

from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from msgspec import Struct

from fairlead.errors import BundleError
from fairlead.serving.openapi import (
    FLAG,
    STOPPING,
    TEXT,
    answers,
    body,
    fields,
    listed,
    refusals,
)
from fairlead.serving.openapi import NO_CONTROL as CONTROL_OFF
from fairlead.serving.openapi import NO_MODEL as NOT_SERVED
from fairlead.serving.protocols.open_inference import REFUSAL, inputs_of, outputs_of, refuse
from fairlead.serving.protocols.tensors import Parameters
from fairlead.serving.responses import NO_CONTROL, as_json
from fairlead.serving.service import Model, Service
from fairlead.serving.table import MODEL_NAME

PLATFORM = "fairlead_onnx"
TAG = "Open Inference Protocol v2"
NO_MODEL = "no such model is served; GET /v2/models lists them"
NO_NAME = "a name has at most 128 letters, digits, dots, hyphens and underscores"
NO_VERSION = "no such version of the model is served; its metadata list them"


NOT_FOUND = refusals(REFUSAL, {404: NOT_SERVED})
TENSORS = listed(fields(name=TEXT, datatype=TEXT, shape=listed({"type": "integer"})))
METADATA = answers(
    "Its inputs and outputs",
    fields(name=TEXT, versions=listed(TEXT), platform=TEXT, inputs=TENSORS, outputs=TENSORS),
    NOT_FOUND,
)
READY = fields(name=TEXT, ready=FLAG)
MODEL_READY = answers("It answers", READY, NOT_FOUND | refusals(READY, {503: STOPPING}))
STATES = fields(name=TEXT, version=TEXT, state={"enum": ["READY", "UNAVAILABLE"]}, reason=TEXT)
INDEX = answers(
    "What is served",
    listed(STATES),
    refusals(REFUSAL, {400: "The body is something else", 413: "The body is too large"}),
)
ASKED = {"type": "object", "properties": {"ready": {"type": ["boolean", "null"]}}}
ASK_INDEX = body(ASKED, required=False, ready={"ready": True}, all={})
CONTROLLED = {
    400: "The body is something else, or the bundle is not sound",
    403: CONTROL_OFF,
    404: NOT_SERVED,
    413: "The body is too large",
}
ASK_LOAD = body(
    {
        "type": "object",
        "properties": {
            "parameters": {
                "type": "object",
                "description": "`path`, or `config` with the text of an object that has it: the "
                "folder of a bundle. Without either, what was unloaded is served again.",
                "properties": {"path": TEXT, "config": TEXT},
            }
        },
    },
    required=False,
)


class IndexRequest(Struct):
    """Body of `POST /v2/repository/index`."""

    ready: bool | None = None


class ControlRequest(Struct):
    """Body of `load` and `unload`: `path`, or `config` with a JSON object that has one."""

    parameters: Parameters | None = None

    @property
    def path(self) -> Path | None:
        """The folder of the bundle; None to load again what was unloaded.

        Raises:
            ValueError: neither a path nor absent.
        """
        parameters = self.parameters or {}
        path: Any = parameters.get("path")
        config = parameters.get("config")
        if path is None and config is not None:
            document = msgspec.json.decode(config) if isinstance(config, str) else None
            path = document.get("path") if isinstance(document, dict) else config
        if path is not None and not (isinstance(path, str) and path):
            raise ValueError("path should be the folder of a bundle")
        return None if path is None else Path(path)


def open_inference_routes(service: Service) -> APIRouter:
    """What is served and whether it is well, in the words of the protocol."""
    router = APIRouter(prefix="/v2", tags=[TAG], default_response_class=Response)
    _add_health(router, service)
    _add_models(router, service)
    _add_repository(router, service)
    return router


def _add_health(router: APIRouter, service: Service) -> None:
    @router.get(
        "",
        name="v2",
        responses=answers("What answers", fields(name=TEXT, version=TEXT, extensions=listed(TEXT))),
    )
    async def server() -> Response:
        """What answers, and which extensions it knows."""
        extensions = ["binary_tensor_data"]
        if service.settings.model_control:
            extensions.append("model_repository")
        version = installed("fairlead")
        return as_json({"name": "fairlead", "version": version, "extensions": extensions})

    @router.get("/health/live", name="v2_live", responses=answers("It runs", fields(live=FLAG)))
    async def live() -> Response:
        """The process runs."""
        return as_json({"live": True})

    @router.get(
        "/health/ready",
        name="v2_ready",
        responses=answers(
            "It is ready", fields(ready=FLAG), refusals(fields(ready=FLAG), {503: STOPPING})
        ),
    )
    async def ready() -> Response:
        """Every model passed its golden rows and requests are welcome; 503 while stopping."""
        return as_json({"ready": service.ready}, _status(service))


def _add_models(router: APIRouter, service: Service) -> None:
    @router.get(
        "/models",
        name="v2_models",
        responses=answers("What is served", fields(models=listed(TEXT))),
    )
    async def models() -> Response:
        """The names of the models."""
        return as_json({"models": list(service.models)})

    def metadata(name: str, version: str | None) -> Response:
        found = _find(service, name, version)
        if isinstance(found, str):
            return _refused(404, found)
        return as_json(_metadata(found, version))

    def readiness(name: str, version: str | None) -> Response:
        found = _find(service, name, version)
        if isinstance(found, str):
            return _refused(404, found)
        return as_json({"name": name, "ready": service.ready}, _status(service))

    @router.get("/models/{name}", name="v2_model", responses=METADATA)
    async def model(name: str) -> Response:
        """Inputs and outputs of a model: one input for each column."""
        return metadata(name, None)

    @router.get("/models/{name}/versions/{version}", name="v2_model_version", responses=METADATA)
    async def model_version(name: str, version: str) -> Response:
        """The same of a version."""
        return metadata(name, version)

    @router.get("/models/{name}/ready", name="v2_model_ready", responses=MODEL_READY)
    async def model_ready(name: str) -> Response:
        """Whether a model answers; 503 while stopping."""
        return readiness(name, None)

    @router.get(
        "/models/{name}/versions/{version}/ready",
        name="v2_model_version_ready",
        responses=MODEL_READY,
    )
    async def model_version_ready(name: str, version: str) -> Response:
        """The same of a version."""
        return readiness(name, version)

    # A model that is served is answered before FastAPI is asked.
    @router.post("/models/{name}/infer", include_in_schema=False)
    @router.post("/models/{name}/versions/{version}/infer", include_in_schema=False)
    async def infer(name: str, version: str | None = None) -> Response:
        """Say that there is no such model."""
        found = _find(service, name, version)
        return _refused(404, found if isinstance(found, str) else NO_MODEL)


def _add_repository(router: APIRouter, service: Service) -> None:
    controlled = service.settings.model_control

    @router.post(
        "/repository/index", name="v2_repository_index", responses=INDEX, openapi_extra=ASK_INDEX
    )
    async def index(request: Request) -> Response:
        """Each version that is served, and its state."""
        try:
            asked = msgspec.json.decode(await request.body() or b"{}", type=IndexRequest)
        except (ValueError, RecursionError):
            return _refused(400, 'expected {"ready": true or false}')
        state, reason = ("READY", "") if service.ready else ("UNAVAILABLE", "the service stops")
        listed = [
            {"name": name, "version": label, "state": state, "reason": reason}
            for name, model in service.models.items()
            for label in model.deployments
        ]
        return as_json(listed if service.ready or not asked.ready else [])

    @router.post(
        "/repository/models/{name}/load",
        name="v2_repository_load",
        responses=answers(
            "It is served", fields(name=TEXT, load=FLAG), refusals(REFUSAL, CONTROLLED)
        ),
        openapi_extra=ASK_LOAD,
        include_in_schema=controlled,
    )
    async def load(name: str, request: Request) -> Response:
        """Serve a bundle, or serve again what was unloaded; answers when it is served."""
        if not service.settings.model_control:
            return _refused(403, NO_CONTROL)
        try:
            asked = msgspec.json.decode(await request.body() or b"{}", type=ControlRequest)
            path = asked.path
        except (ValueError, RecursionError):
            return _refused(400, 'expected {"parameters": {"path": "folder of a bundle"}}')
        if path is not None and MODEL_NAME.fullmatch(name) is None:
            return _refused(400, NO_NAME)
        try:
            await service.load(name, path)
        except BundleError as error:
            return _refused(400, str(error))
        except KeyError:
            return _refused(404, "no such model was unloaded; name the folder of a bundle as path")
        return as_json({"name": name, "load": True})

    @router.post(
        "/repository/models/{name}/unload",
        name="v2_repository_unload",
        responses=answers(
            "It is served no longer",
            fields(name=TEXT, unload=FLAG),
            refusals(REFUSAL, {403: CONTROL_OFF, 404: NOT_SERVED}),
        ),
        include_in_schema=controlled,
    )
    async def unload(name: str) -> Response:
        """Serve a model no longer, until it is loaded again."""
        if not service.settings.model_control:
            return _refused(403, NO_CONTROL)
        try:
            await service.unload(name)
        except KeyError:
            return _refused(404, NO_MODEL)
        return as_json({"name": name, "unload": True})


def _find(service: Service, name: str, version: str | None) -> Model | str:
    """A served model that has the version, if one is asked for; or why there is none."""
    model = service.models.get(name)
    if model is None:
        return NO_MODEL
    if version is not None and version not in model.deployments:
        return NO_VERSION
    return model


def _metadata(model: Model, version: str | None) -> dict[str, Any]:
    deployment = model.primary if version is None else model.deployments[version]
    contract = deployment.predictor.bundle.contract
    return {
        "name": model.name,
        "versions": list(model.deployments),
        "platform": PLATFORM,
        "inputs": inputs_of(contract),
        "outputs": outputs_of(contract),
    }


def _status(service: Service) -> int:
    return 200 if service.ready else 503


def _refused(status: int, reason: str) -> Response:
    return Response(refuse(status, reason), status, media_type="application/json")
