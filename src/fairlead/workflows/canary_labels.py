"""The labelled predictions of a canary's two versions, equally many of each step."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

from fairlead.evaluation.records import Predictions
from fairlead.monitoring.agreement import Logged, with_labels
from fairlead.monitoring.records import Window
from fairlead.workflows.canary_state import Canary
from fairlead.workflows.prediction_log import LogDatabase, ask

MOST = 50_000
"""So many labelled predictions of a version and step are compared, at most."""


def labelled(
    folder: Path, canary: Canary, now: datetime, database: LogDatabase
) -> tuple[Predictions | None, Predictions | None]:
    """Of champion and challenger, over all steps so far, for labels come late.

    Each step has equally many of both: where the traffic changes from step to step, both have
    seen the same mixture of it.

    Args:
        folder: of the prediction log, which holds something of the model.
        canary: which, and its steps.
        now: UTC.
        database: that reads.
    """
    versions = str(canary.champion), str(canary.challenger)
    windows = [*(Window(*each) for each in canary.windows), canary.window(now)]
    sides: tuple[list[tuple[Logged, Any]], ...] = ([], [])
    for window in windows:
        found: dict[str, list[tuple[Logged, Any]]] = defaultdict(list)
        sql = _sql(versions, window)
        for version, prediction, chances, label in ask(folder, sql, database, canary.model).rows:
            found[version].append(((prediction, chances), label))
        count = min(len(found[version]) for version in versions)
        for side, version in zip(sides, versions, strict=True):
            side += found[version][:count]
    one, two = map(_predictions, sides)
    return (one, two) if one and two and one.classes == two.classes else (None, None)


def _predictions(side: list[tuple[Logged, Any]]) -> Predictions | None:
    if not side:
        return None
    found = with_labels([[said for said, _ in side]], [label for _, label in side])
    return None if found is None else found[0]


def _sql(versions: tuple[str, str], window: Window) -> str:
    start, end = (round(each.timestamp() * 1e6) for each in (window.start, window.end))
    labels = ", ".join(f"'{version}'" for version in versions)
    place = "row_number() OVER (PARTITION BY version ORDER BY md5(prediction_id))"
    return (
        "SELECT version, prediction, probabilities, label FROM predictions "  # noqa: S608
        f"WHERE route <> 'shadow' AND version IN ({labels}) AND label IS NOT NULL "
        f"AND time >= make_timestamp({start}) AND time < make_timestamp({end}) "
        f"QUALIFY {place} <= {MOST} ORDER BY {place}"
    )
