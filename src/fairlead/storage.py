"""Writes files whole: a reader sees the old one or the new one, never a part."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead.errors import FilesExistError, StorageError


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file in one step: written beside it, synced, renamed. Its folder is made.

    Raises:
        StorageError: it could not be written; the old file is still there.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StorageError(path, error.strerror or str(error)) from error
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def staged(folder: Path, *, inside: bool = False) -> Iterator[Path]:
    """A folder beside another one, in which its files are made ready; it goes in the end.

    Args:
        folder: where the files will be.
        inside: whether it lies in that folder, because what is made has no name yet.

    Raises:
        StorageError: something could not be written.
    """
    name = f"{uuid.uuid4().hex}.part"
    stage = folder / f".{name}" if inside else folder.with_name(f".{folder.name}.{name}")
    try:
        stage.mkdir(parents=True)
        yield stage
    except OSError as error:
        raise StorageError(folder, error.strerror or str(error)) from error
    finally:
        # Where it was renamed there is nothing left to remove.
        shutil.rmtree(stage, ignore_errors=True)


def place_files(stage: Path, folder: Path) -> tuple[str, ...]:
    """Move the files of a stage to where they belong: all of them, and over none that is there.

    Returns:
        What was moved, relative to the folder.

    Raises:
        FilesExistError: one is there already; nothing was moved.
    """
    files = tuple(
        sorted(path.relative_to(stage).as_posix() for path in stage.rglob("*") if path.is_file())
    )
    if not folder.exists():
        stage.rename(folder)
        return files
    taken = tuple(file for file in files if (folder / file).exists())
    if taken:
        raise FilesExistError(folder, taken)
    moved: list[Path] = []
    try:
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            moved.append((stage / file).rename(folder / file))
    except OSError:
        for path in moved:
            path.unlink()
        raise
    return files
