"""Puts a monitor together: what it looks at, what it keeps small, what it draws."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlead.bundle.reading import Bundle
from fairlead.errors import LogQueryError, StorageError
from fairlead.monitoring.alerts import Alert, Rules
from fairlead.monitoring.observation import Observation, Watched
from fairlead.monitoring.outbox import AlertSink
from fairlead.monitoring.records import DriftReport, Window
from fairlead.monitoring.state import Looked
from fairlead.project.loading import Project
from fairlead.project.parts import seconds
from fairlead.registry.moves import reconcile
from fairlead.registry.port import ModelRegistry
from fairlead.serving.prediction_retention import retain
from fairlead.settings import Settings
from fairlead.storage import write_whole
from fairlead.workflows.alert_evidence import Extra
from fairlead.workflows.drift import Drift, drift_of_window, importance_of
from fairlead.workflows.drift_log import drift_of_log
from fairlead.workflows.late_labels import measured
from fairlead.workflows.look import Eyes, Measured, look, watched_champion
from fairlead.workflows.monitor import Answer, Chore, Monitor, Ports
from fairlead.workflows.prediction_compaction import compact
from fairlead.workflows.prediction_log import LogDatabase, ask, predictions_of
from fairlead.workflows.stopping import Stop
from fairlead.workflows.traffic import ledger_of
from fairlead.workflows.triage_facts import Evidence


@dataclass(frozen=True)
class Tools:
    """The foreign tools that a monitor uses.

    Attributes:
        registry: None where MLflow is not installed.
        database: that reads the prediction log; None where DuckDB is not installed.
        sinks: of alerts.
        page: writes Evidently's report to a file.
        answer: does what follows from a look; None where nothing is done.
    """

    registry: ModelRegistry | None
    database: LogDatabase | None
    sinks: tuple[AlertSink, ...]
    page: Callable[[Drift, Path], object]
    answer: Answer | None = None


def assembled(project: Project, settings: Settings, tools: Tools, stop: Stop) -> Monitor:
    """The monitor of a project.

    Args:
        project: a loaded project.
        settings: of the process.
        tools: that it uses.
        stop: ends a tick before its next step.

    Raises:
        MonitorStateError: what was remembered cannot be read.
    """
    spec, database = project.spec, tools.database
    log = predictions_of(project.root, settings)
    eyes = eyes_of(project, log, tools)

    def drifted(window: Window) -> Drift:
        return drift_of_log(
            project.path,
            folder=log,
            model=spec.name,
            window=spec.monitoring.window,
            until=window.end,
            settings=settings,
            database=database,
        )

    ports = Ports(
        look=lambda window: look(eyes, window),
        evidence=Evidence(project.root, log, database, spec.evaluation.slices),
        sinks=tools.sinks,
        before=settling(project, tools.registry),
        after=chores(log, database, settings),
        extras={"alert.png": alert_picture(spec.monitoring.drift_share)},
        pages={
            "columns.png": lambda path, alert: _distributions(drifted(alert.window), path),
            "report.html": lambda path, alert: tools.page(drifted(alert.window), path),
        },
        answer=tools.answer,
    )
    window = timedelta(seconds=seconds(spec.monitoring.window))
    return Monitor(project.root, spec.name, Rules.of(spec), window, ports, stop)


def eyes_of(project: Project, log: Path, tools: Tools) -> Eyes:
    """What a look at a project is made with."""
    name, database = project.spec.name, tools.database

    def drift(watched: Watched, bundle: Bundle, window: Window) -> DriftReport:
        worth = importance_of(project.root, bundle.digest)
        label = f"{name} version {watched.version} (training rows)"
        monitoring = project.spec.monitoring
        return drift_of_window(log, name, bundle, window, monitoring, importance=worth, label=label)

    def quality(window: Window, database: LogDatabase) -> Measured:
        return measured(project, tools.registry, log, database, window)

    return Eyes(
        watched=lambda: watched_champion(project, tools.registry),
        drift=drift,
        quality=None if database is None else lambda window: quality(window, database),
        newest=None if database is None else lambda: newest_prediction(log, name, database),
    )


def settling(project: Project, registry: ModelRegistry | None) -> Mapping[str, Chore]:
    """What brings the ledger up to date.

    Before a look: what was moved behind Fairlead's back is a change that triage tells.
    """
    if registry is None:
        return {}
    ledger, name = ledger_of(project.root), project.spec.name
    return {"reconcile": lambda now: reconcile(registry, ledger, name, now)}


def chores(log: Path, database: LogDatabase | None, settings: Settings) -> Mapping[str, Chore]:
    """What keeps the prediction log small.

    After a look: it sketches what is not sketched yet, for which a compaction may lack the bundle.

    Args:
        log: its folder.
        database: that reads it; None where there is none, and nothing to do then.
        settings: how long predictions and sketches are kept.
    """
    if database is None:
        return {}

    def tidy(now: datetime) -> None:
        days, sketch_days = settings.prediction_log_days, settings.prediction_sketch_days
        deleted = retain(log, days, now, sketch_days=sketch_days)
        if deleted.failed:
            raise StorageError(log, f"{deleted.failed} old files stay: {deleted.reason}")

    # In this order, for what is too old need not be compacted.
    return {"retention": tidy, "compaction": lambda _: compact(log, database)}


def newest_prediction(log: Path, model: str, database: LogDatabase) -> datetime | None:
    """When the newest prediction was made, UTC; None where there is none.

    Raises:
        LogQueryError: the log cannot be read.
    """
    try:
        found = ask(log, "SELECT max(time) FROM predictions", database, model)
    except LogQueryError:
        if any(log.glob("*/*/*")):
            raise
        return None
    newest = next(found.rows)[0]
    return None if newest is None else newest.replace(tzinfo=UTC)


def alert_picture(share: float) -> Extra:
    """Draws the picture of an alert.

    Args:
        share: of drifted columns, from which there is an alert.
    """

    def draw(path: Path, alert: Alert, seen: Observation, looks: Sequence[Looked]) -> None:
        from fairlead.monitoring.alert_figure import alert_figure

        if seen.drift is not None:
            path.write_bytes(alert_figure(alert, seen.drift, looks, share))

    return draw


def _distributions(found: Drift, path: Path) -> None:
    from fairlead.monitoring.drift_figure import drift_png

    write_whole(path, drift_png(found.report, found.reference, found.current))
