from __future__ import annotations

import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from threading import Event
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from fairlead.bundle.reading import Bundle
from fairlead.errors import SettingsError
from fairlead.serving.tracing import EXPORTER_LOG, Tracing
from fairlead.serving.tracing import NOT_SAMPLED as NOT_SAMPLED_CALLER

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAMPLED, NOT_SAMPLED = f"00-{TRACE}-{PARENT}-01", f"00-{TRACE}-{PARENT}-00"
MAIN = "import sys; from fairlead.serving.worker import main; sys.exit(main(sys.argv[1:]))"


class Traced:
    """A client, and the spans of what it asked."""

    def __init__(self, client: Any, exporter: SpanExporter | None = None) -> None:
        self.client = client
        self._memory = InMemorySpanExporter()
        self.tracing = client.gateway.tracing = Tracing(exporter or self._memory)
        self.close = cache(self.tracing.close)
        """Once, whoever asks."""

    def spans(self) -> list[ReadableSpan]:
        """All of them; there will be no more."""
        self.close()
        return list(self._memory.get_finished_spans())

    def span(self) -> ReadableSpan:
        (only,) = self.spans()
        return only


@pytest.fixture
def trace(flowers_client: Any) -> Iterator[Callable[..., Traced]]:
    """Begins to trace, by the variables of OpenTelemetry that are set by then."""
    made: list[Traced] = []

    def begin(exporter: SpanExporter | None = None) -> Traced:
        made.append(Traced(flowers_client, exporter))
        return made[-1]

    yield begin
    for each in made:
        each.close()


@pytest.fixture
def traced(trace: Callable[..., Traced]) -> Traced:
    return trace()


def ask(traced: Traced, path: str = "/predict", body: Any = ROW, **headers: str) -> Any:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return traced.client.post(path, json=body, headers=headers)


def test_a_prediction_is_a_server_span_with_what_is_known_of_it(traced: Traced) -> None:
    ask(traced, "/models/flowers/predict", {"records": [ROW, ROW]}, x_request_id="r1")
    span = traced.span()
    assert (span.name, span.kind) == ("POST /models/{name}/predict", SpanKind.SERVER)
    assert span.status.status_code is StatusCode.UNSET
    assert dict(span.attributes or {}) == {
        "http.request.method": "POST",
        "http.route": "/models/{name}/predict",
        "http.response.status_code": 200,
        "url.scheme": "http",
        "url.path": "/models/flowers/predict",
        "fairlead.model": "flowers",
        "fairlead.version": "3",
        "fairlead.route": "champion",
        "fairlead.rows": 2,
        "fairlead.request_id": "r1",
    }


def test_a_large_request_is_a_span_as_well(traced: Traced) -> None:
    ask(traced, body={"records": [ROW] * 1000})
    assert (traced.span().attributes or {})["fairlead.rows"] == 1000


def test_a_path_of_one_version_has_its_template(traced: Traced) -> None:
    ask(traced, "/v2/models/flowers/versions/3/infer", {})
    assert traced.span().name == "POST /v2/models/{name}/versions/{version}/infer"


def test_a_span_lasts_as_long_as_the_request(traced: Traced) -> None:
    gateway, endpoint = traced.client.gateway, traced.client.service.generation.endpoints
    before = time.time_ns()
    gateway.reply(endpoint["/predict"], {}, b"{}", time.perf_counter() - 2)
    span = traced.span()
    assert span.start_time is not None
    assert span.end_time is not None
    assert before - 2.1e9 < span.start_time < before - 1.9e9
    assert before <= span.end_time <= time.time_ns()


def test_the_parent_is_the_callers(traced: Traced) -> None:
    ask(traced, traceparent=SAMPLED, tracestate="vendor=1")
    span = traced.span()
    assert span.context is not None
    assert span.parent is not None
    assert span.parent.is_remote
    assert (span.context.trace_id, span.parent.span_id) == (int(TRACE, 16), int(PARENT, 16))
    assert dict(span.context.trace_state) == {"vendor": "1"}


@pytest.mark.parametrize("path", ["/predict", "/nowhere"])
def test_what_the_caller_does_not_sample_is_not_sampled(traced: Traced, path: str) -> None:
    ask(traced, path, traceparent=NOT_SAMPLED)
    assert traced.spans() == []


def test_a_sampler_that_does_not_ask_callers_samples_all_the_same(
    monkeypatch: pytest.MonkeyPatch, trace: Callable[..., Traced]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_on")
    traced = trace()
    ask(traced, traceparent=NOT_SAMPLED)
    span = traced.span()
    assert span.parent is not None
    assert span.parent.span_id == int(PARENT, 16)


@given(
    st.from_regex(
        r"0[01]-0{0,32}[0-9a-f]{0,32}-0{0,16}[0-9a-f]{0,16}-[0-9a-f]{1,3}", fullmatch=True
    )
)
@example(NOT_SAMPLED)
@example(SAMPLED)
@example(f"00-{'0' * 32}-{PARENT}-00")
@example(f"00-{TRACE}-{'0' * 16}-00")
def test_a_caller_who_does_not_sample_is_known_as_the_sdk_knows_him(traceparent: str) -> None:
    context = TraceContextTextMapPropagator().extract({"traceparent": traceparent}, Context())
    caller = get_current_span(context).get_span_context()
    if NOT_SAMPLED_CALLER.fullmatch(traceparent.encode()):
        assert caller.is_valid
        assert not caller.trace_flags.sampled


@pytest.mark.parametrize(
    "traceparent", ["", "nothing", "ff" + SAMPLED[2:], SAMPLED + "x", "x" * 9000, "\xe9"]
)
def test_a_parent_that_is_none_begins_a_trace_and_is_not_repeated(
    traced: Traced, caplog: pytest.LogCaptureFixture, traceparent: str
) -> None:
    headers: Any = {"traceparent": traceparent.encode("latin-1"), "tracestate": b"s\xe9cret; ,"}
    assert traced.client.post("/predict", json=ROW, headers=headers).status_code == 200
    assert traced.span().parent is None
    assert not caplog.records


def test_a_state_that_cannot_be_read_is_left_out_and_not_repeated(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    ask(traced, traceparent=SAMPLED, tracestate="secret; ,")
    span = traced.span()
    assert span.parent is not None
    assert not span.parent.trace_state
    assert not caplog.records


def test_a_refused_request_is_no_error_of_the_service(traced: Traced) -> None:
    ask(traced, body={"sepal_length": "secret"})
    span = traced.span()
    assert (span.attributes or {})["http.response.status_code"] == 422
    assert span.status.status_code is StatusCode.UNSET
    assert "secret" not in span.to_json()


def test_an_error_of_the_service_is_one_without_its_text(traced: Traced) -> None:
    traced.client.service.models["flowers"].primary.predictor.bundle._session = None
    ask(traced)
    span = traced.span()
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, None)
    assert (span.attributes or {})["error.type"] == "500"
    assert not span.events


def test_a_request_without_a_place_is_an_error_of_the_service(traced: Traced) -> None:
    traced.client.gateway.in_flight = traced.client.service.settings.max_queue
    ask(traced, body={"records": [ROW] * 1000})
    assert (traced.span().attributes or {})["error.type"] == "503"


@pytest.mark.parametrize(
    ("method", "path", "name", "status"),
    [
        ("GET", "/livez", "GET /livez", 200),
        ("GET", "/models/flowers/model_info?secret=1", "GET /models/{name}/model_info", 200),
        ("GET", "/secret", "GET", 404),
        ("GET", "/predict", "GET /predict", 405),
        ("SECRET", "/predict", "HTTP /predict", 405),
        ("SECRET", "/secret", "HTTP", 404),
    ],
)
def test_other_requests_are_told_without_the_callers_text(
    traced: Traced, method: str, path: str, name: str, status: int
) -> None:
    assert traced.client.request(method, path).status_code == status
    span = traced.span()
    assert (span.name, (span.attributes or {})["http.response.status_code"]) == (name, status)
    assert "secret" not in span.to_json().lower()


def test_without_tracing_a_gateway_has_none(flowers_client: Any) -> None:
    assert flowers_client.gateway.tracing is None


def test_the_service_is_called_fairlead_where_nobody_names_it(
    traced: Traced,
) -> None:
    ask(traced)
    assert traced.span().resource.attributes["service.name"] == "fairlead"


def test_the_service_has_the_name_that_the_environment_gives(
    monkeypatch: pytest.MonkeyPatch, trace: Callable[..., Traced]
) -> None:
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.name=scoring,team=a")
    traced = trace()
    ask(traced)
    attributes = traced.span().resource.attributes
    assert (attributes["service.name"], attributes["team"]) == ("scoring", "a")


def test_the_sampler_is_that_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, trace: Callable[..., Traced]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0")
    traced = trace()
    ask(traced)
    ask(traced, traceparent=SAMPLED)
    assert traced.span().parent is not None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ("OTEL_BSP_SCHEDULE_DELAY", "-1"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "many"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ],
)
def test_a_variable_with_an_illegal_value_is_an_error(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError):
        Tracing()


class Away(SpanExporter):
    """A collector that does not answer until it is told to refuse."""

    def __init__(self) -> None:
        self.refuse = Event()

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        del spans
        self.refuse.wait(30)
        return SpanExportResult.FAILURE


@pytest.fixture
def away() -> Iterator[Away]:
    collector = Away()
    yield collector
    collector.refuse.set()


def test_spans_that_no_collector_takes_are_counted_and_wait_for_nobody(
    monkeypatch: pytest.MonkeyPatch,
    trace: Callable[..., Traced],
    away: Away,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "8")
    monkeypatch.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "8")
    traced = trace(away)
    for _ in range(30):
        ask(traced)
    started = time.monotonic()
    traced.close()
    assert time.monotonic() - started < 5
    assert traced.tracing.lost == 30
    assert [(each.message, each.spans) for each in caplog.records] == [("spans_lost", 30)]  # type: ignore[attr-defined]
    traced.client.gateway.flush()
    assert "fairlead_spans_lost_total 30.0" in traced.client.get("/metrics").text


def test_batches_that_are_refused_are_counted(trace: Callable[..., Traced], away: Away) -> None:
    away.refuse.set()
    traced = trace(away)
    ask(traced)
    ask(traced)
    traced.close()
    assert traced.tracing.lost == 2


def test_a_trouble_with_the_collector_is_told_now_and_then(
    traced: Traced, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(3):
        EXPORTER_LOG.error("Failed to export %s batch code: %s", "spans", 401)
    told = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [(each.message, each.reason) for each in told] == [  # type: ignore[attr-defined]
        ("collector_trouble", "Failed to export spans batch code: 401")
    ]


def worker(bundle: Bundle, code: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, "--bundle", bundle.path, "--port", "0"],
        env={"FAIRLEAD_TRACES": "true", **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_without_the_extra_a_worker_says_which_and_ends(flowers: Bundle) -> None:
    done = worker(flowers, f"import sys; sys.modules['opentelemetry.sdk.trace'] = None\n{MAIN}")
    assert done.returncode == 2
    assert done.stderr == "tracing needs an extra: pip install 'fairlead[otel]'\n"


def test_a_wrong_variable_ends_a_worker_as_a_wrong_setting_does(flowers: Bundle) -> None:
    done = worker(flowers, MAIN, OTEL_EXPORTER_OTLP_PROTOCOL="grpc")
    assert done.returncode == 2
    assert "OTEL_EXPORTER_OTLP_PROTOCOL: found grpc, expected http/protobuf" in done.stderr
