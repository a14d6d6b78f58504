"""Where a project keeps what it makes: `.fairlead` beside its file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fairlead.project.loading import Project

STATE = ".fairlead"
LEADERBOARD = "leaderboard"
REPORTS = "reports"
TRAINING = "training"


def bundle_store(project: Project) -> Path:
    """Folder of the bundles made or fetched here."""
    return bundles_of(project.root)


def bundles_of(root: Path) -> Path:
    """The same for a folder that need not hold a project."""
    return root / STATE / "bundles"


def results_folder(project: Project) -> Path:
    """Folder of leaderboard and figures."""
    return project.root / STATE / "results"


def searches_of(root: Path) -> Path:
    """Folder of the finished trials of searches, with which a search goes on."""
    return root / STATE / "search"


def decisions_of(root: Path) -> Path:
    """Folder with the whole reasoning of each decision on a promotion."""
    return root / STATE / "decisions"


def monitoring_of(root: Path) -> Path:
    """Folder of what was found out about the predictions of a service."""
    return root / STATE / "monitoring"


def alerts_of(root: Path) -> Path:
    """Folder with the evidence of each alert."""
    return root / STATE / "alerts"


def predictions_of(root: Path, digest: str) -> Path:
    """File with what a bundle predicted for rows it never saw."""
    return root / STATE / "results" / "predictions" / f"{digest}.npz"


def labelled_file(root: Path, digest: str) -> Path:
    """File of the labelled predictions that a version was trained on, by its SHA-256."""
    return root / STATE / "labelled" / f"{digest}.parquet"


def retraining_folder(root: Path) -> Path:
    """Folder of what retrainings remember, and in which one works."""
    return root / STATE / "retraining"
