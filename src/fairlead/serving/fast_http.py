"""uvicorn's HTTP protocol, with a short way for small predictions.

uvicorn makes a scope, an event and a task for each request. A small POST to a prediction path
needs none of them: its body has arrived with its headers, and its answer is computed at once. So
it is answered from inside the parser's callback, by the same `Gateway.reply` that answers through
ASGI. Everything else (large or chunked bodies, other paths, `Expect`, browsers of other origins,
requests that queue behind an unfinished one) takes uvicorn's own way.
"""

from __future__ import annotations

import time
from asyncio import Transport
from typing import Any

from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from fairlead.serving.gateway import INLINE_BYTES, Gateway, Reply
from fairlead.serving.service import Endpoint

TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b'connection: close\r\ncontent-length: 33\r\n\r\n{"detail":"too many connections"}'
)


TOGETHER = 16
"""Answers that are sent one after the other: to wake a client that sleeps costs as much as the
model, and a client that is awake takes all of them."""


class FastHttp(HttpToolsProtocol):
    """Made by `fast_http`, which knows the gateway."""

    gateway: Gateway
    outbox: list[tuple[Transport, bytes]]
    """Answers of this turn of the loop, of all connections, in the order of their requests."""
    _endpoint: Endpoint | None = None

    def on_message_begin(self) -> None:
        """Begin without the scope, which a short way does not need."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._endpoint = None
        self._started = time.perf_counter()

    def on_headers_complete(self) -> None:
        """Take the short way if the request fits, uvicorn's otherwise."""
        service = self.gateway.service
        if len(self.connections) > service.settings.max_connections:
            service.recorder.count("shed", reason="connections")
            self.transport.write(TOO_MANY)
            self.transport.close()
            return
        endpoint = service.generation.short.get(self.url)
        if (
            endpoint is not None
            and self._is_free
            and self.parser.get_method() == b"POST"
            and not self.expect_100_continue
            and not self.flow.write_paused
        ):
            headers = dict(self.headers)
            length = headers.get(b"content-length", b"")
            if (
                length.isdigit()
                and int(length) <= INLINE_BYTES
                and b"origin" not in headers
                and b"upgrade" not in headers
                and b"transfer-encoding" not in headers
            ):
                self._endpoint = endpoint
                self._headers_of = headers
                self._chunks: list[bytes] = []
                return
        url, headers_list = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers_list)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Keep what arrives."""
        if self._endpoint is not None:
            self._chunks.append(body)
        elif self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer at once."""
        endpoint = self._endpoint
        if endpoint is None:
            if self.cycle is not None:
                super().on_message_complete()
            return
        self._endpoint = None
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        reply = self.gateway.reply(endpoint, self._headers_of, body, self._started)
        stay = (
            self.parser.should_keep_alive()
            and self.parser.get_http_version() != "1.0"
            and not self.gateway.service.draining
        )
        self.server_state.total_requests += 1
        self.outbox.append((self.transport, self._bytes_of(reply, stay=stay)))
        if not stay or len(self.outbox) >= TOGETHER:
            self._send_outbox()
        elif len(self.outbox) == 1:
            self.loop.call_soon(self._send_outbox)
        if stay:
            self._unset_keepalive_if_required()
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )
        else:
            self.transport.close()

    def _send_outbox(self) -> None:
        for transport, content in self.outbox:
            transport.write(content)
        self.outbox.clear()

    @property
    def _is_free(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is None or cycle.response_complete

    @property
    def is_arriving(self) -> bool:
        """Whether a request has begun whose body is not all here."""
        return self._endpoint is not None

    def shutdown(self) -> None:
        """Close, but for a request that is arriving: its answer will close the connection."""
        if not self.is_arriving:
            super().shutdown()

    def _bytes_of(self, reply: Reply, *, stay: bool) -> bytes:
        parts = [STATUS_LINE[reply.status]]
        for name, value in self.server_state.default_headers:
            parts += (name, b": ", value, b"\r\n")
        for name, value in reply.headers:
            parts += (name, b": ", value, b"\r\n")
        if not stay:
            parts.append(b"connection: close\r\n")
        parts.append(b"content-length: %d\r\n\r\n" % len(reply.body))
        parts.append(reply.body)
        return b"".join(parts)


def fast_http(gateway: Gateway) -> type[FastHttp]:
    """The protocol class for one gateway, as uvicorn's `http` setting takes it."""
    members: dict[str, Any] = {"gateway": gateway, "outbox": []}
    return type("FastHttpOfGateway", (FastHttp,), members)
