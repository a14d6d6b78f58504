"""What is due: by the clock, by an alert, or by the age of the model."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlead.errors import Problem, ProjectError
from fairlead.project.parts import seconds
from fairlead.project.spec import RetrainingSpec
from fairlead.retraining.records import Trigger


def last_due(schedule: str, now: datetime, path: Path = Path("fairlead.yaml")) -> datetime | None:
    """When a schedule was due last, UTC; None if it never is.

    Args:
        schedule: five fields of cron, in UTC.
        now: UTC.
        path: of the project file, for the error.

    Raises:
        ProjectError: it is no schedule.
    """
    from cronsim import CronSim, CronSimError

    try:
        # Ticks are strictly before the moment that is asked about.
        ticks = CronSim(schedule, now.astimezone(UTC) + timedelta(minutes=1), reverse=True)
    except CronSimError as error:
        expected = f"five fields of cron, such as `0 3 * * 1` ({error})"
        raise ProjectError(
            path, (Problem("retraining.schedule", f"`{schedule}`", expected),)
        ) from error
    for tick in ticks:
        if tick <= now:
            return tick
    return None


def due(
    spec: RetrainingSpec,
    *,
    since: datetime,
    trained_at: datetime,
    alerted: bool,
    now: datetime,
    path: Path = Path("fairlead.yaml"),
) -> Trigger | None:
    """What asks for a retraining now; None if nothing does.

    Args:
        spec: of the project.
        since: when it was asked for last, UTC; when the champion was trained, if it never was.
        trained_at: when the champion was trained, UTC.
        alerted: whether an alert since then says that quality was lost.
        now: UTC.
        path: of the project file, for the error.

    Raises:
        ProjectError: the schedule is none.
    """
    if alerted and spec.on_alert:
        return "alert"
    if spec.schedule is not None:
        last = last_due(spec.schedule, now, path)
        if last is not None and last > since:
            return "schedule"
    if spec.max_age is not None and now - trained_at > timedelta(seconds=seconds(spec.max_age)):
        return "age"
    return None
