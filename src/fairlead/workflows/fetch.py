"""Fetches a project's data."""

from __future__ import annotations

from collections.abc import Callable

from fairlead.data.fetch import FetchResult
from fairlead.data.fetch import fetch as fetch_source
from fairlead.errors import Problem, ProjectError
from fairlead.project.loading import Project
from fairlead.settings import Settings


def fetch(
    project: Project,
    settings: Settings,
    progress: Callable[[int, int | None], None] | None = None,
) -> FetchResult:
    """Bring the data of `data.source` to `data.path`, whole and with the declared digest.

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
        data.source, project.root / data.path, mirror=settings.data_mirror, progress=progress
    )
