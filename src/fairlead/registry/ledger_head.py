"""The head of a ledger: which line was written last, kept beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead.storage import write_whole

FIRST = "0" * 64
"""What stands for the line before the first one."""


@dataclass(frozen=True)
class Head:
    """The end of a ledger, by which it is noticed that lines are gone from there.

    Attributes:
        sequence: number of the last line.
        hash: SHA-256 of that line.
        pending: numbers of the entries that may not have taken effect yet.
    """

    sequence: int = 0
    hash: str = FIRST
    pending: tuple[int, ...] = ()

    def is_followed_by(self, lines: Sequence[bytes]) -> bool:
        """Whether lines end here, or one line after: its writer was stopped before the head."""
        return self.sequence <= len(lines) <= self.sequence + 1 and self.is_among(lines)

    def is_among(self, lines: Sequence[bytes]) -> bool:
        """Whether the line that was last stands where it stood."""
        return hash_at(lines, self.sequence) == self.hash

    def to_json(self) -> str:
        """Text that `parse_head` reads."""
        return json.dumps(vars(self), default=list)


def hash_at(lines: Sequence[bytes], sequence: int) -> str | None:
    """SHA-256 of a line; None if there is no such line."""
    if not sequence:
        return FIRST
    return hashlib.sha256(lines[sequence - 1]).hexdigest() if sequence <= len(lines) else None


def parse_head(text: str | bytes) -> Head | None:
    """Read what `Head.to_json` wrote; None if it is nothing of the kind."""
    try:
        found = json.loads(text)
        pending = tuple(int(each) for each in found["pending"])
        return Head(int(found["sequence"]), str(found["hash"]), pending)
    except (ValueError, TypeError, KeyError):
        return None


def read_head(path: Path) -> Head | None:
    """The head of a ledger; None if there is none that can be read."""
    try:
        return parse_head(path.read_bytes())
    except FileNotFoundError:
        return None


def write_head(path: Path, head: Head) -> None:
    """Replace the head.

    Raises:
        StorageError: it could not be written; the old one is still there.
    """
    write_whole(path, head.to_json().encode("ascii"))
