"""How an MLflow store is reached: quietly, with bounded retries, safely on first use."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from fairlead.errors import ExtraMissingError, RegistryUnavailableError, StorageError

if TYPE_CHECKING:
    from mlflow import MlflowClient

SQLITE = "sqlite:///"
ARTIFACT_ROOT = "MLFLOW_DEFAULT_ARTIFACT_ROOT"
"""MLflow's own variable for where the files of new experiments go."""
BESIDE = "mlflow-artifacts"
"""Folder beside a SQLite database for the files of its experiments."""
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own default is seven retries, minutes in all, before it says that a server is down.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}
"""What MLflow is told, unless the environment says otherwise."""


class MlflowStore:
    """An MLflow tracking server or database, with its registry.

    Args:
        uri: any address that MLflow takes. A server keeps the artifacts where it likes; those of
            a database go to `MLFLOW_DEFAULT_ARTIFACT_ROOT`, and those of SQLite without one to
            `mlflow-artifacts` beside it.

    Raises:
        ExtraMissingError: MLflow is not installed.
    """

    def __init__(self, uri: str) -> None:
        # Asked here, though MLflow is imported later: a training must not fail at its end.
        if find_spec("mlflow") is None:
            raise ExtraMissingError("the MLflow registry", extra="mlflow")
        self.uri = uri

    @property
    def is_server(self) -> bool:
        """Whether a server stands before the database."""
        return self.uri.startswith(("http://", "https://"))

    @property
    def database(self) -> Path | None:
        """The SQLite file, or None for a server or another database."""
        if not self.uri.startswith(SQLITE):
            return None
        return Path(self.uri.removeprefix(SQLITE).partition("?")[0]).resolve()

    @cached_property
    def client(self) -> MlflowClient:
        """The client, once the store answers and its tables are there.

        Raises:
            RegistryUnavailableError: the store does not answer.
            StorageError: the database's folder cannot be made.
        """
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient

        with self.translated(), _first_use(self.database):
            client = MlflowClient(tracking_uri=self.uri, registry_uri=self.uri)
            client.search_experiments(max_results=1)
            client.search_registered_models(max_results=1)
        return client

    def experiment_id(self, name: str) -> str:
        """The id of an experiment, which is made if there is none of that name.

        Raises:
            RegistryUnavailableError: the store does not answer.
        """
        client = self.client
        from mlflow import MlflowException

        with self.translated():
            location = self._artifact_location()
            found = client.get_experiment_by_name(name)
            if found is not None and _was_left_behind(found.artifact_location, location):
                # The address of an experiment's files cannot be changed.
                client.rename_experiment(
                    found.experiment_id, f"{name} (moved, {found.experiment_id})"
                )
            elif found is not None:
                return str(found.experiment_id)
            try:
                return str(client.create_experiment(name, location))
            except MlflowException as error:
                # Another process was faster.
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            return str(client.get_experiment_by_name(name).experiment_id)

    def _artifact_location(self) -> str | None:
        """Where a new experiment keeps its artifacts; None leaves that to the server."""
        if self.is_server:
            return None
        if root := os.environ.get(ARTIFACT_ROOT):
            return root if "://" in root else Path(root).resolve().as_uri()
        if self.database is None:
            raise RegistryUnavailableError(
                _without_password(self.uri),
                f"a database keeps no files: set {ARTIFACT_ROOT} to a folder or an object store "
                "that all who use the database can reach",
            )
        # Without a location MLflow writes to `mlruns` in the working folder.
        return (self.database.parent / BESIDE).as_uri()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Turn what MLflow raises into RegistryUnavailableError."""
        from alembic.util import CommandError
        from mlflow import MlflowException
        from requests import RequestException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, RequestException, SQLAlchemyError, CommandError) as error:
            reason = _without_password(str(error).partition("\n")[0])
            raise RegistryUnavailableError(_without_password(self.uri), reason) from error


def _was_left_behind(found: str, wanted: str | None) -> bool:
    """Whether a database was moved away from the folder that its experiment writes to."""
    folder = Path(unquote(found.removeprefix("file://")))
    return wanted not in (None, found) and folder.name == BESIDE and not folder.exists()


def _without_password(text: str) -> str:
    return re.sub(r"//[^/@\s]*@", "//", text)


@contextmanager
def _first_use(database: Path | None) -> Iterator[None]:
    """Let one process at a time make the tables: two at once crash in MLflow's migration (3.17)."""
    if database is None:
        yield
        return
    lock = database.with_name(f"{database.name}.lock")
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        handle = lock.open("w")
    except OSError as error:
        raise StorageError(database, error.strerror or str(error)) from error
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
