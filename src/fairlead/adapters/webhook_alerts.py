"""Alerts as signed JSON, posted to one address."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime

import msgspec

from fairlead.adapters.https_post import Post
from fairlead.errors import SettingsError
from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.outbox import Event

SHORTEST_SECRET = 16


def signature(secret: str, timestamp: str, body: bytes) -> str:
    """`sha256=` and the HMAC of `timestamp.body`, so that an old request cannot be sent again."""
    signed = f"{timestamp}.".encode() + body
    return f"sha256={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class WebhookSink:
    """Posts an alert when it is raised and when it is over.

    Args:
        post: where to.
        secret: that signs; None for no signature.

    Raises:
        SettingsError: the secret is too short.
    """

    name = "webhook"
    repeats = False

    def __init__(self, post: Post, secret: str | None = None) -> None:
        if secret is not None and len(secret) < SHORTEST_SECRET:
            found = f"found {len(secret)} characters, expected at least {SHORTEST_SECRET}"
            raise SettingsError((f"FAIRLEAD_ALERT_SECRET: {found}",))
        self._post = post
        self._secret = secret

    def send(self, alert: Alert, event: Event, now: datetime) -> None:
        """Post it; the receiver knows a second one by `X-Fairlead-Delivery`.

        Raises:
            DeliveryError: it did not arrive, or nobody said that it did.
        """
        body = msgspec.json.encode({"event": event, "alert": alert})
        timestamp = str(int(now.timestamp()))
        headers = {
            "X-Fairlead-Delivery": f"{alert.id}:{event}",
            "X-Fairlead-Timestamp": timestamp,
        }
        if self._secret is not None:
            headers["X-Fairlead-Signature"] = signature(self._secret, timestamp, body)
        self._post.send("", body, headers)
