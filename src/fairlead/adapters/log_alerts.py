"""Alerts as lines of the process' own log."""

from __future__ import annotations

import logging
from datetime import datetime

from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.outbox import Event

log = logging.getLogger(__name__)
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "critical": logging.ERROR}


class LogSink:
    """Says `alert_firing` and `alert_resolved`, as severe as the alert is."""

    name = "log"
    repeats = False

    def send(self, alert: Alert, event: Event, now: datetime) -> None:  # noqa: ARG002
        """Write one line."""
        level = LEVELS[alert.severity] if event == "firing" else logging.INFO
        fields = {
            "alert": alert.id,
            "kind": alert.kind,
            "severity": alert.severity,
            "model": alert.model,
            "model_version": alert.version,
            "subjects": list(alert.subjects),
            "summary": alert.summary,
        }
        log.log(level, f"alert_{event}", extra=fields)
