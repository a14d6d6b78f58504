"""The ledger: an append-only list of decisions in which each line seals the one before it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from fairlead.errors import LedgerError, StorageError

log = logging.getLogger(__name__)

FIRST = "0" * 64
"""What stands for the line before the first one."""


@dataclass(frozen=True)
class Entry:
    """One decision.

    Attributes:
        sequence: 1, 2, 3, … in the order of the file.
        at: when, UTC, as in ISO 8601.
        kind: what was decided, such as `traffic`.
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


class Ledger:
    """A file of JSON lines; several processes may append and read at the same time.

    `verify` notices what was edited, removed or moved, save for whole lines that are cut off at
    the end: whoever must notice that keeps the last hash elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def append(
        self, kind: str, model: str, *, actor: str, reason: str, before: Any, after: Any
    ) -> Entry:
        """Write a decision down; it is on the disk when this returns.

        A ledger that is damaged further up is no obstacle: a rollback must not wait for it.

        Raises:
            StorageError: it could not be written; the ledger is as it was.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
                lines = self._healed(file)
                previous = hashlib.sha256(lines[-1]).hexdigest() if lines else FIRST
                at = datetime.now(UTC).isoformat(timespec="microseconds")
                number = len(lines) + 1
                line = Entry(
                    number, at, kind, model, actor, reason, before, after, previous
                ).sealed()
                _write(file, line + b"\n")
        except OSError as error:
            raise StorageError(self.path, error.strerror or str(error)) from error
        return _entry(line)

    def entries(self, model: str | None = None) -> tuple[Entry, ...]:
        """All decisions, or those on one model, the latest last.

        Raises:
            LedgerError: a line cannot be read.
        """
        found = []
        for number, line in enumerate(self._lines()[0], 1):
            if _fault(line) == UNREADABLE:
                raise LedgerError(self.path, number, UNREADABLE)
            found.append(_entry(line))
        return tuple(entry for entry in found if model in (None, entry.model))

    def verify(self) -> int:
        """Check every line and its place, and count them.

        Raises:
            LedgerError: the first line that was changed, or does not follow the one before it, or
                has no end.
        """
        lines, torn = self._lines()
        previous = FIRST
        for number, line in enumerate(lines, 1):
            fault = _fault(line)
            if fault is None:
                entry = _entry(line)
                fault = (
                    MISPLACED if (number, previous) != (entry.sequence, entry.previous) else None
                )
            if fault is not None:
                raise LedgerError(self.path, number, fault)
            previous = hashlib.sha256(line).hexdigest()
        if torn:
            raise LedgerError(self.path, len(lines) + 1, "was not written to its end")
        return len(lines)

    def _lines(self) -> tuple[list[bytes], bytes]:
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return _split(file.read())
        except FileNotFoundError:
            return [], b""

    def _healed(self, file: IO[bytes]) -> list[bytes]:
        """The lines of the file; a last one without an end is ended if whole, else put aside."""
        file.seek(0)
        content = file.read()
        lines, torn = _split(content)
        if torn:
            log.warning("ledger_torn", extra={"path": str(self.path), "size_bytes": len(torn)})
            with self.path.with_suffix(".torn").open("ab", buffering=0) as aside:
                _write(aside, torn + b"\n")
            file.truncate(len(content) - len(torn))
        elif content and not content.endswith(b"\n"):
            _write(file, b"\n")
        return lines


UNREADABLE = "is no entry of a ledger"
CHANGED = "was changed after it was written"
MISPLACED = "does not follow the line before it: one was changed, removed, added or moved"


def _fault(line: bytes) -> str | None:
    """What is wrong with a line by itself."""
    try:
        return None if _entry(line).sealed() == line else CHANGED
    except (ValueError, TypeError, RecursionError):
        return UNREADABLE


def _entry(line: bytes) -> Entry:
    return Entry(**json.loads(line))


def _encoded(fields: dict[str, Any]) -> bytes:
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode("ascii")


def _split(content: bytes) -> tuple[list[bytes], bytes]:
    """Whole lines, and what is left of one whose writer was stopped."""
    *lines, last = content.split(b"\n")
    return ([*lines, last], b"") if last and _fault(last) is None else (lines, last)


def _write(file: IO[bytes], content: bytes) -> None:
    """Append to an unbuffered file and to the disk, all of it or nothing."""
    size = file.seek(0, os.SEEK_END)
    try:
        if file.write(content) != len(content):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file.fileno())
    except OSError:
        file.truncate(size)
        raise
