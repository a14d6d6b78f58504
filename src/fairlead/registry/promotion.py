"""Promotion and rollback: moves of the champion, and the list of former champions."""

from __future__ import annotations

import json

from fairlead.errors import AliasMovedError, ModelVersionNotFoundError, NothingToRollBackError
from fairlead.registry.arrival import refuse_strangers
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHALLENGER, CHAMPION, ModelVersion

HISTORY = "fairlead.champion_history"
HISTORY_LENGTH = 200
"""Older champions are forgotten: MLflow cuts a tag at 5,000 characters."""


def champion(registry: ModelRegistry, name: str) -> ModelVersion | None:
    """The version that is champion now, if any."""
    try:
        return registry.resolve(name, CHAMPION)
    except ModelVersionNotFoundError:
        return None


def former_champions(registry: ModelRegistry, name: str) -> tuple[int, ...]:
    """The versions that were champion before the present one, the latest last.

    A note that is no list of versions, because somebody else wrote it, counts as none: it must
    not keep anyone from promoting.

    Raises:
        ModelVersionNotFoundError: there is no such model.
    """
    try:
        noted = json.loads(registry.notes(name).get(HISTORY, "[]"))
    except ValueError:
        return ()
    return tuple(entry for entry in noted if type(entry) is int) if type(noted) is list else ()


def promote(registry: ModelRegistry, name: str, version: int) -> ModelVersion:
    """Make a version the champion and remember the one before it.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        BundleError: another program registered it; it cannot be served.
        AliasMovedError: somebody else moved the champion meanwhile.
    """
    promoted = registry.resolve(name, str(version))
    refuse_strangers(promoted)
    current = champion(registry, name)
    if current is not None and current.version == version:
        return current
    if current is not None:
        # Written before the alias moves: if the move fails, the champion is in its own history,
        # which `rollback` passes over; the other way round it would be lost.
        _write(registry, name, (*former_champions(registry, name), current.version))
    expected = None if current is None else current.version
    registry.set_alias(name, CHAMPION, promoted.version, expected=expected)
    return registry.resolve(name, CHAMPION)


def crown(registry: ModelRegistry, name: str, best: ModelVersion) -> tuple[ModelVersion, bool]:
    """Make the best of a training the champion if there is none yet, else the challenger.

    Returns:
        The champion now, and whether it was crowned here.
    """
    current = champion(registry, name)
    try:
        if current is None:
            return promote(registry, name, best.version), True
        move_alias(registry, name, CHALLENGER, best.version)
    except AliasMovedError:
        # Another training was faster; its choice stands.
        current = registry.resolve(name, CHAMPION)
    return current, False


def move_alias(registry: ModelRegistry, name: str, alias: str, version: int) -> None:
    """Point an alias at a version, wherever it points now.

    Raises:
        ModelVersionNotFoundError: there is no such version.
        AliasMovedError: somebody else moved the alias at the same time.
    """
    holders = [each.version for each in registry.versions(name) if alias in each.aliases]
    registry.set_alias(name, alias, version, expected=holders[0] if holders else None)


def rollback(registry: ModelRegistry, name: str) -> ModelVersion:
    """Make the champion before the present one champion again.

    Raises:
        NothingToRollBackError: no former champion is left.
        AliasMovedError: somebody else moved the champion meanwhile.
    """
    current = registry.resolve(name, CHAMPION)
    left = {version.version for version in registry.versions(name)} - {current.version}
    history = former_champions(registry, name)
    while history and history[-1] not in left:
        history = history[:-1]
    if not history:
        raise NothingToRollBackError(name, current.version)
    registry.set_alias(name, CHAMPION, history[-1], expected=current.version)
    _write(registry, name, history[:-1])
    return registry.resolve(name, CHAMPION)


def _write(registry: ModelRegistry, name: str, history: tuple[int, ...]) -> None:
    registry.set_note(name, HISTORY, json.dumps(history[-HISTORY_LENGTH:]))
