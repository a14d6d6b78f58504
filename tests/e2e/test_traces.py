"""A live worker that traces, and a collector: what arrives there, and what if it is away."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx2
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.trace.v1.trace_pb2 import Span

PATIENCE_S = 30.0
STOP_S = 8.0
"""Of which a worker that is idle and waits for a collector needs two."""
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
BUNDLES = Path(__file__).parents[1] / "unit" / "serving" / "conftest.py"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


class Worker:
    """A worker that traces."""

    def __init__(self, bundle: Path, collector: str, **environ: str) -> None:
        command = [sys.executable, "-m", "fairlead.serving.worker", "--bundle", str(bundle)]
        self.process = subprocess.Popen(
            [*command, "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env={
                **os.environ,
                "FAIRLEAD_TRACES": "true",
                "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
                **environ,
            },
        )
        assert self.process.stdout is not None
        self._lines = map(json.loads, self.process.stdout)
        self.url = str(self.wait_for("ready")["url"])

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next logged event of that name."""
        return next(line for line in self._lines if line["event"] == event)

    def stop(self) -> tuple[int, list[dict[str, Any]]]:
        """Stop it; give the exit code and the lines of the log that were not read yet."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE_S)
        return code, list(self._lines)


@contextmanager
def tracing(bundle: Path, collector: str, **environ: str) -> Iterator[Worker]:
    worker = Worker(bundle, collector, **environ)
    try:
        yield worker
    finally:
        worker.process.kill()
        worker.process.wait(PATIENCE_S)
        assert worker.process.stdout is not None
        worker.process.stdout.close()


class Collector(ThreadingHTTPServer):
    """Takes OTLP over HTTP."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Collecting)
        self.received: list[ExportTraceServiceRequest] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> dict[str, Span]:
        """By the id of their requests."""
        return {
            attributes(span)["fairlead.request_id"]: span
            for request in self.received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


class Collecting(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Collector)
        assert self.path == "/v1/traces"
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append(ExportTraceServiceRequest.FromString(body))
        answer = ExportTraceServiceResponse().SerializeToString()
        self.send_response(200)
        self.send_header("content-type", "application/x-protobuf")
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Not on standard error."""


def attributes(span: Span) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value")))
        for each in span.attributes
    }


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    spec = importlib.util.spec_from_file_location("serving_bundles", BUNDLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    path: Path = module.write_flowers(tmp_path_factory.mktemp("bundles"))
    return path


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_every_way_in_is_a_span_of_its_caller_and_is_sent_when_the_service_stops(
    bundle: Path, collector: Collector
) -> None:
    body = json.dumps(ROW).encode()
    large = json.dumps({"records": [ROW] * 1000}).encode()
    began = time.time_ns()
    # So late that only the end can send it.
    with tracing(bundle, collector.url, OTEL_BSP_SCHEDULE_DELAY="600000") as worker:
        with httpx2.Client(base_url=worker.url, timeout=PATIENCE_S) as client:

            def ask(request_id: str, path: str, content: Any, method: str = "POST") -> int:
                parent = f"00-{TRACE}-{PARENT}-01"
                headers = {"X-Request-ID": request_id, "traceparent": parent}
                return client.request(method, path, content=content, headers=headers).status_code

            answers = [
                ask("short", "/predict", body),
                ask("inline", "/models/flowers/predict", iter([body[:9], body[9:]])),
                ask("threaded", "/predict", large),
                ask("refused", "/predict", b"{}"),
                ask("cold", "/models/flowers/model_info", b"", "GET"),
            ]
            unasked = client.post("/predict", json=ROW, headers={"X-Request-ID": "unasked"})
        assert not collector.received
        code, _ = worker.stop()
    spans = collector.spans()
    told = {
        request_id: (
            span.name,
            attributes(span)["http.response.status_code"],
            attributes(span).get("fairlead.rows"),
        )
        for request_id, span in spans.items()
    }
    assert (code, answers, unasked.status_code) == (0, [200, 200, 200, 422, 200], 200)
    assert told == {
        "short": ("POST /predict", 200, 1),
        "inline": ("POST /models/{name}/predict", 200, 1),
        "threaded": ("POST /predict", 200, 1000),
        "refused": ("POST /predict", 422, 0),
        "cold": ("GET /models/{name}/model_info", 200, None),
        "unasked": ("POST /predict", 200, 1),
    }
    alone = spans.pop("unasked")
    assert {(span.trace_id.hex(), span.parent_span_id.hex()) for span in spans.values()} == {
        (TRACE, PARENT)
    }
    assert alone.trace_id.hex() != TRACE
    assert not alone.parent_span_id
    assert all(span.kind == Span.SPAN_KIND_SERVER for span in spans.values())
    assert all(
        began < span.start_time_unix_nano < span.end_time_unix_nano < time.time_ns()
        for span in spans.values()
    )


def test_spans_arrive_while_the_service_runs(bundle: Path, collector: Collector) -> None:
    with tracing(bundle, collector.url, OTEL_BSP_SCHEDULE_DELAY="100") as worker:
        httpx2.post(f"{worker.url}/predict", json=ROW)
        until = time.monotonic() + PATIENCE_S
        while not collector.received:
            assert time.monotonic() < until
            time.sleep(0.05)


def test_a_collector_that_refuses_connections_costs_a_line_and_its_spans(bundle: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    away = f"http://127.0.0.1:{port}"
    with tracing(bundle, away, OTEL_BSP_SCHEDULE_DELAY="50") as worker:
        assert httpx2.post(f"{worker.url}/predict", json=ROW).status_code == 200
        trouble = worker.wait_for("collector_trouble")
        for _ in range(10):
            assert httpx2.post(f"{worker.url}/predict", json=ROW).status_code == 200
        # The exporter tries again a second after the first time, and says so.
        time.sleep(1.5)
        asked = time.monotonic()
        code, lines = worker.stop()
    assert code == 0
    assert time.monotonic() - asked < STOP_S
    assert "Connection refused" in trouble["reason"]
    events = [line["event"] for line in lines]
    assert "collector_trouble" not in events
    assert [line["spans"] for line in lines if line["event"] == "spans_lost"] == [11]


@pytest.mark.parametrize("drain_s", ["10", "0"])
def test_a_collector_that_never_answers_keeps_nobody(bundle: Path, drain_s: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        away = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with tracing(
            bundle, away, OTEL_BSP_SCHEDULE_DELAY="50", FAIRLEAD_DRAIN_S=drain_s
        ) as worker:
            for _ in range(3):
                assert httpx2.post(f"{worker.url}/predict", json=ROW).status_code == 200
                time.sleep(0.1)
            asked = time.monotonic()
            code, lines = worker.stop()
    assert code == 0
    assert time.monotonic() - asked < STOP_S
    assert [line["spans"] for line in lines if line["event"] == "spans_lost"] == [3]
