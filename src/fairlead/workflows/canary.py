"""Gives a challenger more and more of the traffic, as long as what it answers stands the test."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec

from fairlead.errors import FairleadError, RegistryUnavailableError, TrafficError
from fairlead.monitoring.canary import Answered, Judgement, judge
from fairlead.registry.records import CHAMPION
from fairlead.registry.traffic import read_traffic
from fairlead.workflows.canary_place import Place
from fairlead.workflows.canary_state import Canary, Counters, Counts, Plan, State
from fairlead.workflows.traffic import Change

TICK_S = 1.0
"""So often a waiting canary looks whether it was aborted."""
RETRY_S = 10.0
"""So long it waits for a registry that does not answer."""


class Evidence(Protocol):
    """What services and the prediction log tell of two versions."""

    def counts(self) -> Counts:
        """What each service that can be found has counted; empty where none is."""

    def answered(self, canary: Canary, now: datetime) -> tuple[Answered, Answered]:
        """Of champion and challenger, equally much, in the present step until now."""


def begin(place: Place, plan: Plan, now: datetime) -> Canary:
    """Begin a canary, or go on with the one that is running: its own plan holds then.

    Nothing is changed yet but the file.

    Args:
        place: where.
        plan: what is asked for.
        now: UTC.

    Raises:
        TrafficError: another challenger is being tried out, or it is the champion.
        ModelVersionNotFoundError: there is no champion, or no such version.
    """
    with place.file.changing():
        running = place.file.read()
        if running is not None and running.state == "running":
            if running.plan.challenger == plan.challenger:
                return running
            problem = f"a canary of {running.plan.challenger} is running: `fairlead canary abort`"
            raise TrafficError((problem,))
        champion, challenger = map(place.version, (CHAMPION, plan.challenger))
        if champion == challenger:
            problem = f"{plan.challenger} is the champion: there is nothing to try out"
            raise TrafficError((problem,))
        found = read_traffic(place.registry.notes(place.name), place.default)
        canary = Canary(place.name, now, plan, champion, challenger, found.to_json())
        place.file.write(canary)
    return canary


def run(
    place: Place,
    canary: Canary,
    evidence: Evidence,
    *,
    report: Callable[[Canary], None] = lambda _: None,
    trouble: Callable[[FairleadError], None] = lambda _: None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    sleep: Callable[[float], None] = time.sleep,
) -> Canary:
    """Run a canary to its end; whoever interrupts it leaves the traffic at the present step.

    Args:
        place: where.
        canary: as `begin` gave it.
        evidence: what is told of both versions.
        report: told of each change.
        trouble: told where the registry does not answer; it is asked again.
        clock: tells the time, UTC.
        sleep: waits.

    Raises:
        TrafficError: another process runs it; or somebody else changed the traffic, the champion
            or the challenger meanwhile: that stands.
    """
    with place.file.running() as alone:
        if not alone:
            raise TrafficError(("another process runs this canary: `fairlead canary status`",))
        while canary.state == "running":
            now = clock()
            try:
                after = advance(place, canary, evidence, now)
            except RegistryUnavailableError as error:
                trouble(error)
                sleep(RETRY_S)
                continue
            if after != canary:
                canary = after
                report(canary)
            elif canary.next_look is not None:
                left = (canary.next_look - now).total_seconds()
                sleep(min(TICK_S, max(0.0, left)))
    return canary


def advance(place: Place, canary: Canary, evidence: Evidence, now: datetime) -> Canary:
    """Do what is due: set the step's share, judge the step, or end.

    Killed at any point, the next call does what is left.

    Args:
        place: where.
        canary: as it was left.
        evidence: what is told of both versions.
        now: UTC.

    Returns:
        How far it is; as it was where nothing is due yet.

    Raises:
        TrafficError: somebody else has decided something meanwhile; the canary is over.
    """
    if canary.ending is not None:
        return _change(place, canary, lambda: _give_back(place, canary))
    if canary.began is None:
        return _change(place, canary, lambda: _set_share(place, canary, evidence, now))
    if canary.next_look is None or now < canary.next_look:
        return _ended(place, canary) or canary
    # Counted before it is made: a look that was cut short has been a look.
    looking = msgspec.structs.replace(
        canary,
        looks=canary.looks + 1,
        looked=now,
        counters=canary.counters.seen(evidence.counts()),
    )
    looking = _change(place, canary, lambda: _alone(place, looking))
    if looking.state != "running":
        return looking
    sides = evidence.answered(looking, now)
    judgement = judge(
        *(_with_requests(looking, *side) for side in zip(_versions(looking), sides, strict=True)),
        percent=looking.percent,
        look=looking.looks,
        steps=len(looking.plan.steps),
        min_rows=looking.plan.min_rows,
        metric=place.metric,
    )
    return _change(place, looking, lambda: _judged(place, looking, judgement, now))


def abort(place: Place, reason: str = "") -> Change:
    """Give everything back to the champion; a canary that is still running stops by itself.

    Raises:
        ModelVersionNotFoundError: there is no champion.
        StorageError: the ledger cannot be written; nothing was changed.
    """
    with place.file.changing():
        why = "canary aborted" + (f": {reason}" if reason else "")
        change = place.all_to_champion(why)
        canary = place.file.read()
        if canary is not None and canary.state in ("running", "passed"):
            place.file.write(msgspec.structs.replace(canary, state="aborted"))
    return change


def _change(place: Place, canary: Canary, make: Callable[[], Canary]) -> Canary:
    """Change a canary, unless somebody has ended it meanwhile."""
    with place.file.changing():
        if (ended := _ended(place, canary)) is not None:
            return ended
        after = make()
        place.file.write(after)
    if after.state == "overruled":
        raise TrafficError(("the canary is over", str((after.judgement or {}).get("reason"))))
    return after


def _ended(place: Place, canary: Canary) -> Canary | None:
    """What became of a canary that somebody else has ended."""
    current = place.file.read()
    if current is None or current.started != canary.started:
        return msgspec.structs.replace(canary, state="aborted")
    return None if current.state == "running" else current


def _set_share(place: Place, canary: Canary, evidence: Evidence, now: datetime) -> Canary:
    alone = _alone(place, canary)
    if alone.state != "running":
        return alone
    plan = canary.plan
    why = f"canary: {canary.percent:g} % for {plan.challenger}"
    why += f": {plan.reason}" if plan.reason else ""
    counters = Counters().seen(evidence.counts())
    place.set(canary.wanted, why)
    asked = canary.wanted.to_json()
    return msgspec.structs.replace(canary, asked=asked, began=now, counters=counters)


def _alone(place: Place, canary: Canary) -> Canary:
    """The same, or overruled where somebody else has decided something: that stands."""
    traffic = place.traffic()
    # Where it was killed behind the registry's back, its own step may hold already.
    own = (canary.present, canary.wanted) if canary.began is None else (canary.present,)
    problem = None if traffic in own else "somebody else has set the traffic meanwhile"
    pair = (CHAMPION, canary.champion), (canary.plan.challenger, canary.challenger)
    for reference, version in pair:
        if place.version(reference) != version:
            problem = f"{reference} is no longer version {version}"
    if problem is None:
        return canary
    reason = f"{problem}; the traffic stays {traffic or 'what it is'}"
    place.write_down(canary, "overruled", f"canary stopped: {reason}")
    return msgspec.structs.replace(canary, state="overruled", judgement={"reason": reason})


def _judged(place: Place, canary: Canary, judgement: Judgement, now: datetime) -> Canary:
    assert canary.began is not None  # noqa: S101
    plan, outcome = canary.plan, judgement.outcome
    out_of_patience = now >= canary.began + timedelta(seconds=plan.every_s + plan.patience_s)
    ending: State | None = None
    if outcome == "fail":
        ending = "failed"
    elif outcome == "inconclusive" and out_of_patience:
        ending = "undecided"
    document = {**judgement.to_json(), "reason": judgement.reason}
    place.write_down(canary, document, f"canary: {judgement.reason}")
    after = msgspec.structs.replace(canary, judgement=document, ending=ending)
    if outcome != "pass":
        return after
    windows = (*canary.windows, (canary.began, now))
    if canary.step == len(plan.steps) - 1:
        return msgspec.structs.replace(after, state="passed", windows=windows)
    return msgspec.structs.replace(
        after, step=canary.step + 1, began=None, looks=0, looked=None, windows=windows
    )


def _give_back(place: Place, canary: Canary) -> Canary:
    """End it; a traffic that is not the canary's any more stays."""
    if place.traffic() == canary.present:
        reason = (canary.judgement or {}).get("reason", "")
        place.all_to_champion(f"canary {canary.ending}: {reason}")
    return msgspec.structs.replace(canary, state=canary.ending, ending=None)


def _versions(canary: Canary) -> tuple[str, str]:
    return str(canary.champion), str(canary.challenger)


def _with_requests(canary: Canary, version: str, side: Answered) -> Answered:
    if not canary.counters.last:
        return side
    requests, failed = canary.counters.total.get(version, (0, 0))
    return replace(side, requests=requests, failed=failed)
