from __future__ import annotations

import logging
import re

import pytest
from fastapi.testclient import TestClient

from fairlead.bundle.reading import Bundle
from fairlead.serving.app import create_app
from fairlead.settings import Settings

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def fields(record: logging.LogRecord, *names: str) -> tuple[object, ...]:
    return tuple(getattr(record, name) for name in names)


@pytest.mark.parametrize("request_id", ["abc-123", "~" * 128])
def test_a_sane_request_id_comes_back(flowers_client: TestClient, request_id: str) -> None:
    answer = flowers_client.get("/livez", headers={"X-Request-ID": request_id})
    assert answer.headers["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 129, "caf\xe9", 'a\tb"'])
def test_any_other_request_id_is_replaced(flowers_client: TestClient, request_id: str) -> None:
    answer = flowers_client.get("/livez", headers={"X-Request-ID": request_id.encode("latin-1")})
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_each_request_is_logged_once_without_values(
    flowers_client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "fairlead"):
        flowers_client.post("/predict_batch", json=[ROW, {"secret": 1}])
        flowers_client.get("/secret")
    first, second = caplog.records
    assert first.msg == second.msg == "request"
    assert fields(first, "method", "route", "status", "rows") == ("POST", "/predict_batch", 200, 2)
    assert fields(second, "method", "route", "status") == ("GET", "other", 404)
    assert "secret" not in str([vars(record) for record in caplog.records])


def test_an_unforeseen_exception_is_logged_once_and_tells_nothing(
    flowers: Bundle, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    app = create_app(flowers, settings)

    @app.get("/broken")
    async def broken() -> None:
        raise KeyError("secret")

    headers = {"X-Request-ID": "r1", "Origin": "https://app.example"}
    with caplog.at_level(logging.INFO, "fairlead"):
        answer = TestClient(app).get("/broken", headers=headers)
    assert answer.status_code == 500
    assert answer.json() == {"detail": "internal error", "request_id": "r1"}
    assert answer.headers["x-request-id"] == "r1"
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert [record.msg for record in caplog.records] == ["internal_error", "request"]
    assert fields(caplog.records[1], "route", "status") == ("/broken", 500)
