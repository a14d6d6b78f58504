"""Has a monitor tick at regular times, and deliver in between, until it is told to end."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

from fairlead.workflows.monitor import Monitor
from fairlead.workflows.stopping import Stop


def watch(monitor: Monitor, every_s: float, stop: Stop) -> None:
    """Tick at once, then every so often after the start, however long a tick takes.

    A tick that takes longer than that skips the times that it missed.

    Args:
        monitor: that ticks.
        every_s: seconds between the starts of two ticks.
        stop: ends it, at the latest after the step under way.
    """
    began = time.monotonic()
    while not stop.is_set():
        monitor.tick(datetime.now(UTC))
        _wait(monitor, next_start(began, time.monotonic(), every_s), stop)


def next_start(began: float, now: float, every_s: float) -> float:
    """When the next tick begins: a whole number of times after the first; seconds of one clock."""
    return began + every_s * (math.floor((now - began) / every_s) + 1)


def _wait(monitor: Monitor, until: float, stop: Stop) -> None:
    """Wait for a time of the monotonic clock, and try deliveries that become due before it."""
    while not stop.is_set() and (left := until - time.monotonic()) > 0:
        waiting = monitor.next_delivery()
        if waiting is not None:
            left = min(left, max(0.05, (waiting - datetime.now(UTC)).total_seconds()))
        stop.wait(left)
        if not stop.is_set() and time.monotonic() < until:
            monitor.deliver(datetime.now(UTC))
