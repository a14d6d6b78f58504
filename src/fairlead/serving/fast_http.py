"""uvicorn's HTTP protocol, with a short way for small predictions.

uvicorn makes a scope, an event and a task for each request. A small POST to a prediction path
needs none of them: its body has arrived with its headers, and its answer is computed at once. So
it is answered from inside the parser's callback, by the same `Gateway.reply` that answers through
ASGI. Everything else (large or chunked bodies, other paths, `Expect`, browsers of other origins,
requests that queue behind an unfinished one) takes uvicorn's own way.

What the parser keeps of a request before its body is bounded here too, for uvicorn has no bound.
"""

from __future__ import annotations

import time
from asyncio import Transport
from contextlib import suppress
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from fairlead.serving.gateway import INLINE_BYTES, Gateway, Reply
from fairlead.serving.service import Endpoint

MAX_HEAD_BYTES = 64 * 1024
"""Most bytes of a request line with its headers, and of what else stands around a body."""
TOO_MANY = (
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 1\r\n"
    b'connection: close\r\ncontent-length: 33\r\n\r\n{"detail":"too many connections"}'
)
NOT_HTTP = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n"
    b'connection: close\r\ncontent-length: 36\r\n\r\n{"detail":"the request is not HTTP"}'
)
HEAD_TOO_LARGE = (
    b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-type: application/json\r\n"
    b"connection: close\r\ncontent-length: 52\r\n\r\n"
    b'{"detail":"the headers are larger than 65536 bytes"}'
)
TOO_SLOW = (
    b"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\n"
    b'connection: close\r\ncontent-length: 44\r\n\r\n{"detail":"the request has not all arrived"}'
)
TOGETHER = 16
"""Answers that are sent one after the other: to wake a client that sleeps costs as much as the
model, and a client that is awake takes all of them."""


class HeadTooLargeError(Exception):
    """Ends the parsing of a request whose head is complete, and too large."""


class FastHttp(HttpToolsProtocol):
    """Made by `fast_http`, which knows the gateway."""

    gateway: Gateway
    outbox: list[tuple[Transport, bytes]]
    """Answers of this turn of the loop, of all connections, in the order of their requests."""
    _endpoint: Endpoint | None = None
    _shed = False
    """The request is large and there is no room for it: its body is read, and not kept."""
    _upgrade = False
    """The request asks for another protocol, and must be parsed anew without asking."""
    _cycles: tuple[RequestResponseCycle, ...] = ()
    """Requests on the long way that have no answer yet."""
    _since: float | None = None
    """`time.perf_counter` since when a request is awaited or arriving; None where none is."""
    _kept_bytes = 0
    """Bytes since the parser last gave something away: it may hold them all."""

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        """Wait for the first request."""
        super().connection_made(transport)
        self._since = time.perf_counter()

    def data_received(self, data: bytes) -> None:
        """Parse what has arrived, as long as the parser need not keep too much of it."""
        self._unset_keepalive_if_required()
        self._arrived_bytes = self._kept_bytes + len(data)
        self._moved = False
        rest: bytes | None = data
        while rest is not None:
            rest = self._parse(rest)
        self._kept_bytes = 0 if self._moved else self._arrived_bytes
        if self._kept_bytes > MAX_HEAD_BYTES:
            self._refuse(HEAD_TOO_LARGE)

    def _parse(self, data: bytes) -> bytes | None:
        """Parse, and give back what is to be parsed once more."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            # The parser takes what follows for the other protocol, even the body. Java's client
            # offers HTTP/2 in this way with every first request.
            return self._plain_head() + data[upgrade.args[0] :] if self._upgrade else None
        except httptools.HttpParserError as error:
            self._moved = True
            too_large = isinstance(error.__context__, HeadTooLargeError)
            self._refuse(HEAD_TOO_LARGE if too_large else NOT_HTTP)
        return None

    def _plain_head(self) -> bytes:
        """The head of the request without its wish for another protocol, for a new parser."""
        old, self.parser = self.parser, httptools.HttpRequestParser(self)
        with suppress(AttributeError):  # as uvicorn does: httptools before 0.6.3 has none
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        version = old.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (old.get_method(), self.url, version)]
        lines += [b"%s: %s" % header for header in self.headers if header[0] != b"upgrade"]
        return b"\r\n".join([*lines, b"\r\n"])

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell every request that waits: uvicorn tells the last one, and the others would write."""
        for cycle in self._cycles:
            cycle.disconnected = True
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Begin without the scope, which a short way does not need."""
        self.url = b""
        self.expect_100_continue = False
        self.headers = []
        self._endpoint = None
        self._upgrade = False
        self._started = self._since = time.perf_counter()

    def on_headers_complete(self) -> None:
        """Take the short way if the request fits, uvicorn's otherwise."""
        self._moved = True
        if self._arrived_bytes > MAX_HEAD_BYTES and self._head_bytes > MAX_HEAD_BYTES:
            raise HeadTooLargeError
        service = self.gateway.service
        if len(self.connections) > service.settings.max_connections:
            service.recorder.count("shed", reason="connections")
            self._refuse(TOO_MANY)
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
                and b"origin" not in headers
                and b"upgrade" not in headers
                and b"transfer-encoding" not in headers
            ):
                size = int(length)
                self._shed = INLINE_BYTES < size <= service.settings.max_body_bytes and (
                    self.gateway.is_full
                )
                if size <= INLINE_BYTES or self._shed:
                    self._endpoint = endpoint
                    self._headers_of = headers
                    self._chunks: list[bytes] = []
                    return
        if self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT":
            self._upgrade = True
            return
        self._take_long_way()

    def _take_long_way(self) -> None:
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers.extend(headers)
        super().on_headers_complete()
        waiting = [cycle for cycle in self._cycles if not cycle.response_complete]
        self._cycles = (*waiting, self.cycle)
        # What comes after a body in chunks is no header: it must not replace one.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """Keep what arrives."""
        self._moved = True
        if self._endpoint is not None:
            if not self._shed:
                self._chunks.append(body)
        elif self.cycle is not None:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Answer at once."""
        self._since = None
        endpoint = self._endpoint
        if endpoint is None:
            self._moved = True
            if not self._upgrade and self.cycle is not None:
                super().on_message_complete()
            return
        self._endpoint = None
        chunks = self._chunks
        body = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        answer = self.gateway.shed if self._shed else self.gateway.reply
        reply = answer(endpoint, self._headers_of, body, self._started)
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

    def end_if_slow(self, limit_s: float) -> None:
        """Close a connection that has not sent a whole request for too long."""
        if self._since is not None and time.perf_counter() - self._since > limit_s:
            self._since = None
            self._refuse(TOO_SLOW)

    def _refuse(self, answer: bytes) -> None:
        """Answer what is not to be read as a request; those before it get their answers first."""
        self._send_outbox()
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is not None and not cycle.response_complete and not cycle.more_body:
            # It was asked, and is being answered: its answer is the connection's last.
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        self.transport.write(answer)
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
    def _head_bytes(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

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
