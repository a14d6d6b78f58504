"""The champion, and the list of those before it, as the registry notes them."""

from __future__ import annotations

import json

from fairlead.errors import ModelVersionNotFoundError
from fairlead.registry.port import ModelRegistry
from fairlead.registry.records import CHAMPION, ModelVersion

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


def remember(registry: ModelRegistry, name: str, version: int) -> None:
    """Note that a version is about to be champion no more, or has just ceased to be.

    A move that was stopped halfway may have left it there already, or may never come about:
    whoever reads the list passes over the present champion at its end.
    """
    former = former_champions(registry, name)
    if former[-1:] != (version,):
        note_former(registry, name, (*former, version))


def note_former(registry: ModelRegistry, name: str, versions: tuple[int, ...]) -> None:
    """Write the list."""
    registry.set_note(name, HISTORY, json.dumps(versions[-HISTORY_LENGTH:]))
