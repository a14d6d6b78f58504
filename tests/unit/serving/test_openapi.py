"""The OpenAPI document keeps its word: every example in it works."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from pydantic import SecretStr

from fairlead.bundle.reading import Bundle
from fairlead.serving.table import Table
from fairlead.settings import Settings

TAKES_AWAY = {"sagemaker_unload", "v2_repository_unload"}
LOADS = {"sagemaker_load", "v2_repository_load"}
CONTROLS = {"set_traffic", *LOADS, *TAKES_AWAY}


@pytest.fixture
def open_client(
    flowers: Bundle,
    houses: Bundle,
    settings: Settings,
    client_of: Any,
    served: Any,
    tmp_path: Path,
) -> Any:
    """Speaks to a service of two models, whose every route is open."""
    everything = {
        "model_control": True,
        "admin_token": SecretStr("secret"),
        "prediction_log": tmp_path / "predictions",
    }
    table = Table({"flowers": served(flowers, 3), "houses": served(houses)}, "flowers")
    client = client_of(table, settings.model_copy(update=everything))
    client.headers["Authorization"] = "Bearer secret"
    return client


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """Path, method and operation; those last that change what the others are told of."""
    found = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return sorted(found, key=lambda each: each[2]["operationId"] in LOADS)


def filled(path: str, operation: dict[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The path with every combination of the examples of its parameters, and the query."""
    parameters = operation.get("parameters", [])
    choices = [
        [example["value"] for example in parameter["examples"].values()]
        if "examples" in parameter
        else [parameter["schema"].get("examples", [parameter["schema"].get("default")])[0]]
        for parameter in parameters
    ]
    for values in itertools.product(*choices):
        named = dict(zip([each["name"] for each in parameters], values, strict=True))
        query = {each["name"] for each in parameters if each["in"] == "query"}
        yield path.format(**named), {name: named[name] for name in query}


def bodies(operation: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """What to send of each example of a body; nothing where no body is taken."""
    if "requestBody" not in operation:
        yield {}
    for kind, media in operation.get("requestBody", {}).get("content", {}).items():
        for example in media.get("examples", {}).values():
            value = example["value"]
            sent = {"json": value} if kind == "application/json" else {"content": value}
            yield {**sent, "headers": {"Content-Type": kind}}


def validate(document: dict[str, Any], operation: dict[str, Any], answer: Any) -> None:
    """The answer is of the schema that the document gives for its status and type."""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    media = operation["responses"][str(answer.status_code)].get("content", {}).get(kind)
    if media is not None and kind == "application/json":
        schema = {**media["schema"], "components": document["components"]}
        Draft202012Validator(schema).validate(answer.json())


def test_every_example_of_the_document_is_answered_as_it_says(open_client: Any) -> None:
    document = open_client.get("/openapi.json").json()
    asked = 0
    for path, method, operation in operations(document):
        if operation["operationId"] in TAKES_AWAY:
            continue
        for url, query in filled(path, operation):
            for sent in bodies(operation):
                answer = open_client.request(method, url, params=query, **sent)
                assert answer.status_code == 200, (method, url, answer.text)
                validate(document, operation, answer)
                asked += 1
    assert asked > 60


@pytest.mark.parametrize("operation_id", sorted(TAKES_AWAY))
def test_the_examples_of_unloading_work(open_client: Any, operation_id: str) -> None:
    document = open_client.get("/openapi.json").json()
    for path, method, operation in operations(document):
        if operation["operationId"] == operation_id:
            for url, _ in filled(path, operation):
                answer = open_client.request(method, url)
                assert answer.status_code == 200
                validate(document, operation, answer)


def test_every_operation_that_takes_a_body_has_an_example_of_one(open_client: Any) -> None:
    document = open_client.get("/openapi.json").json()
    for path, method, operation in operations(document):
        takes = method in ("post", "put") and operation["operationId"] not in TAKES_AWAY
        assert not takes or any("headers" in sent for sent in bodies(operation)), path


def test_every_schema_of_the_document_is_one(open_client: Any) -> None:
    document = open_client.get("/openapi.json").json()
    for _, _, operation in operations(document):
        contents = [answer.get("content", {}) for answer in operation["responses"].values()]
        contents.append(operation.get("requestBody", {}).get("content", {}))
        for media in itertools.chain.from_iterable(each.values() for each in contents):
            Draft202012Validator.check_schema(media["schema"])
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(names)) == len(names)


def test_routes_that_the_settings_close_are_not_described(flowers_client: Any) -> None:
    document = flowers_client.get("/openapi.json").json()
    assert not CONTROLS & {operation["operationId"] for _, _, operation in operations(document)}
    assert "securitySchemes" not in document["components"]


def test_a_refusal_is_of_the_shape_that_the_document_gives(flowers_client: Any) -> None:
    document = flowers_client.get("/openapi.json").json()
    for path, method, operation in operations(document):
        url = path.format(name="nobody", version="0")
        answer = flowers_client.request(method, url, params={"window": "0m"}, content=b"[")
        assert str(answer.status_code) in operation["responses"], (path, answer.text)
        validate(document, operation, answer)
