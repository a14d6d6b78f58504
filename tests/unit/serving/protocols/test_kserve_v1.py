from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fairlead.bundle.reading import Bundle
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.exchange import Request
from fairlead.serving.predictor import Predictor
from fairlead.serving.protocols.kserve_v1 import predict_v1, refuse


def ask(bundle: Bundle, document: Any, max_rows: int = 1000) -> Any:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return json.loads(predict_v1(Predictor(bundle, max_rows), Request(body, {}, "r-1")).body)


def refused(bundle: Bundle, document: Any, max_rows: int = 1000) -> str:
    with pytest.raises(RequestRefusedError) as caught:
        ask(bundle, document, max_rows)
    assert caught.value.status == 400
    return str(json.loads(refuse(400, caught.value.detail))["error"])


def test_records_are_scored_with_the_bits_of_the_bundle(houses: Bundle) -> None:
    golden = houses.golden()
    assert ask(houses, {"instances": golden["records"]}) == {"predictions": golden["prediction"]}


def test_lists_are_scored_like_records(flowers: Bundle) -> None:
    golden = flowers.golden()
    rows = [list(record.values()) for record in golden["records"]]
    assert ask(flowers, {"instances": rows}) == {"predictions": golden["prediction"]}


def test_every_row_has_its_place_a_single_one_too(flowers: Bundle) -> None:
    record = flowers.golden()["records"][0]
    one, two = (
        predict_v1(
            Predictor(flowers, 1000),
            Request(json.dumps({"instances": instances}).encode(), {}, "r-1"),
        )
        for instances in ([record], [record, list(record.values())])
    )
    assert (one.numbers, two.numbers) == ([0], [0, 1])


def test_records_and_lists_may_be_mixed(flowers: Bundle) -> None:
    record = flowers.golden()["records"][0]
    answer = ask(flowers, {"instances": [record, list(record.values())]})
    assert answer["predictions"] == [flowers.golden()["prediction"][0]] * 2


def test_other_keys_are_left_aside(flowers: Bundle) -> None:
    document = {"instances": [], "signature_name": "serving_default"}
    assert ask(flowers, document) == {"predictions": []}


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (b"{bad", "JSON decode error: "),
        ([], "Input should be a valid dictionary"),
        ({}, "instances: Input should be a valid list"),
        ({"instances": {}}, "instances: Input should be a valid list"),
        ({"instances": [3]}, "row 0: Input should be a valid dictionary"),
        ({"instances": [[1, 2, 3, 4], [1, 2, 3]]}, "row 1: Row should have 4 values"),
        ({"instances": [[1, 2, 3, "4"]]}, "row 0, petal_width: Input should be a valid number"),
    ],
)
def test_what_breaks_protocol_or_contract_is_named(
    flowers: Bundle, document: Any, error: str
) -> None:
    assert refused(flowers, document).startswith(error)


def test_too_many_rows_are_refused(flowers: Bundle) -> None:
    assert "at most 1 rows" in refused(flowers, {"instances": [[1, 2, 3, 4]] * 2}, max_rows=1)


def test_the_models_are_listed(flowers_client: TestClient) -> None:
    assert flowers_client.get("/v1/models").json() == {"models": ["flowers"]}


def test_a_model_that_answers_is_ready(flowers_client: TestClient) -> None:
    assert flowers_client.get("/v1/models/flowers").json() == {"name": "flowers", "ready": True}


def test_a_stopping_service_is_not_ready(flowers_client: Any) -> None:
    flowers_client.service.draining = True
    answer = flowers_client.get("/v1/models/flowers")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


@pytest.mark.parametrize(("method", "path"), [("GET", "nope"), ("POST", "nope:predict")])
def test_a_model_that_is_not_served_is_not_found(
    flowers_client: TestClient, method: str, path: str
) -> None:
    answer = flowers_client.request(method, f"/v1/models/{path}")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])
