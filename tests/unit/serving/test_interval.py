"""`POST /predict?interval=true`: intervals and sets beside predictions, for those who ask."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from fairlead.bundle.reading import Bundle
from fairlead.serving.table import Route, Served, Table, Version

HOUSE = {
    "age": 30,
    "rooms": 12,
    "income": 3.5,
    "distance": 0.5,
    "ocean": "INLAND",
    "agent": "web",
    "garden": True,
    "sold": "2024-01-01",
}
FLOWER = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 3.4, "petal_width": 1.2}


@pytest.fixture
def houses_service(sure_houses: Bundle, client_of: Any, served: Callable[..., Served]) -> Any:
    return client_of(Table({"houses": served(sure_houses)}, "houses"))


@pytest.fixture
def flowers_service(sure_flowers: Bundle, client_of: Any, served: Callable[..., Served]) -> Any:
    return client_of(Table({"flowers": served(sure_flowers, 3)}, "flowers"))


@pytest.mark.parametrize("path", ["/predict", "/models/houses/predict"])
def test_one_record_gets_its_interval(houses_service: Any, path: str) -> None:
    answer = houses_service.post(f"{path}?interval=true", json=HOUSE).json()
    assert list(answer) == ["prediction", "interval"]
    assert answer["interval"] == [answer["prediction"] - 1.5, answer["prediction"] + 1.5]


def test_each_of_many_rows_gets_the_interval_of_the_bundle(
    houses_service: Any, sure_houses: Bundle
) -> None:
    records = sure_houses.golden()["records"]
    answer = houses_service.post("/predict?interval=true", json={"records": records}).json()
    online = np.array(answer["intervals"])
    assert online.tobytes() == sure_houses.predict_interval(records).tobytes()
    assert answer["predictions"] == sure_houses.predict(records).tolist()


def test_a_classifier_answers_with_sets(flowers_service: Any, sure_flowers: Bundle) -> None:
    records = [FLOWER, *sure_flowers.golden()["records"]]
    one = flowers_service.post("/predict?interval=true", json=FLOWER).json()
    features = {"features": [list(record.values()) for record in records]}
    many = flowers_service.post("/predict?interval=true", json=features).json()
    expected = [list(labels) for labels in sure_flowers.predict_set(records)]
    assert list(one) == ["prediction", "probabilities", "set"]
    assert one["prediction"] in one["set"]
    assert list(many) == ["predictions", "probabilities", "sets"]
    assert (one["set"], many["sets"]) == (expected[0], expected)


def test_no_rows_get_no_intervals(houses_service: Any) -> None:
    answer = houses_service.post("/predict?interval=true", json={"records": []})
    assert answer.json() == {"predictions": [], "intervals": []}


@pytest.mark.parametrize("query", ["", "?", "?interval=false", "?other=1", "?interval=FALSE"])
def test_who_does_not_ask_gets_what_was_always_answered(houses_service: Any, query: str) -> None:
    assert list(houses_service.post(f"/predict{query}", json=HOUSE).json()) == ["prediction"]


@pytest.mark.parametrize("query", ["interval=True", "other=1&interval=true", "interval=%74rue"])
def test_a_query_is_read_as_it_is_meant(houses_service: Any, query: str) -> None:
    assert "interval" in houses_service.post(f"/predict?{query}", json=HOUSE).json()


@pytest.mark.parametrize("query", ["interval=", "interval=yes", "interval=true&interval=1"])
def test_neither_true_nor_false_is_refused_without_the_value(
    houses_service: Any, query: str
) -> None:
    answer = houses_service.post(f"/predict?{query}", json=HOUSE)
    problem = {
        "type": "bool_parsing",
        "loc": ["query", "interval"],
        "msg": "Input should be true or false",
    }
    assert (answer.status_code, answer.json()) == (422, {"detail": [problem]})


def test_very_many_parameters_are_refused(houses_service: Any) -> None:
    answer = houses_service.post("/predict?" + "&".join(["a=1"] * 101), json=HOUSE)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query"])


def test_a_model_without_intervals_says_why(houses_client: Any) -> None:
    answer = houses_client.post("/predict?interval=true", json=HOUSE)
    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["type"]) == (422, "no_interval")
    assert "evaluation.coverage" in problem["msg"]


def test_a_row_that_breaks_the_contract_is_refused_as_ever(houses_service: Any) -> None:
    row = {**HOUSE, "age": 99}
    plain, asked = (
        houses_service.post(path, json=row) for path in ("/predict", "/predict?interval=true")
    )
    assert (asked.status_code, asked.json()) == (plain.status_code, plain.json())


def test_the_usual_request_line_takes_the_short_way(houses_service: Any) -> None:
    short = houses_service.service.generation.short
    endpoint = short[b"/predict?interval=true"]
    reply = houses_service.gateway.reply(endpoint, {}, json.dumps(HOUSE).encode(), 0.0)
    assert list(json.loads(reply.body)) == ["prediction", "interval"]
    assert b"/predict_batch?interval=true" not in short


def test_a_shadow_without_intervals_follows_those_who_ask_for_them(
    sure_houses: Bundle, houses: Bundle, client_of: Any
) -> None:
    versions = {"1": Version(str(sure_houses.path), sure_houses.digest, 1)}
    versions["2"] = Version(str(houses.path), houses.digest, 2)
    routes = {"champion": Route("1"), "challenger": Route("2", 0.0)}
    served = Served(versions, routes, shadow="challenger")
    client = client_of(Table({"houses": served}, "houses"))
    client.post("/predict?interval=true", json=HOUSE)
    client.service.shadow.close()
    (found,) = client.service.shadow.compared()
    assert (found.rows, found.disagreed, found.refused, found.failed) == (1, 0, 0, 0)


@pytest.mark.parametrize("service", ["houses_service", "flowers_service"])
def test_the_document_tells_of_the_parameter_and_its_answer(
    service: str, request: pytest.FixtureRequest
) -> None:
    client = request.getfixturevalue(service)
    document = client.get("/openapi.json").json()
    operation = document["paths"]["/predict"]["post"]
    (parameter,) = operation["parameters"]
    assert (parameter["name"], parameter["in"]) == ("interval", "query")
    content = operation["responses"]["200"]["content"]["application/json"]
    schema = {**content["schema"], "components": document["components"]}
    body = operation["requestBody"]["content"]["application/json"]["examples"]
    for example in body.values():
        for path in ("/predict", "/predict?interval=true"):
            answer = client.post(path, json=example["value"]).json()
            Draft202012Validator(schema).validate(answer)


def test_an_answer_to_who_asks_is_counted_as_any_other(houses_service: Any) -> None:
    houses_service.post("/predict?interval=true", json=HOUSE)
    houses_service.post("/predict", json=HOUSE)
    seen = houses_service.get("/monitor/basic").json()
    assert seen["rows"] == 2


def test_a_bundle_says_what_it_has_not(flowers: Bundle, sure_flowers: Bundle) -> None:
    with pytest.raises(TypeError, match=r"evaluation\.coverage"):
        flowers.predict_set([FLOWER])
    with pytest.raises(TypeError, match="predict_set"):
        sure_flowers.predict_interval([FLOWER])
    assert (flowers.coverage, sure_flowers.coverage) == (None, 0.9)
