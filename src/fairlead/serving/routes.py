"""Fairlead's own routes that are no predictions: HTTP in, one call, HTTP out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as installed
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Query, Response
from prometheus_client import CONTENT_TYPE_LATEST

from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.metrics import expose
from fairlead.serving.monitor import WINDOWS, document, minutes
from fairlead.serving.openapi import (
    ANY_OBJECT,
    COUNT,
    NO_MODEL,
    NUMBER,
    STOPPING,
    TEXT,
    answers,
    fields,
    listed,
    mapped,
    optional,
    refusals,
)
from fairlead.serving.responses import as_json
from fairlead.serving.service import Model, Service

REFUSAL = fields(detail=TEXT)
NO_SUCH_MODEL = refusals(REFUSAL, {404: NO_MODEL})
VERSION = {
    "model": TEXT,
    "candidate": TEXT,
    "version": optional(COUNT),
    "alias": optional(TEXT),
    "digest": TEXT,
}
MODEL_INFO = fields(
    **dict.fromkeys(("name", "candidate", "family", "task"), TEXT),
    **dict.fromkeys(("parameters", "metrics", "provenance", "columns", "target"), ANY_OBJECT),
    coverage=optional(ANY_OBJECT),
    classes=listed(TEXT),
    **{name: VERSION[name] for name in ("version", "alias", "digest")},
)
TRAFFIC = fields(
    model=TEXT,
    routes=mapped(fields(version=TEXT, weight=NUMBER)),
    shadow=optional(TEXT),
    sticky=optional(TEXT),
)
STATE = fields(status=TEXT, troubles=listed(fields(kind=TEXT, what=TEXT)))
UNREADY: dict[int | str, dict[str, Any]] = refusals(STATE, {503: STOPPING})
SEEN = {
    "rows": COUNT,
    "refused_rows": COUNT,
    "features": mapped(ANY_OBJECT),
    "predictions": ANY_OBJECT,
    "latency_ms": mapped(optional(NUMBER)),
}
MONITOR = answers(
    "What was seen",
    fields(
        model=TEXT,
        window=TEXT,
        since={"type": "string", "format": "date-time"},
        uptime_s=NUMBER,
        **SEEN,
        together=listed(TEXT),
        versions=mapped(fields(**SEEN)),
    ),
    refusals(REFUSAL, {404: NO_MODEL, 422: "The window is none of these"}),
)
# Not FastAPI's own `pattern`: its refusal would repeat the value.
Window = Annotated[str, Query(json_schema_extra={"pattern": f"^({WINDOWS})$"}, examples=["5m"])]


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
    @router.get(
        "/",
        tags=["information"],
        responses=answers(
            "What is served",
            fields(
                **dict.fromkeys(("service", "fairlead", "docs", "openapi"), TEXT),
                models=listed(fields(**VERSION)),
            ),
        ),
    )
    async def root() -> Response:
        """What is served here, and where to read on."""
        served = {name: model.version_document() for name, model in service.models.items()}
        first = served.get(service.default or "", {})
        facts = {"fairlead": installed("fairlead"), **first, "models": list(served.values())}
        return as_json(
            {"service": "fairlead", **facts, "docs": "/docs", "openapi": "/openapi.json"}
        )

    @router.get(
        "/model_info",
        tags=["information"],
        responses=answers("Of the default model", MODEL_INFO, NO_SUCH_MODEL),
    )
    async def model_info() -> Response:
        """The public part of the manifest: contract, parameters, metrics, provenance."""
        return as_json(model_of(service, None).model_document())

    @router.get(
        "/models/{name}/model_info",
        tags=["information"],
        responses=answers("Of that model", MODEL_INFO, NO_SUCH_MODEL),
    )
    async def named_model_info(name: str) -> Response:
        """The same of a named model."""
        return as_json(model_of(service, name).model_document())

    @router.get(
        "/version",
        tags=["information"],
        responses=answers("Of the default model", fields(fairlead=TEXT, **VERSION), NO_SUCH_MODEL),
    )
    async def version() -> Response:
        """Which version answers: number, alias and the bundle's digest."""
        model = model_of(service, None)
        return as_json({"fairlead": installed("fairlead"), **model.version_document()})

    @router.get(
        "/models/{name}/traffic",
        tags=["information"],
        responses=answers("The routes and their shares", TRAFFIC, NO_SUCH_MODEL),
    )
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

    @router.get("/livez", tags=["health"], responses=answers("It runs", fields(status=TEXT)))
    async def livez() -> Response:
        """The process runs."""
        return as_json({"status": "alive"})

    @router.get("/readyz", tags=["health"], responses=answers("It is ready", STATE, UNREADY))
    async def readyz() -> Response:
        """Every model passed its golden rows and requests are welcome; 503 while stopping."""
        return state("ready")

    @router.get("/health", tags=["health"], responses=answers("It is ready", STATE, UNREADY))
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

    @router.get("/monitor/basic", tags=["monitoring"], responses=MONITOR)
    async def monitor_basic(window: Window = "1h") -> Response:
        """Features, predictions and latency within a window, over all workers."""
        return monitored(None, window)

    @router.get("/models/{name}/monitor/basic", tags=["monitoring"], responses=MONITOR)
    async def named_monitor_basic(name: str, window: Window = "1h") -> Response:
        """The same of a named model."""
        return monitored(name, window)

    @router.get(
        "/metrics",
        tags=["monitoring"],
        responses={200: {"description": "Counters", "content": {"text/plain": {"schema": TEXT}}}},
    )
    async def metrics() -> Response:
        """Metrics in Prometheus' text format, over all workers."""
        return Response(expose(service.merged()), media_type=CONTENT_TYPE_LATEST)
