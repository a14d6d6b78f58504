"""Drift over the prediction log, for a project or for a log that stands alone."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from fairlead.bundle.manifest import REFERENCE
from fairlead.errors import DataMissingError, LogQueryError
from fairlead.monitoring.records import ColumnDrift, Window
from fairlead.monitoring.reference import Reference
from fairlead.project import FILE_NAME
from fairlead.project.loading import load_project
from fairlead.project.spec import MonitoringSpec
from fairlead.serving.prediction_segments import Column
from fairlead.serving.records import SHADOW
from fairlead.settings import Settings
from fairlead.workflows.drift import (
    SAMPLE_ROWS,
    SEED,
    Drift,
    Sides,
    answered,
    importance_of,
    judged,
    served_reference,
    sketches_of,
    window_until,
)
from fairlead.workflows.prediction_log import (
    LogDatabase,
    ask,
    feature_names,
    models_of,
    predictions_of,
)
from fairlead.workflows.sketching import References
from fairlead.workflows.store import REPORTS, STATE, bundles_of


def drift_of_log(
    place: Path,
    *,
    folder: Path | None,
    model: str | None,
    window: str | None,
    until: datetime,
    settings: Settings,
    database: LogDatabase | None = None,
) -> Drift:
    """Judge what a model has seen, beside the training rows of the version that answered most.

    Args:
        place: a project's folder or file; with `folder`, it need not be one.
        folder: of the log, if not that of the project.
        model: if not that of the project, or not the only one in the log.
        window: how far back; `monitoring.window` if not given.
        until: end of the window, UTC.
        settings: of the process.
        database: draws rows from the log, for Evidently.

    Raises:
        ProjectError: the project file has problems, or there is none.
        LogQueryError: nothing is logged, or nothing is known of the training rows.
        DataInvalidError: the sketch of a bundle is damaged.
    """
    is_file = place.suffix in (".yaml", ".yml")
    root = place.parent if is_file else place
    spec = None
    if folder is None or is_file or (place / FILE_NAME).is_file():
        spec = load_project(place).spec
    folder = folder or predictions_of(root, settings)
    name = model or (_only_model(folder) if spec is None else spec.name)
    monitoring = MonitoringSpec() if spec is None else spec.monitoring
    stretch = window_until(window or monitoring.window, until)
    references = References(bundles_of(root))
    sketches = sketches_of(folder, name, stretch, references)
    if not sketches:
        raise LogQueryError(
            f"no predictions of {name} in {folder} from {stretch.start:%Y-%m-%d %H:%M} "
            f"to {stretch.end:%Y-%m-%d %H:%M} UTC that can be compared",
            "a window in which a service has logged (FAIRLEAD_PREDICTION_LOG)",
        )
    reference = served_reference(folder, name, sketches, references)
    digest = reference.grid.origin
    report = judged(
        reference,
        sketches,
        stretch,
        monitoring,
        lambda before: sketches_of(folder, name, before, references),
        importance_of(root, digest),
    )
    page = root / STATE / REPORTS / f"drift-{until:%Y%m%dT%H%M%S}.html"
    draw = lambda: _rows(root, folder, name, reference, stretch, database)  # noqa: E731
    not_logged = _not_logged(reference, report.columns)
    return Drift(report, reference, answered(sketches), page, draw, not_logged)


def _only_model(folder: Path) -> str:
    known = models_of(folder)
    if len(known) == 1:
        return known[0]
    found = f"predictions of {', '.join(known)}" if known else f"no predictions in {folder}"
    raise LogQueryError(found, "the name of one of them as the model (--model)")


def _not_logged(reference: Reference, judged: Sequence[ColumnDrift]) -> dict[str, str]:
    names = {each.column for each in judged}
    return {
        axis.name: "is not logged: masked, omitted, or of no version in the window"
        for axis in reference.grid.columns
        if axis.name not in names
    }


def _rows(
    root: Path,
    folder: Path,
    model: str,
    reference: Reference,
    window: Window,
    database: LogDatabase | None,
) -> Sides:
    """Some rows of the training and of the window.

    Raises:
        DataMissingError: the bundle is not in the project's store.
    """
    import polars as pl

    if database is None:
        raise LogQueryError("no database", "one that draws rows from the log")
    path = bundles_of(root) / reference.grid.origin / REFERENCE
    if not path.is_file():
        raise DataMissingError(path, "Evidently draws rows: run this where the bundle is")
    axes = {axis.name: axis for axis in reference.grid.columns}
    stored = feature_names([Column(name, axis.kind) for name, axis in axes.items()])
    listed = ", ".join('"' + name.replace('"', '""') + '"' for name in stored)
    start, end = (f"TIMESTAMP '{each:%Y-%m-%d %H:%M:%S}'" for each in (window.start, window.end))
    sql = (
        f"SELECT {listed} FROM (SELECT * FROM predictions WHERE time >= {start} AND time < {end} "  # noqa: S608
        f"AND route <> '{SHADOW}') USING SAMPLE reservoir({SAMPLE_ROWS} ROWS) REPEATABLE ({SEED})"
    )
    found = ask(folder, sql, database, model)
    current = pl.DataFrame(
        list(found.rows), schema=list(axes), orient="row", infer_schema_length=None
    )
    trained = pl.read_parquet(path).select(list(axes))
    trained = trained.sample(min(SAMPLE_ROWS, trained.height), seed=SEED)
    return Sides({name: axis.kind for name, axis in axes.items()}, trained, current)
