"""A live worker: its answers, its refusals, and how it stops."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from functools import cached_property
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import Any

import httpx2
import numpy as np
import pytest

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.serving.table import TableFile
from fairlead.serving.worker import TABLE, table_of
from fairlead.testing.registry import sample_bundle

PATIENCE_S = 30.0
HEAVY = (
    "pandas",
    "polars",
    "sklearn",
    "onnx",
    "mlflow",
    "pyarrow",
    "duckdb",
    "matplotlib",
    "scipy",
)
SERVE = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {HEAVY}:
            raise ModuleNotFoundError(name, name=name)

sys.meta_path.insert(0, Refuse())
from fairlead.cli.main import main
main()
"""
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
BUNDLES = Path(__file__).parents[1] / "unit" / "serving" / "conftest.py"


class Worker:
    """A worker process, and what it has logged."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    @cached_property
    def url(self) -> str:
        """Where it listens, once it does."""
        return str(self.wait_for("ready")["url"])

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    @property
    def address(self) -> tuple[str, int]:
        url = httpx2.URL(self.url)
        return url.host, url.port or 0

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next logged event of that name."""
        while True:
            document: dict[str, Any] = json.loads(self._lines.get(timeout=PATIENCE_S))
            if document["event"] == event:
                return document

    def end(self) -> None:
        """Leave nothing behind."""
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)

    def stop(self, sent: signal.Signals = signal.SIGTERM) -> int:
        """Stop and give the exit code."""
        self.process.send_signal(sent)
        return self.process.wait(PATIENCE_S)


def running(bundle: Path, **environ: str) -> AbstractContextManager[Worker]:
    command = [sys.executable, "-m", "fairlead.serving.worker", "--bundle", str(bundle)]
    return started(command, **environ)


@contextmanager
def started(command: list[str], **environ: str) -> Iterator[Worker]:
    command += ["--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, bufsize=1, text=True, env=os.environ | environ
    )
    worker = Worker(process)
    try:
        assert worker.url
        yield worker
    finally:
        worker.end()


@pytest.fixture(scope="module")
def write_flowers() -> Callable[[Path], Path]:
    spec = importlib.util.spec_from_file_location("serving_bundles", BUNDLES)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    write: Callable[[Path], Path] = module.write_flowers
    return write


@pytest.fixture(scope="module")
def bundle(
    tmp_path_factory: pytest.TempPathFactory, write_flowers: Callable[[Path], Path]
) -> Bundle:
    return load_bundle(write_flowers(tmp_path_factory.mktemp("bundles")))


@pytest.fixture(scope="module")
def worker(bundle: Bundle) -> Iterator[Worker]:
    with running(bundle.path, FAIRLEAD_MAX_BODY_BYTES="100000") as running_worker:
        yield running_worker


@pytest.fixture(scope="module")
def slow(bundle: Bundle) -> Iterator[Worker]:
    """A worker that waits for half a second."""
    with running(bundle.path, FAIRLEAD_READ_TIMEOUT_S="0.5") as running_worker:
        yield running_worker


@pytest.fixture
def client(worker: Worker) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=worker.url, timeout=PATIENCE_S) as opened:
        yield opened


def body_with(**changes: Any) -> bytes:
    return json.dumps(ROW | changes).encode()


def test_a_live_answer_has_the_bits_of_the_bundle(client: httpx2.Client, bundle: Bundle) -> None:
    records = bundle.golden()["records"]
    answers = [client.post("/predict", json=record).json() for record in records]
    online = np.array([list(answer["probabilities"].values()) for answer in answers])
    expected = np.vstack([bundle.predict_proba([record]) for record in records])
    assert online.tobytes() == expected.tobytes()
    assert [answer["prediction"] for answer in answers] == bundle.predict(records).tolist()


def test_without_room_a_large_request_is_turned_away_and_its_connection_goes_on(
    bundle: Bundle,
) -> None:
    large = {"records": [ROW] * 1000}
    with (
        running(bundle.path, FAIRLEAD_MAX_QUEUE="0") as full,
        httpx2.Client(base_url=full.url, timeout=PATIENCE_S) as client,
    ):
        answers = [client.post("/predict", json=body) for body in (large, ROW, large)]
        counted = client.get("/metrics").text
    assert [answer.status_code for answer in answers] == [503, 200, 503]
    assert answers[0].headers["retry-after"] == "1"
    assert answers[0].json() == answers[2].json()
    assert 'fairlead_shed_total{reason="queue_full"} 2.0' in counted


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"POST /predict HTTP/1.1\r\nHost: x\r\n",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99999\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    ],
    ids=["nothing", "half a head", "half a small body", "half a large body", "all of it"],
)
def test_a_request_that_does_not_arrive_is_not_waited_for(slow: Worker, sent: bytes) -> None:
    with socket.create_connection(slow.address, timeout=PATIENCE_S) as caller:
        caller.sendall(sent)
        with caller.makefile("rb") as answer:
            # Ends when the service closes the connection.
            told = answer.read()
    assert told.split()[1] == (b"200" if sent.startswith(b"GET") else b"408")


def test_every_answer_has_a_request_id_and_the_version(
    client: httpx2.Client, bundle: Bundle
) -> None:
    answers = [client.get("/"), client.get("/nowhere"), client.post("/predict", content=b"{")]
    assert {answer.headers["x-model-version"] for answer in answers} == {bundle.digest[:12]}
    assert len({answer.headers["x-request-id"] for answer in answers}) == 3


@pytest.mark.parametrize(
    ("body", "status", "kind", "loc"),
    [
        (b"", 400, "json_invalid", ["body"]),
        (b"{'sepal_length': 5.1}", 400, "json_invalid", ["body"]),
        (b"[" * 50_000, 400, "json_invalid", ["body"]),
        (b"[]", 422, "model_attributes_type", ["body"]),
        (body_with(colour="red"), 422, "extra_forbidden", ["body", "colour"]),
        (body_with(sepal_width=None), 422, "float_type", ["body", "sepal_width"]),
        (body_with(sepal_width="3.5"), 422, "float_type", ["body", "sepal_width"]),
        (body_with(sepal_width=True), 422, "float_type", ["body", "sepal_width"]),
        (body_with(sepal_width=float("nan")), 422, "finite_number", ["body", "sepal_width"]),
        (body_with(sepal_width=10.5), 422, "less_than_equal", ["body", "sepal_width"]),
        (b'{"features": [[1, 2, 3]]}', 422, "row_length", ["body", "features", 0]),
    ],
)
def test_bad_input_gets_its_error(
    client: httpx2.Client, body: bytes, status: int, kind: str, loc: list[str | int]
) -> None:
    answer = client.post("/predict", content=body)
    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["type"], problem["loc"]) == (status, kind, loc)


def test_each_missing_column_is_told(client: httpx2.Client) -> None:
    answer = client.post("/predict", json={})
    assert [problem["loc"][1] for problem in answer.json()["detail"]] == list(ROW)


def test_a_body_that_is_too_large_gets_its_answer(client: httpx2.Client) -> None:
    declared = client.post("/predict", content=b" " * 390_000)
    chunked = client.post("/predict", content=iter([b" " * 1000] * 390))
    assert (declared.status_code, chunked.status_code) == (413, 413)


def test_another_content_type_is_refused(client: httpx2.Client) -> None:
    answer = client.post("/predict", content=b"1,2,3,4", headers={"Content-Type": "text/csv"})
    assert answer.status_code == 415


def exchange(worker: Worker, *pieces: bytes) -> bytes:
    """Send pieces one after the other and read until the worker closes the connection."""
    received = b""
    with socket.create_connection(worker.address, PATIENCE_S) as connection:
        for piece in pieces:
            connection.sendall(piece)
            time.sleep(0.05)
        while chunk := connection.recv(65536):
            received += chunk
    return received


BODY = json.dumps(ROW).encode()
LENGTH = b"Content-Length: %d\r\n" % len(BODY)
CHUNKED = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + LENGTH + b"\r\n" + BODY,),
        (b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + LENGTH, b"\r\n", BODY),
        (
            b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + LENGTH + b"\r\n",
            BODY[:7],
            BODY[7:],
        ),
        (
            b"POST /predict?x=1 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + LENGTH
            + b"\r\n"
            + BODY,
        ),
        (
            b"POST /pr%65dict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            + LENGTH
            + b"\r\n"
            + BODY,
        ),
        (
            b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKED,
        ),
        (
            b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
            b"Expect: 100-continue\r\n" + LENGTH + b"\r\n",
            BODY,
        ),
        (b"POST /predict HTTP/1.0\r\nHost: x\r\n" + LENGTH + b"\r\n" + BODY,),
    ],
    ids=["at once", "late body", "pieces", "query", "escaped", "chunked", "expect", "HTTP 1.0"],
)
def test_a_body_is_answered_alike_however_it_is_sent(
    worker: Worker, bundle: Bundle, pieces: tuple[bytes, ...]
) -> None:
    head, _, body = (
        exchange(worker, *pieces)
        .removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
        .partition(b"\r\n\r\n")
    )
    assert head.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"x-model-version: " + bundle.digest[:12].encode() in head
    assert json.loads(body)["prediction"] == bundle.predict([ROW])[0]


def test_requests_in_one_packet_are_answered_in_their_order(worker: Worker) -> None:
    one = b"POST /predict HTTP/1.1\r\nHost: x\r\n%s" + LENGTH + b"\r\n" + BODY
    cold = b"GET /version HTTP/1.1\r\nHost: x\r\nX-Request-ID: r2\r\n\r\n"
    first, last = one % b"X-Request-ID: r1\r\n", one % b"X-Request-ID: r3\r\n"
    close = one % b"X-Request-ID: r4\r\nConnection: close\r\n"
    received = exchange(worker, first + cold + last + close)
    assert received.count(b"HTTP/1.1 200 OK") == 4
    places = [received.index(b"x-request-id: r%d" % number) for number in (1, 2, 3, 4)]
    assert places == sorted(places)


CLOSE = b"POST /predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
PREDICT = b"POST /predict HTTP/1.1\r\nHost: x\r\n" + LENGTH + b"\r\n" + BODY
LIVEZ = b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKS = CLOSE + b"Transfer-Encoding: chunked\r\n"


@pytest.mark.parametrize("good", [PREDICT, LIVEZ, LIVEZ + LIVEZ])
def test_a_request_before_one_that_is_none_gets_its_answer(worker: Worker, good: bytes) -> None:
    assert exchange(worker, good + b"NONSENSE\r\n\r\n").startswith(b"HTTP/1.1 200 OK")


@pytest.mark.parametrize("pieces", [(BODY,), (b"", BODY)], ids=["at once", "late body"])
def test_an_offer_to_speak_another_protocol_is_declined(
    worker: Worker, pieces: tuple[bytes, ...]
) -> None:
    # Java's client offers HTTP/2 so.
    offer = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA\r\n"
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\n" + offer + LENGTH + b"\r\n"
    first, *others = pieces
    received = exchange(worker, head + first, *others, CLOSE + LENGTH + b"\r\n" + BODY)
    assert received.count(b"HTTP/1.1 200 OK") == 2


def test_what_comes_after_a_body_in_chunks_replaces_no_header(worker: Worker) -> None:
    trailer = (
        CHUNKED.removesuffix(b"\r\n") + b"X-Request-ID: late\r\nContent-Type: text/csv\r\n\r\n"
    )
    received = exchange(worker, CHUNKS + b"X-Request-ID: early\r\n\r\n" + trailer)
    assert received.startswith(b"HTTP/1.1 200 OK")
    assert b"x-request-id: early" in received


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET /livez?" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",),
        (CLOSE + b"X: " + b"a" * 70_000 + b"\r\n" + LENGTH + b"\r\n" + BODY,),
        (CLOSE + b"a: b\r\n" * 20_000,),
        (CLOSE + b"X: " + b"a" * 40_000, b"a" * 40_000),
        (CHUNKS + b"\r\n1;x=", b"a" * 70_000),
        (CHUNKS + b"\r\n" + CHUNKED[:-2], b"a: b\r\n" * 20_000),
    ],
    ids=["path", "header", "headers", "header in pieces", "extension of a chunk", "trailers"],
)
def test_headers_without_end_are_refused(worker: Worker, pieces: tuple[bytes, ...]) -> None:
    assert exchange(worker, *pieces).startswith(b"HTTP/1.1 431 ")


def test_headers_of_many_requests_may_come_together(worker: Worker) -> None:
    long = b"GET /livez HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 30_000 + b"\r\n\r\n"
    last = long.replace(b"Host: x", b"Connection: close")
    assert exchange(worker, long * 5, long * 5 + last).count(b"HTTP/1.1 200 OK") == 11


def test_a_client_that_leaves_while_sending_harms_nobody(
    worker: Worker, client: httpx2.Client
) -> None:
    with socket.create_connection(worker.address, PATIENCE_S) as leaving:
        leaving.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
    assert client.post("/predict", json=ROW).status_code == 200


def test_each_request_is_one_line_of_the_log(worker: Worker, client: httpx2.Client) -> None:
    sent = {"X-Request-ID": "find-me"}
    client.post("/predict", json={"records": [ROW, ROW]}, headers=sent)
    while (line := worker.wait_for("request"))["request_id"] != "find-me":
        pass
    assert (line["route"], line["status"], line["rows"]) == ("predict", 200, 2)


def test_a_stopping_worker_finishes_the_request_in_flight(bundle: Bundle) -> None:
    body = body_with()
    head = f"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    with (
        running(bundle.path) as worker,
        socket.create_connection(worker.address, PATIENCE_S) as slow,
    ):
        slow.sendall(head + body[:10])
        assert httpx2.get(f"{worker.url}/readyz").status_code == 200
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for("draining")
        assert httpx2.get(f"{worker.url}/readyz").status_code == 503
        slow.sendall(body[10:])
        assert slow.recv(65536).startswith(b"HTTP/1.1 200")
        assert worker.process.wait(PATIENCE_S) == 0


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_an_idle_worker_stops_at_once_with_zero(bundle: Bundle, sent: signal.Signals) -> None:
    with running(bundle.path) as worker:
        started = time.monotonic()
        assert worker.stop(sent) == 0
        assert time.monotonic() - started < 5


def test_a_request_that_never_ends_does_not_keep_a_worker_alive(bundle: Bundle) -> None:
    with (
        running(bundle.path, FAIRLEAD_DRAIN_S="2") as worker,
        socket.create_connection(worker.address, PATIENCE_S) as stuck,
    ):
        stuck.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        assert httpx2.get(f"{worker.url}/livez").status_code == 200
        started = time.monotonic()
        assert worker.stop() == 0
        assert time.monotonic() - started < 8


def test_a_bundle_is_served_where_only_the_serving_requirements_are_installed(
    bundle: Bundle,
) -> None:
    # The names are refused in the process that looks for the bundle; the worker replaces it.
    with started([sys.executable, "-c", SERVE, "serve", str(bundle.path)]) as worker:
        assert httpx2.post(f"{worker.url}/predict", json=ROW).status_code == 200


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux")
def test_a_worker_started_by_the_command_holds_no_training_library(bundle: Bundle) -> None:
    command = [sys.executable, "-m", "fairlead", "serve", str(bundle.path)]
    with started(command) as worker:
        httpx2.post(f"{worker.url}/predict", json=ROW)
        mapped = Path(f"/proc/{worker.process.pid}/maps").read_text()
    assert "/onnxruntime/" in mapped
    assert not [name for name in HEAVY if f"/{name}/" in mapped]


def test_a_stopping_worker_sends_its_regular_clients_away(bundle: Bundle) -> None:
    with (
        running(bundle.path) as worker,
        socket.create_connection(worker.address, PATIENCE_S) as slow,
        httpx2.Client(base_url=worker.url) as regular,
    ):
        slow.sendall(b"POST /predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{")
        assert "connection" not in regular.post("/predict", json=ROW).headers
        worker.process.send_signal(signal.SIGTERM)
        worker.wait_for("draining")
        assert regular.post("/predict", json=ROW).headers["connection"] == "close"


def test_a_port_that_is_taken_is_told_and_nothing_is_served(worker: Worker, bundle: Bundle) -> None:
    command = [sys.executable, "-m", "fairlead", "serve", str(bundle.path)]
    done = subprocess.run(
        [*command, "--port", str(worker.address[1])],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 3
    assert "address already in use" in done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_the_default_is_the_model_that_was_named(bundle: Bundle, tmp_path: Path) -> None:
    sample = sample_bundle(tmp_path)
    state = str(tmp_path / "state")
    command = [sys.executable, "-m", "fairlead", "serve", str(bundle.path), str(sample)]
    with started([*command, "--default", "sample"], FAIRLEAD_STATE=state) as service:
        assert httpx2.get(f"{service.url}/version").json()["model"] == "sample"
        assert service.stop() == 0


@pytest.mark.slow
def test_a_worker_whose_supervisor_ended_while_it_started_ends_too(
    bundle: Bundle, tmp_path: Path
) -> None:
    TableFile(tmp_path / TABLE).edit(lambda _: table_of([bundle.path]))
    command = [sys.executable, "-m", "fairlead.serving.worker", "--state", str(tmp_path)]
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait(PATIENCE_S)
    with started([*command, "--parent", str(gone.pid)]) as worker:
        worker.wait_for("supervisor_gone")
        assert worker.process.wait(PATIENCE_S) == 0


def test_a_worker_alone_deletes_predictions_that_are_too_old(
    bundle: Bundle, tmp_path: Path
) -> None:
    old = tmp_path / "flowers" / "1" / "20200101T000000-1-a.open.jsonl"
    old.parent.mkdir(parents=True)
    old.touch()
    with running(bundle.path, FAIRLEAD_PREDICTION_LOG=str(tmp_path)) as worker:
        until = time.monotonic() + PATIENCE_S
        while old.exists():
            assert time.monotonic() < until
            time.sleep(0.05)
        assert worker.stop() == 0


def test_a_label_that_was_acknowledged_outlives_a_kill(bundle: Bundle, tmp_path: Path) -> None:
    acknowledged: list[str] = []

    def send(url: str, caller: int) -> None:
        with httpx2.Client(base_url=url, timeout=PATIENCE_S) as client, suppress(httpx2.HTTPError):
            for number in range(10_000):
                name = f"{caller}-{number}"
                sent = {"prediction_id": name, "label": "setosa"}
                if client.post("/feedback", json=sent).status_code == 200:
                    acknowledged.append(name)

    with running(bundle.path, FAIRLEAD_PREDICTION_LOG=str(tmp_path)) as worker:
        callers = [Thread(target=send, args=(worker.url, caller)) for caller in range(4)]
        for each in callers:
            each.start()
        until = time.monotonic() + PATIENCE_S
        while len(acknowledged) < 100:
            assert time.monotonic() < until
            time.sleep(0.01)
        worker.process.kill()
        for each in callers:
            each.join(PATIENCE_S)
    (segment,) = tmp_path.glob("flowers/labels/feedback/*.jsonl")
    *lines, _ = segment.read_bytes().split(b"\n")
    assert {*acknowledged} <= {json.loads(line)["id"] for line in lines[1:]}
