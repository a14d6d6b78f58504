"""Writes a bundle beside its place, syncs and renames it: a half one never stands there."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import MANIFEST, SEAL, digest, file_digest, seal, to_json
from fairlead.storage import staged


def write_bundle(
    store: Path,
    manifest: Mapping[str, Any],
    files: Mapping[str, bytes],
    complete: Callable[[Path], None] | None = None,
) -> Path:
    """Write a bundle into a store.

    Args:
        store: folder of bundles; made if it does not exist.
        manifest: everything but `files`, which is added here.
        files: relative path -> content.
        complete: writes further files into the folder, before digests are taken.

    Returns:
        The bundle's folder, `store/<SHA-256 of the manifest>`.

    Raises:
        StorageError: it could not be written; nothing was left behind.
    """
    with staged(store, inside=True) as folder:
        for name, content in files.items():
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        if complete:
            complete(folder)
        digests = {
            file.relative_to(folder).as_posix(): file_digest(file)
            for file in sorted(folder.rglob("*"))
            if file.is_file()
        }
        text = to_json({**manifest, "files": digests})
        (folder / MANIFEST).write_bytes(text)
        (folder / SEAL).write_bytes(seal(text))
        target = store / digest(text)
        _sync(folder)
        if not target.exists():
            folder.rename(target)
            _sync_folder(store)
    return target


def _sync(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if path.is_dir():
            _sync_folder(path)
        else:
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
