"""Fetches a project's data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from fairlead.data.fetch import FetchResult
from fairlead.data.fetch import fetch as fetch_source
from fairlead.errors import Problem, ProjectError
from fairlead.project.loading import Project
from fairlead.settings import Settings


def fetch(
    project: Project,
    settings: Settings,
    progress: Callable[[int, int | None], None] | None = None,
    *,
    to: Path | None = None,
) -> FetchResult:
    """Bring the data of `data.source` to its place, whole and with the declared digest.

    Args:
        project: one that names a source.
        settings: may name a mirror.
        progress: told how far it is.
        to: the place; `data.path` if not given.

    Raises:
        ProjectError: the project names no source.
        FetchError: it could not be downloaded.
        DigestMismatchError: it is not what was declared.
    """
    data = project.spec.data
    if data.source is None:
        missing = Problem("data.source", "nothing", "`url` and `sha256` of the data")
        raise ProjectError(project.path, (missing,))
    return fetch_source(
        data.source,
        project.root / data.path if to is None else to,
        mirror=settings.data_mirror,
        progress=progress,
    )
