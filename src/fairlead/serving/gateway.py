"""The ASGI application: predictions are answered here, everything else by FastAPI behind it."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive, Scope, Send

from fairlead.serving.bodies import bounded, is_json, read_body
from fairlead.serving.errors import (
    INTERNAL,
    Problem,
    RequestRefusedError,
    overloaded,
    too_late,
    unsupported_media_type,
)
from fairlead.serving.exchange import JSON, Answer, Request
from fairlead.serving.logs import RequestLines
from fairlead.serving.operations import Detail
from fairlead.serving.service import Endpoint, Service, Way

if TYPE_CHECKING:
    from fairlead.serving.tracing import Tracing

log = logging.getLogger(__name__)

INLINE_BYTES = 32 * 1024
"""A larger body is answered in a thread: a smaller one is done before a thread would start."""
FLUSH_AFTER = 256
"""Requests after which counters and logs are written, if no 100 ms have passed before."""
THREADS = 2
CLIENT_GONE = 499
"""Logged when the client left before its answer (nginx's number; it is never sent)."""
RETRY_AFTER = ((b"retry-after", b"1"),)
CLOSE = ((b"connection", b"close"),)

# Visible ASCII: what can stand in a header and in a log without escaping.
SANE_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")

Headers = list[tuple[bytes, bytes]]


class Reply(msgspec.Struct, frozen=True, gc=False):
    """An answer as HTTP sends it; a body's length is the sender's business."""

    status: int
    body: bytes
    headers: Headers


class Gateway:
    """Answers the requests of one process.

    Args:
        service: what is served.
        lines: where requests are logged.
        tracing: makes their spans, if that is wanted.
    """

    def __init__(
        self, service: Service, lines: RequestLines, tracing: Tracing | None = None
    ) -> None:
        self.service = service
        self.lines = lines
        self.tracing = tracing
        self.in_flight = 0
        """Requests that wait for a thread or are in one."""
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="scoring")
        self._new_id = map(
            "{}{:016x}".format, itertools.repeat(secrets.token_hex(8)), itertools.count()
        )
        self._pending = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        started = time.perf_counter()
        headers = dict(scope["headers"])
        endpoint = self.service.generation.endpoints.get(scope["path"])
        if endpoint is None and self.service.settings.model_control and scope["method"] == "POST":
            # Another worker may have loaded the model a moment ago.
            await self.service.loader.follow()
            endpoint = self.service.generation.endpoints.get(scope["path"])
        if endpoint is None:
            await self._cold(scope, receive, send, headers, started)
            return
        if scope["method"] != "POST":
            method = scope["method"]
            reply = self._unread(endpoint, headers, 405, "Method Not Allowed", started, method)
            body = b"" if method == "HEAD" else reply.body
            await self._send(send, Reply(405, body, [*reply.headers, (b"allow", b"POST")]))
            return
        try:
            if query := scope.get("query_string"):
                endpoint = endpoint.asked(query)
            body = await read_body(receive, headers, self.service.settings.max_body_bytes)
        except ClientDisconnect:
            return
        except RequestRefusedError as refused:
            # The rest of the body is not read: the connection cannot go on.
            reply = self._unread(endpoint, headers, refused.status, refused.detail, started)
            await self._send(send, Reply(reply.status, reply.body, [*reply.headers, *CLOSE]))
            return
        if len(body) > INLINE_BYTES:
            reply = await self._threaded(endpoint, headers, body, started)
        else:
            reply = self.reply(endpoint, headers, body, started)
        await self._send(send, reply)

    def request_id(self, headers: Mapping[bytes, bytes]) -> str:
        """The caller's X-Request-ID if it is short and printable, else a new one."""
        given = headers.get(b"x-request-id") or headers.get(b"x-amzn-sagemaker-inference-id")
        if given is not None and SANE_REQUEST_ID.fullmatch(given):
            return given.decode("ascii")
        return next(self._new_id)

    @property
    def is_full(self) -> bool:
        """Whether a large request would be turned away."""
        return self.in_flight >= self.service.settings.max_queue

    def shed(
        self, endpoint: Endpoint, headers: Mapping[bytes, bytes], _: bytes, started: float
    ) -> Reply:
        """Turn a large request away, its body unread; as `reply` otherwise."""
        request = Request(b"", headers, self.request_id(headers))
        way = next(iter(endpoint.ways.values()))
        return self._shed(endpoint, way, request, "queue_full", started)

    def reply(
        self, endpoint: Endpoint, headers: Mapping[bytes, bytes], body: bytes, started: float
    ) -> Reply:
        """Answer a prediction request at once; never raises.

        Args:
            endpoint: where it was sent.
            headers: names in lower case.
            body: the whole of it.
            started: `time.perf_counter` when its first byte arrived.
        """
        request = Request(body, headers, self.request_id(headers))
        way = endpoint.way(request)
        outcome = _outcome(endpoint, way, request)
        if isinstance(outcome, RequestRefusedError):
            return self._refused(endpoint, way, request, outcome.status, outcome.detail, started)
        return self._answered(endpoint, way, request, outcome, started)

    def _unread(
        self,
        endpoint: Endpoint,
        headers: Mapping[bytes, bytes],
        status: int,
        detail: Detail,
        started: float,
        method: str = "POST",
    ) -> Reply:
        """Refuse a request without its body."""
        way = next(iter(endpoint.ways.values()))
        request = Request(b"", headers, self.request_id(headers))
        return self._refused(endpoint, way, request, status, detail, started, method)

    async def _threaded(
        self, endpoint: Endpoint, headers: Mapping[bytes, bytes], body: bytes, started: float
    ) -> Reply:
        """Answer a large request in a thread, if it gets one within its time."""
        settings = self.service.settings
        request = Request(body, headers, self.request_id(headers))
        way = endpoint.way(request)
        if self.is_full:
            return self._shed(endpoint, way, request, "queue_full", started)
        self.in_flight += 1
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._threads, _outcome, endpoint, way, request)
        try:
            outcome = await asyncio.wait_for(work, settings.request_timeout_s)
        except TimeoutError:
            return self._shed(endpoint, way, request, "deadline", started)
        finally:
            self.in_flight -= 1
        if isinstance(outcome, RequestRefusedError):
            return self._refused(endpoint, way, request, outcome.status, outcome.detail, started)
        return self._answered(endpoint, way, request, outcome, started)

    def _answered(
        self, endpoint: Endpoint, way: Way, request: Request, answer: Answer, started: float
    ) -> Reply:
        seconds = time.perf_counter() - started
        service = self.service
        service.recorder.add(way.series, 200, seconds, answer.X, answer.scores, answer.refused)
        target = way.deployment.target
        if service.log is not None and target is not None and answer.scores is not None:
            X, scores, numbers = answer.X, answer.scores, answer.numbers
            service.log.add(target, request.id, way.route, X, scores, seconds, numbers)
        self.lines.add(endpoint.operation.name, 200, seconds, request.id, len(answer.X))
        if self.tracing is not None:
            self.tracing.prediction(endpoint, way, request, 200, seconds, len(answer.X))
        follower = endpoint.model.shadow
        if follower is not None and service.shadow is not None:
            work = endpoint.operation.of_shadow or endpoint.operation.work
            service.shadow.offer(way.deployment, follower, work, request, answer)
        self._pending += 1
        if self._pending >= FLUSH_AFTER:
            self.flush()
        headers = [
            (b"content-type", answer.content_type),
            (b"x-request-id", request.id.encode()),
            way.header,
        ]
        headers += answer.headers
        return Reply(200, answer.body, headers)

    def flush(self) -> None:
        """Fold what was counted and hand the logs to their writers; takes under a millisecond."""
        self._pending = 0
        self.lines.flush()
        self.service.recorder.total("log_lines_lost", self.lines.lost)
        if self.tracing is not None:
            self.service.recorder.total("spans_lost", self.tracing.lost)
        self.service.recorder.fold()
        if self.service.log is not None:
            self.service.log.flush()

    def close(self) -> None:
        """Let the threads end."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _shed(
        self, endpoint: Endpoint, way: Way, request: Request, reason: str, started: float
    ) -> Reply:
        self.service.recorder.count("shed", reason=reason)
        refused = overloaded() if reason == "queue_full" else too_late()
        reply = self._refused(endpoint, way, request, refused.status, refused.detail, started)
        return Reply(reply.status, reply.body, [*reply.headers, *RETRY_AFTER])

    def _refused(
        self,
        endpoint: Endpoint,
        way: Way,
        request: Request,
        status: int,
        detail: Detail,
        started: float,
        method: str = "POST",
    ) -> Reply:
        seconds = time.perf_counter() - started
        body = endpoint.operation.refuse(status, detail)
        rows = _rows_of(detail) if isinstance(detail, tuple) else 0
        self.service.recorder.add(way.series, status, seconds, None, None, rows)
        self.lines.add(endpoint.operation.name, status, seconds, request.id, 0)
        if self.tracing is not None:
            self.tracing.prediction(endpoint, way, request, status, seconds, 0, method)
        headers = [
            (b"content-type", JSON),
            (b"x-request-id", request.id.encode()),
            way.header,
        ]
        return Reply(status, body, headers)

    async def _cold(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        headers: Mapping[bytes, bytes],
        started: float,
    ) -> None:
        """Answer what is no prediction, and watch it as closely."""
        generation = self.service.generation
        request_id = self.request_id(headers)
        extra = [(b"x-request-id", request_id.encode())]
        if generation.default is not None:
            label = generation.models[generation.default].primary.label
            extra.append((b"x-model-version", label.encode()))
        scope.setdefault("state", {})["request_id"] = request_id
        status = CLIENT_GONE

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                leaving = CLOSE if self.service.draining else ()
                message["headers"] = [*message["headers"], *extra, *leaving]
            await send(message)

        try:
            most = self.service.settings.max_body_bytes
            await generation.app(scope, bounded(receive, most), send_with_headers)
        except ClientDisconnect:
            pass
        except Exception:  # the edge: Starlette has answered already, and raises it once more
            log.exception("internal_error", extra={"request_id": request_id})
        finally:
            # The route's template, never the path: a path is the caller's text.
            template = getattr(scope.get("route"), "path", None)
            route = template or "other"
            seconds = time.perf_counter() - started
            recorder = self.service.recorder
            recorder.add(recorder.series("", "", "", route), status, seconds, None, None, 0)
            self.lines.add(route, status, seconds, request_id, 0)
            if self.tracing is not None:
                self.tracing.other(scope, template, headers, request_id, status, seconds)

    async def _send(self, send: Send, reply: Reply) -> None:
        headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
        if self.service.draining:
            headers += CLOSE
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": reply.body})


def _rows_of(problems: tuple[Problem, ...]) -> int:
    """Rows that problems name; a problem without a row number is about a single record."""
    numbers = (next((key for key in each.loc if isinstance(key, int)), 0) for each in problems)
    return len(set(numbers))


def _outcome(endpoint: Endpoint, way: Way, request: Request) -> Answer | RequestRefusedError:
    """What comes of a request: nothing is raised, and what is given back has no traceback.

    A future and the frames of its exception hold each other, and with them the body, until the
    garbage collector comes by. It comes seldom here, and what goes through a thread is large.
    """
    try:
        if endpoint.operation.json_only:
            declared = request.headers.get(b"content-type")
            if declared is not None and not is_json(declared):
                return unsupported_media_type()
        return endpoint.operation.work(way.deployment.predictor, request)
    except RequestRefusedError as refused:
        return RequestRefusedError(refused.status, refused.detail)
    except Exception as error:
        log.error("internal_error", exc_info=error, extra={"request_id": request.id})
        return RequestRefusedError(500, INTERNAL.format(request.id))
