"""What services have counted and the prediction log holds of a canary's two versions."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from fairlead.monitoring.canary import Answered
from fairlead.monitoring.records import Window
from fairlead.serving.records import SHADOW
from fairlead.serving.snapshots import SUFFIX, Snapshots, merge
from fairlead.workflows.admin import ServiceError, get_metrics
from fairlead.workflows.canary_labels import labelled
from fairlead.workflows.canary_state import Canary, Counts
from fairlead.workflows.prediction_log import LogDatabase, ask, models_of
from fairlead.workflows.store import STATE

log = logging.getLogger(__name__)

MOST = 50_000
"""So many requests of a version are compared, at most."""


@dataclass(frozen=True)
class ServedEvidence:
    """Of services of this machine by their state folders, and of others by their addresses.

    Attributes:
        root: the project's folder.
        model: name that it is served under.
        predictions: folder of the prediction log.
        database: that reads it.
        urls: services to ask for their counters.
        state: further state folder of a service.
    """

    root: Path
    model: str
    predictions: Path
    database: LogDatabase
    urls: tuple[str, ...] = ()
    state: Path | None = None

    def counts(self) -> Counts:
        """What each service has counted of the model's versions; who is away is left out."""
        states = [*(self.root / STATE / "serving").glob("*"), *([self.state] if self.state else [])]
        folders = sorted({(state / "stats").resolve() for state in states})
        found = {
            str(folder): _counted(folder, self.model)
            for folder in folders
            if any(folder.glob(f"*{SUFFIX}"))
        }
        for url in self.urls:
            try:
                found[url] = served(url, self.model)
            except ServiceError as error:
                log.warning("service_not_asked", extra={"url": url, "reason": str(error)})
        return found

    def answered(self, canary: Canary, now: datetime) -> tuple[Answered, Answered]:
        """Of champion and challenger, equally many requests of the present step.

        Of the version that answered more, those with the smallest hashes of their ids are taken:
        at random as far as the answers go, and the same ones at each look.
        """
        versions = str(canary.champion), str(canary.challenger)
        requests: dict[str, list[tuple[float, list[Any]]]] = defaultdict(list)
        if self.model in models_of(self.predictions):
            sql = _sql(versions, canary.window(now))
            for version, seconds, predictions in ask(
                self.predictions, sql, self.database, self.model
            ).rows:
                requests[version].append((seconds, predictions))
        count = min(len(requests[version]) for version in versions)
        one, two = (_answered(requests[version][:count]) for version in versions)
        if not count:
            return one, two
        truth = labelled(self.predictions, canary, now, self.database)
        return replace(one, labelled=truth[0]), replace(two, labelled=truth[1])


def served(url: str, model: str) -> dict[str, tuple[int, int]]:
    """Version -> requests that a service has counted, and failed ones, by its `/metrics`.

    Raises:
        ServiceError: it cannot be reached, or is no service of Fairlead.
    """
    from prometheus_client.parser import text_string_to_metric_families

    found: dict[str, tuple[int, int]] = {}
    try:
        families = list(text_string_to_metric_families(get_metrics(url)))
    except ValueError:
        raise ServiceError(url, "its /metrics are not what they must be") from None
    for family in families:
        for sample in family.samples:
            labels = sample.labels
            if sample.name == "fairlead_requests_total" and labels.get("model") == model:
                _add(found, labels["version"], labels["route"], labels["status"], sample.value)
    return found


def _counted(folder: Path, model: str) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for each in merge(Snapshots(folder, "reader").read_all()).requests:
        if each.model == model:
            for status, count in each.statuses.items():
                _add(found, each.version, each.route, status, count)
    return found


def _add(
    found: dict[str, tuple[int, int]], version: str, route: str, status: str, count: float
) -> None:
    if route != SHADOW:
        requests, failed = found.get(version, (0, 0))
        wrong = 0 if status == "2xx" else int(count)
        found[version] = requests + int(count), failed + wrong


def _sql(versions: tuple[str, str], window: Window) -> str:
    """One row for each request: rows of a request have their time and duration in common."""
    start, end = (round(each.timestamp() * 1e6) for each in (window.start, window.end))
    labels = ", ".join(f"'{version}'" for version in versions)
    requests = (
        "SELECT version, duration_us / 1e6 AS seconds, min(prediction_id) AS id, "  # noqa: S608
        "list(prediction ORDER BY prediction_id) AS predictions FROM predictions "
        f"WHERE route <> '{SHADOW}' AND version IN ({labels}) "
        f"AND time >= make_timestamp({start}) AND time < make_timestamp({end}) "
        "GROUP BY version, route, time, duration_us"
    )
    place = "row_number() OVER (PARTITION BY version ORDER BY md5(id))"
    return (
        f"SELECT version, seconds, predictions FROM ({requests}) "  # noqa: S608
        f"QUALIFY {place} <= {MOST} ORDER BY {place}"
    )


def _answered(requests: list[tuple[float, list[Any]]]) -> Answered:
    seconds = np.array([seconds for seconds, _ in requests], dtype=np.float64)
    values = [value for _, predictions in requests for value in predictions]
    if any(isinstance(value, str) for value in values):
        return Answered(None, 0, seconds, np.array(values, dtype=str))
    return Answered(None, 0, seconds, np.array(values, dtype=np.float64))
