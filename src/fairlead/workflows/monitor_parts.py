"""Parts that a monitor is put together of: what is done before a look, and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from fairlead.errors import LogQueryError
from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.state import Looked
from fairlead.serving.prediction_retention import retain
from fairlead.workflows.alert_evidence import Extra
from fairlead.workflows.prediction_compaction import compact
from fairlead.workflows.prediction_log import LogDatabase, ask


def chores(
    log: Path, database: LogDatabase | None, days: int
) -> Mapping[str, Callable[[], object]]:
    """What keeps the prediction log small.

    Args:
        log: its folder.
        database: that reads it; None where there is none, and nothing to do then.
        days: that predictions are kept.
    """
    if database is None:
        return {}
    # In this order, for what is too old need not be compacted.
    return {"retention": lambda: retain(log, days), "compaction": lambda: compact(log, database)}


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
