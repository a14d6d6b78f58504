from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fairlead.bundle.reading import Bundle
from fairlead.serving.protocols.sagemaker import PAGE, sagemaker_routes
from fairlead.serving.table import Served, Table
from fairlead.settings import Settings


def routes_of(service: Any) -> TestClient:
    app = FastAPI()
    app.include_router(sagemaker_routes(service))
    return TestClient(app)


class FullService:
    """A service that takes no further model."""

    models: dict[str, Any] = {}  # noqa: RUF012
    settings = Settings(model_control=True)

    def __init__(self) -> None:
        self.unloaded: list[str] = []

    async def load(self, name: str, path: Path | None) -> None:
        raise MemoryError(name, path)

    async def unload(self, name: str) -> None:
        self.unloaded.append(name)


@pytest.fixture
def controlled(
    flowers: Bundle, client_of: Callable[..., Any], served: Callable[..., Served]
) -> Any:
    """A service whose callers may load and unload models; it has the classifier."""
    table = Table({"flowers": served(flowers, 3)}, "flowers")
    return client_of(table, Settings(model_control=True)).service


def test_what_is_served_is_listed(flowers: Bundle, flowers_client: Any) -> None:
    client = routes_of(flowers_client.service)
    entry = {"modelName": "flowers", "modelUrl": str(flowers.path)}
    assert client.get("/models").json() == {"models": [entry]}
    assert client.get("/models/flowers").json() == entry


def test_very_many_models_are_listed_by_pages(flowers_client: Any) -> None:
    model = flowers_client.service.models["flowers"]
    names = [f"model{number:03}" for number in range(PAGE + 1)]

    class Full(FullService):
        models = dict.fromkeys(names, model)

    client = routes_of(Full())
    first = client.get("/models").json()
    second = client.get("/models", params={"next_page_token": first["nextPageToken"]}).json()
    assert (len(first["models"]), first["nextPageToken"]) == (PAGE, names[PAGE - 1])
    assert (len(second["models"]), list(second)) == (1, ["models"])


def test_a_model_is_loaded_and_unloaded(houses: Bundle, controlled: Any) -> None:
    client = routes_of(controlled)
    loaded = client.post("/models", json={"model_name": "h", "url": str(houses.path)})
    assert loaded.status_code == 200
    assert loaded.json() == {"modelName": "h", "modelUrl": str(houses.path.resolve())}
    assert sorted(controlled.models) == ["flowers", "h"]
    assert client.delete("/models/h").status_code == 200
    assert sorted(controlled.models) == ["flowers"]


def test_a_name_that_is_taken_is_refused(houses: Bundle, controlled: Any) -> None:
    body = {"model_name": "flowers", "url": str(houses.path)}
    found = routes_of(controlled).post("/models", json=body)
    assert (found.status_code, found.json()["error_code"]) == (409, "RESOURCE_CONFLICT")


def test_a_folder_that_is_no_bundle_is_refused(tmp_path: Path, controlled: Any) -> None:
    found = routes_of(controlled).post("/models", json={"model_name": "h", "url": str(tmp_path)})
    assert (found.status_code, found.json()["error_code"]) == (400, "BAD_REQUEST")
    assert list(controlled.models) == ["flowers"]


def test_a_folder_with_too_long_a_name_is_refused(controlled: Any) -> None:
    found = routes_of(controlled).post("/models", json={"model_name": "h", "url": "a" * 5000})
    assert (found.status_code, found.json()["error_code"]) == (400, "BAD_REQUEST")


def test_a_model_for_which_there_is_no_room_is_refused_and_forgotten() -> None:
    service = FullService()
    found = routes_of(service).post("/models", json={"model_name": "h", "url": "/bundles/h"})
    assert (found.status_code, found.json()["error_code"]) == (507, "RESOURCE_EXHAUSTED")
    assert service.unloaded == ["h"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"model_name": "h"}',
        b'{"model_name": "h", "url": ""}',
        b'{"model_name": "a/b", "url": "/bundles/h"}',
        b'{"model_name": "", "url": "/bundles/h"}',
        b'{"model_name": 3, "url": "/bundles/h"}',
    ],
)
def test_a_load_that_names_no_model_or_folder_is_refused(controlled: Any, body: bytes) -> None:
    found = routes_of(controlled).post("/models", content=body)
    assert found.status_code == 400
    assert "model_name" in found.json()["message"]


def test_a_model_that_is_not_served_is_not_found(controlled: Any) -> None:
    client = routes_of(controlled)
    assert client.get("/models/nope").status_code == 404
    assert client.delete("/models/nope").status_code == 404


def test_without_control_nothing_is_loaded_or_unloaded(houses: Bundle, flowers_client: Any) -> None:
    client = routes_of(flowers_client.service)
    loaded = client.post("/models", json={"model_name": "h", "url": str(houses.path)})
    unloaded = client.delete("/models/flowers")
    assert (loaded.status_code, unloaded.status_code) == (403, 403)
    assert "FAIRLEAD_MODEL_CONTROL" in json.loads(loaded.content)["message"]
    assert list(flowers_client.service.models) == ["flowers"]
