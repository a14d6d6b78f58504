from __future__ import annotations

import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from fairlead.serving.counted import Snapshot, Worker
from fairlead.serving.health import Backoff, Heart
from fairlead.serving.snapshots import Snapshots
from fairlead.serving.supervisor import Supervisor

PATIENCE_S = 20.0
STAND_IN = """
import os, pathlib, signal, sys, time
state, name, deed = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
(state / f"{name}.{os.getpid()}.pid").touch()
if deed == "refuse":
    sys.exit(3)
if deed == "crash":
    os.kill(os.getpid(), signal.SIGKILL)
if deed == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
else:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
(state / f"{name}.{os.getpid()}.set").touch()
while True:
    time.sleep(60)
"""


class Fleet:
    """A supervisor in a thread, over workers that only pretend."""

    def __init__(self, state: Path, deed: str, count: int, drain_s: float) -> None:
        self.state = state
        script = state / "worker.py"
        script.write_text(STAND_IN, encoding="utf-8")
        command = [sys.executable, "-S", str(script), str(state)]
        self.supervisor = Supervisor(
            lambda name: [*command, name, deed],
            count,
            Snapshots(state / "stats", "supervisor"),
            drain_s=drain_s,
            facts={"url": "http://127.0.0.1:1"},
            tick_s=0.01,
        )
        self.codes: list[int] = []
        self._thread = Thread(target=lambda: self.codes.append(self.supervisor.supervise()))
        self._thread.start()

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for something that is going to happen."""
        late = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < late
            time.sleep(0.005)

    def started(self, pattern: str = "*.set") -> list[int]:
        """Process ids of the stand-ins, as far as they have come."""
        return [int(path.name.split(".")[1]) for path in self.state.glob(pattern)]

    def end(self) -> list[int]:
        """The exit code, once there is one."""
        self._thread.join(PATIENCE_S)
        return self.codes


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Callable[..., Fleet]]:
    made: list[Fleet] = []

    def start(deed: str = "stay", count: int = 2, drain_s: float = 10.0) -> Fleet:
        made.append(Fleet(tmp_path, deed, count, drain_s))
        return made[-1]

    yield start
    for each in made:
        each.supervisor.stop()
        each.supervisor.stop()
        each.end()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def heart_after(stamps: list[int | None], passed_s: float = 1.0) -> Heart:
    left = iter(stamps)
    heart = Heart(lambda: next(left))
    for _ in stamps[1:]:
        heart.listen(passed_s)
    return heart


def test_the_first_restart_is_at_once_and_the_pauses_double_up_to_five_seconds() -> None:
    backoff = Backoff()
    pauses = [backoff.pause_s() for _ in range(8)]
    assert pauses == [0.0, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]


def test_the_pause_stays_finite_after_very_many_crashes() -> None:
    backoff = Backoff()
    backoff.failures = 100_000
    assert backoff.pause_s() == 5.0


def test_a_worker_that_writes_is_ready_and_then_healthy() -> None:
    heart = heart_after(list(range(12)))
    assert (heart.ready, heart.healthy, heart.stopped) == (True, True, False)


def test_a_worker_that_wrote_once_is_not_ready_yet() -> None:
    assert not heart_after([None, 1], passed_s=0.1).ready


def test_a_worker_that_falls_silent_for_ten_seconds_is_hung() -> None:
    assert not heart_after([None, *[1] * 11]).stopped
    assert heart_after([None, *[1] * 12]).stopped


def test_a_worker_that_is_starting_has_a_minute() -> None:
    assert not heart_after([None] * 61).stopped
    assert heart_after([None] * 62).stopped


def test_what_the_predecessor_wrote_is_no_sign_of_life() -> None:
    assert not heart_after([7] * 30).healthy


def test_nobody_is_hung_because_the_machine_slept() -> None:
    assert not heart_after([None, 1, 1, 1], passed_s=3600).stopped


def test_workers_are_stopped_together_and_the_code_is_zero(fleet: Callable[..., Fleet]) -> None:
    running = fleet(count=3)
    running.until(lambda: len(running.started()) == 3)
    pids = running.started()
    running.supervisor.stop()
    assert running.end() == [0]
    assert not any(map(alive, pids))


def test_a_killed_worker_is_started_again_and_told_of(fleet: Callable[..., Fleet]) -> None:
    running = fleet()
    running.until(lambda: len(running.started()) == 2)
    os.kill(running.started()[0], signal.SIGKILL)
    running.until(lambda: len(running.started()) == 3)
    (trouble,) = running.supervisor.troubles()
    assert trouble.kind == "worker_crashed"
    assert "signal 9" in trouble.what


def test_the_siblings_of_a_killed_worker_live_on(fleet: Callable[..., Fleet]) -> None:
    running = fleet()
    running.until(lambda: len(running.started()) == 2)
    killed, sibling = running.started()
    os.kill(killed, signal.SIGKILL)
    running.until(lambda: len(running.started()) == 3)
    assert alive(sibling)


def test_workers_that_crash_for_ever_are_not_started_in_a_tight_loop(
    fleet: Callable[..., Fleet],
) -> None:
    running = fleet("crash", count=1)
    place = running.supervisor.places[0]
    running.until(lambda: place.backoff.failures >= 3)
    # At once, after 0.2 s and, not yet, after 0.4 s more: the fourth start is still to come.
    assert len(running.started("*.pid")) <= 4


def test_workers_that_refuse_at_first_stop_everything_with_their_code(
    fleet: Callable[..., Fleet],
) -> None:
    assert fleet("refuse").end() == [3]


def test_a_worker_that_does_not_listen_is_killed_when_its_time_is_over(
    fleet: Callable[..., Fleet],
) -> None:
    running = fleet("deaf", count=1, drain_s=-1.9)
    running.until(lambda: len(running.started()) == 1)
    (deaf,) = running.started()
    running.supervisor.stop()
    assert running.end() == [0]
    assert not alive(deaf)


def test_asked_twice_it_does_not_wait(fleet: Callable[..., Fleet]) -> None:
    running = fleet("deaf", count=1, drain_s=3600)
    running.until(lambda: len(running.started()) == 1)
    running.supervisor.stop()
    running.supervisor.stop()
    assert running.end() == [0]


def test_a_program_that_is_not_there_is_tried_again_after_a_pause(tmp_path: Path) -> None:
    stats = Snapshots(tmp_path / "stats", "supervisor")
    lost = Supervisor(lambda _: [str(tmp_path / "absent")], 1, stats, drain_s=0, tick_s=0.01)
    thread = Thread(target=lost.supervise)
    thread.start()
    late = time.monotonic() + PATIENCE_S
    while not lost.troubles():
        assert time.monotonic() < late
        time.sleep(0.005)
    (trouble,) = lost.troubles()
    lost.stop()
    thread.join(PATIENCE_S)
    assert "could not be started: No such file" in trouble.what


class Counted:
    """What a worker that is no stand-in would have counted."""

    def __init__(self, pid: int) -> None:
        self._pid = pid

    def snapshot(self, worker_id: str, *, ready: bool) -> Snapshot:
        return Snapshot((Worker(worker_id, self._pid, 0.0, 0.0, ready, "1"),))


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, object]]:
    """The facts of each time that the service was called ready."""
    serving = [vars(record) for record in caplog.records if record.getMessage() == "serving"]
    return [{name: record[name] for name in ("url", "workers")} for record in serving]


def test_the_service_is_called_ready_once_when_all_its_workers_are(
    fleet: Callable[..., Fleet], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    running = fleet()
    running.until(lambda: len(running.started()) == 2)
    one, two = (str(place.name) for place in running.supervisor.places)
    pids = [place.process.pid for place in running.supervisor.places if place.process]
    stats = running.state / "stats"
    Snapshots(stats, one).write(Counted(pids[0]), ready=True)
    Snapshots(stats, two).write(Counted(pids[1]), ready=False)
    time.sleep(0.2)
    early = told(caplog)
    Snapshots(stats, two).write(Counted(pids[1]), ready=True)
    running.until(lambda: bool(told(caplog)))
    time.sleep(0.1)
    assert (early, told(caplog)) == ([], [{"url": "http://127.0.0.1:1", "workers": 2}])
