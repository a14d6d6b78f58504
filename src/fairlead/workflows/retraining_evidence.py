"""Gathers what a retraining is decided on: labelled predictions, drift, realised quality."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

from fairlead.bundle.reading import load_bundle
from fairlead.monitoring.records import Quality, Window
from fairlead.project.loading import Project
from fairlead.project.parts import seconds
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION
from fairlead.serving.records import label_of
from fairlead.workflows.drift import drift_of_window, importance_of
from fairlead.workflows.labels import labelled_rows
from fairlead.workflows.prediction_log import LogDatabase
from fairlead.workflows.quality import quality
from fairlead.workflows.read import read
from fairlead.workflows.retraining_desk import Evidence
from fairlead.workflows.store import bundle_store


def gather(
    project: Project, registry: ModelRegistry, folder: Path, database: LogDatabase, now: datetime
) -> Evidence:
    """Look at the late past of a project's champion.

    Labelled predictions are those of `retraining.window`, drift is that of `monitoring.window`,
    quality that of the champion's own predictions in the last `retraining.max_label_age`.

    Args:
        project: the project.
        registry: where the champion is.
        folder: of the prediction log.
        database: that reads it.
        now: UTC.

    Raises:
        ModelVersionNotFoundError: there is no champion.
        DataError: the project's data cannot be read.
        LogQueryError: the log cannot be read.
        ExtraMissingError: the database is not installed.
    """
    spec = project.spec
    version = registry.resolve(spec.name, CHAMPION)
    bundle = load_bundle(registry.fetch(version, bundle_store(project)))
    window = _until(spec.retraining.window, now)
    # By the contract of the project, which may be another one than the champion's by now.
    labelled = labelled_rows(folder, spec.name, read(project).contract, window, database)
    drift = drift_of_window(
        folder,
        spec.name,
        bundle,
        _until(spec.monitoring.window, now),
        spec.monitoring,
        importance=importance_of(project.root, bundle.digest),
    )
    length = timedelta(seconds=seconds(spec.retraining.max_label_age))
    report = quality(project, registry, folder, database, length=length, now=now)
    own = label_of(version.version, version.digest)
    return Evidence(labelled, drift, _of_version(report.qualities, spec.evaluation.metric, own))


def _until(length: str, now: datetime) -> Window:
    return Window(now - timedelta(seconds=seconds(length)), now)


def _of_version(qualities: tuple[Quality, ...], metric: str, version: str) -> Quality | None:
    """Of the champion's own predictions: those of the one before it say nothing about it."""
    for each in qualities:
        is_whole = each.route is None and each.slice is None
        if is_whole and each.metric == metric and each.version == version:
            return each
    return None
