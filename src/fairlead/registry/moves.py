"""Moves of aliases, each with its entry in the ledger, and those that somebody else made.

The entry is written first, the alias is moved second, the entry is settled third: whoever is
stopped in between leaves an entry that the next run settles by what the registry says.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fairlead.errors import AliasMovedError, StorageError
from fairlead.registry.champions import remember
from fairlead.registry.ledger import Ledger
from fairlead.registry.ledger_lines import Entry
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION

ALIASES = "aliases"
FOREIGN, FOUND, UNDONE = "foreign", "found", "undone"
WATCH = "fairlead"
"""Actor of what is merely noticed."""


@dataclass(frozen=True)
class Act:
    """Who does something, when and why.

    Attributes:
        actor: as `user@host`.
        now: when, UTC.
        reason: why, in the actor's words.
    """

    actor: str
    now: datetime
    reason: str = ""


@contextmanager
def alone(ledger: Ledger) -> Iterator[None]:
    """Wait until nobody else on this machine moves an alias of this project.

    Raises:
        StorageError: the lock cannot be made.
    """
    path = ledger.path.with_suffix(".lock")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("ab")
    except OSError as error:
        raise StorageError(path, error.strerror or str(error)) from error
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed, or the process is gone
        yield


def aliases_of(registry: ModelRegistry, name: str) -> dict[str, int]:
    """Alias -> version, as the registry has them."""
    versions = registry.versions(name)
    return {alias: each.version for each in versions for alias in each.aliases}


def known_aliases(ledger: Ledger, name: str) -> dict[str, int] | None:
    """The same as the ledger has them; None if it has nothing on the model's aliases."""
    moves = [moved(entry) for entry in ledger.readable(name) if moved(entry) is not None]
    if not moves:
        return None
    state: dict[str, int | None] = {}
    for each in moves:
        state |= each or {}
    return {alias: version for alias, version in state.items() if version is not None}


def moved(entry: Entry) -> dict[str, int | None] | None:
    """The aliases that an entry moves, and where to; None if it is of another kind."""
    found = entry.after.get(ALIASES) if isinstance(entry.after, dict) else None
    return found if isinstance(found, dict) else None


def move(
    registry: ModelRegistry,
    ledger: Ledger,
    name: str,
    alias: str,
    version: int,
    act: Act,
    *,
    kind: str = "alias",
    expected: int | None,
    details: Mapping[str, Any] | None = None,
    then: Callable[[], None] = lambda: None,
) -> Entry:
    """Move an alias, inside of `alone`.

    Args:
        registry: where the model is.
        ledger: where the move is written down.
        name: name of the model.
        alias: what is moved.
        version: where to.
        act: who moves it, and why.
        kind: of the entry.
        expected: where it is now, as far as the caller knows.
        details: what else the entry says.
        then: what belongs to the move, done before it is settled.

    Raises:
        AliasMovedError: it is elsewhere; nothing was changed.
        ModelVersionNotFoundError: there is no such version.
        StorageError: the ledger cannot be written; nothing was changed.
    """
    registry.resolve(name, str(version))
    actual = aliases_of(registry, name).get(alias)
    if actual != expected:
        raise AliasMovedError(name, alias, expected, actual)
    before, after = {ALIASES: {alias: expected}}, {ALIASES: {alias: version}, **(details or {})}
    entry = ledger.append(
        kind,
        name,
        actor=act.actor,
        reason=act.reason,
        before=before,
        after=after,
        now=act.now,
        pending=True,
    )
    try:
        registry.set_alias(name, alias, version, expected=expected)
    except AliasMovedError:
        _take_back(ledger, entry, act)
        raise
    # After any other error nobody knows whether it was moved: the next run asks the registry.
    then()
    ledger.settle([entry.sequence])
    return entry


def reconcile(
    registry: ModelRegistry, ledger: Ledger, name: str, now: datetime
) -> tuple[Entry, ...]:
    """Settle what was left unfinished, and write down what somebody else has moved.

    Args:
        registry: where the model is.
        ledger: what is known here.
        name: name of the model.
        now: UTC.

    Returns:
        The entries that were written: `undone` for a move that never happened, `foreign` for one
        that was made behind Fairlead's back, `found` for what there was before the first entry.

    Raises:
        RegistryUnavailableError: the registry does not answer.
    """
    with alone(ledger):
        last = len(ledger.readable())
        settle(registry, ledger, name, now)
        return ledger.readable()[last:]


def settle(registry: ModelRegistry, ledger: Ledger, name: str, now: datetime) -> tuple[Entry, ...]:
    """The same inside of `alone`.

    Returns:
        The unfinished moves that were found to have happened.
    """
    actual, act = aliases_of(registry, name), Act(WATCH, now)
    done = []
    for entry in ledger.pending():
        goal = moved(entry)
        if entry.model != name:
            continue
        if goal is None or all(actual.get(alias) == goal[alias] for alias in goal):
            ledger.settle([entry.sequence])
            done += [] if goal is None else [entry]
        else:
            _take_back(ledger, entry, act)
    _notice(registry, ledger, name, actual, act)
    return tuple(done)


def _notice(
    registry: ModelRegistry, ledger: Ledger, name: str, actual: Mapping[str, int], act: Act
) -> None:
    """Write down where the registry is not as the ledger has it."""
    known = known_aliases(ledger, name)
    changed = sorted(
        alias
        for alias in {**(known or {}), **actual}
        if (known or {}).get(alias) != actual.get(alias)
    )
    if not changed:
        return
    if known is not None and CHAMPION in changed and CHAMPION in known:
        remember(registry, name, known[CHAMPION])
    before = {alias: (known or {}).get(alias) for alias in changed}
    ledger.append(
        FOUND if known is None else FOREIGN,
        name,
        actor=act.actor,
        reason="before the first entry" if known is None else "moved by another program",
        before={ALIASES: before},
        after={ALIASES: {alias: actual.get(alias) for alias in changed}},
        now=act.now,
    )


def _take_back(ledger: Ledger, entry: Entry, act: Act) -> None:
    ledger.append(
        UNDONE,
        entry.model,
        actor=act.actor,
        reason=f"entry {entry.sequence} did not take effect",
        before={ALIASES: moved(entry), "entry": entry.sequence},
        after=entry.before,
        now=act.now,
        settles=[entry.sequence],
    )
