"""Where a project keeps what others look up: registry, runs, prediction log."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from fairlead.project.loading import Project

if TYPE_CHECKING:
    from fairlead.adapters.mlflow_registry import MlflowRegistry
    from fairlead.adapters.mlflow_tracking import MlflowTracker
    from fairlead.workflows.prediction_log import LogDatabase


def tracking_uri(root: Path) -> str:
    """`MLFLOW_TRACKING_URI`, or a database below the project's `.fairlead`."""
    named = os.environ.get("MLFLOW_TRACKING_URI")
    if named:
        return named
    return f"sqlite:///{(root / '.fairlead' / 'mlflow.db').resolve().as_posix()}"


def model_registry(root: Path) -> MlflowRegistry:
    """The registry of a project.

    Raises:
        ExtraMissingError: MLflow is not installed.
    """
    from fairlead.adapters.mlflow_registry import MlflowRegistry

    return MlflowRegistry(tracking_uri(root))


def registry_or_none(root: Path) -> MlflowRegistry | None:
    """The registry of a project; None where MLflow is not installed."""
    return model_registry(root) if find_spec("mlflow") is not None else None


def run_tracker(project: Project) -> MlflowTracker:
    """Where a project's runs are logged.

    Raises:
        ExtraMissingError: MLflow is not installed.
    """
    from fairlead.adapters.mlflow_tracking import MlflowTracker

    return MlflowTracker(tracking_uri(project.root), project.spec.name)


def log_database() -> LogDatabase | None:
    """What reads the prediction log; None where DuckDB is not installed."""
    if find_spec("duckdb") is None:
        return None
    from fairlead.adapters.duckdb_log import DuckdbLog

    return DuckdbLog()
