"""Promotion and rollback: moves of the champion, each with its entry in the ledger."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairlead.errors import AliasMovedError, NothingToRollBackError
from fairlead.registry.arrival import refuse_strangers
from fairlead.registry.champions import champion, former_champions, note_former, remember
from fairlead.registry.ledger import Ledger
from fairlead.registry.moves import Act, aliases_of, alone, move, settle
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION, ModelVersion

PROMOTION, ROLLBACK = "promotion", "rollback"


def promote(
    registry: ModelRegistry,
    ledger: Ledger,
    name: str,
    version: int,
    act: Act,
    *,
    expected: int | None,
    details: Mapping[str, Any] | None = None,
) -> ModelVersion:
    """Make a version the champion and remember the one before it.

    Args:
        registry: where the model is.
        ledger: where the move is written down.
        name: name of the model.
        version: the champion to be.
        act: who promotes it, when and why.
        expected: the champion that it was compared with; None if there was none.
        details: what else the entry says.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: another program registered it; it cannot be served.
        AliasMovedError: there is another champion by now; nothing was changed.
    """
    promoted = registry.resolve(name, str(version))
    refuse_strangers(promoted)
    with alone(ledger):
        settle(registry, ledger, name, act.now)
        current = champion(registry, name)
        if current is not None and current.version == version:
            return current
        actual = None if current is None else current.version
        if actual != expected:
            raise AliasMovedError(name, CHAMPION, expected, actual)
        if actual is not None:
            # Written before the alias moves: if the move fails, the champion is in its own
            # history, which `rollback` passes over; the other way round it would be lost.
            remember(registry, name, actual)
        move(
            registry,
            ledger,
            name,
            CHAMPION,
            version,
            act,
            kind=PROMOTION,
            expected=expected,
            details=details,
        )
    return registry.resolve(name, CHAMPION)


def move_alias(
    registry: ModelRegistry, ledger: Ledger, name: str, alias: str, version: int, act: Act
) -> ModelVersion:
    """Point an alias at a version, wherever it points now.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        AliasMovedError: somebody else moved the alias at the same time.
    """
    with alone(ledger):
        settle(registry, ledger, name, act.now)
        present = aliases_of(registry, name).get(alias)
        if present != version:
            move(registry, ledger, name, alias, version, act, expected=present)
    return registry.resolve(name, str(version))


def rollback(registry: ModelRegistry, ledger: Ledger, name: str, act: Act) -> ModelVersion:
    """Make the champion before the present one champion again.

    A rollback that was stopped halfway is finished, and goes no further back.

    Raises:
        ModelVersionNotFoundError: there is no champion.
        NothingToRollBackError: no former champion is left.
        AliasMovedError: somebody else moved the champion meanwhile.
    """
    seen = registry.resolve(name, CHAMPION).version
    with alone(ledger):
        finished = settle(registry, ledger, name, act.now)
        current = registry.resolve(name, CHAMPION)
        left = {version.version for version in registry.versions(name)} - {current.version}
        history = former_champions(registry, name)
        while history and history[-1] not in left:
            history = history[:-1]
        if any(entry.kind == ROLLBACK for entry in finished):
            note_former(registry, name, history)
            return current
        if current.version != seen:
            raise AliasMovedError(name, CHAMPION, seen, current.version)
        if not history:
            raise NothingToRollBackError(name, current.version)
        move(
            registry,
            ledger,
            name,
            CHAMPION,
            history[-1],
            act,
            kind=ROLLBACK,
            expected=current.version,
            then=lambda: note_former(registry, name, history[:-1]),
        )
    return registry.resolve(name, CHAMPION)
