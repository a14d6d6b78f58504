"""A line of the ledger: one decision, sealed by its own hash and that of the line before."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

UNREADABLE = "is no entry of a ledger"
CHANGED = "was changed after it was written"


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        sequence: 1, 2, 3, … in the order of the file.
        at: when, UTC, as in ISO 8601.
        kind: what was done: `decision`, `promotion`, `rollback`, `alias` or `traffic`; `foreign`
            where somebody else did it, `found` what there was before the first entry, and
            `undone` what did not take effect.
        model: name of the registered model.
        actor: who, as `user@host`.
        reason: why, in the actor's words; may be empty.
        before: the state that was left, as JSON.
        after: the state that was asked for, as JSON.
        previous: SHA-256 of the line before.
        hash: SHA-256 of this line without its hash.
    """

    sequence: int
    at: str
    kind: str
    model: str
    actor: str
    reason: str
    before: Any
    after: Any
    previous: str
    hash: str = ""

    def sealed(self) -> bytes:
        """The line of the ledger, with its hash and without its end."""
        fields = asdict(self)
        del fields["hash"]
        own = hashlib.sha256(_encoded(fields)).hexdigest()
        return _encoded({**fields, "hash": own})


def fault_of(line: bytes) -> str | None:
    """What is wrong with a line by itself."""
    try:
        return None if entry_of(line).sealed() == line else CHANGED
    except (ValueError, TypeError, RecursionError):
        return UNREADABLE


def entry_of(line: bytes) -> Entry:
    """Read a line.

    Raises:
        ValueError, TypeError, RecursionError: it is no line of a ledger.
    """
    return Entry(**json.loads(line))


def _encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode("ascii")


def split_lines(content: bytes) -> tuple[list[bytes], bytes]:
    """Whole lines, and what is left of one whose writer was stopped."""
    *lines, last = content.split(b"\n")
    return ([*lines, last], b"") if last and fault_of(last) is None else (lines, last)
