"""Where a project keeps what it makes: `.fairlead` beside its file."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from fairlead.errors import StorageError
from fairlead.project.loading import Project

STATE = ".fairlead"
LEADERBOARD = "leaderboard"


def bundle_store(project: Project) -> Path:
    """Folder of the bundles made or fetched here."""
    return bundles_of(project.root)


def bundles_of(root: Path) -> Path:
    """The same for a folder that need not hold a project."""
    return root / STATE / "bundles"


def results_folder(project: Project) -> Path:
    """Folder of leaderboard and figures."""
    return project.root / STATE / "results"


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
