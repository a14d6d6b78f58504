from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fairlead.bundle.reading import Bundle
from fairlead.serving.table import Table
from fairlead.settings import Settings

BODY = b'{"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}'


def chunks(total: int) -> Iterator[bytes]:
    for _ in range(total // 1000):
        yield b" " * 1000


@pytest.mark.parametrize(
    "content_type",
    [
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON;charset=UTF-8",
        "application/geo+json",
        'application/json; version=1; charset="UTF-8"',
        "application/json; charset*=utf-8''a; charset*0=b",
        f"application/json; charset*{'9' * 5000}=x",
    ],
)
def test_json_by_any_name_is_read(flowers_client: TestClient, content_type: str) -> None:
    headers = {"Content-Type": content_type.encode("latin-1")}
    answer = flowers_client.post("/predict", content=BODY, headers=headers)
    assert answer.status_code == 200


def test_a_body_that_does_not_say_what_it_is_is_taken_as_json(flowers_client: TestClient) -> None:
    answer = flowers_client.post("/predict", content=BODY)
    assert "content-type" not in answer.request.headers
    assert answer.status_code == 200


@pytest.mark.parametrize(
    "content_type",
    [
        "text/csv",
        "text/json",
        "application/json; charset=latin-1",
        "application/json; charset=\xe9",
        "application/json; Charset = latin-1; charset=utf-8",
        "application/x-www-form-urlencoded",
        "nonsense",
        "",
    ],
)
def test_another_content_type_is_refused(flowers_client: TestClient, content_type: str) -> None:
    headers = {"Content-Type": content_type.encode("latin-1")}
    answer = flowers_client.post("/predict", content=BODY, headers=headers)
    assert answer.status_code == 415


@pytest.mark.parametrize("size", [201_000, 700_000, 900_000, 5_000_000])
def test_a_body_over_the_limit_is_refused(flowers_client: TestClient, size: int) -> None:
    declared = flowers_client.post("/predict", content=b" " * size)
    chunked = flowers_client.post("/predict", content=chunks(size))
    assert "content-length" not in chunked.request.headers
    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert "200000 bytes" in chunked.json()["detail"]


def test_a_body_in_chunks_within_the_limit_is_read(flowers_client: TestClient) -> None:
    answer = flowers_client.post("/predict", content=iter([BODY[:10], BODY[10:]]))
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ["/v2/repository/index", "/models"])
def test_a_body_over_the_limit_is_refused_where_nothing_is_predicted(
    flowers: Bundle, settings: Settings, client_of: Any, served: Any, path: str
) -> None:
    controlled = settings.model_copy(update={"model_control": True})
    client = client_of(Table({"flowers": served(flowers)}, "flowers"), controlled)
    declared = client.post(path, content=b" " * 201_000)
    chunked = client.post(path, content=chunks(201_000))
    assert (declared.status_code, chunked.status_code) == (413, 413)
    assert client.post(path, content=b" " * 1000).status_code == 400
