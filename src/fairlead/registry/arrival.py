"""How a bundle arrives in a folder of bundles: beside its place, verified, then renamed."""

from __future__ import annotations

import json
import logging
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from fairlead.bundle.manifest import MANIFEST, SEAL, file_digest
from fairlead.bundle.reading import load_bundle, verify_bundle
from fairlead.errors import BundleError, StorageError
from fairlead.registry.records import ModelVersion

log = logging.getLogger(__name__)


def receive(version: ModelVersion, folder: Path, download: Callable[[Path], Path]) -> Path:
    """Bring a version's bundle to `folder/<digest>`, unless it is there and sound.

    Args:
        version: which bundle.
        folder: the folder of bundles; made if it does not exist.
        download: writes the bundle below the folder that it is given and returns where.

    Returns:
        The bundle's folder.

    Raises:
        BundleError: what arrived is not what was registered; nothing was changed here.
        StorageError: it could not be written here.
    """
    refuse_strangers(version)
    target = folder / version.digest
    if _is_sound(target):
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


def refuse_strangers(version: ModelVersion) -> None:
    """Refuse a version that another program has registered: it cannot be served.

    Raises:
        BundleError: it is no Fairlead bundle.
    """
    if not version.digest:
        where = Path(f"models:/{version.name}/{version.version}")
        raise BundleError(where, ("it was not registered by Fairlead",))


def _is_sound(target: Path) -> bool:
    """Whether the bundle of this digest is there; byte code beside its files does no harm."""
    if not target.is_dir():
        return False
    try:
        return load_bundle(target).digest == target.name
    except BundleError as error:
        log.warning("bundle_damaged", extra={"path": str(target), "faults": error.faults})
        return False


def _rename(arrived: Path, target: Path) -> None:
    try:
        arrived.rename(target)
    except OSError:
        # Another process has brought the same bundle meanwhile, or a damaged one stands there.
        if not target.is_dir():
            raise
        if _is_sound(target):
            return
        damaged = target.with_name(f".{uuid.uuid4().hex}.damaged")
        target.rename(damaged)
        arrived.rename(target)
        shutil.rmtree(damaged, ignore_errors=True)


def _check(arrived: Path, version: ModelVersion) -> None:
    manifest = arrived / MANIFEST
    if not manifest.is_file():
        raise BundleError(arrived, (f"{version} is stored without {MANIFEST}",))
    if (actual := file_digest(manifest)) != version.digest:
        fault = f"{version} has digest {actual[:12]}…, registered was {version.digest[:12]}…"
        raise BundleError(arrived, (fault,))
    _drop_unnamed(arrived, {MANIFEST, SEAL, *json.loads(manifest.read_bytes())["files"]})
    verify_bundle(arrived)


def _drop_unnamed(folder: Path, named: set[str]) -> None:
    # MLflow loads a model from where a local store keeps it, and leaves `registered_model_meta`
    # and byte code there (mlflow 3.17).
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_file() and path.relative_to(folder).as_posix() not in named:
            path.unlink()
        elif path.is_dir() and not any(path.iterdir()):
            path.rmdir()
