"""What the registry keeps of the ledger: the last decision on a version, and the ledger's end."""

from __future__ import annotations

import hashlib
import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairlead.errors import ModelVersionNotFoundError
from fairlead.registry.ledger import Ledger
from fairlead.registry.ledger_head import Head, parse_head
from fairlead.registry.moves import UNDONE
from fairlead.registry.port import ModelRegistry

DECIDED = "decision"
"""Kind of the entries that hold a decision."""
DECISION = "fairlead.decision"
WITNESS = "fairlead.ledger"
NOTE_LENGTH = 4_800
"""MLflow cuts a tag at 5,000 characters."""


def publish(registry: ModelRegistry, ledger: Ledger, name: str) -> None:
    """Note on a model what was decided last, and where the ledger ends; nothing if it is noted.

    Raises:
        ModelVersionNotFoundError: there is no such model.
    """
    notes = registry.notes(name)
    wanted = {_witness(ledger.path): ledger.head().to_json()}
    entries = ledger.readable(name)
    undone = {each.before["entry"] for each in entries if each.kind == UNDONE}
    promoted = {
        each.after.get("decision")
        for each in entries
        if each.kind == "promotion" and each.sequence not in undone
    }
    for entry in [each for each in entries if each.kind == DECIDED][-1:]:
        key = f"{DECISION}.{entry.after['version']}"
        wanted[key] = _short({**entry.after, "promoted": entry.sequence in promoted})
    for key, text in wanted.items():
        if notes.get(key) != text:
            registry.set_note(name, key, text)


def witness(registry: ModelRegistry, ledger: Ledger, name: str) -> Head | None:
    """The end of this ledger as the registry has it; None if it has none."""
    try:
        noted = registry.notes(name).get(_witness(ledger.path))
    except ModelVersionNotFoundError:
        return None
    return None if noted is None else parse_head(noted)


def _short(decision: Mapping[str, Any]) -> str:
    """A decision without its reasoning, which is in the ledger."""
    keys = ("outcome", "promoted", "forced", "champion", "at", "actor")
    short = {**{key: decision[key] for key in keys}, "reason": decision["reason"][:500]}
    gates = {gate["name"]: gate["outcome"] for gate in decision["gates"]}
    text = json.dumps({**short, "gates": gates})
    return text if len(text) <= NOTE_LENGTH else json.dumps(short)


def _witness(path: Path) -> str:
    """The note's key: each folder on each machine has a ledger of its own."""
    place = f"{socket.gethostname()}:{path.resolve()}"
    return f"{WITNESS}.{hashlib.sha256(place.encode()).hexdigest()[:12]}"
