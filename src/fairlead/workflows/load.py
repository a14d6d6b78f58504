"""Loads a project and checks everything that its file can be checked for."""

from __future__ import annotations

from pathlib import Path

from fairlead.models.candidates import check_candidates
from fairlead.project.loading import Project, load_project


def load(path: Path | str = ".") -> Project:
    """Load a project.

    Args:
        path: the project's folder, or its `fairlead.yaml`.

    Raises:
        ProjectError: the file has problems; all of them are listed.
    """
    return load_project(path, check_candidates)
