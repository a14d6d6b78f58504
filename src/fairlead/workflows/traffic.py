"""Shares out a model's requests among its versions, at once or step by step."""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from fairlead.errors import FairleadError, ModelVersionNotFoundError, TrafficError
from fairlead.registry.arrival import refuse_strangers
from fairlead.registry.ledger import Ledger
from fairlead.registry.ledger_lines import Entry
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION, ModelVersion
from fairlead.registry.traffic import NOTE, Traffic, read_traffic, write_traffic
from fairlead.workflows.store import STATE

KIND = "traffic"
WHOLE = 100


@dataclass(frozen=True)
class Change:
    """What setting the traffic did.

    Attributes:
        before: the traffic until then; None where the note on the model could not be read.
        after: the traffic now.
        entry: the line of the ledger; None where nothing changed.
    """

    before: Traffic | None
    after: Traffic
    entry: Entry | None


@dataclass(frozen=True)
class Shown:
    """The traffic of a model as it is now.

    Attributes:
        traffic: what was asked for.
        versions: alias or number -> the version behind it; None where it does not exist.
        last: the last change that was made from this project.
    """

    traffic: Traffic
    versions: dict[str, ModelVersion | None]
    last: Entry | None

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        shares = self.traffic.shares()
        routes = {
            reference: {
                "version": None if version is None else version.version,
                "candidate": None if version is None else version.candidate,
                "percent": shares.get(reference, 0.0),
            }
            for reference, version in self.versions.items()
        }
        last = self.last and {key: getattr(self.last, key) for key in ("at", "actor", "reason")}
        traffic = self.traffic
        return {
            "routes": routes,
            "shadow": traffic.shadow,
            "sticky": traffic.sticky,
            "last_change": last,
        }


def ledger_of(root: Path) -> Ledger:
    """The ledger of a project's folder."""
    return Ledger(root / STATE / "ledger.jsonl")


def this_actor() -> str:
    """Who runs this process, as `user@host`."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = str(os.getuid())
    return f"{user}@{socket.gethostname()}"


def set_traffic(
    registry: ModelRegistry,
    ledger: Ledger,
    name: str,
    traffic: Traffic,
    *,
    actor: str,
    reason: str = "",
    default: Traffic | None = None,
) -> Change:
    """Ask for another traffic; services that follow the registry take it over by themselves.

    The ledger is written first: it never misses a change that took effect. Where the registry
    then refuses, a second entry takes the first one back.

    Args:
        registry: where the model is.
        ledger: where the change is written down.
        name: name of the model.
        traffic: what is asked for.
        actor: who asks, as `user@host`.
        reason: why.
        default: what holds where the traffic was never set.

    Raises:
        ModelVersionNotFoundError: a version does not exist; the known ones are listed.
        BundleError: a version was registered by another program and cannot be served.
        StorageError: the ledger cannot be written; nothing was changed.
    """
    for reference in traffic.references:
        refuse_strangers(registry.resolve(name, reference))
    notes = registry.notes(name)
    try:
        before = read_traffic(notes, default)
    except TrafficError:
        before = None
    if before == traffic:
        return Change(before, traffic, None)
    was = notes[NOTE] if before is None else before.to_json()
    after = traffic.to_json()
    entry = ledger.append(KIND, name, actor=actor, reason=reason, before=was, after=after)
    try:
        write_traffic(registry, name, traffic)
    except FairleadError as error:
        undone = f"entry {entry.sequence} did not take effect: {error.code}"
        ledger.append(KIND, name, actor=actor, reason=undone, before=after, after=was)
        raise
    return Change(before, traffic, entry)


def show_traffic(
    registry: ModelRegistry, ledger: Ledger, name: str, default: Traffic | None = None
) -> Shown:
    """Look at the traffic of a model.

    Raises:
        ModelVersionNotFoundError: there is no such model.
        TrafficError: the note on the model is not one that Fairlead wrote.
        LedgerError: the ledger cannot be read.
    """
    traffic = read_traffic(registry.notes(name), default)
    versions = {reference: _version(registry, name, reference) for reference in traffic.references}
    changes = [entry for entry in ledger.entries(name) if entry.kind == KIND]
    return Shown(traffic, versions, changes[-1] if changes else None)


def canary(
    registry: ModelRegistry,
    ledger: Ledger,
    name: str,
    challenger: str,
    *,
    actor: str,
    steps: Sequence[float] = (5, 25, 50, 100),
    every_s: float = 600,
    reason: str = "",
    default: Traffic | None = None,
    report: Callable[[float], None] = lambda _: None,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Give a version more and more of the champion's traffic, without judging it.

    Whoever interrupts it leaves the traffic at the present step. At the end the version is not
    promoted.

    Args:
        registry: where the model is.
        ledger: where each step is written down.
        name: name of the model.
        challenger: alias or number of the version.
        actor: who asks, as `user@host`.
        steps: percent of the requests that it answers, rising.
        every_s: seconds between two steps.
        reason: why.
        default: what holds where the traffic was never set.
        report: told of each step when it holds.
        sleep: waits.

    Raises:
        TrafficError: the steps do not rise within (0, 100]; or somebody else changed the traffic,
            the champion or the challenger meanwhile: nothing more was changed.
        ModelVersionNotFoundError: there is no champion, or no such version.
    """
    _check_steps(steps)
    pair = _pair(registry, name, challenger)
    if pair[0].version == pair[1].version:
        raise TrafficError((f"{challenger} is the champion: there is nothing to try out",))
    present = read_traffic(registry.notes(name), default)
    shadow = None if present.shadow in (challenger, CHAMPION) else present.shadow
    for number, step in enumerate(steps):
        if number:
            sleep(every_s)
            _check_alone(registry, name, challenger, pair, present)
        weights = {CHAMPION: WHOLE - step, challenger: step}
        present = Traffic(weights, shadow, present.sticky)
        why = f"canary: {step:g} % for {challenger}" + (f": {reason}" if reason else "")
        set_traffic(registry, ledger, name, present, actor=actor, reason=why, default=default)
        report(step)


def abort_canary(
    registry: ModelRegistry,
    ledger: Ledger,
    name: str,
    *,
    actor: str,
    reason: str = "",
    default: Traffic | None = None,
) -> Change:
    """Give everything back to the champion; a canary that is still running stops by itself.

    Raises:
        ModelVersionNotFoundError: there is no champion.
        StorageError: the ledger cannot be written; nothing was changed.
    """
    try:
        present = read_traffic(registry.notes(name), default)
    except TrafficError:
        present = Traffic()
    shadow = None if present.shadow == CHAMPION else present.shadow
    alone = replace(present, weights={CHAMPION: WHOLE}, shadow=shadow)
    why = "canary aborted" + (f": {reason}" if reason else "")
    return set_traffic(registry, ledger, name, alone, actor=actor, reason=why, default=default)


def _check_steps(steps: Sequence[float]) -> None:
    rising = all(low < high for low, high in zip((0, *steps), steps, strict=False))
    if not steps or not rising or not steps[-1] <= WHOLE:
        raise TrafficError(("steps: expected percentages that rise, from above 0 to at most 100",))


def _check_alone(
    registry: ModelRegistry,
    name: str,
    challenger: str,
    pair: tuple[ModelVersion, ModelVersion],
    present: Traffic,
) -> None:
    """Stop where somebody else has decided something meanwhile: that decision stands."""
    if registry.notes(name).get(NOTE) is None or read_traffic(registry.notes(name)) != present:
        raise TrafficError(("somebody else has set the traffic meanwhile; that stands",))
    now = _pair(registry, name, challenger)
    moved = [old for old, new in zip(pair, now, strict=True) if old.version != new.version]
    if moved:
        what = f"{moved[0]} is no longer what it was: an alias has moved meanwhile"
        raise TrafficError((what, f"the traffic is as it was left: {present}"))


def _pair(registry: ModelRegistry, name: str, challenger: str) -> tuple[ModelVersion, ModelVersion]:
    return registry.resolve(name, CHAMPION), registry.resolve(name, challenger)


def _version(registry: ModelRegistry, name: str, reference: str) -> ModelVersion | None:
    try:
        return registry.resolve(name, reference)
    except ModelVersionNotFoundError:
        return None
