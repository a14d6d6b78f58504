from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fairlead.bundle.reading import Bundle
from fairlead.serving.predictor import Predictor
from fairlead.serving.protocols.kserve_v1 import v1_operation
from fairlead.serving.protocols.open_inference import infer_operation
from fairlead.serving.table import Served, Table
from fairlead.settings import Settings

LOAD = "/v2/repository/models/flowers/load"
UNLOAD = "/v2/repository/models/flowers/unload"


@pytest.fixture
def controlled(
    flowers: Bundle, client_of: Callable[..., Any], served: Callable[..., Served]
) -> Any:
    """Speaks to a service whose callers may load and unload models."""
    return client_of(
        Table({"flowers": served(flowers, 3)}, "flowers"), Settings(model_control=True)
    )


def test_the_server_tells_its_extensions(flowers_client: Any) -> None:
    answer = flowers_client.get("/v2").json()
    assert (answer["name"], answer["extensions"]) == ("fairlead", ["binary_tensor_data"])


def test_the_server_tells_that_models_may_be_loaded(controlled: Any) -> None:
    extensions = controlled.get("/v2").json()["extensions"]
    assert extensions == ["binary_tensor_data", "model_repository"]


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("health/live", {"live": True}),
        ("health/ready", {"ready": True}),
        ("models", {"models": ["flowers"]}),
        ("models/flowers/ready", {"name": "flowers", "ready": True}),
        ("models/flowers/versions/3/ready", {"name": "flowers", "ready": True}),
    ],
)
def test_what_is_served_is_live_and_ready(
    flowers_client: Any, path: str, answer: dict[str, Any]
) -> None:
    assert flowers_client.get(f"/v2/{path}").json() == answer


@pytest.mark.parametrize("path", ["health/ready", "models/flowers/ready"])
def test_a_stopping_service_is_not_ready(flowers_client: Any, path: str) -> None:
    flowers_client.service.draining = True
    answer = flowers_client.get(f"/v2/{path}")
    assert (answer.status_code, answer.json()["ready"]) == (503, False)


def test_a_stopping_service_is_live(flowers_client: Any) -> None:
    flowers_client.service.draining = True
    assert flowers_client.get("/v2/health/live").json() == {"live": True}


@pytest.mark.parametrize("path", ["models/flowers", "models/flowers/versions/3"])
def test_metadata_tell_inputs_and_outputs(flowers_client: Any, path: str) -> None:
    answer = flowers_client.get(f"/v2/{path}").json()
    assert (answer["name"], answer["versions"], answer["platform"]) == (
        "flowers",
        ["3"],
        "fairlead_onnx",
    )
    assert answer["inputs"][0] == {"name": "sepal_length", "datatype": "FP64", "shape": [-1]}
    assert answer["outputs"] == [
        {"name": "predict", "datatype": "BYTES", "shape": [-1]},
        {"name": "predict_proba", "datatype": "FP64", "shape": [-1, 3]},
    ]


def test_metadata_give_each_type_its_datatype(houses_client: Any) -> None:
    answer = houses_client.get("/v2/models/houses").json()
    datatypes = {each["name"]: each["datatype"] for each in answer["inputs"]}
    assert datatypes == {
        "age": "INT64",
        "rooms": "INT64",
        "income": "FP64",
        "distance": "FP64",
        "ocean": "BYTES",
        "agent": "BYTES",
        "garden": "BOOL",
        "sold": "BYTES",
    }


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "models/nope"),
        ("GET", "models/nope/ready"),
        ("GET", "models/flowers/versions/9"),
        ("GET", "models/flowers/versions/9/ready"),
        ("POST", "models/nope/infer"),
        ("POST", "models/flowers/versions/9/infer"),
        ("GET", "nope"),
    ],
)
def test_what_is_not_served_is_not_found(flowers_client: Any, method: str, path: str) -> None:
    answer = flowers_client.request(method, f"/v2/{path}")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


def test_the_index_lists_versions_and_their_state(flowers_client: Any) -> None:
    assert flowers_client.post("/v2/repository/index").json() == [
        {"name": "flowers", "version": "3", "state": "READY", "reason": ""}
    ]


@pytest.mark.parametrize(("ready", "versions"), [(True, 0), (False, 1)])
def test_the_index_may_list_ready_versions_alone(
    flowers_client: Any, ready: bool, versions: int
) -> None:
    flowers_client.service.draining = True
    answer = flowers_client.post("/v2/repository/index", json={"ready": ready})
    assert len(answer.json()) == versions


@pytest.mark.parametrize("path", [LOAD, UNLOAD])
def test_models_are_loaded_by_request_only_where_the_operator_said_so(
    flowers_client: Any, path: str
) -> None:
    answer = flowers_client.post(path)
    assert answer.status_code == 403
    assert "FAIRLEAD_MODEL_CONTROL" in answer.json()["error"]


def test_an_unloaded_model_is_gone(controlled: Any) -> None:
    assert controlled.post(UNLOAD).status_code == 200
    assert controlled.get("/v2/models").json() == {"models": []}


def test_an_unloaded_model_may_be_loaded_again(controlled: Any) -> None:
    controlled.post(UNLOAD)
    assert controlled.post(LOAD).json() == {"name": "flowers", "load": True}
    assert controlled.get("/v2/models/flowers/ready").json()["ready"]


@pytest.mark.parametrize("key", ["path", "config"])
def test_a_bundle_is_loaded_from_its_folder(controlled: Any, houses: Bundle, key: str) -> None:
    folder = str(houses.path)
    value = folder if key == "path" else f'{{"path": "{folder}"}}'
    body = {"parameters": {key: value}}
    assert controlled.post("/v2/repository/models/houses/load", json=body).status_code == 200
    assert controlled.get("/v2/models").json() == {"models": ["flowers", "houses"]}


def test_a_bundle_answers_with_the_name_it_was_loaded_under(
    controlled: Any, flowers: Bundle
) -> None:
    body = {"parameters": {"path": str(flowers.path)}}
    controlled.post("/v2/repository/models/petals/load", json=body)
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": [5.1, 3.5, 1.4, 0.2]}
    answer = controlled.post("/v2/models/petals/infer", json={"inputs": [tensor]})
    assert answer.json()["model_name"] == "petals"


def test_a_folder_without_a_sound_bundle_is_refused(controlled: Any, tmp_path: Path) -> None:
    answer = controlled.post(LOAD, json={"parameters": {"path": str(tmp_path)}})
    assert (answer.status_code, list(answer.json())) == (400, ["error"])


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"parameters": {"path": 3}}',
        b'{"parameters": {"config": "{"}}',
        b'{"parameters": {"config": "{\\"path\\": \\"\\"}"}}',
        b'{"parameters": {"config": "{\\"path\\": \\"\\\\ud800\\"}"}}',
        b'{"parameters": {"path": "%s"}}' % (b"a" * 5000),
        b'{"parameters": {"path": "a\\u0000"}}',
    ],
)
def test_a_path_is_the_name_of_a_folder(controlled: Any, body: bytes) -> None:
    assert controlled.post(LOAD, content=body).status_code == 400


@pytest.mark.parametrize("name", ["a%0A", "a%22b", "%C3%A9", "-a", "a" * 129])
def test_a_name_that_cannot_stand_everywhere_is_refused(
    controlled: Any, houses: Bundle, name: str
) -> None:
    body = {"parameters": {"path": str(houses.path)}}
    answer = controlled.post(f"/v2/repository/models/{name}/load", json=body)
    assert (answer.status_code, list(answer.json())) == (400, ["error"])
    assert list(controlled.service.models) == ["flowers"]


@pytest.mark.parametrize("action", ["load", "unload"])
def test_a_model_that_nobody_knows_is_neither_loaded_nor_unloaded(
    controlled: Any, action: str
) -> None:
    answer = controlled.post(f"/v2/repository/models/nope/{action}")
    assert (answer.status_code, list(answer.json())) == (404, ["error"])


@pytest.mark.parametrize("name", ["flowers", "houses"])
def test_the_documented_request_gets_the_documented_answer(
    name: str, request: pytest.FixtureRequest
) -> None:
    bundle: Bundle = request.getfixturevalue(name)
    client = request.getfixturevalue(f"{name}_client")
    label = next(iter(client.service.models.values())).primary.label
    operation = infer_operation(Predictor(bundle, 1000, label))
    asked = operation["requestBody"]["content"]["application/json"]
    answered = operation["responses"]["200"]["content"]["application/json"]
    example = asked["examples"]["golden"]["value"]
    Draft202012Validator(asked["schema"]).validate(example)
    answer = client.post(f"/v2/models/{name}/infer", json=example)
    assert answer.json() == answered["examples"]["golden"]["value"]
    Draft202012Validator(answered["schema"]).validate(answer.json())


@pytest.mark.parametrize("name", ["flowers", "houses"])
def test_the_documented_request_of_v1_gets_the_documented_answer(
    name: str, request: pytest.FixtureRequest
) -> None:
    operation = v1_operation(Predictor(request.getfixturevalue(name), 1000))
    example = operation["requestBody"]["content"]["application/json"]["examples"]["golden"]
    client = request.getfixturevalue(f"{name}_client")
    answer = client.post(f"/v1/models/{name}:predict", json=example["value"])
    answered = operation["responses"]["200"]["content"]["application/json"]
    assert answer.json() == answered["examples"]["golden"]["value"]


def test_examples_are_no_more_rows_than_a_request_may_have(flowers: Bundle) -> None:
    operation = infer_operation(Predictor(flowers, 1))
    example = operation["requestBody"]["content"]["application/json"]["examples"]["golden"]
    assert example["value"]["inputs"][0]["shape"] == [1]


def test_a_tensor_in_bytes_is_answered_in_bytes_over_http(flowers_client: Any) -> None:
    head = (
        b'{"inputs":[{"name":"x","shape":[1,4],"datatype":"FP32",'
        b'"parameters":{"binary_data_size":16}}],"parameters":{"binary_data_output":true}}'
    )
    answer = flowers_client.post(
        "/v2/models/flowers/infer",
        content=head + bytes(16),
        headers={
            "Inference-Header-Content-Length": str(len(head)),
            "Content-Type": "application/octet-stream",
        },
    )
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/octet-stream"
    assert int(answer.headers["inference-header-content-length"]) < len(answer.content)
