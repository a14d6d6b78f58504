"""What Fairlead asks of a model registry and of a run tracker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from fairlead.registry.records import ModelVersion, RunRecord


class ModelRegistry(Protocol):
    """Versions, aliases and notes. Every adapter passes `fairlead.testing.RegistryContract`.

    Any method raises RegistryUnavailableError if the registry does not answer.
    """

    def register(
        self,
        name: str,
        bundle: Path,
        *,
        run_id: str | None = None,
        tags: Mapping[str, str] | None = None,
        aliases: Sequence[str] = (),
    ) -> ModelVersion:
        """Store a bundle as the next version of a model; the first one makes the model.

        Args:
            name: name of the registered model.
            bundle: the folder; it is stored byte for byte.
            run_id: the run that made it.
            tags: notes on the version.
            aliases: names that point to the new version from now on, wherever they did before.

        Raises:
            BundleError: the folder is not a sound bundle; nothing was registered.
        """

    def resolve(self, name: str, reference: str) -> ModelVersion:
        """Find a version by an alias (a candidate's name is one) or by its number.

        Raises:
            ModelVersionNotFoundError: there is none; the known references are listed.
        """

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """All versions in the order of registration; none if there is no such model."""

    def set_alias(self, name: str, alias: str, version: int, *, expected: int | None) -> None:
        """Point an alias at a version if it is where the caller last saw it.

        Args:
            name: name of the registered model.
            alias: such as `champion`.
            version: where it shall point.
            expected: where it must point now; None if it must not exist yet.

        Raises:
            AliasMovedError: it points elsewhere; nothing was changed.
            ModelVersionNotFoundError: there is no such version.
        """

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Bring a bundle into a folder of bundles, unless it is there already.

        Returns:
            `folder/<digest>`, which appears whole, verified and under that name, or not at all.

        Raises:
            BundleError: what is stored is not what was registered.
            StorageError: it could not be written here.
        """

    def notes(self, name: str) -> Mapping[str, str]:
        """The notes on a model as a whole.

        Raises:
            ModelVersionNotFoundError: there is no such model.
        """

    def set_note(self, name: str, key: str, value: str) -> None:
        """Write one note on a model as a whole, in place of an older one.

        Raises:
            ModelVersionNotFoundError: there is no such model.
        """


class RunTracker(Protocol):
    """Where the runs of a training are kept."""

    def start(self, title: str, tags: Mapping[str, str]) -> str:
        """Open the run of a whole training, which holds one run per candidate; return its id."""

    def log_run(self, record: RunRecord, *, parent_id: str | None = None) -> str:
        """Keep what is known of one candidate and return the run's id.

        The bundle is not logged here: `ModelRegistry.register` stores it, once, with this id.
        """

    def finish(self, run_id: str, *, failed: bool = False) -> None:
        """Close what `start` opened."""
