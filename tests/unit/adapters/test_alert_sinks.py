"""Alerts arrive at receivers that fail, hang, and lie; real ones on this machine."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead.adapters.alertmanager_alerts import AlertmanagerSink
from fairlead.adapters.https_post import Post
from fairlead.adapters.log_alerts import LogSink
from fairlead.adapters.webhook_alerts import WebhookSink, signature
from fairlead.errors import DeliveryError, SettingsError
from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.records import Window

NOW = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
SECRET = "a secret of some length"  # noqa: S105
ALERT = Alert(
    id="0007-drift-3fa9c2d1",
    kind="drift",
    severity="warning",
    subjects=("income", "age"),
    summary="2 of 3 columns drifted (income, age), 400 rows",
    model="housing",
    version="3",
    digest="ab" * 32,
    run_id="r1",
    window=Window(NOW - timedelta(days=1), NOW),
    first_seen=NOW - timedelta(days=1),
    raised_at=NOW,
    last_seen=NOW,
)


@dataclass
class Receiver:
    """Answers with one status after the other, the last one for ever; 0 hangs."""

    statuses: list[int] = field(default_factory=lambda: [200])
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    url: str = ""
    released: threading.Event = field(default_factory=threading.Event)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    state = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            state.got.append((self.path, headers, body))
            status = state.statuses.pop(0) if len(state.statuses) > 1 else state.statuses[0]
            if status == 0:
                for _ in range(100):  # a byte at a time, each within the socket's own timeout
                    if state.released.wait(0.02):
                        return
                    try:
                        self.wfile.write(b"H")
                    except OSError:
                        return
                return
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield state
    state.released.set()
    server.shutdown()
    thread.join()
    server.server_close()


def post(url: str, timeout_s: float = 5.0) -> Post:
    return Post("webhook", "FAIRLEAD_ALERT_WEBHOOK", url, plain=False, timeout_s=timeout_s)


def test_a_webhook_gets_the_alert_as_json(receiver: Receiver) -> None:
    WebhookSink(post(f"{receiver.url}/hook?team=a"), SECRET).send(ALERT, "firing", NOW)
    (path, headers, body) = receiver.got[0]
    document = json.loads(body)
    assert path == "/hook?team=a"
    assert headers["content-type"] == "application/json"
    assert headers["x-fairlead-delivery"] == "0007-drift-3fa9c2d1:firing"
    assert document["event"] == "firing"
    assert msgspec.convert(document["alert"], Alert) == ALERT
    assert SECRET.encode() not in body


def test_a_signature_covers_time_and_body(receiver: Receiver) -> None:
    WebhookSink(post(receiver.url), SECRET).send(ALERT, "firing", NOW)
    (_, headers, body) = receiver.got[0]
    stamp = headers["x-fairlead-timestamp"]
    assert stamp == str(int(NOW.timestamp()))
    assert headers["x-fairlead-signature"] == signature(SECRET, stamp, body)
    assert signature(SECRET, "1", body) != signature(SECRET, stamp, body)
    assert signature(SECRET + "x", stamp, body) != signature(SECRET, stamp, body)
    assert signature(SECRET, stamp, body + b" ") != signature(SECRET, stamp, body)


def test_the_documented_receiver_knows_a_genuine_alert(receiver: Receiver) -> None:
    now = datetime.now(UTC)
    WebhookSink(post(receiver.url), SECRET).send(ALERT, "firing", now)
    (_, got, body) = receiver.got[0]
    page = Path(__file__).parents[3] / "docs" / "reference" / "alerts.md"
    (code,) = re.findall(
        r"^```python\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102
    headers = {name: got[name.lower()] for name in ("X-Fairlead-Timestamp", "X-Fairlead-Signature")}
    old = {**headers, "X-Fairlead-Timestamp": str(int(now.timestamp()) - 600)}
    is_genuine = names["is_genuine"]
    assert is_genuine(SECRET.encode(), headers, body)
    assert not is_genuine(SECRET.encode(), headers, body + b" ")
    assert not is_genuine(b"another key", headers, body)
    assert not is_genuine(SECRET.encode(), old, body)


def test_without_a_secret_nothing_is_signed(receiver: Receiver) -> None:
    WebhookSink(post(receiver.url)).send(ALERT, "firing", NOW)
    assert "x-fairlead-signature" not in receiver.got[0][1]


def test_the_same_alert_has_the_same_delivery(receiver: Receiver) -> None:
    receiver.statuses = [500, 200]
    sink = WebhookSink(post(receiver.url), SECRET)
    with pytest.raises(DeliveryError, match="it answered 500"):
        sink.send(ALERT, "firing", NOW)
    sink.send(ALERT, "firing", NOW + timedelta(minutes=1))
    deliveries = {headers["x-fairlead-delivery"] for _, headers, _ in receiver.got}
    assert (len(receiver.got), len(deliveries)) == (2, 1)


@pytest.mark.parametrize("status", [301, 307, 401, 404, 429, 503])
def test_another_status_is_no_delivery_and_no_redirect_is_followed(
    receiver: Receiver, status: int
) -> None:
    receiver.statuses = [status]
    with pytest.raises(DeliveryError, match=str(status)):
        WebhookSink(post(receiver.url)).send(ALERT, "firing", NOW)
    assert len(receiver.got) == 1


def test_a_receiver_that_hangs_is_left(receiver: Receiver) -> None:
    receiver.statuses = [0]
    started = time.monotonic()
    with pytest.raises(DeliveryError, match="no answer"):
        WebhookSink(post(receiver.url, timeout_s=0.2)).send(ALERT, "firing", NOW)
    assert time.monotonic() - started < 1.5


def test_nobody_there_is_an_error_that_tells_no_address() -> None:
    sink = WebhookSink(post("http://127.0.0.1:1/hook-with-a-token", timeout_s=1))
    with pytest.raises(DeliveryError) as caught:
        sink.send(ALERT, "firing", NOW)
    assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "http://example.org/hook",
        "http://127.0.0.1.example.org/",
        "ftp://localhost/",
        "localhost:9000",
        "",
        "http://localhost:port/",
        "https://user:word@example.org/",
    ],
)
def test_addresses_that_are_refused(address: str) -> None:
    with pytest.raises(
        SettingsError, match=r"FAIRLEAD_ALERT_WEBHOOK: found .*, expected"
    ) as caught:
        post(address)
    assert "word" not in str(caught.value).removeprefix("the environment").replace("password", "")


@pytest.mark.parametrize(
    "address", ["https://example.org/a", "http://[::1]:9/", "http://localhost"]
)
def test_addresses_that_are_taken(address: str) -> None:
    post(address)


def test_plain_http_can_be_allowed() -> None:
    Post("alertmanager", "FAIRLEAD_ALERTMANAGER", "http://alertmanager:9093", plain=True)


def test_a_short_secret_is_refused() -> None:
    with pytest.raises(SettingsError, match="found 5 characters, expected at least 16"):
        WebhookSink(post("https://example.org/"), "short")


def test_an_alertmanager_is_told_that_an_alert_goes_on_and_that_it_is_over(
    receiver: Receiver,
) -> None:
    sink = AlertmanagerSink(post(receiver.url), timedelta(hours=3))
    sink.send(ALERT, "firing", NOW + timedelta(hours=1))
    over = msgspec.structs.replace(ALERT, resolved_at=NOW + timedelta(hours=2))
    sink.send(over, "resolved", NOW + timedelta(hours=5))
    (first,), (last,) = (json.loads(body) for _, _, body in receiver.got)
    assert [path for path, _, _ in receiver.got] == ["/api/v2/alerts"] * 2
    assert first["labels"] == last["labels"]
    assert first["labels"]["alertname"] == "FairleadDrift"
    assert first["startsAt"] == "2026-03-02T03:00:00Z"
    assert first["endsAt"] == "2026-03-02T07:00:00Z"
    assert last["endsAt"] == "2026-03-02T05:00:00Z"


def test_the_log_says_it_as_severe_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    LogSink().send(ALERT, "firing", NOW)
    LogSink().send(ALERT, "resolved", NOW)
    assert [(each.levelname, each.message) for each in caplog.records] == [
        ("WARNING", "alert_firing"),
        ("INFO", "alert_resolved"),
    ]
    assert vars(caplog.records[0])["alert"] == ALERT.id
