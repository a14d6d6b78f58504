"""The model registry in MLflow: a bundle is a logged model, a registered version points to it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairlead.adapters.mlflow_store import MlflowStore
from fairlead.bundle.reading import Bundle, verify_bundle
from fairlead.errors import AliasMovedError, ModelVersionNotFoundError
from fairlead.registry.arrival import receive
from fairlead.registry.records import ModelVersion

if TYPE_CHECKING:
    from mlflow import MlflowClient

DIGEST_TAG = "fairlead.digest"
CANDIDATE_TAG = "fairlead.candidate"


class MlflowRegistry:
    """A `ModelRegistry` in an MLflow store.

    MLflow cannot compare and set an alias: between `set_alias`'s look and its move lies about a
    hundredth of a second, in which another's move goes unnoticed. It looks once more afterwards,
    so that of two at once at least the one that was overwritten is told.

    Args:
        uri: see `MlflowStore`.
    """

    def __init__(self, uri: str) -> None:
        self._store = MlflowStore(uri)

    def register(
        self,
        name: str,
        bundle: Path,
        *,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        aliases: Sequence[str] = (),
    ) -> ModelVersion:
        """Store a bundle as the next version of a model; see `ModelRegistry`."""
        sound = verify_bundle(bundle)
        client = self._store.client
        notes = {**(tags or {}), DIGEST_TAG: sound.digest, CANDIDATE_TAG: sound.candidate}
        with self._store.translated():
            logged = self._log(client, name, sound, run_id, notes)
            _ensure_model(client, name)
            version = client.create_model_version(
                name,
                source=logged.artifact_location,
                run_id=run_id,
                tags=notes,
                # A server asks for it as proof that the source is ours; a database would look it
                # up in whatever store the environment names (mlflow 3.17).
                model_id=logged.model_id if self._store.is_server else None,
            )
            # As `mlflow.register_model` does: the logged model's page links to the version.
            link = json.dumps([{"name": name, "version": str(version.version)}])
            client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": link})
            for alias in aliases:
                client.set_registered_model_alias(name, alias, version.version)
        return self.resolve(name, str(version.version))

    def _log(
        self,
        client: MlflowClient,
        name: str,
        bundle: Bundle,
        run_id: str | None,
        tags: Mapping[str, str],
    ) -> Any:
        """Upload the bundle as a logged model; a version can point to it only when it is whole."""
        from mlflow.entities import LoggedModelOutput

        experiment_id = (
            client.get_run(run_id).info.experiment_id if run_id else self._store.experiment_id(name)
        )
        logged = client.create_logged_model(
            experiment_id, name=bundle.candidate, source_run_id=run_id, tags=dict(tags)
        )
        client.log_model_artifacts(logged.model_id, str(bundle.path))
        client.finalize_logged_model(logged.model_id, "READY")
        if run_id:
            client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return logged

    def resolve(self, name: str, reference: str) -> ModelVersion:
        """Find a version by alias or number; see `ModelRegistry`."""
        client = self._store.client
        with self._store.translated():
            model = _or_none(lambda: client.get_registered_model(name))
            aliases = _aliases(model)
            number = aliases.get(reference)
            if number is None and re.fullmatch(r"[1-9][0-9]{0,8}", reference):
                number = int(reference)
            if model is not None and number is not None:
                found = _or_none(lambda: client.get_model_version(name, str(number)))
                if found is not None:
                    return _record(found, aliases)
        numbers = (str(version.version) for version in self.versions(name))
        raise ModelVersionNotFoundError(name, reference, (*sorted(aliases), *numbers))

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """All versions in the order of registration; see `ModelRegistry`."""
        client = self._store.client
        with self._store.translated():
            model = _or_none(lambda: client.get_registered_model(name))
            if model is None:
                return ()
            aliases = _aliases(model)
            found, token = [], None
            while True:
                page = client.search_model_versions(f"name = '{name}'", page_token=token)
                found += [_record(version, aliases) for version in page]
                if not (token := page.token):
                    return tuple(sorted(found, key=lambda version: version.version))

    def set_alias(self, name: str, alias: str, version: int, *, expected: int | None) -> None:
        """Point an alias at a version; see `ModelRegistry`."""
        self.resolve(name, str(version))
        client = self._store.client
        with self._store.translated():
            actual = _aliases(client.get_registered_model(name)).get(alias)
            if actual != expected:
                raise AliasMovedError(name, alias, expected, actual)
            client.set_registered_model_alias(name, alias, str(version))
            actual = _aliases(client.get_registered_model(name)).get(alias)
            if actual != version:
                raise AliasMovedError(name, alias, version, actual)

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Bring a bundle into a folder of bundles; see `ModelRegistry`."""
        client = self._store.client

        def download(part: Path) -> Path:
            from mlflow.artifacts import download_artifacts

            with self._store.translated():
                uri = client.get_model_version_download_uri(version.name, str(version.version))
                return Path(
                    download_artifacts(
                        artifact_uri=uri, dst_path=str(part), tracking_uri=self._store.uri
                    )
                )

        return receive(version, folder, download)

    def notes(self, name: str) -> Mapping[str, str]:
        """The notes on a model as a whole: MLflow's tags of the registered model."""
        client = self._store.client
        with self._store.translated():
            model = _or_none(lambda: client.get_registered_model(name))
        if model is None:
            raise ModelVersionNotFoundError(name, "*")
        return dict(model.tags)

    def set_note(self, name: str, key: str, value: str) -> None:
        """Write one note on a model as a whole; see `ModelRegistry`."""
        self.notes(name)
        with self._store.translated():
            self._store.client.set_registered_model_tag(name, key, value)


def _or_none(ask: Callable[[], Any]) -> Any:
    """What MLflow answers, or None where it says that there is no such thing."""
    from mlflow import MlflowException

    try:
        return ask()
    except MlflowException as error:
        if error.error_code == "RESOURCE_DOES_NOT_EXIST":
            return None
        raise


def _ensure_model(client: MlflowClient, name: str) -> None:
    from mlflow import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _aliases(model: Any) -> dict[str, int]:
    """Alias -> version; a server gives the numbers as text."""
    if model is None:
        return {}
    return {alias: int(version) for alias, version in model.aliases.items()}


def _record(version: Any, aliases: Mapping[str, int]) -> ModelVersion:
    number = int(version.version)
    tags = dict(version.tags)
    return ModelVersion(
        name=version.name,
        version=number,
        digest=tags.pop(DIGEST_TAG, ""),
        candidate=tags.pop(CANDIDATE_TAG, ""),
        # MLflow leaves a version's own list of aliases empty (3.17): the model has them.
        aliases=tuple(sorted(alias for alias, target in aliases.items() if target == number)),
        tags=tags,
        run_id=version.run_id or None,
        created_at=datetime.fromtimestamp(version.creation_timestamp / 1000, UTC),
    )
