"""Writes files whole: a reader sees the old one or the new one, never a part."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from fairlead.errors import StorageError


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
