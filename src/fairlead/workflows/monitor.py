"""One tick of a monitor: look, decide, keep the evidence, tell, retrain; each step alone."""

from __future__ import annotations

import fcntl
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from fairlead.errors import DeliveryError, FairleadError, MonitorRunningError
from fairlead.monitoring.alerts import Alert, Rules
from fairlead.monitoring.consequences import Consequence, what_follows
from fairlead.monitoring.exposition import expose
from fairlead.monitoring.observation import Look, Observation
from fairlead.monitoring.outbox import AlertSink, Delivery, due, next_due, posted
from fairlead.monitoring.policy import Step, step
from fairlead.monitoring.records import Window
from fairlead.monitoring.state import KEPT, Failing, Looked, MonitorState, read_state, write_state
from fairlead.storage import write_whole
from fairlead.workflows.alert_evidence import Extra, Page, add_pages, bring_up_to_date, keep, sweep
from fairlead.workflows.stopping import Stop
from fairlead.workflows.store import alerts_of, monitoring_of
from fairlead.workflows.triage_facts import Evidence

log = logging.getLogger(__name__)

STATE_FILE = "state.json"
METRICS_FILE = "metrics.prom"
LOCK_FILE = "monitor.lock"
Chore = Callable[[datetime], object]
"""Something that is done at each tick; it is given the time."""
Answer = Callable[[Consequence, Observation, datetime], str | None]
"""Does what follows from a look, such as retraining; says in words what it did, if anything."""
Told = TypeVar("Told")


@dataclass(frozen=True)
class Ports:
    """What a monitor uses.

    Attributes:
        look: at a window.
        sinks: of alerts.
        before: name -> what is done before a look.
        after: name -> what is done when all that was seen is told, such as the compaction.
        evidence: where the facts about an alert are.
        extras: file -> what makes it, for the folder of an alert, at once.
        pages: file -> what makes it, when the alert has been sent.
        answer: does what follows.
    """

    look: Look
    evidence: Evidence
    sinks: tuple[AlertSink, ...] = ()
    before: Mapping[str, Chore] = field(default_factory=dict)
    after: Mapping[str, Chore] = field(default_factory=dict)
    extras: Mapping[str, Extra] = field(default_factory=dict)
    pages: Mapping[str, Page] = field(default_factory=dict)
    answer: Answer | None = None


class Monitor:
    """Watches one project; `alone` must be held.

    Args:
        root: the project's folder.
        model: name of the registered model.
        rules: when something is an alert.
        window: that is looked at, up to each tick.
        ports: what it uses.
        stop: when set, the tick ends before its next step.

    Raises:
        MonitorStateError: what was remembered cannot be read.
    """

    def __init__(
        self,
        root: Path,
        model: str,
        rules: Rules,
        window: timedelta,
        ports: Ports,
        stop: Stop | None = None,
    ) -> None:
        self._folder = monitoring_of(root)
        self._alerts = alerts_of(root)
        self._rules, self._window, self._ports = rules, window, ports
        self._stop = stop or Stop()
        self._failing: dict[str, Failing] = {}
        self._now: datetime | None = None
        read = read_state(self._folder / STATE_FILE)
        self.state = msgspec.structs.replace(read, model=model)
        sweep(self._alerts)

    def tick(self, now: datetime) -> MonitorState:
        """Look at the window that ends now, and do what follows.

        A step that fails is told and tried again at the next tick; the others go on. A tick that
        is stopped is none.

        Args:
            now: UTC.
        """
        self._failing, self._now = {}, now
        self._do(self._ports.before, now)
        seen = self._run("look", lambda: self._ports.look(Window(now - self._window, now)))
        decided = None
        if seen is not None:
            for fault in seen.faults:
                self._fail(fault.step, fault.what)
            decided = self._run("alerts", lambda: self._decide(seen, now))
            self._run("evidence", lambda: bring_up_to_date(self._alerts, self.state.policy.alerts))
        self.deliver(now)
        pages = self._ports.pages
        self._run("pages", lambda: add_pages(self._alerts, self.state.policy.firing, pages))
        if seen is not None and decided is not None:
            self._answer(seen, now)
        self._do(self._ports.after, now)
        if not self._stop.is_set():
            self._finish(now, seen)
        return self.state

    def deliver(self, now: datetime) -> None:
        """Try what waits in the outbox and is due; each delivery is remembered by itself.

        One that arrived just before this process was killed is sent again, with the same id.
        """
        alerts = {alert.id: alert for alert in self.state.policy.alerts}
        for delivery in due(self.state.outbox, now):
            if self._stop.is_set():
                return
            after = self._tried(delivery, alerts.get(delivery.alert), now)
            self._run("state", partial(self._remember, after))

    def _do(self, chores: Mapping[str, Chore], now: datetime) -> None:
        for name, chore in chores.items():
            self._run(name, partial(chore, now))

    def _answer(self, seen: Observation, now: datetime) -> None:
        answer, follows = self._ports.answer, self.state.consequence
        if answer is not None:
            done = self._run("answer", lambda: answer(follows, seen, now))
            if done:
                log.info("monitor_answered", extra={"what": done, "action": follows.action})

    def next_delivery(self) -> datetime | None:
        """When something is due; None if nothing waits."""
        return next_due(self.state.outbox)

    def _decide(self, seen: Observation, now: datetime) -> Step:
        """Apply the policy; evidence first, then the memory that makes the alert real."""
        state = self.state
        decided = step(state.policy, seen, self._rules, now)
        looks = (*state.looks, Looked.of(seen, now))[-KEPT:]
        follows = what_follows(decided.state.alerts, seen)
        for alert in decided.raised:
            self._run("evidence", partial(self._keep, alert, seen, follows, looks))
        outbox = posted(
            state.outbox,
            self._ports.sinks,
            raised=decided.raised,
            resolved=decided.resolved,
            firing=decided.state.firing,
            now=now,
        )
        after = msgspec.structs.replace(
            state, policy=decided.state, outbox=outbox, looks=looks, consequence=follows
        )
        self._remember(after)
        return decided

    def _keep(
        self, alert: Alert, seen: Observation, follows: Consequence, looks: tuple[Looked, ...]
    ) -> Path:
        ports = self._ports
        return keep(self._alerts, alert, seen, follows, looks, ports.evidence, ports.extras)

    def _tried(self, delivery: Delivery, alert: Alert | None, now: datetime) -> MonitorState:
        """The state after one delivery was tried."""
        rest = tuple(each for each in self.state.outbox if each != delivery)
        sink = next((each for each in self._ports.sinks if each.name == delivery.sink), None)
        try:
            if sink is not None and alert is not None:
                sink.send(alert, delivery.event, now)
        except DeliveryError as error:
            fields = {"alert": delivery.alert, "sink": delivery.sink, "why": error.reason}
            if delivery.is_hopeless(now):
                log.error("alert_given_up", extra=fields)
                given_up = self.state.given_up + 1
                return msgspec.structs.replace(self.state, outbox=rest, given_up=given_up)
            log.warning("alert_not_delivered", extra=fields)
            again = delivery.failed(error.reason, now)
            outbox = tuple(again if each == delivery else each for each in self.state.outbox)
            return msgspec.structs.replace(self.state, outbox=outbox)
        return msgspec.structs.replace(self.state, outbox=rest)

    def _finish(self, now: datetime, seen: Observation | None) -> None:
        state = msgspec.structs.replace(
            self.state, ticked_at=now, ticks=self.state.ticks + 1, failing=dict(self._failing)
        )
        self._run("state", lambda: self._remember(state))
        content = expose(self.state, seen)
        self._run("metrics", lambda: write_whole(self._folder / METRICS_FILE, content))
        look = state.looks[-1] if state.looks and seen is not None else None
        log.info(
            "monitor_ticked",
            extra={
                "model": state.model,
                "rows": look and look.rows,
                "share": look and look.share,
                "firing": [alert.id for alert in state.policy.firing],
                "action": state.consequence.action,
                "waiting": len(state.outbox),
                "failing": sorted(self._failing),
            },
        )

    def _remember(self, state: MonitorState) -> None:
        # Also where the disk is full: else what was sent would be sent again and again.
        self.state = state
        write_state(self._folder / STATE_FILE, state)

    def _run(self, name: str, action: Callable[[], Told]) -> Told | None:
        """Do one step, unless the process is to end; None if it failed."""
        if self._stop.is_set() and name != "state":
            return None
        try:
            return action()
        except (FairleadError, OSError) as error:
            self._fail(name, str(error))
        except Exception as error:
            # The edge of a step: told, and tried again. Its message may quote a row.
            log.error("monitor_step_broke", exc_info=error, extra={"step": name})
            self._fail(name, f"{type(error).__name__}; the log has where")
        return None

    def _fail(self, name: str, what: str) -> None:
        known = self.state.failing.get(name)
        since = known.since if known else self._now
        times = known.times + 1 if known else 1
        if since is not None:
            self._failing[name] = Failing(what, since, times)
        log.error("monitor_step_failed", extra={"step": name, "what": what, "times": times})


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Be the one monitor of a project, until the process ends.

    Raises:
        MonitorRunningError: another process is.
    """
    path = monitoring_of(root) / LOCK_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise MonitorRunningError(path) from error
        yield
