"""Starts the workers of a service, watches over them, and starts them again."""

from __future__ import annotations

import logging
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from types import FrameType

from fairlead.serving.health import FIRST_PAUSE_S, Backoff, Heart
from fairlead.serving.snapshots import Snapshots
from fairlead.serving.table import Trouble

log = logging.getLogger(__name__)

BACKLOG = 2048
STOPPING_S = 2.0
"""What stopping workers get on top of the time for the requests in flight."""
TICK_S = 0.5
STARTING_TICK_S = 0.1
REFUSED = (1, 2, 3)
"""How a worker ends that has nothing to serve, wrong settings, or nowhere to listen."""


class Place:
    """One worker among its siblings: its process, and those before it.

    Attributes:
        name: its id.
        process: None between an end and the next start.
        heart: of the present process.
        backoff: how often processes have ended lately.
        start_at: when to start, if there is no process.
        last: how the process before ended.
    """

    def __init__(self, name: str, command: Sequence[str], stats: Snapshots) -> None:
        self.name = name
        self.process: subprocess.Popen[bytes] | None = None
        self.backoff = Backoff()
        self.start_at = float("-inf")
        self.last = ""
        self._command = command
        self._stats = stats
        self.heart = self._new_heart()

    def _new_heart(self) -> Heart:
        return Heart(lambda: self._stats.stamp(self.name))

    def start(self, descriptors: Sequence[int]) -> None:
        """Start a process that inherits descriptors.

        Raises:
            OSError: the system has no room for one.
        """
        self.heart = self._new_heart()
        # In a group of its own, or Ctrl-C would reach it beside the supervisor's signal.
        self.process = subprocess.Popen(  # noqa: S603
            self._command, stdin=subprocess.DEVNULL, pass_fds=descriptors, process_group=0
        )

    def rest(self, now: float, last: str) -> float:
        """Note how a process ended; return the pause before the next one."""
        self.process = None
        self.last = last
        pause_s = self.backoff.pause_s()
        self.start_at = now + pause_s
        return pause_s

    def send(self, sent: signal.Signals) -> None:
        """Send a signal to the process, if there is one."""
        if self.process is not None:
            self.process.send_signal(sent)


class Supervisor:
    """N workers on one listening socket.

    A worker that ends is started again, after growing pauses; one that hangs is killed first.
    Where a worker refuses to serve before any has ever served, the supervisor stops too.

    Args:
        command: worker's id -> its command line.
        count: number of workers.
        stats: the files that the workers write every second.
        drain_s: what a stopping worker takes at most.
        facts: what the log tells of the service, once all workers are ready.
        listener: the socket that the workers inherit; closed when they are to stop.
        tick_s: longest pause between two looks.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        command: Callable[[str], Sequence[str]],
        count: int,
        stats: Snapshots,
        *,
        drain_s: float,
        facts: Mapping[str, object] | None = None,
        listener: socket.socket | None = None,
        tick_s: float = TICK_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        names = [str(number) for number in range(count)]
        self.places = [Place(name, command(name), stats) for name in names]
        self._stats = stats
        self._drain_s = drain_s
        self._facts: Mapping[str, object] | None = facts or {}
        self._listener = listener
        self._tick_s = tick_s
        self._clock = clock
        self._code = 0
        self._asked = 0
        self._kill_at: float | None = None
        self._ever_ready = False
        self._waked, self._wake = socket.socketpair()
        for end in (self._waked, self._wake):
            end.setblocking(False)  # noqa: FBT003

    def run(self) -> int:
        """Supervise until SIGTERM or SIGINT; to be called from the main thread.

        Returns:
            0 after a stop, or the code with which the first worker refused to serve.
        """
        woken_before = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        # The death of a worker only ends the wait for the next look.
        handlers = {signal.SIGTERM: self._on_stop, signal.SIGINT: self._on_stop}
        handlers[signal.SIGCHLD] = lambda *_: None
        before = {sent: signal.signal(sent, handler) for sent, handler in handlers.items()}
        try:
            return self._supervise()
        finally:
            signal.set_wakeup_fd(woken_before)
            for sent, handler in before.items():
                signal.signal(sent, handler)
            self._close()

    def supervise(self) -> int:
        """The same without signals: until `stop`."""
        try:
            return self._supervise()
        finally:
            self._close()

    def _supervise(self) -> int:
        looked = self._clock()
        try:
            while True:
                now = self._clock()
                if self._asked or self._kill_at is not None:
                    self._stop(now)
                for place in self.places:
                    self._mind(place, now, now - looked)
                looked = now
                self._tell_when_ready()
                if self._kill_at is not None and not any(place.process for place in self.places):
                    return self._code
                self._sleep(now)
        finally:
            for place in self.places:
                if place.process is not None:
                    place.process.kill()
                    place.process.wait()

    def stop(self) -> None:
        """Let the workers finish what they have, then return; asked twice, end them at once."""
        self._asked += 1
        with suppress(OSError):
            self._wake.send(b"\0")

    def troubles(self) -> tuple[Trouble, ...]:
        """The workers that have ended and have not been well for a while since."""
        return tuple(
            Trouble("worker_crashed", f"worker {place.name} {place.last}; it is started again")
            for place in self.places
            if place.backoff.failures
        )

    def _close(self) -> None:
        self._waked.close()
        self._wake.close()

    def _on_stop(self, sent: int, frame: FrameType | None) -> None:
        del frame
        log.info("stopping", extra={"signal": sent})
        self._asked += 1

    def _mind(self, place: Place, now: float, passed_s: float) -> None:
        """Start, bury or kill one worker, as need be."""
        if place.process is None:
            if self._kill_at is None and now >= place.start_at:
                self._start(place, now)
        elif (code := place.process.poll()) is not None:
            self._bury(place, code, now)
        else:
            place.heart.listen(passed_s)
            self._ever_ready |= place.heart.ready
            if place.heart.healthy:
                place.backoff.failures = 0
            if place.heart.stopped:
                log.error("worker_hung", extra={"worker": place.name, "pid": place.process.pid})
                place.send(signal.SIGKILL)

    def _tell_when_ready(self) -> None:
        """Say once that the whole service answers."""
        if self._facts is None or self._kill_at is not None:
            return
        if not all(place.process for place in self.places):
            return
        workers = [worker for each in self._stats.read_all() for worker in each.workers]
        ready = {worker.pid for worker in workers if worker.ready}
        # One that serves nothing yet, until a caller loads it, is only ever alive.
        if all(
            place.heart.ready or (place.process is not None and place.process.pid in ready)
            for place in self.places
        ):
            log.info("serving", extra={**self._facts, "workers": len(self.places)})
            self._facts = None

    def _start(self, place: Place, now: float) -> None:
        live = [each.name for each in self.places if each.process is not None]
        try:
            self._stats.fold_ended(live)
        except OSError as error:
            log.error("counters_lost", extra={"worker": place.name, "reason": error.strerror})
        descriptors = [] if self._listener is None else [self._listener.fileno()]
        try:
            place.start(descriptors)
        except OSError as error:
            place.rest(now, f"could not be started: {error.strerror}")
            # Not at once: the system has just said that it cannot.
            place.start_at = max(place.start_at, now + FIRST_PAUSE_S)
            log.error("worker_not_started", extra={"worker": place.name, "reason": error.strerror})

    def _bury(self, place: Place, code: int, now: float) -> None:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with {code}"
        pause_s = place.rest(now, how)
        if self._kill_at is not None:
            return
        fields = {"worker": place.name, "code": code}
        if code in REFUSED and not self._ever_ready:
            log.error("worker_refused", extra=fields)
            self._code = code
            self._stop(now)
            return
        log.error("worker_ended", extra={**fields, "pause_s": pause_s})

    def _stop(self, now: float) -> None:
        if self._kill_at is None:
            self._kill_at = now + self._drain_s + STOPPING_S
            if self._listener is not None:
                # The workers have it too: with the last of them, it is closed.
                self._listener.close()
            for place in self.places:
                place.send(signal.SIGTERM)
        if self._asked > 1 or now >= self._kill_at:
            for place in self.places:
                place.send(signal.SIGKILL)

    def _sleep(self, now: float) -> None:
        resting = [place.start_at for place in self.places if place.process is None]
        due = resting if self._kill_at is None else []
        longest_s = self._tick_s if self._facts is None else min(self._tick_s, STARTING_TICK_S)
        pause_s = max(0.0, min([longest_s, *(at - now for at in due)]))
        if select.select([self._waked], [], [], pause_s)[0]:
            with suppress(BlockingIOError):
                self._waked.recv(4096)
