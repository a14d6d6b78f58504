from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from fairlead.bundle.reading import Bundle
from fairlead.errors import BundleError
from fairlead.serving.protocols.sagemaker import (
    PAGE,
    placed_models,
    sagemaker_routes,
    sagemaker_settings,
)
from fairlead.serving.table import Served, Table
from fairlead.settings import Settings, read_settings

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 (read, not bound)


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


def test_sagemakers_variables_become_settings() -> None:
    added = sagemaker_settings(
        {
            "SAGEMAKER_BIND_TO_PORT": "8080",
            "SAGEMAKER_MODEL_SERVER_WORKERS": "2",
            "SAGEMAKER_MAX_PAYLOAD_IN_MB": "6",
            "SAGEMAKER_MODEL_SERVER_TIMEOUT": "30",
            "SAGEMAKER_MULTI_MODEL": "false",
        }
    )
    settings = read_settings(added)
    assert (settings.port, settings.workers) == (8080, 2)
    assert settings.max_body_bytes == 6 * 2**20
    assert settings.request_timeout_s == 30


def test_fairleads_own_variables_come_first() -> None:
    environ = {"SAGEMAKER_BIND_TO_PORT": "8080", "FAIRLEAD_PORT": "9000"}
    assert sagemaker_settings(environ) == {}


def test_the_timeout_in_seconds_comes_before_the_other() -> None:
    environ = {
        "SAGEMAKER_MODEL_SERVER_TIMEOUT_SECONDS": "20",
        "SAGEMAKER_MODEL_SERVER_TIMEOUT": "30",
        "SAGEMAKER_MAX_PAYLOAD_IN_MB": "",
    }
    assert sagemaker_settings(environ) == {"FAIRLEAD_REQUEST_TIMEOUT_S": "20"}


def test_what_is_no_number_is_left_to_the_settings_to_refuse() -> None:
    environ = {"SAGEMAKER_MAX_PAYLOAD_IN_MB": "six"}
    assert sagemaker_settings(environ) == {"FAIRLEAD_MAX_BODY_BYTES": "six"}


def test_a_container_of_several_models_takes_them_by_request() -> None:
    assert read_settings(sagemaker_settings({"SAGEMAKER_MULTI_MODEL": "true"})).model_control
    environ = {"SAGEMAKER_MULTI_MODEL": "true", "FAIRLEAD_MODEL_CONTROL": "false"}
    assert sagemaker_settings(environ) == {}


@pytest.mark.parametrize(
    ("environ", "host", "port"),
    [
        ({}, EVERY_ADDRESS, 8080),
        ({"SAGEMAKER_BIND_TO_PORT": "9000"}, EVERY_ADDRESS, 9000),
        ({"FAIRLEAD_HOST": "127.0.0.1", "FAIRLEAD_PORT": "9001"}, "127.0.0.1", 9001),
    ],
)
def test_a_container_listens_where_sagemaker_asks(
    environ: dict[str, str], host: str, port: int
) -> None:
    settings = read_settings({**environ, **sagemaker_settings(environ, container=True)})
    assert (settings.host, settings.port) == (host, port)


@pytest.fixture
def ml(flowers: Bundle, tmp_path: Path) -> Path:
    """A folder like `/opt/ml`, with a bundle unpacked."""
    shutil.copytree(flowers.path, tmp_path / "ml" / "model")
    return tmp_path / "ml"


def test_what_sagemaker_has_unpacked_is_served(ml: Path, tmp_path: Path) -> None:
    environ = {"SAGEMAKER_BASE_DIR": str(ml)}
    assert placed_models(environ, tmp_path) == [str(ml / "model")]


@pytest.mark.parametrize("file", ["fairlead.yaml", "manifest.json"])
def test_a_project_or_bundle_in_the_working_folder_comes_first(
    ml: Path, tmp_path: Path, file: str
) -> None:
    (tmp_path / file).touch()
    assert placed_models({"SAGEMAKER_BASE_DIR": str(ml)}, tmp_path) is None


def test_elsewhere_nothing_is_placed(tmp_path: Path) -> None:
    assert placed_models({"SAGEMAKER_BASE_DIR": str(tmp_path)}, tmp_path) is None


@pytest.mark.parametrize(("several", "found"), [("true", []), ("True", []), ("false", None)])
def test_a_container_of_several_models_begins_with_none(
    tmp_path: Path, several: str, found: list[str] | None
) -> None:
    environ = {"SAGEMAKER_MULTI_MODEL": several, "SAGEMAKER_BASE_DIR": str(tmp_path)}
    assert placed_models(environ, tmp_path) == found


def test_a_folder_around_the_bundle_is_told(ml: Path, tmp_path: Path) -> None:
    (ml / "model").rename(ml / "flowers")
    (ml / "model").mkdir()
    (ml / "flowers").rename(ml / "model" / "flowers")
    with pytest.raises(BundleError, match="at its top"):
        placed_models({"SAGEMAKER_BASE_DIR": str(ml)}, tmp_path)
