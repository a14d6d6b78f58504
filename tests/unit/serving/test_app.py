from __future__ import annotations

import json
from typing import Any

import pytest
from fastapi.testclient import TestClient

from fairlead.bundle.reading import Bundle
from fairlead.serving.table import Table

Client = Any

PREDICTIONS = (
    "/predict",
    "/predict_batch",
    "/invocations",
    "/models/flowers/predict",
    "/models/flowers/predict_batch",
    "/models/flowers/invocations",
    "/models/flowers/invoke",
    "/v2/models/flowers/infer",
    "/v2/models/flowers/versions/3/infer",
    "/v1/models/flowers:predict",
)
ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}


def test_the_root_tells_what_is_served_and_where_the_docs_are(flowers_client: TestClient) -> None:
    document = flowers_client.get("/").json()
    assert (document["model"], document["version"], document["alias"]) == (
        "flowers",
        3,
        "champion",
    )
    assert flowers_client.get(document["docs"]).status_code == 200


def test_a_record_is_answered_with_its_class(flowers_client: TestClient) -> None:
    answer = flowers_client.post("/predict", json=ROW)
    assert answer.status_code == 200
    assert answer.json()["prediction"] == "setosa"
    assert list(answer.json()["probabilities"]) == ["setosa", "versicolor", "virginica"]


def test_a_large_body_is_answered_like_a_small_one(flowers_client: TestClient) -> None:
    many = flowers_client.post("/predict", json={"records": [ROW] * 1000}).json()
    assert many["predictions"] == ["setosa"] * 1000


def test_a_service_that_drains_is_alive_but_not_ready(flowers_client: Client) -> None:
    client = flowers_client
    before = [client.get(path).status_code for path in ("/livez", "/readyz", "/health")]
    client.service.draining = True
    after = [client.get(path).status_code for path in ("/livez", "/readyz", "/health")]
    assert (before, after) == ([200, 200, 200], [200, 503, 503])
    assert client.post("/predict", json=ROW).status_code == 200


def test_model_info_is_the_public_part_of_the_manifest(houses_client: TestClient) -> None:
    document = houses_client.get("/model_info").json()
    assert document["family"] == "linear"
    assert document["columns"]["ocean"]["values"] == ["<1H OCEAN", "INLAND", "NEAR BAY"]
    assert document["target"] == {"name": "price", "unit": "USD"}
    assert "files" not in document


def test_without_a_version_the_digest_names_what_answers(
    houses: Bundle, houses_client: TestClient
) -> None:
    answer = houses_client.get("/version")
    assert answer.json()["digest"] == houses.digest
    assert answer.json()["version"] is None
    assert answer.headers["x-model-version"] == houses.digest[:12]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("POST", "/predict/", 404),
        ("GET", "/predict", 405),
        ("DELETE", "/predict", 405),
        ("POST", "/health", 405),
    ],
)
def test_a_wrong_path_or_verb_is_told(
    flowers_client: TestClient, method: str, path: str, status: int
) -> None:
    answer = flowers_client.request(method, path, follow_redirects=False)
    assert answer.status_code == status
    assert isinstance(answer.json()["detail"], str)
    assert answer.headers["x-model-version"] == "3"


def test_metrics_count_requests_by_route_and_never_by_path(flowers_client: TestClient) -> None:
    flowers_client.post("/predict", json=ROW)
    flowers_client.post("/predict", json={})
    flowers_client.post("/predict_batch", json=[ROW, {}])
    flowers_client.get("/a-secret-path")
    text = flowers_client.get("/metrics").text
    labels = 'model="flowers",operation="predict",route="champion",status="{}",version="3"'
    assert f"fairlead_requests_total{{{labels.format('2xx')}}} 1.0" in text
    assert f"fairlead_requests_total{{{labels.format('4xx')}}} 1.0" in text
    assert 'fairlead_rows_total{model="flowers",outcome="refused",version="3"} 2.0' in text
    assert 'operation="other"' in text
    assert "a-secret-path" not in text


def test_basic_monitoring_follows_the_requests(flowers_client: TestClient) -> None:
    flowers_client.post("/predict", json=ROW)
    document = flowers_client.get("/monitor/basic").json()
    assert document["rows"] == 1
    assert document["features"]["sepal_length"]["mean"] == 5.1
    assert document["predictions"]["counts"]["setosa"] == 1


def test_a_browser_may_call_from_a_permitted_origin_alone(flowers_client: TestClient) -> None:
    asked = {"Access-Control-Request-Method": "POST"}
    good = {"Origin": "https://app.example"}
    answer = flowers_client.post("/predict", json=ROW, headers=good)
    assert answer.headers["access-control-allow-origin"] == "https://app.example"
    assert flowers_client.options("/predict", headers={**good, **asked}).status_code == 200
    bad = {"Origin": "https://elsewhere.example", **asked}
    assert flowers_client.options("/predict", headers=bad).status_code == 400


def test_a_browser_may_send_its_trace(flowers_client: Any) -> None:
    asked = {
        "Origin": "https://app.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type, traceparent, tracestate",
    }
    assert flowers_client.options("/predict", headers=asked).status_code == 200


def test_two_services_in_one_process_share_nothing(
    flowers: Bundle, client_of: Any, served: Any
) -> None:
    first, second = (client_of(Table({"flowers": served(flowers)})) for _ in range(2))
    first.post("/predict", json=ROW)
    assert second.get("/monitor/basic").json()["rows"] == 0
    assert "fairlead_rows_total{" not in second.get("/metrics").text


def test_the_openapi_document_describes_every_route(flowers_client: TestClient) -> None:
    document = flowers_client.get("/openapi.json").json()
    assert {
        "/",
        "/health",
        "/livez",
        "/readyz",
        "/model_info",
        "/version",
        "/monitor/basic",
        "/metrics",
        *PREDICTIONS,
    } <= set(document["paths"])
    record = document["components"]["schemas"]["flowers.Record"]
    assert record["required"] == list(ROW)
    assert record["properties"]["sepal_length"]["maximum"] == 10
    assert "$ref" in json.dumps(document["paths"]["/predict"])


def test_any_name_of_a_model_can_stand_in_the_document(
    flowers: Bundle, client_of: Any, served: Any
) -> None:
    client = client_of(Table({'a"\n': served(flowers)}))
    content = client.get("/openapi.json").json()["paths"]["/predict"]["post"]["requestBody"]
    references = content["content"]["application/json"]["schema"]["anyOf"]
    assert references[0] == {"$ref": '#/components/schemas/a"\n.Record'}


def test_a_service_that_drains_asks_its_clients_to_connect_anew(flowers_client: Client) -> None:
    client = flowers_client
    assert "connection" not in client.post("/predict", json=ROW).headers
    client.service.draining = True
    assert client.post("/predict", json=ROW).headers["connection"] == "close"
