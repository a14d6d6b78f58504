"""Whoever waits is woken, by another thread and by a signal's handler."""

from __future__ import annotations

import os
import signal
import threading
import time

from fairlead.workflows.stopping import Stop


def test_a_wait_ends_when_it_is_set_or_over() -> None:
    stop = Stop()
    began = time.monotonic()
    stop.wait(0.05)
    assert not stop.is_set()
    threading.Timer(0.02, stop.set).start()
    stop.wait(10)
    stop.set()
    stop.wait(10)
    assert stop.is_set()
    assert 0.05 <= time.monotonic() - began < 5


def test_a_handler_wakes_its_own_thread() -> None:
    stop = Stop()
    before = signal.signal(signal.SIGUSR1, lambda *_: stop.set())
    try:
        threading.Timer(0.02, os.kill, (os.getpid(), signal.SIGUSR1)).start()
        stop.wait(10)
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert stop.is_set()
