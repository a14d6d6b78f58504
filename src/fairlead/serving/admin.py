"""Routes that change what is served, for those who know the token."""

from __future__ import annotations

import asyncio
import secrets
from typing import Annotated

import msgspec
from fastapi import APIRouter, Header, Request, Response
from msgspec import Struct

from fairlead.errors import TrafficError
from fairlead.registry.ledger import Ledger
from fairlead.registry.traffic import Traffic
from fairlead.serving.errors import Problem, RequestRefusedError, unprocessable
from fairlead.serving.routes import model_of
from fairlead.serving.service import Service
from fairlead.serving.table import Served, Table
from fairlead.settings import Settings


class TrafficRequest(Struct, forbid_unknown_fields=True):
    """Body of `PUT /admin/models/{name}/traffic`."""

    weights: dict[str, float]
    shadow: str | None = None
    sticky: str | None = None
    reason: str = ""


def admin_routes(service: Service) -> APIRouter:
    """The routes; each answers 404 without a token among the settings, 401 without it here."""
    router = APIRouter(prefix="/admin", tags=["admin"], default_response_class=Response)

    @router.put("/models/{name}/traffic")
    async def set_traffic(
        name: str, request: Request, authorization: Annotated[str, Header()] = ""
    ) -> Response:
        """Change which route answers which share of a model's requests, in every worker."""
        _authorise(service.settings, authorization)
        try:
            body = msgspec.json.decode(await request.body(), type=TrafficRequest)
            traffic = Traffic(body.weights, body.shadow, body.sticky)
        except (msgspec.DecodeError, TrafficError) as error:
            raise unprocessable(Problem("value_error", ("body",), str(error))) from None
        model = model_of(service, name)
        before = {
            "weights": {name: route.weight for name, route in model.served.routes.items()},
            "shadow": model.served.shadow,
            "sticky": model.served.sticky,
        }
        actor = request.client.host if request.client else "unknown"

        def change(table: Table) -> Table:
            served = _changed(table.models[name], traffic)
            return msgspec.structs.replace(table, models={**table.models, name: served})

        file = service.loader.file
        after = {"weights": body.weights, "shadow": body.shadow, "sticky": body.sticky}
        ledger = Ledger(file.path.with_name("ledger.jsonl"))
        await asyncio.to_thread(
            ledger.append,
            "traffic",
            name,
            actor=f"admin@{actor}",
            reason=body.reason,
            before=before,
            after=after,
        )
        await asyncio.to_thread(file.edit, change)
        await service.loader.follow()
        return Response(msgspec.json.encode(after), media_type="application/json")

    return router


def _authorise(settings: Settings, authorization: str) -> None:
    if settings.admin_token is None:
        raise RequestRefusedError(404, "Not Found")
    expected = f"Bearer {settings.admin_token.get_secret_value()}"
    if not secrets.compare_digest(authorization.encode(), expected.encode()):
        raise RequestRefusedError(401, "a bearer token is needed: FAIRLEAD_ADMIN_TOKEN")


def _changed(served: Served, traffic: Traffic) -> Served:
    unknown = sorted(traffic.weights.keys() - served.routes.keys())
    if unknown or (traffic.shadow is not None and traffic.shadow not in served.routes):
        msg = f"Routes should be among {', '.join(served.routes)}"
        raise unprocessable(Problem("unknown_route", ("body", "weights"), msg))
    routes = {
        name: msgspec.structs.replace(route, weight=traffic.weights.get(name, 0.0))
        for name, route in served.routes.items()
    }
    return msgspec.structs.replace(
        served, routes=routes, shadow=traffic.shadow, sticky=traffic.sticky
    )
