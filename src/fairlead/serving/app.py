"""Puts the service together: one FastAPI application for one bundle."""

from __future__ import annotations

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from starlette.middleware.cors import CORSMiddleware

from fairlead.bundle.reading import Bundle
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.metrics import Metrics
from fairlead.serving.middleware import Contain, Observe
from fairlead.serving.monitor import Monitor
from fairlead.serving.predictor import Predictor
from fairlead.serving.records import ServedVersion
from fairlead.serving.routes import native_routes
from fairlead.serving.schema import request_schemas, response_schemas
from fairlead.serving.service import Service
from fairlead.settings import Settings


def create_app(
    bundle: Bundle, settings: Settings, *, version: ServedVersion | None = None
) -> FastAPI:
    """Make the application that serves a bundle; its `state.service` is the `Service`.

    Args:
        bundle: loaded, its golden rows replayed.
        settings: origins for CORS and the bounds on bodies.
        version: what the registry calls it; without it the bundle's digest stands for a version.
    """
    service = make_service(bundle, settings, version or ServedVersion())
    contract = bundle.contract
    # Its /docs loads Swagger UI from here, not from elsewhere: many services see no internet.
    app = FastAPIOffline(
        title=bundle.name,
        version=service.label,
        description=f"Predicts {contract.target.name} ({contract.task}, {bundle.candidate}).",
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    app.state.service = service
    app.include_router(native_routes(service))
    app.add_exception_handler(RequestRefusedError, _refuse)
    # The last one added is the outermost.
    app.add_middleware(Contain)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=["GET", "POST"],
            allow_headers=["Content-Type", "X-Request-ID"],
            expose_headers=["X-Request-ID", "X-Model-Version"],
        )
    app.add_middleware(Observe, service=service)
    components = app.openapi().setdefault("components", {}).setdefault("schemas", {})
    components.update(request_schemas(bundle, settings.max_rows) | response_schemas(bundle))
    return app


def make_service(bundle: Bundle, settings: Settings, version: ServedVersion) -> Service:
    """The state of a service that is about to start."""
    return Service(
        predictor=Predictor(bundle, settings.max_rows),
        version=version,
        settings=settings,
        monitor=Monitor(bundle.contract),
        metrics=Metrics(
            model=bundle.name,
            version=version.label(bundle.digest),
            digest=bundle.digest,
            candidate=bundle.candidate,
        ),
    )


async def _refuse(_request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestRefusedError):
        raise error
    # After 413 the rest of the body is not read: the connection cannot go on.
    headers = {"Connection": "close"} if error.status == 413 else None
    content = msgspec.json.encode(error.to_json())
    return Response(content, error.status, headers, media_type="application/json")
