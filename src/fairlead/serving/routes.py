"""Fairlead's own routes: HTTP in, one call, HTTP out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from importlib.metadata import version as installed
from typing import Any

import msgspec
from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST

from fairlead.serving.bodies import read_body
from fairlead.serving.predictor import Answer
from fairlead.serving.schema import batch_operation, predict_operation
from fairlead.serving.service import Service

# A larger body is parsed and scored in a thread: a small one is done before a thread would start.
INLINE_BYTES = 32 * 1024


def native_routes(service: Service) -> APIRouter:
    """The routes of a service; their OpenAPI entries are made from its contract."""
    router = APIRouter(default_response_class=Response)
    _add_information(router, service)
    _add_health(router, service)
    _add_monitoring(router, service)
    predictor = service.predictor

    @router.post("/predict", tags=["predict"], openapi_extra=predict_operation(predictor))
    async def predict(request: Request) -> Response:
        """Score one record, or several rows; a row that breaks the contract refuses them all."""
        return await _answer(service, request, predictor.predict)

    @router.post("/predict_batch", tags=["predict"], openapi_extra=batch_operation(predictor))
    async def predict_batch(request: Request) -> Response:
        """Score a list of records, each with its result or its own errors."""
        return await _answer(service, request, predictor.predict_batch)

    return router


def _add_information(router: APIRouter, service: Service) -> None:
    facts = {"fairlead": installed("fairlead"), **service.version_document()}
    welcome = {"service": "fairlead", **facts, "docs": "/docs", "openapi": "/openapi.json"}
    model = service.model_document()

    @router.get("/", tags=["information"], responses=_example(welcome))
    async def root() -> Response:
        """What is served here, and where to read on."""
        return _json(welcome)

    @router.get("/model_info", tags=["information"], responses=_example(model))
    async def model_info() -> Response:
        """The public part of the manifest: contract, parameters, metrics, provenance."""
        return _json(model)

    @router.get("/version", tags=["information"], responses=_example(facts))
    async def version() -> Response:
        """Which version answers: number, alias and the bundle's digest."""
        return _json(facts)


def _add_health(router: APIRouter, service: Service) -> None:
    def status(word: str) -> dict[int | str, dict[str, Any]]:
        leaving = {"description": "Stopping", **_content({"status": "draining"})}
        return {**_example({"status": word}), 503: leaving}

    @router.get("/livez", tags=["health"], responses=_example({"status": "alive"}))
    async def livez() -> Response:
        """The process runs."""
        return _json({"status": "alive"})

    @router.get("/readyz", tags=["health"], responses=status("ready"))
    async def readyz() -> Response:
        """The model passed its golden rows and requests are welcome; 503 while stopping."""
        if service.draining:
            return _json({"status": "draining"}, 503)
        return _json({"status": "ready"})

    @router.get("/health", tags=["health"], responses=status("ok"))
    async def health() -> Response:
        """Like `/readyz`, and which version answers."""
        word = "draining" if service.draining else "ok"
        document = {"status": word, **service.version_document()}
        return _json(document, 503 if service.draining else 200)


def _add_monitoring(router: APIRouter, service: Service) -> None:
    @router.get(
        "/monitor/basic", tags=["monitoring"], responses=_example(service.monitor.to_json())
    )
    async def monitor_basic() -> Response:
        """Features, predictions and latency since the start of this process."""
        return _json(service.monitor.to_json())

    @router.get("/metrics", tags=["monitoring"], responses={200: {"content": {"text/plain": {}}}})
    async def metrics() -> Response:
        """Metrics in Prometheus' text format."""
        content = service.metrics.expose(ready=not service.draining)
        return Response(content, media_type=CONTENT_TYPE_LATEST)


async def _answer(service: Service, request: Request, work: Callable[[bytes], Answer]) -> Response:
    body = await read_body(request, service.settings.max_body_bytes)
    started = time.perf_counter()
    if len(body) > INLINE_BYTES:
        answer = await asyncio.to_thread(work, body)
    else:
        answer = work(body)
    service.observe(answer, time.perf_counter() - started)
    request.state.rows = len(answer.X) + answer.refused
    return Response(answer.body, media_type="application/json")


def _json(document: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(document), status, media_type="application/json")


def _example(document: Any) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "OK", **_content(document)}}


def _content(document: Any) -> dict[str, Any]:
    return {"content": {"application/json": {"example": document}}}
