from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

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
    ],
)
def test_json_by_any_name_is_read(flowers_client: TestClient, content_type: str) -> None:
    answer = flowers_client.post("/predict", content=BODY, headers={"Content-Type": content_type})
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
        "application/x-www-form-urlencoded",
        "nonsense",
        "",
    ],
)
def test_another_content_type_is_refused(flowers_client: TestClient, content_type: str) -> None:
    answer = flowers_client.post("/predict", content=BODY, headers={"Content-Type": content_type})
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
