"""Measures quality where labels are late: in the latest window that has enough of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlead.monitoring.records import Quality, Window
from fairlead.project.loading import Project
from fairlead.registry.port import ModelRegistry
from fairlead.workflows.look import Measured
from fairlead.workflows.prediction_log import LogDatabase, ask
from fairlead.workflows.quality import quality

TICK = timedelta(microseconds=1)


def measured(
    project: Project,
    registry: ModelRegistry | None,
    log: Path,
    database: LogDatabase,
    window: Window,
) -> Measured:
    """The quality of a window, or of the latest before it that has `min_rows` labels.

    Args:
        project: the project.
        registry: where its champion is; None without one.
        log: folder of the prediction log.
        database: that reads it.
        window: that is asked for.

    Raises:
        DataMissingError: there is no model yet.
        LogQueryError: the log cannot be read.
    """
    length = window.end - window.start

    def told(end: datetime) -> tuple[Quality, ...]:
        return quality(project, registry, log, database, length=length, now=end).qualities

    newest, enough = _labelled(project, log, database, window)
    now = told(window.end)
    if enough is None or (now and now[0].measured is not None):
        return Measured(now, window, last_label=newest)
    earlier = Window(enough + TICK - length, enough + TICK)
    return Measured(told(earlier.end), earlier, now[0] if now else None, newest)


def _labelled(
    project: Project, log: Path, database: LogDatabase, window: Window
) -> tuple[datetime | None, datetime | None]:
    """The newest labelled prediction, and the newest with `min_rows` others in its window."""
    count = project.spec.monitoring.min_rows
    length_us = round((window.end - window.start) / TICK)
    sql = (
        "SELECT max(time), max(time) FILTER (epoch_us(time) - epoch_us(first) < "  # noqa: S608
        f"{length_us}) FROM (SELECT time, lag(time, {count - 1}) OVER (ORDER BY time) AS first "
        "FROM predictions WHERE label IS NOT NULL AND route <> 'shadow' "
        f"AND time < TIMESTAMP '{window.end:%Y-%m-%d %H:%M:%S.%f}')"
    )
    found = next(ask(log, sql, database, project.spec.name).rows)
    newest, enough = (None if at is None else at.replace(tzinfo=UTC) for at in found)
    return newest, enough
