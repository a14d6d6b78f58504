"""A live worker under bad requests: it refuses them, keeps nothing of them, and goes on."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from fairlead.bundle.reading import Bundle, load_bundle

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux"),
]

SEED = 20_240_229
BODIES = 20_000
WARM_UP = 5_000
"""Bodies that may make the worker grow: caches fill, pyarrow is loaded, arenas are made."""
GROWTH_BYTES = 6 * 2**20
"""What the others may leave. A leak of 1 KiB a body would be 15 MiB."""
CONNECTIONS = 2_800
"""Connections over which broken HTTP is sent; their first quarter warms up."""
TOGETHER = 70
ANSWER_S = 10.0
"""No answer takes longer, even where other work has the cores; most take under a millisecond."""


def loaded(path: Path) -> ModuleType:
    """A file beside the tests as a module; pytest makes none of what holds no test."""
    name = f"fuzzed_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HERE = Path(__file__).parent
MALFORMED = loaded(HERE / "malformed_bodies.py")
BROKEN_HTTP = loaded(HERE / "malformed_http.py")
LIMIT_BYTES: int = MALFORMED.LIMIT_BYTES
GOOD = [sent for model in MALFORMED.ROWS for sent in MALFORMED.good_requests(model)]
TRACES = (b"Traceback", b'File "', b".py", b"Error(")
CHANGING = (
    "sagemaker_load",
    "v2_repository_load",
    "v2_repository_index",
    "set_traffic",
    "sagemaker_unload",
    "v2_repository_unload",
)


class Worker:
    """A worker process whose log goes to a file, which takes every line."""

    def __init__(self, bundles: list[Path], folder: Path, **opened: str) -> None:
        self._log = folder / "log.jsonl"
        sources = [argument for path in bundles for argument in ("--bundle", str(path))]
        environ = {
            "FAIRLEAD_PREDICTION_LOG": str(folder / "predictions"),
            "FAIRLEAD_MAX_BODY_BYTES": str(LIMIT_BYTES),
            "FAIRLEAD_MAX_ROWS": "100",
            "FAIRLEAD_DRAIN_S": "2",
        }
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "fairlead.serving.worker", *sources, "--port", "0"],
                stdout=log,
                env=os.environ | environ | opened,
            )
        until = time.monotonic() + 60
        while not (ready := [line for line in self.logged() if line["event"] == "ready"]):
            assert self.process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.1)
        self.url = str(ready[0]["url"])
        url = httpx2.URL(self.url)
        self.address = (url.host, url.port or 0)

    def logged(self) -> list[dict[str, Any]]:
        """The lines of the log so far."""
        *whole, _ = self._log.read_bytes().split(b"\n")
        return [json.loads(line) for line in whole]

    def resident_bytes(self) -> int:
        """Memory that is its own: without files that are mapped, and shared with others."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"RssAnon:\s+(\d+) kB", status)
        assert found is not None
        return 1024 * int(found[1])

    def end(self) -> int:
        """Stop it and give the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        finally:
            self.process.kill()


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Bundle]:
    made = loaded(HERE.parent / "unit" / "serving" / "conftest.py")
    store = tmp_path_factory.mktemp("bundles")
    return {
        "flowers": load_bundle(made.write_flowers(store / "flowers")),
        "houses": load_bundle(made.write_houses(store / "houses")),
    }


@pytest.fixture(scope="module")
def worker(
    bundles: dict[str, Bundle], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Worker]:
    started = Worker([bundle.path for bundle in bundles.values()], tmp_path_factory.mktemp("run"))
    try:
        yield started
    finally:
        started.end()


# Checks are left out where a document cannot say what the service does:
# - A tensor's shape must fit its data, and the columns of a frame must be of one length. JSON
#   Schema has no words for that: what fits the schema may be refused. So may a folder without a
#   bundle, and traffic for a route that is not there.
# - A bad row of a batch gets its errors in an answer with 200, as the description says.
LEFT_OUT = {
    "models": [positive_data_acceptance],
    "load": [positive_data_acceptance],
    "traffic": [positive_data_acceptance],
    "infer": [positive_data_acceptance],
    "invocations": [positive_data_acceptance],
    "invoke": [positive_data_acceptance],
    "predict_batch": [negative_data_rejection],
}
EXAMPLES = 20
"""Of each operation, and as many again of data that break its schema."""


def explore(operation: schemathesis.APIOperation, mode: GenerationMode, token: str) -> None:
    """Send what the document admits, or what it does not, and compare the answers with it."""
    left_out = LEFT_OUT.get(operation.path.rpartition("/")[2], [])

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: schemathesis.Case) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        case.call_and_validate(headers=headers, excluded_checks=left_out)

    ask()


def modes_of(operation: schemathesis.APIOperation) -> list[GenerationMode]:
    """Any text is a legal name in a path: only bodies and queries can break a schema."""
    breakable = list(operation.body) or list(operation.query)
    return list(GenerationMode) if breakable else [GenerationMode.POSITIVE]


def test_every_answer_is_as_the_document_says(worker: Worker) -> None:
    document = schemathesis.openapi.from_url(f"{worker.url}/openapi.json")
    operations = [result.ok() for result in document.get_all_operations()]
    for operation in operations:
        for mode in modes_of(operation):
            explore(operation, mode, "none")
    assert len(operations) > 35
    assert_worked_without_errors(worker)


def test_routes_that_change_what_is_served_are_as_the_document_says(
    bundles: dict[str, Bundle], tmp_path: Path
) -> None:
    opened = {"FAIRLEAD_MODEL_CONTROL": "true", "FAIRLEAD_ADMIN_TOKEN": "secret"}
    worker = Worker([bundle.path for bundle in bundles.values()], tmp_path, **opened)
    try:
        document = schemathesis.openapi.from_url(f"{worker.url}/openapi.json")
        operations = [result.ok() for result in document.get_all_operations()]
        changing = [each for each in operations if each.definition.raw["operationId"] in CHANGING]
        for operation in changing:
            for mode in modes_of(operation):
                explore(operation, mode, "secret")
        assert len(changing) == len(CHANGING)
        assert_worked_without_errors(worker)
    finally:
        worker.end()


@dataclass(frozen=True)
class Got:
    """An answer."""

    status: int
    head: bytes
    body: bytes


class Caller:
    """Speaks HTTP over a connection that is kept as long as the worker keeps it."""

    def __init__(self, address: tuple[str, int]) -> None:
        self._address = address
        self._socket: socket.socket | None = None
        self.slowest_s = 0.0

    def ask(self, request: bytes) -> Got:
        """The answer to one request."""
        started = time.perf_counter()
        if self._socket is None:
            self._socket = socket.create_connection(self._address, ANSWER_S)
        self._socket.sendall(request)
        got, rest = read_answer(self._socket)
        assert rest == b""
        if b"\r\nconnection: close" in got.head:
            self.close()
        self.slowest_s = max(self.slowest_s, time.perf_counter() - started)
        return got

    def close(self) -> None:
        """Leave nothing open."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def read_answer(connection: socket.socket, received: bytes = b"") -> tuple[Got, bytes]:
    """The next answer but for `100 Continue`, and what came after it."""
    while b"\r\n\r\n" not in received:
        chunk = connection.recv(65536)
        assert chunk, f"closed without an answer: {received!r}"
        received += chunk
    head, _, rest = received.partition(b"\r\n\r\n")
    if head.startswith(b"HTTP/1.1 100 "):
        return read_answer(connection, rest)
    length = re.search(rb"\r\ncontent-length: (\d+)", head)
    assert length is not None
    while len(rest) < int(length[1]):
        chunk = connection.recv(65536)
        assert chunk, "closed within an answer"
        rest += chunk
    size = int(length[1])
    return Got(int(head[9:12]), head, rest[:size]), rest[size:]


def assert_tells_nothing(got: Got) -> None:
    """No error of the service, no trace, and no value of the request."""
    assert got.status < 500, got
    told = re.sub(rb"\r\nx-request-id: [^\r]*", b"", got.head) + got.body
    values = MALFORMED.VALUES[:1] if got.status == 200 else MALFORMED.VALUES
    assert not [each for each in (*values, *TRACES) if each in told], got
    if got.body and b"\r\ncontent-type: application/json" in got.head:
        json.loads(got.body, parse_constant=pytest.fail)


def assert_worked_without_errors(worker: Worker) -> None:
    """It runs, and its log tells of requests alone."""
    assert worker.process.poll() is None
    assert [line for line in worker.logged() if line["level"] != "info"] == []


def test_what_is_spoiled_was_good(worker: Worker) -> None:
    caller = Caller(worker.address)
    for sent in GOOD:
        assert caller.ask(bytes(sent)).status == 200, sent
    caller.close()


def test_malformed_bodies_are_refused_and_leave_nothing_behind(worker: Worker) -> None:
    caller = Caller(worker.address)
    statuses: Counter[int] = Counter()
    sizes = []
    for index, sent in enumerate(MALFORMED.spoiled_requests(BODIES, SEED)):
        if index == WARM_UP:
            sizes.append(worker.resident_bytes())
        got = caller.ask(bytes(sent))
        assert_tells_nothing(got)
        statuses[got.status] += 1
    caller.close()
    sizes.append(worker.resident_bytes())
    told = f"{dict(sorted(statuses.items()))}, bytes {sizes}, slowest {caller.slowest_s:.3f} s"
    print(told)
    assert sizes[1] - sizes[0] < GROWTH_BYTES, told
    assert set(statuses) == {200, 400, 413, 415, 422}, told
    assert caller.slowest_s < ANSWER_S
    assert_worked_without_errors(worker)


def exchanged(worker: Worker, requests: list[bytes]) -> list[bytes]:
    """What comes back on as many connections, which all send at once and then leave."""
    opened = [socket.create_connection(worker.address, ANSWER_S) for _ in requests]
    for connection, request in zip(opened, requests, strict=True):
        # It may be refused, and closed, before it is all sent.
        with suppress(ConnectionError):
            connection.sendall(request)
    time.sleep(0.1)
    return [received(connection) for connection in opened]


def received(connection: socket.socket) -> bytes:
    """All that comes until the worker closes, as it does when the client says no more."""
    came = b""
    with connection:
        with suppress(ConnectionError, OSError):
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionError):
            while chunk := connection.recv(65536):
                came += chunk
    return came


def assert_answers(came: bytes) -> list[int]:
    """Statuses of what came back, which is answers that tell nothing, and nothing else."""
    statuses = []
    while came:
        head, end, rest = came.partition(b"\r\n\r\n")
        assert re.match(rb"HTTP/1\.1 [1-4][0-9][0-9] ", head), came
        assert end, came
        status = int(head[9:12])
        length = re.search(rb"\r\ncontent-length: (\d+)", head)
        size = 0 if length is None else int(length[1])
        # Of HEAD there is no body.
        size = 0 if rest.startswith(b"HTTP/1.1 ") else min(size, len(rest))
        assert_tells_nothing(Got(status, head, rest[:size]))
        statuses += [status] if status >= 200 else []
        came = rest[size:]
    return statuses


def test_broken_http_is_refused_and_leaves_nothing_behind(worker: Worker) -> None:
    head = b"POST /predict HTTP/1.1\r\nHost: x\r\n"
    # They never send the rest, and must not be in anybody's way.
    stuck = [socket.create_connection(worker.address, ANSWER_S) for _ in range(50)]
    for index, connection in enumerate(stuck):
        connection.sendall((head + b"Content-Length: 500\r\n\r\n{")[: 20 + index])
    requests = list(BROKEN_HTTP.broken_requests(GOOD, CONNECTIONS, SEED))
    statuses: Counter[int] = Counter()
    sizes = []
    for start in range(0, CONNECTIONS, TOGETHER):
        if start == CONNECTIONS // 4:
            sizes.append(worker.resident_bytes())
        for came in exchanged(worker, requests[start : start + TOGETHER]):
            statuses.update(assert_answers(came))
    sizes.append(worker.resident_bytes())
    for connection in stuck:
        connection.close()
    told = f"{CONNECTIONS} connections, {dict(sorted(statuses.items()))}, bytes {sizes}"
    print(told)
    assert sizes[1] - sizes[0] < GROWTH_BYTES, told
    assert set(statuses) <= {200, 400, 404, 405, 413, 415, 422, 431}, told
    assert_worked_without_errors(worker)


BODY = json.dumps(MALFORMED.FLOWER).encode()
HIDDEN = b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /predict HTTP/1.1\r\nHost: x\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\n" % (5 + len(HIDDEN)),
        b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding : chunked\r\nContent-Length: 5\r\n",
        b"Transfer-Encoding: chunked, identity\r\nContent-Length: 5\r\n",
        b"Content-Length: 5\r\nContent-Length: %d\r\n" % (5 + len(HIDDEN)),
        b"Content-Length: 5\r\nContent-Length: 5\r\n",
        b"Content-Length: +5\r\n",
    ],
)
def test_a_request_whose_end_is_in_doubt_is_the_last_of_its_connection(
    worker: Worker, headers: bytes
) -> None:
    (came,) = exchanged(worker, [POST + headers + b"\r\n0\r\n\r\n" + HIDDEN])
    assert assert_answers(came) == [400]


# Each is sent until the worker has enough of it.
ENDLESS = {
    "headers": (POST, b"a: b\r\n" * 1000, 431),
    "a header": (POST + b"a: ", b"b" * 6000, 431),
    "a path": (b"GET /", b"a" * 6000, 431),
    "an extension": (POST + b"Transfer-Encoding: chunked\r\n\r\n1;a=", b"b" * 6000, 431),
    "trailers": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n0\r\n",
        b"a: b\r\n" * 1000,
        431,
    ),
    "chunks": (
        POST + b"Transfer-Encoding: chunked\r\n\r\n",
        b"1000\r\n" + b"1" * 4096 + b"\r\n",
        413,
    ),
    "chunks where nothing is predicted": (
        b"POST /v2/repository/index HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"1000\r\n" + b"1" * 4096 + b"\r\n",
        413,
    ),
    "a declared body": (POST + b"Content-Length: 999999999999\r\n\r\n", b" " * 4096, 413),
}


def until_refused(worker: Worker, head: bytes, piece: bytes) -> bytes:
    """The beginning of the answer to a request that does not end."""
    with socket.create_connection(worker.address, ANSWER_S) as connection:
        connection.sendall(head)
        connection.settimeout(0.001)
        for _ in range(4 * LIMIT_BYTES // len(piece) + 100):
            with suppress(TimeoutError):
                return connection.recv(12)
            connection.settimeout(ANSWER_S)
            connection.sendall(piece)
            connection.settimeout(0.001)
    return b"no end"


@pytest.mark.parametrize("kind", ENDLESS)
def test_what_has_no_end_is_refused_and_not_kept(worker: Worker, kind: str) -> None:
    head, piece, status = ENDLESS[kind]
    until_refused(worker, head, piece)
    before = worker.resident_bytes()
    answers = {until_refused(worker, head, piece) for _ in range(10)}
    assert answers == {b"HTTP/1.1 %d" % status}
    assert worker.resident_bytes() - before < GROWTH_BYTES


def test_after_all_this_a_good_request_gets_the_right_bits(
    worker: Worker, bundles: dict[str, Bundle]
) -> None:
    for name, bundle in bundles.items():
        records = bundle.golden()["records"]
        with httpx2.Client(base_url=worker.url) as client:
            answers = [client.post(f"/models/{name}/predict", json=each).json() for each in records]
        assert [each["prediction"] for each in answers] == bundle.predict(records).tolist()
    monitored = httpx2.get(f"{worker.url}/monitor/basic").json()
    assert monitored["rows"] > 0
    assert "fairlead_requests_total" in httpx2.get(f"{worker.url}/metrics").text
    assert_worked_without_errors(worker)


def test_after_all_this_it_stops_as_it_should(worker: Worker) -> None:
    assert worker.end() == 0
    assert [line["event"] for line in worker.logged()][-1] == "stopped"
