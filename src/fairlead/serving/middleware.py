"""What happens around every request: an id, headers, one log line, counters, no stack traces."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Mapping
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fairlead.serving.service import Service

log = logging.getLogger(__name__)

# Visible ASCII: what can stand in a header and in a log without escaping.
SANE_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
CLIENT_GONE = 499
"""Logged when the client left before its answer (nginx's number; it is never sent)."""


class Observe:
    """Outermost: gives each request an id, and logs and counts its answer."""

    def __init__(self, app: ASGIApp, service: Service) -> None:
        self.app = app
        self.service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        request_id = _request_id(scope)
        state = scope.setdefault("state", {})
        state["request_id"] = request_id
        headers = [
            (b"x-request-id", request_id.encode()),
            (b"x-model-version", self.service.label.encode()),
        ]
        status = CLIENT_GONE

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                leaving = [(b"connection", b"close")] if self.service.draining else []
                message["headers"] = [*message["headers"], *headers, *leaving]
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            self._record(scope, state, status, time.perf_counter() - started)

    def _record(self, scope: Scope, state: Mapping[str, Any], status: int, seconds: float) -> None:
        # The route's template, never the path: a path is the caller's text.
        route = getattr(scope.get("route"), "path", "other")
        self.service.metrics.request(route, status, seconds)
        fields = {
            "method": scope["method"],
            "route": route,
            "status": status,
            "duration_ms": round(seconds * 1e3, 3),
            "request_id": state["request_id"],
        }
        if "rows" in state:
            fields["rows"] = state["rows"]
        log.info("request", extra=fields)


class Contain:
    """Innermost: an unforeseen exception becomes a 500 that tells nothing but the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        answering = False

        async def send_and_note(message: Message) -> None:
            nonlocal answering
            answering = True
            await send(message)

        try:
            await self.app(scope, receive, send_and_note)
        except ClientDisconnect:
            return
        except Exception:  # the edge: logged here, answered without its text
            request_id = scope["state"]["request_id"]
            log.exception("internal_error", extra={"request_id": request_id})
            if answering:
                raise
            body = msgspec.json.encode({"detail": "internal error", "request_id": request_id})
            headers = [
                (b"content-type", b"application/json"),
                (b"content-length", str(len(body)).encode()),
            ]
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> str:
    """The client's X-Request-ID if it is short and printable, else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id" and SANE_REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return secrets.token_hex(16)
