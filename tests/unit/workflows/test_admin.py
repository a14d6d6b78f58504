"""A running service is asked in its own words, and its refusals are passed on."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from fairlead.registry.traffic import Traffic
from fairlead.workflows.admin import ServiceError, get_traffic, put_traffic

SPLIT = Traffic({"champion": 90, "challenger": 10}, sticky="header:X-User")
ANSWERS: dict[str, tuple[int, Any]] = {
    "/version": (200, {"model": "iris"}),
    "/models/iris/traffic": (200, {"model": "iris", "routes": {}}),
    "/admin/models/iris/traffic": (200, {"weights": {}}),
    "/admin/models/a%2Fb/traffic": (404, {"detail": "no such model"}),
    "/admin/models/strange/traffic": (422, {"detail": [{"msg": "one"}, {"msg": "two"}]}),
    "/admin/models/proxy/traffic": (502, "no object"),
    "/admin/models/list/traffic": (200, []),
    "/admin/models/elsewhere/traffic": (307, {}),
}


class Service(BaseHTTPRequestHandler):
    """Answers as a service would, and remembers what it was asked."""

    asked: list[tuple[str, str, str | None, Any]]

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        token = self.headers.get("Authorization")
        self.asked.append((self.command, self.path, token, json.loads(body or "null")))
        status, document = ANSWERS.get(self.path, (404, {}))
        content = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Location", "/version")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = answer  # noqa: N815 (the names that the library looks for)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def asked() -> list[Any]:
    """What the service was asked."""
    return []


@pytest.fixture
def url(asked: list[Any], monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of a service on this machine, to which no proxy leads."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    handler = type("Asked", (Service,), {"asked": asked})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_traffic_is_put_with_the_token(url: str, asked: list[Any]) -> None:
    assert put_traffic(url + "/", "secret", SPLIT, "iris", "try") == {"weights": {}}
    document = {**SPLIT.to_json(), "reason": "try"}
    assert asked == [("PUT", "/admin/models/iris/traffic", "Bearer secret", document)]


def test_without_a_name_the_default_model_is_meant(url: str, asked: list[Any]) -> None:
    assert get_traffic(url)["model"] == "iris"
    assert [(path, token) for _, path, token, _ in asked] == [
        ("/version", None),
        ("/models/iris/traffic", None),
    ]


@pytest.mark.parametrize(
    ("model", "reason"),
    [
        ("a/b", "404: no such model"),
        ("strange", "422: one; two"),
        ("proxy", "502: Bad Gateway"),
        ("list", "expected a JSON object"),
        ("elsewhere", "307"),
    ],
)
def test_a_refusal_is_passed_on(url: str, model: str, reason: str) -> None:
    with pytest.raises(ServiceError, match=reason):
        put_traffic(url, "secret", SPLIT, model)


@pytest.mark.parametrize("token", [None, ""])
def test_without_a_token_nothing_is_asked(url: str, asked: list[Any], token: str | None) -> None:
    with pytest.raises(ServiceError, match="FAIRLEAD_ADMIN_TOKEN"):
        put_traffic(url, token, SPLIT, "iris")
    assert asked == []


@pytest.mark.parametrize("token", ["secret\n", "sécret\r\nX: y", "ключ"])
def test_a_token_that_no_header_takes_is_not_shown(url: str, token: str) -> None:
    with pytest.raises(ServiceError) as caught:
        put_traffic(url, token, SPLIT, "iris")
    assert token.strip() not in str(caught.value)


@pytest.mark.parametrize(
    "wrong", ["", "localhost:8000", "file:///etc/passwd", "http://", "http://[::1", "ftp://a"]
)
def test_an_address_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(ServiceError):
        get_traffic(wrong, "iris")


def test_a_service_that_is_not_there_is_said_to_be_away() -> None:
    with pytest.raises(ServiceError, match="cannot be reached"):
        get_traffic("http://127.0.0.1:1", "iris")
