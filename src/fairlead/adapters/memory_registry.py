"""A registry that lives in this process: for tests, and for trying things out."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from fairlead.bundle.reading import verify_bundle
from fairlead.errors import AliasMovedError, ModelVersionNotFoundError
from fairlead.registry.arrival import receive
from fairlead.registry.records import ModelVersion


@dataclass
class _Model:
    versions: list[ModelVersion] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)


class MemoryRegistry:
    """A `ModelRegistry` whose every method is one atomic step."""

    def __init__(self) -> None:
        self._models: dict[str, _Model] = {}
        self._files: dict[str, dict[str, bytes]] = {}
        self._lock = threading.RLock()

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
        files = {
            path.relative_to(bundle).as_posix(): path.read_bytes()
            for path in bundle.rglob("*")
            if path.is_file()
        }
        with self._lock:
            self._files[sound.digest] = files
            model = self._models.setdefault(name, _Model())
            version = ModelVersion(
                name=name,
                version=len(model.versions) + 1,
                digest=sound.digest,
                candidate=sound.candidate,
                aliases=(),
                tags=dict(tags or {}),
                run_id=run_id,
                created_at=datetime.now(UTC),
            )
            model.versions.append(version)
            model.aliases.update(dict.fromkeys(aliases, version.version))
            return self.resolve(name, str(version.version))

    def resolve(self, name: str, reference: str) -> ModelVersion:
        """Find a version by alias or number; see `ModelRegistry`."""
        with self._lock:
            versions = {str(version.version): version for version in self.versions(name)}
            aliases = {alias: one for one in versions.values() for alias in one.aliases}
            found = (versions | aliases).get(reference)
        if found is None:
            raise ModelVersionNotFoundError(name, reference, (*sorted(aliases), *versions))
        return found

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """All versions in the order of registration."""
        with self._lock:
            model = self._models.get(name, _Model())
            return tuple(
                replace(version, aliases=_aliases_of(model.aliases, version.version))
                for version in model.versions
            )

    def set_alias(self, name: str, alias: str, version: int, *, expected: int | None) -> None:
        """Point an alias at a version; see `ModelRegistry`."""
        with self._lock:
            self.resolve(name, str(version))
            aliases = self._models[name].aliases
            if aliases.get(alias) != expected:
                raise AliasMovedError(name, alias, expected, aliases.get(alias))
            aliases[alias] = version

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        """Bring a bundle into a folder of bundles; see `ModelRegistry`."""

        def download(part: Path) -> Path:
            arrived = part / "bundle"
            for name, content in self._files[version.digest].items():
                target = arrived / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
            return arrived

        return receive(version, folder, download)

    def notes(self, name: str) -> Mapping[str, str]:
        """The notes on a model as a whole."""
        with self._lock:
            return dict(self._model(name).notes)

    def set_note(self, name: str, key: str, value: str) -> None:
        """Write one note on a model as a whole."""
        with self._lock:
            self._model(name).notes[key] = value

    def _model(self, name: str) -> _Model:
        if name not in self._models:
            raise ModelVersionNotFoundError(name, "*")
        return self._models[name]


def _aliases_of(aliases: Mapping[str, int], version: int) -> tuple[str, ...]:
    return tuple(sorted(alias for alias, target in aliases.items() if target == version))
