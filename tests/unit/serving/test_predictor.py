from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fairlead.bundle.reading import Bundle
from fairlead.serving.errors import RequestRefusedError
from fairlead.serving.exchange import Request
from fairlead.serving.operations import refuse
from fairlead.serving.predictor import Predictor

ROW = {"sepal_length": 5.1, "sepal_width": 3.5, "petal_length": 1.4, "petal_width": 0.2}
VALUES = list(ROW.values())
MAX_ROWS = 1000


def request(body: bytes) -> Request:
    return Request(body, {}, "id")


def refused(predictor: Predictor, body: bytes) -> tuple[int, list[dict[str, Any]]]:
    with pytest.raises(RequestRefusedError) as caught:
        predictor.predict(request(body))
    body = refuse(caught.value.status, caught.value.detail)
    return caught.value.status, json.loads(body)["detail"]


def test_a_regression_answers_with_the_bits_of_the_bundle(houses: Bundle) -> None:
    records = houses.golden()["records"]
    answers = [
        json.loads(Predictor(houses, MAX_ROWS).predict(request(json.dumps(record).encode())).body)
        for record in records
    ]
    online = np.array([answer["prediction"] for answer in answers])
    one_by_one = np.array([houses.predict([record])[0] for record in records])
    assert online.tobytes() == one_by_one.tobytes()


def test_many_rows_are_answered_with_the_bits_of_the_bundle(flowers: Bundle) -> None:
    records = flowers.golden()["records"]
    answer = json.loads(
        Predictor(flowers, MAX_ROWS)
        .predict(request(json.dumps({"records": records}).encode()))
        .body
    )
    assert answer["predictions"] == flowers.predict(records).tolist()
    online = np.array([list(row.values()) for row in answer["probabilities"]])
    assert online.tobytes() == flowers.predict_proba(records).tobytes()


def test_all_forms_of_a_row_get_the_same_answer(flowers: Bundle) -> None:
    predictor = Predictor(flowers, MAX_ROWS)
    one = json.loads(predictor.predict(request(json.dumps(ROW).encode())).body)
    records = json.loads(predictor.predict(request(json.dumps({"records": [ROW]}).encode())).body)
    features = json.loads(
        predictor.predict(request(json.dumps({"features": [VALUES]}).encode())).body
    )
    batch = json.loads(predictor.predict_batch(request(json.dumps([ROW]).encode())).body)
    assert records == features
    assert records["predictions"] == [one["prediction"]]
    assert records["probabilities"] == [one["probabilities"]]
    assert batch["results"] == [one]


def test_a_batch_answers_each_row_or_says_what_is_wrong_with_it(flowers: Bundle) -> None:
    body = json.dumps([ROW, {**ROW, "sepal_width": 99}, 7, ROW]).encode()
    answer = json.loads(Predictor(flowers, MAX_ROWS).predict_batch(request(body)).body)
    assert answer["summary"] == {"rows": 4, "scored": 2, "failed": 2}
    assert answer["results"][0] == answer["results"][3]
    (too_wide,) = answer["results"][1]["errors"]
    assert (too_wide["loc"], too_wide["ctx"]) == (["body", 1, "sepal_width"], {"le": 10})
    assert answer["results"][2]["errors"][0]["loc"] == ["body", 2]


def numbered(predictor: Predictor, document: Any) -> list[int] | None:
    """Places of the scored rows, as `POST /predict` or, for a list, `/predict_batch` tells them."""
    work = predictor.predict_batch if isinstance(document, list) else predictor.predict
    numbers = work(request(json.dumps(document).encode())).numbers
    return None if numbers is None else list(numbers)


@pytest.mark.parametrize(
    ("document", "numbers"),
    [
        (ROW, None),
        ({**ROW, "sepal_length": 5}, None),
        ({"records": [ROW]}, [0]),
        ({"features": [VALUES]}, [0]),
        ({"features": [[5, 3, 1, 0], VALUES]}, [0, 1]),
        ([ROW], [0]),
        ([ROW, ROW], [0, 1]),
        ([7, ROW], [1]),
        ([ROW, {**ROW, "sepal_width": 99}, 7, ROW], [0, 3]),
    ],
)
def test_a_row_of_a_list_keeps_its_place_and_a_single_record_has_none(
    flowers: Bundle, document: Any, numbers: list[int] | None
) -> None:
    assert numbered(Predictor(flowers, MAX_ROWS), document) == numbers


@pytest.mark.parametrize("form", ["records", "features"])
def test_no_rows_get_no_predictions(flowers: Bundle, form: str) -> None:
    answer = json.loads(
        Predictor(flowers, MAX_ROWS).predict(request(json.dumps({form: []}).encode())).body
    )
    assert answer == {"predictions": [], "probabilities": []}


def test_an_empty_batch_is_answered(flowers: Bundle) -> None:
    assert json.loads(Predictor(flowers, MAX_ROWS).predict_batch(request(b"[]")).body) == {
        "results": [],
        "summary": {"rows": 0, "scored": 0, "failed": 0},
    }


def test_all_bad_rows_of_a_request_are_told_at_once(flowers: Bundle) -> None:
    rows = [VALUES, [5.1, None, 1.4, 0.2], [5.1, 3.5, "1.4", 0.2]]
    status, detail = refused(Predictor(flowers, MAX_ROWS), json.dumps({"features": rows}).encode())
    assert status == 422
    assert [problem["loc"] for problem in detail] == [
        ["body", "features", 1, "sepal_width"],
        ["body", "features", 2, "petal_length"],
    ]


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_a_number_that_json_does_not_have_is_refused_by_column(
    flowers: Bundle, literal: bytes
) -> None:
    body = json.dumps(ROW).encode().replace(b"1.4", literal)
    status, (problem,) = refused(Predictor(flowers, MAX_ROWS), body)
    assert status == 422
    assert problem == {
        "type": "finite_number",
        "loc": ["body", "petal_length"],
        "msg": "Input should be a finite number",
    }


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b'{"a": secret}',
        b"\xff\xfe",
        b"{} {}",
        b"[" * 100_000,
        b'{"a":' * 5000 + b"1" + b"}" * 5000,
        b"9" * 5000,
        b'"\\ud800"',
    ],
)
def test_what_is_not_json_is_refused_without_repeating_it(flowers: Bundle, body: bytes) -> None:
    status, (problem,) = refused(Predictor(flowers, MAX_ROWS), body)
    assert status == 400
    assert problem["type"] == "json_invalid"
    assert "secret" not in json.dumps(problem)


@pytest.mark.parametrize("body", [b"[]", b"7", b"null", b'"text"', b"[{}]"])
def test_a_body_that_is_no_object_is_told_the_forms(flowers: Bundle, body: bytes) -> None:
    status, (problem,) = refused(Predictor(flowers, MAX_ROWS), body)
    assert (status, problem["type"], problem["loc"]) == (422, "model_attributes_type", ["body"])


@pytest.mark.parametrize(
    ("document", "loc"),
    [
        ({"records": [ROW], "features": [VALUES]}, ["body", "records"]),
        ({"records": [ROW], "threshold": 0.5}, ["body", "threshold"]),
        ({"records": ROW}, ["body", "records"]),
        ({"features": VALUES}, ["body", "features", 0]),
    ],
)
def test_a_mixed_or_misshapen_form_is_refused(
    flowers: Bundle, document: Any, loc: list[str | int]
) -> None:
    status, detail = refused(Predictor(flowers, MAX_ROWS), json.dumps(document).encode())
    assert status == 422
    assert detail[0]["loc"] == loc


def test_very_many_problems_are_cut_and_counted(flowers: Bundle) -> None:
    with pytest.raises(RequestRefusedError) as caught:
        Predictor(flowers, MAX_ROWS).predict(request(json.dumps({"records": [{}] * 50}).encode()))
    document = json.loads(refuse(caught.value.status, caught.value.detail))
    assert (len(document["detail"]), document["omitted"]) == (100, 100)


@pytest.mark.parametrize("form", ["records", "features"])
def test_more_rows_than_the_limit_are_refused_unread(flowers: Bundle, form: str) -> None:
    status, (problem,) = refused(Predictor(flowers, 3), json.dumps({form: [{}] * 4}).encode())
    assert (status, problem["type"], problem["loc"]) == (422, "too_long", ["body", form])
    assert problem["ctx"] == {"field_type": "List", "max_length": 3, "actual_length": 4}


def test_a_batch_has_the_same_limit(flowers: Bundle) -> None:
    predictor = Predictor(flowers, 3)
    assert (
        json.loads(predictor.predict_batch(request(b"[{}, {}, {}]")).body)["summary"]["rows"] == 3
    )
    with pytest.raises(RequestRefusedError, match="1 problems"):
        predictor.predict_batch(request(b"[{}, {}, {}, {}]"))


def test_a_row_with_very_many_unknown_columns_is_told_of_the_first(flowers: Bundle) -> None:
    row = ROW | {f"column_{number}": 0 for number in range(5000)}
    (result,) = json.loads(
        Predictor(flowers, MAX_ROWS).predict_batch(request(json.dumps([row]).encode())).body
    )["results"]
    assert [error["type"] for error in result["errors"]] == ["extra_forbidden"] * 100
