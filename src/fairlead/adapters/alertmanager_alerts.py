"""Alerts as Prometheus' Alertmanager takes them (`POST /api/v2/alerts`)."""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from fairlead.adapters.https_post import Post
from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.outbox import Event


class AlertmanagerSink:
    """Tells what goes on at every tick, as a Prometheus does.

    Args:
        post: where the Alertmanager is.
        held: how long it believes an alert that it hears no more of.
    """

    name = "alertmanager"
    repeats = True

    def __init__(self, post: Post, held: timedelta) -> None:
        self._post = post
        self._held = held

    def send(self, alert: Alert, event: Event, now: datetime) -> None:
        """Post it; labels never change, so it is the same alert there.

        Raises:
            DeliveryError: it did not arrive, or nobody said that it did.
        """
        ends = now + self._held if event == "firing" else alert.resolved_at or now
        document = {
            "labels": {
                "alertname": f"Fairlead{alert.kind.capitalize()}",
                "model": alert.model,
                "severity": alert.severity,
                "alert": alert.id,
            },
            "annotations": {
                "summary": alert.summary,
                "subjects": ", ".join(alert.subjects),
                "version": alert.version,
                "digest": alert.digest,
            },
            "startsAt": alert.raised_at,
            "endsAt": ends,
        }
        self._post.send("/api/v2/alerts", msgspec.json.encode([document]), {})
