"""A flag that a signal's handler may set while the same thread waits for it."""

from __future__ import annotations

import os
import select


class Stop:
    """Like an event, without a lock: a handler that waits for one stands still for ever."""

    def __init__(self) -> None:
        self._is_set = False
        self._reader, self._writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __del__(self) -> None:
        os.close(self._reader)
        os.close(self._writer)

    def set(self) -> None:
        """End what waits, now and later."""
        if not self._is_set:
            self._is_set = True
            os.write(self._writer, b"!")

    def is_set(self) -> bool:
        """Whether to end."""
        return self._is_set

    def wait(self, seconds: float) -> None:
        """Wait until it is set, or for so long."""
        select.select([self._reader], [], [], max(0.0, seconds))
