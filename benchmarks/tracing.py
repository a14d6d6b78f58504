"""What tracing costs a request: `python benchmarks/tracing.py BUNDLE`.

One process answers the first golden record again and again, without tracing and with each sampler
in turn, ROUNDS times, so that noise falls on all of them; the median counts. Spans go to a
collector in another process. `answer` is the time until the answer, `processor` the time that the
process computes for a request, the sending of its span included.
"""

from __future__ import annotations

import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from asyncio import run
from pathlib import Path

import msgspec

from fairlead.bundle.reading import load_bundle
from fairlead.serving.gateway import Gateway
from fairlead.serving.logs import LineWriter
from fairlead.serving.table import TableFile
from fairlead.serving.tracing import Tracing
from fairlead.serving.worker import SWITCH_INTERVAL_S, TABLE, make_gateway, table_of
from fairlead.settings import Settings

ROUNDS = 31
REQUESTS = 1500
"""Fewer than the queue has room for: none is lost."""
SAMPLERS = {
    "`always_on`": ("always_on", ""),
    "`parentbased_traceidratio`, 0.1": ("parentbased_traceidratio", "0.1"),
    "`parentbased_traceidratio`, 0.01": ("parentbased_traceidratio", "0.01"),
    "`always_off`": ("always_off", ""),
}
HEADERS = {b"host": b"127.0.0.1", b"content-type": b"application/json"}
NOT_SAMPLED = {b"traceparent": b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"}
COLLECTOR = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Collecting(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass

server = ThreadingHTTPServer(("127.0.0.1", 0), Collecting)
print(server.server_port, flush=True)
server.serve_forever()
"""


def main() -> None:
    """Measure and print a table."""
    bundle = Path(sys.argv[1])
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    logging.basicConfig()
    read, write = os.pipe()
    collector = subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=write)
    with open(read) as told:  # noqa: PTH123 (a descriptor)
        os.close(write)
        os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{int(told.readline())}"
    tracings = {name: tracing_with(*sampler) for name, sampler in SAMPLERS.items()}
    try:
        with tempfile.TemporaryDirectory() as state, Path(os.devnull).open("wb") as nowhere:
            measure(bundle, Path(state), LineWriter(nowhere.fileno()), tracings)
    finally:
        for tracing in tracings.values():
            tracing.close()
        collector.kill()
        collector.wait()


def tracing_with(sampler: str, argument: str) -> Tracing:
    """What a worker has whose environment names this sampler."""
    os.environ["OTEL_TRACES_SAMPLER"] = sampler
    os.environ["OTEL_TRACES_SAMPLER_ARG"] = argument
    return Tracing()


def measure(bundle: Path, state: Path, writer: LineWriter, tracings: dict[str, Tracing]) -> None:
    """Ask in turn and print the medians."""
    TableFile(state / TABLE).edit(lambda _: table_of([bundle]))
    gateway, loader = make_gateway(state, Settings(), writer)
    run(loader.follow())
    body = msgspec.json.encode(load_bundle(bundle).golden()["records"][0])
    ways: dict[str, tuple[Tracing | None, dict[bytes, bytes]]] = {"none": (None, HEADERS)}
    for name, tracing in tracings.items():
        ways[name] = (tracing, HEADERS)
    followed = tracings["`parentbased_traceidratio`, 0.01"]
    ways["the same, asked by who does not sample"] = (followed, {**HEADERS, **NOT_SAMPLED})
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (way, headers) in ways.items():
            times[name].append(asked(gateway, way, headers, body))
    gateway.close()
    answer, processor = medians(times["none"])
    print("| tracing | answer, µs | × | processor, µs | × |\n| --- | ---: | ---: | ---: | ---: |")
    for name, measured in times.items():
        one, both = medians(measured)
        print(f"| {name} | {one:.1f} | {one / answer:.2f} | {both:.1f} | {both / processor:.2f} |")


def medians(measured: list[tuple[float, float]]) -> tuple[float, float]:
    """Of both columns."""
    answers, processors = zip(*measured, strict=True)
    return statistics.median(answers), statistics.median(processors)


def asked(
    gateway: Gateway, tracing: Tracing | None, headers: dict[bytes, bytes], body: bytes
) -> tuple[float, float]:
    """Answer many requests; µs until an answer, and µs of the processor for a request."""
    gateway.tracing = tracing
    endpoint = gateway.service.generation.short[b"/predict"]
    computed, began = time.process_time(), time.perf_counter()
    for _ in range(REQUESTS):
        gateway.reply(endpoint, headers, body, time.perf_counter())
    answered = time.perf_counter()
    if tracing is not None:
        tracing._provider.force_flush()  # noqa: SLF001 (its end is not to be measured)
    scale = 1e6 / REQUESTS
    return scale * (answered - began), scale * (time.process_time() - computed)


if __name__ == "__main__":
    main()
