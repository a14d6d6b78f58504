"""When a worker counts as hung, and when one that has ended is started again."""

from __future__ import annotations

from collections.abc import Callable

FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 5.0
HEALTHY_S = 3.0
"""A worker that has lived this long is started again at once, whatever was before."""
READY_S = 1.0
"""A worker that has nothing to serve writes its counters too, and ends before this."""
SILENT_S = 10.0
STARTING_S = 60.0


class Backoff:
    """The pauses between a worker's end and its next start: none, then 0.2 s, doubling to 5 s."""

    def __init__(self) -> None:
        self.failures = 0

    def pause_s(self) -> float:
        """Count one more end and say how long to wait."""
        self.failures += 1
        if self.failures == 1:
            return 0.0
        return float(min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2 ** min(self.failures - 2, 10)))


class Heart:
    """Tells how long a worker has been silent by the file that it writes every second.

    Time counts in steps of at most a second: after the whole machine slept, nobody is hung.

    Args:
        stamp: what changes whenever the worker writes; one that is there already is its
            predecessor's.
    """

    def __init__(self, stamp: Callable[[], int | None]) -> None:
        self._stamp = stamp
        self._seen = stamp()
        self._silent_s = 0.0
        self._healthy_s = 0.0
        self._beats = False

    def listen(self, passed_s: float) -> None:
        """Look once more, so long after the last look."""
        passed_s = min(passed_s, 1.0)
        stamp = self._stamp()
        if stamp is not None and stamp != self._seen:
            self._seen, self._silent_s, self._beats = stamp, 0.0, True
        else:
            self._silent_s += passed_s
        if self._beats:
            self._healthy_s += passed_s

    @property
    def ready(self) -> bool:
        """The worker has come to answer requests."""
        return self._healthy_s >= READY_S

    @property
    def healthy(self) -> bool:
        """The worker has answered for so long that an earlier crash is forgotten."""
        return self._healthy_s >= HEALTHY_S

    @property
    def stopped(self) -> bool:
        """The worker does not come to write its file any more, or has never come so far."""
        return self._silent_s > (SILENT_S if self._beats else STARTING_S)
