"""What is still to be told to whom: deliveries that are tried again until they arrive."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Literal, Protocol

import msgspec
from msgspec import Struct

from fairlead.monitoring.alerts import Alert

Event = Literal["firing", "resolved"]
FIRST_PAUSE = timedelta(seconds=30)
LONGEST_PAUSE = timedelta(minutes=30)
GIVEN_UP_AFTER = timedelta(days=3)
"""A receiver that was away so long is not told what was."""


class AlertSink(Protocol):
    """Where alerts are sent; `tests/unit/adapters/test_alert_sinks.py` holds all to it.

    Attributes:
        name: of the sink, the same for ever.
        repeats: whether it must be told again and again of what goes on.
    """

    name: str
    repeats: bool

    def send(self, alert: Alert, event: Event, now: datetime) -> None:
        """Tell of an alert, once; whoever receives it twice knows it by its id and event.

        Raises:
            DeliveryError: it did not arrive, or nobody said that it did.
        """


class Delivery(Struct, frozen=True):
    """One alert on its way to one sink.

    Attributes:
        alert: its id.
        sink: its name.
        event: what is told.
        since: when it was due first, UTC.
        not_before: when it is tried next, UTC.
        attempts: that have failed.
        error: why the last one did; empty if there was none.
    """

    alert: str
    sink: str
    event: Event
    since: datetime
    not_before: datetime
    attempts: int = 0
    error: str = ""

    def failed(self, why: str, now: datetime) -> Delivery:
        """The same after another failure: the pause doubles each time."""
        pause = min(FIRST_PAUSE * 2 ** min(self.attempts, 16), LONGEST_PAUSE)
        return msgspec.structs.replace(
            self, attempts=self.attempts + 1, not_before=now + pause, error=why
        )

    def is_hopeless(self, now: datetime) -> bool:
        """Whether it was tried for too long."""
        return now - self.since >= GIVEN_UP_AFTER


def posted(
    outbox: Iterable[Delivery],
    sinks: Iterable[AlertSink],
    *,
    raised: Sequence[Alert],
    resolved: Sequence[Alert],
    firing: Sequence[Alert],
    now: datetime,
) -> tuple[Delivery, ...]:
    """The outbox with what is new: each alert once, and again for sinks that want to be reminded.

    Args:
        outbox: what waits.
        sinks: all there are; what waits for another one is dropped.
        raised: alerts that are new.
        resolved: alerts that are over.
        firing: all alerts that go on.
        now: UTC.
    """
    sinks = tuple(sinks)
    names = {sink.name for sink in sinks}
    kept = [each for each in outbox if each.sink in names]
    waiting = {(each.alert, each.sink) for each in kept}
    for sink in sinks:
        told: list[tuple[Alert, Event]] = [(alert, "firing") for alert in raised]
        told += [(alert, "resolved") for alert in resolved]
        if sink.repeats:
            new = {alert.id for alert in raised}
            told += [
                (alert, "firing")
                for alert in firing
                if alert.id not in new and (alert.id, sink.name) not in waiting
            ]
        kept += [Delivery(alert.id, sink.name, event, now, now) for alert, event in told]
    return tuple(kept)


def due(outbox: Sequence[Delivery], now: datetime) -> tuple[Delivery, ...]:
    """What to try now."""
    return tuple(each for each in _first(outbox) if each.not_before <= now)


def next_due(outbox: Sequence[Delivery]) -> datetime | None:
    """When something is to be tried; None if nothing waits."""
    return min((each.not_before for each in _first(outbox)), default=None)


def _first(outbox: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """An alert is told as firing before it is told as over."""
    first: dict[tuple[str, str], Delivery] = {}
    for each in outbox:
        first.setdefault((each.alert, each.sink), each)
    return tuple(first.values())
