"""OpenTelemetry spans: one for each request, made when it is answered."""

from __future__ import annotations

import logging
import math
import os
import re
import time
from collections.abc import Mapping, Sequence
from threading import Thread

from starlette.types import Scope

from fairlead import __version__
from fairlead.errors import ExtraMissingError, SettingsError
from fairlead.serving.exchange import Request
from fairlead.serving.service import Endpoint, Way

try:
    from opentelemetry.context import Context
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, Resource
    from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
    from opentelemetry.sdk.trace.sampling import ParentBased
    from opentelemetry.trace import SpanKind, StatusCode
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
except ModuleNotFoundError as error:
    raise ExtraMissingError("tracing", extra="otel") from error

log = logging.getLogger(__name__)

PROTOCOL = "http/protobuf"
QUEUED_SPANS = 2048
"""The default of `OTEL_BSP_MAX_QUEUE_SIZE`."""
QUIET_S = 60.0
"""Between two lines about a collector that does not take spans."""
FLUSH_S = 1.5
"""For what waits when the service stops: a collector that is away keeps nobody for longer."""
LAST_S = 0.2
"""The same, where requests have taken all the time that there was."""
SERVER_ERROR = 500
METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
"""Any other is told as `_OTHER`: a method is the caller's text."""

# A caller's `traceparent` that says: not sampled.
NOT_SAMPLED = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f][02468ace]")

EXPORTER_LOG = logging.getLogger(OTLPSpanExporter.__module__)
CALLER_LOG = logging.getLogger("opentelemetry.trace")


class Tracing:
    """Makes spans and has them sent, from a thread of its own.

    Its provider is not the global one: FastAPI would make spans of its own with that, whose
    attributes hold paths and queries as callers wrote them.

    Args:
        exporter: where spans go; by default to the collector that `OTEL_EXPORTER_OTLP_*` names.

    Raises:
        SettingsError: a variable of OpenTelemetry has an illegal value.
    """

    def __init__(self, exporter: SpanExporter | None = None) -> None:
        try:
            self._sent = _Counted(exporter or _otlp())
            self._room = int(os.environ.get("OTEL_BSP_MAX_QUEUE_SIZE") or QUEUED_SPANS)
            self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
            self._provider.add_span_processor(
                BatchSpanProcessor(self._sent, max_queue_size=self._room)
            )
        except ValueError as error:
            raise SettingsError((f"a variable of OpenTelemetry: {error}",)) from error
        self._tracer = self._provider.get_tracer("fairlead", __version__)
        self._callers = TraceContextTextMapPropagator()
        self._follows = isinstance(self._provider.sampler, ParentBased)
        self._nobody = Context()
        self._queued = self._dropped = 0
        self._quiet = _NowAndThen()
        EXPORTER_LOG.addFilter(self._quiet)
        # It repeats headers that it cannot read.
        CALLER_LOG.setLevel(logging.ERROR)

    @property
    def lost(self) -> int:
        """Sampled spans that the collector never took."""
        return self._dropped + self._sent.failed

    def prediction(
        self,
        endpoint: Endpoint,
        way: Way,
        request: Request,
        status: int,
        seconds: float,
        rows: int,
        method: str = "POST",
    ) -> None:
        """Make the span of a request to a prediction path.

        Args:
            endpoint: where it was sent.
            way: the version that it was meant for.
            request: it.
            status: of the answer.
            seconds: from its first byte until now.
            rows: that were scored.
            method: of HTTP.
        """
        attributes: dict[str, str | int] = {
            "url.path": endpoint.path,
            "fairlead.model": way.deployment.model,
            "fairlead.version": way.deployment.label,
            "fairlead.route": way.route,
            "fairlead.rows": rows,
            "fairlead.request_id": request.id,
        }
        self._add(method, endpoint.template, request.headers, attributes, status, seconds)

    def other(
        self,
        scope: Scope,
        route: str | None,
        headers: Mapping[bytes, bytes],
        request_id: str,
        status: int,
        seconds: float,
    ) -> None:
        """Make the span of a request that is no prediction.

        Args:
            scope: ASGI's.
            route: template of its path, if there is such a path.
            headers: names in lower case.
            request_id: as the answer gave it.
            status: of the answer.
            seconds: from its first byte until now.
        """
        self._add(
            scope["method"], route, headers, {"fairlead.request_id": request_id}, status, seconds
        )

    def close(self, until: float = math.inf) -> None:
        """Send what waits, for at most 1.5 s; there will be no more spans.

        Args:
            until: `time.monotonic` when the process should have ended.
        """
        # The SDK's own shutdown waits for 30 s where the collector is away.
        ending = Thread(target=self._provider.shutdown, name="traces", daemon=True)
        ending.start()
        ending.join(min(FLUSH_S, max(LAST_S, until - time.monotonic())))
        self._dropped += self._queued - self._sent.taken
        self._dropped += self._sent.under_way
        EXPORTER_LOG.removeFilter(self._quiet)
        if self.lost:
            log.warning("spans_lost", extra={"spans": self.lost})

    def _add(
        self,
        method: str,
        route: str | None,
        headers: Mapping[bytes, bytes],
        attributes: dict[str, str | int],
        status: int,
        seconds: float,
    ) -> None:
        ended = time.time_ns()
        parent = self._nobody
        caller = headers.get(b"traceparent")
        if caller is not None:
            if self._follows and NOT_SAMPLED.fullmatch(caller):
                # As the SDK would decide, which takes ten times as long.
                return
            parent = self._context(caller, headers.get(b"tracestate"))
        if method not in METHODS:
            method = "_OTHER"
        name = "HTTP" if method == "_OTHER" else method
        attributes["http.request.method"] = method
        attributes["http.response.status_code"] = status
        # Whatever the caller spoke with a proxy: this service speaks no TLS.
        attributes["url.scheme"] = "http"
        if route is not None:
            name = f"{name} {route}"
            attributes["http.route"] = route
        span = self._tracer.start_span(
            name,
            parent,
            SpanKind.SERVER,
            attributes,
            start_time=ended - int(seconds * 1e9),
        )
        if not span.is_recording():
            return
        if self._queued - self._sent.taken >= self._room:
            # The SDK would drop one too, uncounted.
            self._dropped += 1
            return
        if status >= SERVER_ERROR:
            span.set_attribute("error.type", str(status))
            span.set_status(StatusCode.ERROR)
        self._queued += 1
        span.end(ended)

    def _context(self, caller: bytes, state: bytes | None) -> Context:
        carrier = {"traceparent": caller.decode("latin-1")}
        if state is not None:
            carrier["tracestate"] = state.decode("latin-1")
        return self._callers.extract(carrier, self._nobody)


class _Counted(SpanExporter):
    """Hands spans on and counts them.

    Attributes:
        taken: spans that left the queue.
        under_way: of these, those whose fate is open.
        failed: of these, those that could not be sent.
    """

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self.taken = self.under_way = self.failed = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        self.taken += len(spans)
        self.under_way = len(spans)
        result = SpanExportResult.FAILURE
        try:
            result = self._exporter.export(spans)
        finally:
            if result is not SpanExportResult.SUCCESS:
                self.failed += len(spans)
            self.under_way = 0
        return result

    def shutdown(self) -> None:
        self._exporter.shutdown()


class _NowAndThen(logging.Filter):
    """Lets a line through once a minute, as an event with its reason.

    The exporter tells of each try and of each batch; the first line of a trouble has its cause.
    """

    def __init__(self) -> None:
        super().__init__()
        self._quiet_until = float("-inf")

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._quiet_until:
            return False
        self._quiet_until = now + QUIET_S
        record.reason = record.getMessage()
        record.msg, record.args = "collector_trouble", None
        return True


def _otlp() -> SpanExporter:
    """The exporter for a collector, by OpenTelemetry's variables.

    Raises:
        SettingsError: they ask for a protocol other than OTLP over HTTP.
    """
    for name in ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"):
        protocol = os.environ.get(name)
        if protocol:
            if protocol != PROTOCOL:
                raise SettingsError((f"{name}: found {protocol}, expected {PROTOCOL}",))
            break
    return OTLPSpanExporter()


def _resource() -> Resource:
    """Who sends, by OpenTelemetry's variables; `fairlead` where they do not name the service."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: "fairlead"}))
    return resource
