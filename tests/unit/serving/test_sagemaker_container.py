from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from fairlead.bundle.reading import Bundle
from fairlead.errors import BundleError
from fairlead.serving.sagemaker_container import placed_models, sagemaker_settings
from fairlead.settings import read_settings

EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 (read, not bound)


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
