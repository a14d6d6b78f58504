"""A monitor goes on whatever fails, forgets nothing, and tells each alert."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.unit.monitoring.watching import DAY, START, day, drift, quality, seen

from fairlead.errors import DeliveryError, LogQueryError, MonitorRunningError, MonitorStateError
from fairlead.monitoring.alerts import Alert, Rules
from fairlead.monitoring.consequences import Consequence
from fairlead.monitoring.observation import Fault, Observation
from fairlead.monitoring.outbox import Event
from fairlead.monitoring.records import Window
from fairlead.workflows.alert_evidence import acknowledge, kept_alert, kept_alerts
from fairlead.workflows.monitor import Chore, Monitor, Ports, alone
from fairlead.workflows.monitor_loop import next_start, watch
from fairlead.workflows.monitor_parts import alert_picture
from fairlead.workflows.stopping import Stop
from fairlead.workflows.triage_facts import Evidence

HALF = ("income", "age")


class Sink:
    """Fails as often as it is told to, then keeps what it gets."""

    repeats = False

    def __init__(self, name: str = "calm", failures: int = 0) -> None:
        self.name = name
        self.failures = failures
        self.got: list[tuple[str, str]] = []

    def send(self, alert: Alert, event: Event, now: datetime) -> None:  # noqa: ARG002
        if self.failures:
            self.failures -= 1
            raise DeliveryError(self.name, "it answered 500")
        self.got.append((alert.id, event))


def monitor(
    root: Path,
    looks: Sequence[Observation | Exception],
    *sinks: Sink,
    chores: dict[str, Chore] | None = None,
    answer: Callable[[Consequence, Observation, datetime], str | None] | None = None,
    stop: Stop | None = None,
    extras: bool = False,
    pages: dict[str, Callable[[Path, Alert], object]] | None = None,
) -> Monitor:
    waiting = iter(looks)

    def look(window: Window) -> Observation:
        found = next(waiting)
        if isinstance(found, Exception):
            raise found
        return replace(found, window=window)

    ports = Ports(
        look,
        Evidence(root, root / "log"),
        sinks=sinks,
        before=chores or {},
        extras={"alert.png": alert_picture(0.5)} if extras else {},
        pages=pages or {},
        answer=answer,
    )
    return Monitor(root, "housing", Rules(), DAY, ports, stop)


def test_an_alert_has_its_evidence_in_one_folder(tmp_path: Path) -> None:
    labels = quality(101.0, 103.0)
    looks = [seen(1, HALF, labels=labels), seen(2, HALF, labels=labels)]
    watching = monitor(tmp_path, looks, extras=True)
    watching.tick(START + DAY)
    assert kept_alerts(tmp_path / ".fairlead" / "alerts") == ()
    watching.tick(START + 2 * DAY)
    (kept,) = kept_alerts(tmp_path / ".fairlead" / "alerts")
    files = {path.name for path in kept.folder.iterdir()}
    assert files == {"alert.json", "drift.json", "quality.json", "alert.png", "triage.md"}
    assert json.loads((kept.folder / "drift.json").read_text())["share"] == 0.5
    assert json.loads((kept.folder / "quality.json").read_text())[0]["metric"] == "rmse"
    page = (kept.folder / "triage.md").read_text()
    for part in ("housing version 3", "ab" * 32, "`run`", "None of the 4 columns looks broken"):
        assert part in page
    assert "300 of 400 predictions have a label" in page


def test_a_window_without_rows_can_be_drawn_too(tmp_path: Path) -> None:
    empty = replace(seen(40, rows=0), drift=replace(drift(day(40), rows=0), columns=()))
    labels = quality(150.0)
    looks = [replace(empty, quality=(labels,))] * 2
    watching = monitor(tmp_path, looks, extras=True)
    watching.tick(START)
    assert watching.tick(START + DAY).failing == {}
    (kept,) = kept_alerts(tmp_path / ".fairlead" / "alerts")
    assert (kept.folder / "alert.png").is_file()


def test_what_fails_is_told_and_tried_again_and_the_rest_goes_on(tmp_path: Path) -> None:
    def break_(*_: object) -> None:
        raise ValueError("a value of a row")

    fails = LogQueryError("nothing", "something")
    looks = [fails, replace(seen(1), faults=(Fault("drift", "too slow"),)), seen(2)]
    watching = monitor(tmp_path, looks, chores={"compaction": break_})
    first = watching.tick(START)
    assert sorted(first.failing) == ["compaction", "look"]
    assert "a value" not in str(first.failing)
    second = watching.tick(START + DAY)
    assert {name: each.times for name, each in second.failing.items()} == {
        "compaction": 2,
        "drift": 1,
    }
    assert second.failing["compaction"].since == START
    assert sorted(watching.tick(START + 2 * DAY).failing) == ["compaction"]


def test_an_alert_waits_for_a_receiver_that_is_away(tmp_path: Path) -> None:
    away, there = Sink("away", failures=2), Sink("there")
    watching = monitor(tmp_path, [seen(1, broken=HALF), seen(2)], away, there)
    state = watching.tick(START)
    (alert,) = state.policy.firing
    assert (away.got, there.got) == ([], [(alert.id, "firing")])
    due = watching.next_delivery()
    assert due == START + timedelta(seconds=30)
    watching.deliver(START + timedelta(seconds=29))
    assert away.failures == 1
    watching.deliver(due)
    again = monitor(tmp_path, [seen(2)], away, there)  # as after a new start
    again.tick(START + DAY)
    again.deliver(START + 2 * DAY)
    assert away.got == [(alert.id, "firing"), (alert.id, "resolved")]
    assert there.got == away.got


def test_pages_that_take_long_come_after_the_telling_and_are_tried_once(tmp_path: Path) -> None:
    sink = Sink()
    tried: list[tuple[str, int]] = []

    def works(path: Path, alert: Alert) -> None:
        tried.append((path.name, len(sink.got)))
        path.write_text(alert.id)

    def fails(path: Path, alert: Alert) -> None:
        tried.append((path.name, len(sink.got)))
        raise LogQueryError("no rows", "some")

    looks = [seen(1, broken=HALF), seen(2, broken=HALF)]
    watching = monitor(tmp_path, looks, sink, pages={"one.html": works, "two.html": fails})
    assert watching.tick(START).failing == {}
    assert watching.tick(START + DAY).failing == {}
    assert tried == [("one.html", 1), ("two.html", 1)]
    (kept,) = kept_alerts(tmp_path / ".fairlead" / "alerts")
    assert (kept.folder / "one.html").read_text() == kept.alert.id
    assert "found no rows" in (kept.folder / "two.html.missing.txt").read_text()


def test_what_follows_is_answered_once_a_tick(tmp_path: Path) -> None:
    asked: list[str] = []

    def answer(follows: Consequence, _: Observation, now: datetime) -> str | None:
        asked.append(follows.action)
        return None

    looks = [seen(1), seen(2, broken=HALF), seen(3, labels=quality(150.0))]
    watching = monitor(tmp_path, [*looks, seen(4, labels=quality(150.0))], answer=answer)
    for number in range(4):
        watching.tick(START + number * DAY)
    assert asked == ["none", "mend_pipeline", "none", "retrain"]


def test_an_alert_that_is_over_says_so_in_its_folder_and_can_be_acknowledged(
    tmp_path: Path,
) -> None:
    folder = tmp_path / ".fairlead" / "alerts"
    watching = monitor(tmp_path, [seen(1, broken=HALF), seen(2)])
    watching.tick(START)
    acknowledge(kept_alert(folder, "1"), "ann@work", "on it", START)
    watching.tick(START + DAY)
    kept = kept_alert(folder, "0001")
    assert kept.alert.resolved_at == START + DAY
    assert kept.acknowledged is not None
    assert kept.acknowledged.note == "on it"


def test_a_stopped_monitor_ends_before_its_next_step_and_forgets_nothing(tmp_path: Path) -> None:
    stop = Stop()
    sink = Sink()
    watching = monitor(
        tmp_path, [seen(1, broken=HALF)], sink, chores={"last": lambda _: stop.set()}, stop=stop
    )
    assert watching.tick(START).policy.firing == ()
    assert sink.got == []
    monitor(tmp_path, [seen(1, broken=HALF)], sink).tick(START + DAY)
    assert len(sink.got) == 1


def test_what_cannot_be_remembered_is_told_all_the_same_and_once(tmp_path: Path) -> None:
    sink = Sink()
    watching = monitor(tmp_path, [seen(1, broken=HALF), seen(2, broken=HALF)], sink)
    (tmp_path / ".fairlead" / "monitoring" / "state.json").mkdir(parents=True)
    state = watching.tick(START)
    watching.deliver(START + DAY)
    assert len(sink.got) == 1
    assert "alerts" in state.failing
    (tmp_path / ".fairlead" / "monitoring" / "state.json").rmdir()
    assert watching.tick(START + DAY).failing == {}
    assert len(sink.got) == 1


def test_one_monitor_at_a_time(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(MonitorRunningError), alone(tmp_path):
        pass
    with alone(tmp_path):
        pass


def test_a_memory_that_somebody_changed_is_refused(tmp_path: Path) -> None:
    monitor(tmp_path, [seen(1)]).tick(START)
    file = tmp_path / ".fairlead" / "monitoring" / "state.json"
    file.write_text(file.read_text().replace('"ticks": 1', '"ticks": "one"'))
    with pytest.raises(MonitorStateError, match=r"Expected `int`, got `str` - at `\$.ticks`"):
        monitor(tmp_path, [])


@pytest.mark.parametrize(
    ("now", "start"), [(100.0, 160.0), (100.1, 160.0), (159.9, 160.0), (160.0, 220.0), (350, 400.0)]
)
def test_ticks_keep_to_their_times_however_long_one_takes(now: float, start: float) -> None:
    assert next_start(100.0, now, 60.0) == start


def test_a_loop_ticks_until_it_is_stopped(tmp_path: Path) -> None:
    stop, ticks = Stop(), []

    def chore(now: datetime) -> None:
        ticks.append(time.monotonic())
        if len(ticks) == 3:
            stop.set()

    watch(monitor(tmp_path, [seen(1)] * 3, chores={"count": chore}, stop=stop), 0.05, stop)
    assert len(ticks) == 3
    assert ticks[2] - ticks[0] > 0.05


def test_a_delivery_does_not_wait_for_the_next_tick(tmp_path: Path) -> None:
    stop = Stop()

    class Once(Sink):
        def send(self, alert: Alert, event: Event, now: datetime) -> None:
            super().send(alert, event, now)
            stop.set()

    sink = Once(failures=1)
    watching = monitor(tmp_path, [seen(1, broken=HALF)], sink, stop=stop)
    watching.tick(START)  # long ago: what failed is due now
    watch_from = time.monotonic()
    thread = threading.Thread(target=_wait, args=(watching, stop))
    thread.start()
    thread.join(10)
    assert sink.got
    assert time.monotonic() - watch_from < 5


def _wait(watching: Monitor, stop: Stop) -> None:
    from fairlead.workflows import monitor_loop

    monitor_loop._wait(watching, time.monotonic() + 60, stop)


KILLED = """
import os, sys
from datetime import timedelta
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from tests.unit.monitoring.watching import DAY, START, seen
from tests.unit.workflows.test_monitor import monitor, Sink

root = Path(sys.argv[1])
class Told(Sink):
    def send(self, alert, event, now):
        with open(root / "told", "ab", buffering=0) as file:
            file.write(f"{alert.id} {event}\\n".encode())

def look(n):
    return seen(n, broken=("income",) if n % 3 == 1 else ())

with open(root / "begun", "a") as begun:
    begun.write("x")
watching = monitor(root, [], Told())
first = watching.state.ticks
watching = monitor(root, [look(n) for n in range(first, 30)], Told())
for n in range(first, 30):
    watching.tick(START + n * DAY)
"""


def test_killed_at_any_point_no_alert_is_lost_or_told_under_two_names(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), str(Path(__file__).parents[3])]
    chance = random.Random(5)  # noqa: S311
    for _ in range(4):
        (tmp_path / "begun").unlink(missing_ok=True)
        with subprocess.Popen(command) as process:
            while not (tmp_path / "begun").exists() and process.poll() is None:
                time.sleep(0.005)
            time.sleep(chance.uniform(0.005, 0.08))
            process.send_signal(signal.SIGKILL)
    subprocess.run(command, check=True, timeout=60)
    told = [line.split() for line in (tmp_path / "told").read_text().splitlines()]
    numbers = {name: int(name[:4]) for name, _ in told}
    assert sorted(numbers.values()) == list(range(1, 11))
    assert Counter(event for event, _ in {(event, name) for name, event in told}) == {
        "firing": 10,
        "resolved": 10,
    }
    for name in numbers:
        events = [event for each, event in told if each == name]
        assert events == sorted(events)  # firing, then resolved
    folder = tmp_path / ".fairlead" / "alerts"
    kept = kept_alerts(folder)
    assert {each.alert.id for each in kept} == set(numbers)
    assert all(not each.alert.is_firing for each in kept)
    assert sorted(path.name for path in folder.iterdir()) == sorted(numbers)


def test_metrics_are_written_whole(tmp_path: Path) -> None:
    watching = monitor(tmp_path, [seen(1, broken=HALF, labels=quality(101.0))])
    watching.tick(START)
    text = (tmp_path / ".fairlead" / "monitoring" / "metrics.prom").read_text()
    for line in (
        'fairlead_alerts_firing{kind="pipeline",model="housing",severity="critical"} 1.0',
        'fairlead_drift_column_broken{column="income",model="housing"} 1.0',
        'fairlead_quality{kind="measured",metric="rmse",model="housing"} 101.0',
        'fairlead_monitor_ticks_total{model="housing"} 1.0',
    ):
        assert line in text.splitlines()
