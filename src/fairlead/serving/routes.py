"""Fairlead's own routes that are no predictions: HTTP in, one call, HTTP out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as installed

import msgspec
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.metrics import expose
from fairlead.serving.monitor import document, minutes
from fairlead.serving.responses import as_json
from fairlead.serving.service import Model, Service


def native_routes(service: Service) -> APIRouter:
    """What is served, how it is, and what it has seen."""
    router = APIRouter(default_response_class=Response)
    _add_information(router, service)
    _add_health(router, service)
    _add_monitoring(router, service)
    return router


def model_of(service: Service, name: str | None) -> Model:
    """A served model, the default one if none is named.

    Raises:
        RequestRefusedError: 404, there is none.
    """
    models: Mapping[str, Model] = service.models
    model = models.get(name or service.default or "")
    if model is None:
        raise unknown_model()
    return model


def unknown_model() -> RequestRefusedError:
    """404, no such model is served."""
    return RequestRefusedError(404, "no such model is served; GET /models lists them")


def _add_information(router: APIRouter, service: Service) -> None:
    @router.get("/", tags=["information"])
    async def root() -> Response:
        """What is served here, and where to read on."""
        served = {name: model.version_document() for name, model in service.models.items()}
        first = served.get(service.default or "", {})
        facts = {"fairlead": installed("fairlead"), **first, "models": list(served.values())}
        return as_json(
            {"service": "fairlead", **facts, "docs": "/docs", "openapi": "/openapi.json"}
        )

    @router.get("/model_info", tags=["information"])
    async def model_info() -> Response:
        """The public part of the manifest: contract, parameters, metrics, provenance."""
        return as_json(model_of(service, None).model_document())

    @router.get("/models/{name}/model_info", tags=["information"])
    async def named_model_info(name: str) -> Response:
        """The same of a named model."""
        return as_json(model_of(service, name).model_document())

    @router.get("/version", tags=["information"])
    async def version() -> Response:
        """Which version answers: number, alias and the bundle's digest."""
        model = model_of(service, None)
        return as_json({"fairlead": installed("fairlead"), **model.version_document()})

    @router.get("/models/{name}/traffic", tags=["information"])
    async def traffic(name: str) -> Response:
        """Which versions of a model answer which share of its requests."""
        return as_json(model_of(service, name).traffic_document())


def _add_health(router: APIRouter, service: Service) -> None:
    def state(word: str) -> Response:
        troubles = [msgspec.to_builtins(trouble) for trouble in service.troubles]
        if service.ready:
            return as_json({"status": word, "troubles": troubles})
        status = "draining" if service.draining else "not ready"
        return as_json({"status": status, "troubles": troubles}, 503)

    @router.get("/livez", tags=["health"])
    async def livez() -> Response:
        """The process runs."""
        return as_json({"status": "alive"})

    @router.get("/readyz", tags=["health"], responses={503: {"description": "Stopping"}})
    async def readyz() -> Response:
        """Every model passed its golden rows and requests are welcome; 503 while stopping."""
        return state("ready")

    @router.get("/health", tags=["health"], responses={503: {"description": "Stopping"}})
    async def health() -> Response:
        """Like `/readyz`."""
        return state("ok")


def _add_monitoring(router: APIRouter, service: Service) -> None:
    def monitored(name: str | None, window: str) -> Response:
        model = model_of(service, name)
        try:
            length = minutes(window)
        except ValueError as error:
            raise RequestRefusedError(422, str(error)) from None
        contract = model.primary.predictor.bundle.contract
        return as_json(document(service.merged(), model.name, contract, length))

    @router.get("/monitor/basic", tags=["monitoring"])
    async def monitor_basic(window: str = "1h") -> Response:
        """Features, predictions and latency within a window, over all workers."""
        return monitored(None, window)

    @router.get("/models/{name}/monitor/basic", tags=["monitoring"])
    async def named_monitor_basic(name: str, window: str = "1h") -> Response:
        """The same of a named model."""
        return monitored(name, window)

    @router.get("/metrics", tags=["monitoring"], responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Metrics in Prometheus' text format, over all workers."""
        return Response(expose(service.merged()), media_type=CONTENT_TYPE_LATEST)
