"""The FastAPI application behind the gateway: descriptions, health, metrics, documentation."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import version as installed

from fastapi import FastAPI, Request, Response
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException

from fairlead.serving.admin import admin_routes
from fairlead.serving.errors import INTERNAL, Problem, RequestRefusedError
from fairlead.serving.feedback import feedback_operations, feedback_routes
from fairlead.serving.openapi import complete
from fairlead.serving.operations import refuse
from fairlead.serving.protocols import open_inference
from fairlead.serving.protocols.kserve_v1 import kserve_v1_routes
from fairlead.serving.protocols.mlflow import mlflow_routes
from fairlead.serving.protocols.open_inference_routes import open_inference_routes
from fairlead.serving.protocols.sagemaker import sagemaker_routes
from fairlead.serving.routes import native_routes
from fairlead.serving.service import Endpoint, Model, Service


def make_app(
    service: Service,
    models: Mapping[str, Model],
    default: str | None,
    endpoints: Mapping[str, Endpoint],
) -> FastAPI:
    """Make the application for one generation of models.

    Args:
        service: asked on each request.
        models: described in the OpenAPI document.
        default: the model of the short paths, which gives the document its title.
        endpoints: answered by the gateway, and described here.
    """
    # Its /docs loads Swagger UI from here, not from elsewhere: many services see no internet.
    app = FastAPIOffline(
        title=default or "fairlead",
        version=installed("fairlead") if default is None else models[default].primary.label,
        description="\n\n".join(_told(model) for model in models.values()) or "Nothing is served.",
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: route.name,
    )
    for router in (
        native_routes(service),
        mlflow_routes(service),
        sagemaker_routes(service),
        open_inference_routes(service),
        kserve_v1_routes(service),
        admin_routes(service),
        feedback_routes(service),
    ):
        app.include_router(router)
    app.add_exception_handler(RequestRefusedError, _refuse)
    app.add_exception_handler(HTTPException, _refuse)
    app.add_exception_handler(Exception, _refuse)
    feedback = feedback_operations(service, models, default)
    complete(app.openapi(), models, endpoints, feedback, service.settings.max_rows)
    return app


def _told(model: Model) -> str:
    bundle = model.primary.predictor.bundle
    contract = bundle.contract
    return (
        f"**{model.name}** predicts {contract.target.name} ({contract.task}, {bundle.candidate})."
    )


async def _refuse(request: Request, error: Exception) -> Response:
    told: str | tuple[Problem, ...] = INTERNAL.format(request.state.request_id)
    status, headers = 500, None
    if isinstance(error, RequestRefusedError):
        status, told = error.status, error.detail
    elif isinstance(error, HTTPException):
        status, told, headers = error.status_code, error.detail, error.headers
    protocol = request.url.path.partition("/")[2].partition("/")[0]
    word = open_inference.refuse if protocol in ("v1", "v2") else refuse
    return Response(word(status, told), status, headers, media_type="application/json")
