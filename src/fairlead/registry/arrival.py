"""How a bundle arrives in a folder of bundles: beside its place, verified, then renamed."""

from __future__ import annotations

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from fairlead.bundle.manifest import MANIFEST, SEAL, file_digest
from fairlead.bundle.reading import verify_bundle
from fairlead.errors import BundleError, StorageError
from fairlead.registry.records import ModelVersion


def receive(version: ModelVersion, folder: Path, download: Callable[[Path], Path]) -> Path:
    """Bring a version's bundle to `folder/<digest>`, or leave nothing.

    Args:
        version: which bundle.
        folder: the folder of bundles; made if it does not exist.
        download: writes the bundle below the folder that it is given and returns where.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: what arrived is not what was registered.
        StorageError: it could not be written here.
    """
    if not version.digest:
        raise BundleError(folder, (f"{version} was not registered as a Fairlead bundle",))
    target = folder / version.digest
    if target.is_dir():
        return target
    part = folder / f".{uuid.uuid4().hex}.part"
    try:
        part.mkdir(parents=True)
        arrived = download(part)
        _check(arrived, version)
        _rename(arrived, target)
    except OSError as error:
        raise StorageError(target, error.strerror or str(error)) from error
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return target


def _rename(arrived: Path, target: Path) -> None:
    try:
        arrived.rename(target)
    except OSError:
        # Another process has brought the same bundle meanwhile.
        if not target.is_dir():
            raise


def _check(arrived: Path, version: ModelVersion) -> None:
    manifest = arrived / MANIFEST
    if not manifest.is_file():
        raise BundleError(arrived, (f"{version} is stored without {MANIFEST}",))
    if (actual := file_digest(manifest)) != version.digest:
        fault = f"{version} has digest {actual[:12]}…, registered was {version.digest[:12]}…"
        raise BundleError(arrived, (fault,))
    _drop_strangers(arrived, {MANIFEST, SEAL, *json.loads(manifest.read_bytes())["files"]})
    verify_bundle(arrived)


def _drop_strangers(folder: Path, named: set[str]) -> None:
    # MLflow loads a model from where a local store keeps it, and leaves `registered_model_meta`
    # and byte code there (mlflow 3.17).
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in named:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
