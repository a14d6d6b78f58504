"""Routes that change what is served, for those who know the token."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request, Response
from msgspec import Struct

from fairlead.errors import StorageError, TrafficError
from fairlead.registry.ledger import Ledger
from fairlead.registry.traffic import Traffic
from fairlead.serving.errors import Problem, RequestRefusedError, unprocessable
from fairlead.serving.openapi import (
    ANY_OBJECT,
    NO_MODEL,
    NUMBER,
    TEXT,
    answers,
    body,
    fields,
    listed,
    mapped,
    optional,
    refusals,
)
from fairlead.serving.routes import model_of, unknown_model
from fairlead.serving.service import Service
from fairlead.serving.table import Served, Table
from fairlead.settings import Settings

LEDGER = "ledger.jsonl"
"""Beside the routing table, where no registry keeps the traffic."""
KIND = "traffic"
REFUSAL = fields(detail={"anyOf": [TEXT, listed(ANY_OBJECT)]})
SPLIT = fields(weights=mapped({**NUMBER, "minimum": 0}))
SPLIT["properties"] |= {
    "shadow": optional(TEXT),
    "sticky": optional({**TEXT, "pattern": "^(header|field):"}),
}
ASKED = {
    **body({**SPLIT, "properties": {**SPLIT["properties"], "reason": TEXT}}),
    "security": [{"token": []}],
}
ANSWERS = answers(
    "The traffic from now on",
    SPLIT,
    refusals(
        REFUSAL,
        {
            401: "The token is another one",
            404: NO_MODEL,
            413: "The body is too large",
            422: "The traffic cannot be split like that",
        },
    ),
)


class TrafficRequest(Struct, forbid_unknown_fields=True):
    """Body of `PUT /admin/models/{name}/traffic`."""

    weights: dict[str, float]
    shadow: str | None = None
    sticky: str | None = None
    reason: str = ""


def admin_routes(service: Service) -> APIRouter:
    """The routes; each answers 404 without a token among the settings, 401 without it here."""
    router = APIRouter(prefix="/admin", tags=["admin"], default_response_class=Response)

    @router.put(
        "/models/{name}/traffic",
        responses=ANSWERS,
        openapi_extra=ASKED,
        include_in_schema=service.settings.admin_token is not None,
    )
    async def set_traffic(
        name: str,
        request: Request,
        authorization: Annotated[str, Header(include_in_schema=False)] = "",
    ) -> Response:
        """Change which route answers which share of a model's requests, in every worker."""
        _authorise(service.settings, authorization)
        try:
            body = msgspec.json.decode(await request.body(), type=TrafficRequest)
            traffic = Traffic(body.weights, body.shadow, body.sticky)
        except (ValueError, RecursionError, TrafficError) as error:
            raise unprocessable(Problem("value_error", ("body",), str(error))) from None
        actor = request.client.host if request.client else "unknown"
        await asyncio.to_thread(_set, service, name, traffic, f"admin@{actor}", body.reason)
        await service.loader.follow()
        return Response(msgspec.json.encode(traffic.to_json()), media_type="application/json")

    return router


def _authorise(settings: Settings, authorization: str) -> None:
    if settings.admin_token is None:
        raise RequestRefusedError(404, "Not Found")
    expected = f"Bearer {settings.admin_token.get_secret_value()}"
    if not secrets.compare_digest(authorization.encode(), expected.encode()):
        raise RequestRefusedError(401, "a bearer token is needed: FAIRLEAD_ADMIN_TOKEN")


def _set(service: Service, name: str, traffic: Traffic, actor: str, reason: str) -> None:
    """Write a change down, then make it; what is refused after all is taken back."""
    served = model_of(service, name).served
    _changed(served, traffic)
    file = service.loader.file
    ledger = Ledger(Path(served.ledger) if served.ledger else file.path.with_name(LEDGER))
    weights = {route: way.weight for route, way in served.routes.items()}
    before = {"weights": weights, "shadow": served.shadow, "sticky": served.sticky}
    after = traffic.to_json()
    entry = ledger.append(KIND, name, actor=actor, reason=reason, before=before, after=after)

    def change(table: Table) -> Table:
        if name not in table.models:
            raise unknown_model()
        changed = _changed(table.models[name], traffic)
        return msgspec.structs.replace(table, models={**table.models, name: changed})

    try:
        file.edit(change)
    except (RequestRefusedError, StorageError):
        undone = f"entry {entry.sequence} did not take effect"
        ledger.append(KIND, name, actor=actor, reason=undone, before=after, after=before)
        raise


def _changed(served: Served, traffic: Traffic) -> Served:
    if not served.routes.keys() >= set(traffic.references):
        msg = f"Routes should be among {', '.join(served.routes)}"
        raise unprocessable(Problem("unknown_route", ("body", "weights"), msg))
    routes = {
        name: msgspec.structs.replace(route, weight=traffic.weights.get(name, 0.0))
        for name, route in served.routes.items()
    }
    asked = None if served.ledger is None else traffic
    return msgspec.structs.replace(
        served, routes=routes, shadow=traffic.shadow, sticky=traffic.sticky, asked=asked
    )
