"""When findings become alerts: windows in a row, cool-down, one alert for what goes on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import msgspec
from msgspec import Struct

from fairlead.monitoring.alerts import Alert, Kind, Rules
from fairlead.monitoring.findings import Finding, findings
from fairlead.monitoring.observation import Observation

PATIENT: frozenset[Kind] = frozenset(("drift", "prediction", "quality", "estimate"))
"""Kinds that need several windows in a row: samples differ, faults do not."""
BY_SUBJECT: frozenset[Kind] = frozenset(("pipeline", "stale"))
"""Kinds in which another subject is another trouble, with an alert of its own."""
KEPT = 100
"""Alerts that are over and still remembered."""


class Streak(Struct, frozen=True):
    """Windows in a row in which something was found.

    Attributes:
        windows: number of them, none of which overlaps another.
        since: when it was found first, UTC.
        until: end of the last one that was counted, UTC.
    """

    windows: int
    since: datetime
    until: datetime


class PolicyState(Struct, frozen=True):
    """All that the policy remembers.

    Attributes:
        digest: of the bundle that was watched last; for another one streaks begin anew.
        streaks: of each kind that was found when it was looked for last.
        raised: when an alert of each kind was raised last, UTC.
        count: alerts that were ever raised.
        alerts: those that go on, and the last ones that are over.
    """

    digest: str = ""
    streaks: dict[Kind, Streak] = {}
    raised: dict[Kind, datetime] = {}
    count: int = 0
    alerts: tuple[Alert, ...] = ()

    @property
    def firing(self) -> tuple[Alert, ...]:
        """Those that go on."""
        return tuple(alert for alert in self.alerts if alert.is_firing)


@dataclass(frozen=True)
class Step:
    """What came of one observation.

    Attributes:
        state: to remember.
        raised: alerts that are new.
        resolved: alerts that are over.
    """

    state: PolicyState
    raised: tuple[Alert, ...] = ()
    resolved: tuple[Alert, ...] = ()


def step(state: PolicyState, seen: Observation, rules: Rules, now: datetime) -> Step:
    """Decide what an observation changes; it reads no clock and no file.

    A kind that could not be judged keeps its streak and its alerts as they are.

    Args:
        state: what was remembered.
        seen: what was found now.
        rules: of the project.
        now: UTC.
    """
    found = {each.kind: each for each in findings(seen, rules, now)}
    same = state.digest == seen.watched.digest
    streaks = _streaks(state.streaks if same else {}, found.values(), now)
    alerts = [_gone_on(alert, found.get(alert.kind), now) for alert in state.alerts]
    resolved = [
        new
        for new, old in zip(alerts, state.alerts, strict=True)
        if old.is_firing and not new.is_firing
    ]
    count, times, raised = state.count, dict(state.raised), []
    for finding in found.values():
        streak = streaks.get(finding.kind)
        subjects = _uncovered(finding, alerts)
        if streak is None or not subjects or not _may_be_raised(finding, streak, times, rules, now):
            continue
        count += 1
        times[finding.kind] = now
        raised.append(_alert(count, finding, subjects, streak, seen, now))
    over = [alert for alert in alerts if not alert.is_firing][-KEPT:]
    kept = [alert for alert in alerts if alert.is_firing or alert in over]
    after = PolicyState(seen.watched.digest, streaks, times, count, (*kept, *raised))
    return Step(after, tuple(raised), tuple(resolved))


def _streaks(
    before: Mapping[Kind, Streak], found: Iterable[Finding], now: datetime
) -> dict[Kind, Streak]:
    streaks = dict(before)
    for finding in found:
        streak = streaks.get(finding.kind)
        if not finding.subjects:
            streaks.pop(finding.kind, None)
        elif streak is None:
            streaks[finding.kind] = Streak(1, now, finding.window.end)
        elif finding.window.start >= streak.until:
            # A window that overlaps the last one shows the same rows again.
            streaks[finding.kind] = Streak(streak.windows + 1, streak.since, finding.window.end)
    return streaks


def _gone_on(alert: Alert, finding: Finding | None, now: datetime) -> Alert:
    """An alert as it is after a finding of its kind."""
    if not alert.is_firing or finding is None:
        return alert
    if alert.kind in BY_SUBJECT:
        goes_on = any(each in finding.subjects for each in alert.subjects)
        subjects = alert.subjects
    else:
        goes_on = bool(finding.subjects)
        subjects = tuple(dict.fromkeys((*alert.subjects, *finding.subjects)))
    if not goes_on:
        return msgspec.structs.replace(alert, resolved_at=now)
    return msgspec.structs.replace(alert, last_seen=now, subjects=subjects)


def _uncovered(finding: Finding, alerts: Sequence[Alert]) -> tuple[str, ...]:
    """The subjects that no alert tells of."""
    told = [each for each in alerts if each.is_firing and each.kind == finding.kind]
    if finding.kind not in BY_SUBJECT:
        return () if told else finding.subjects
    known = {subject for alert in told for subject in alert.subjects}
    return tuple(subject for subject in finding.subjects if subject not in known)


def _may_be_raised(
    finding: Finding, streak: Streak, raised: Mapping[Kind, datetime], rules: Rules, now: datetime
) -> bool:
    needed = rules.consecutive if finding.kind in PATIENT else 1
    last = raised.get(finding.kind)
    return streak.windows >= needed and (last is None or now - last >= rules.cooldown)


def _alert(
    number: int,
    finding: Finding,
    subjects: tuple[str, ...],
    streak: Streak,
    seen: Observation,
    now: datetime,
) -> Alert:
    watched = seen.watched
    named = f"{watched.model} {finding.kind} {now.isoformat()}".encode()
    return Alert(
        id=f"{number:04d}-{finding.kind}-{hashlib.sha256(named).hexdigest()[:8]}",
        kind=finding.kind,
        severity=finding.severity,
        subjects=subjects,
        summary=finding.summary,
        model=watched.model,
        version=watched.version,
        digest=watched.digest,
        run_id=watched.run_id,
        window=finding.window,
        first_seen=streak.since,
        raised_at=now,
        last_seen=now,
    )
