from __future__ import annotations

import asyncio
import gc
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fairlead.bundle.reading import Bundle
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.gateway import INLINE_BYTES
from fairlead.serving.table import Route, Served, Table
from fairlead.settings import Settings
from fairlead.workflows.prediction_tail import LogReader

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


@pytest.mark.parametrize("request_id", ["abc-123", "~" * 128])
@pytest.mark.parametrize("path", ["/livez", "/predict"])
def test_a_sane_request_id_comes_back(flowers_client: Any, path: str, request_id: str) -> None:
    answer = flowers_client.post(path, json=ROW, headers={"X-Request-ID": request_id})
    assert answer.headers["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 129, "caf\xe9", 'a\tb"'])
@pytest.mark.parametrize("path", ["/livez", "/predict"])
def test_any_other_request_id_is_replaced(flowers_client: Any, path: str, request_id: str) -> None:
    headers = {"X-Request-ID": request_id.encode("latin-1")}
    answer = flowers_client.post(path, json=ROW, headers=headers)
    assert re.fullmatch("[0-9a-f]{32}", answer.headers["x-request-id"])


def test_sagemakers_inference_id_stands_for_a_request_id_that_is_absent(
    flowers_client: Any,
) -> None:
    headers = {"X-Amzn-SageMaker-Inference-Id": "order-1"}
    alone = flowers_client.post("/invocations", json={"instances": [ROW]}, headers=headers)
    both = flowers_client.post("/predict", json=ROW, headers={**headers, "X-Request-ID": "r1"})
    assert (alone.headers["x-request-id"], both.headers["x-request-id"]) == ("order-1", "r1")


@pytest.mark.parametrize(("control", "status"), [(True, 200), (False, 404)])
def test_a_model_that_another_worker_has_loaded_is_looked_for_before_it_is_denied(
    client_of: Callable[..., Any],
    served: Callable[..., Served],
    flowers: Bundle,
    control: bool,
    status: int,
) -> None:
    client = client_of(Table({}), Settings(model_control=control))
    table = Table({"flowers": served(flowers)}, "flowers")
    client.service.loader.file.edit(lambda _: table)
    assert client.post("/models/flowers/predict", json=ROW).status_code == status


def test_new_request_ids_differ(flowers_client: Any) -> None:
    ids = {flowers_client.get("/livez").headers["x-request-id"] for _ in range(10)}
    assert len(ids) == 10


def test_each_request_is_logged_once_without_values(flowers_client: Any) -> None:
    flowers_client.post("/predict_batch", json=[ROW, {"secret": 1}])
    flowers_client.post("/predict", json={"secret": 1})
    flowers_client.get("/secret")
    lines = [line for line in flowers_client.logged() if line["event"] == "request"]
    told = [(line["route"], line["status"], line["rows"]) for line in lines]
    assert told == [("predict_batch", 200, 1), ("predict", 422, 0), ("other", 404, 0)]
    assert "secret" not in str(lines)


def test_a_caller_knows_the_ids_of_its_predictions_and_of_their_shadows(
    flowers: Bundle, client_of: Callable[..., Any], served: Callable[..., Served], tmp_path: Path
) -> None:
    versions = {**served(flowers, 3).versions, **served(flowers, 4).versions}
    routes = {"champion": Route("3"), "challenger": Route("4", 0)}
    model = Served(versions, routes, shadow="challenger")
    settings = Settings(prediction_log=tmp_path / "log")
    client = client_of(Table({"flowers": model}, "flowers"), settings)
    for request_id, path, body in (
        ("a", "/predict", ROW),
        ("b", "/predict", {"records": [ROW]}),
        ("c", "/predict_batch", [ROW, 7, ROW]),
        ("d", "/predict_batch", [7, ROW]),
    ):
        client.post(path, json=body, headers={"X-Request-ID": request_id})
    client.service.shadow.close(30)
    client.service.log.close()
    logged = LogReader(tmp_path / "log").last(99)
    ids = ["a", "b-0", "c-0", "c-2", "d-1"]
    assert [each.prediction_id for each in logged if each.route == "champion"] == ids
    assert [each.prediction_id for each in logged if each.route == "shadow"] == ids


def test_an_unforeseen_exception_is_logged_once_and_tells_nothing(flowers_client: Any) -> None:
    @flowers_client.service.generation.app.get("/broken")
    async def broken() -> None:
        raise KeyError("secret")

    headers = {"X-Request-ID": "r1", "Origin": "https://app.example"}
    answer = flowers_client.get("/broken", headers=headers)
    assert answer.status_code == 500
    assert answer.json() == {"detail": "internal error; the log tells more under request r1"}
    assert answer.headers["x-request-id"] == "r1"
    assert answer.headers["access-control-allow-origin"] == "https://app.example"


def test_an_unforeseen_exception_of_a_model_tells_nothing(flowers_client: Any) -> None:
    flowers_client.service.models["flowers"].primary.predictor.bundle._session = None
    answer = flowers_client.post("/predict", json=ROW, headers={"X-Request-ID": "r1"})
    assert answer.status_code == 500
    assert answer.json() == {"detail": "internal error; the log tells more under request r1"}


def test_a_request_that_finds_the_queue_full_is_told_when_to_come_back(
    flowers_client: Any,
) -> None:
    flowers_client.gateway.in_flight = flowers_client.service.settings.max_queue
    answer = flowers_client.post("/predict", json={"records": [ROW] * 1000})
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert flowers_client.post("/predict", json=ROW).status_code == 200


def test_a_large_request_that_is_refused_leaves_nothing_to_the_garbage_collector(
    flowers_client: Any,
) -> None:
    body = b"[" * (INLINE_BYTES + 1)
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: dict[str, Any]) -> None:
        statuses.extend([message["status"]] if "status" in message else [])

    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": []}
    gc.collect()
    gc.disable()
    try:
        asyncio.run(flowers_client.gateway(scope, receive, send))
        left = [each for each in gc.get_objects() if isinstance(each, RequestRefusedError)]
    finally:
        gc.enable()
    assert (statuses, left) == ([400], [])
