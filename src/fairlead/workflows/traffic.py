"""Shares out a model's requests among its versions."""

from __future__ import annotations

import getpass
import os
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairlead.errors import FairleadError, ModelVersionNotFoundError, TrafficError
from fairlead.registry.arrival import refuse_strangers
from fairlead.registry.ledger import Ledger
from fairlead.registry.ledger_lines import Entry
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import ModelVersion
from fairlead.registry.traffic import NOTE, Traffic, read_traffic, write_traffic
from fairlead.workflows.store import STATE

KIND = "traffic"


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


def _version(registry: ModelRegistry, name: str, reference: str) -> ModelVersion | None:
    try:
        return registry.resolve(name, reference)
    except ModelVersionNotFoundError:
        return None
