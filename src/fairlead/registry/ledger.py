"""The ledger: an append-only list of decisions in which each line seals the one before it."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from fairlead.errors import LedgerError, StorageError
from fairlead.registry.ledger_head import FIRST, Head, hash_at, read_head, write_head
from fairlead.registry.ledger_lines import UNREADABLE, Entry, entry_of, fault_of, split_lines

log = logging.getLogger(__name__)


class Ledger:
    """A file of JSON lines; several processes may append and read at the same time.

    Beside it lies its head, which names the last line. `verify` notices what was edited, removed
    or moved; that both files were replaced at once only whoever keeps a head elsewhere.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.head_path = path.with_suffix(".head")

    def append(
        self,
        kind: str,
        model: str,
        *,
        actor: str,
        reason: str,
        before: Any,
        after: Any,
        now: datetime | None = None,
        pending: bool = False,
        settles: Collection[int] = (),
    ) -> Entry:
        """Write a decision down; it is on the disk when this returns.

        A ledger that is damaged further up is no obstacle: a rollback must not wait for it. What
        is missing at its end stays missed, because the new line follows the head.

        Args:
            kind: what was decided.
            model: name of the registered model.
            actor: who, as `user@host`.
            reason: why.
            before: the state that was left.
            after: the state that was asked for.
            now: when, UTC; the time of writing if not given.
            pending: whether it is yet to take effect: `settle` says when it has.
            settles: entries that are pending no more.

        Raises:
            StorageError: it could not be written; the ledger is as it was.
        """
        at = (now or datetime.now(UTC)).astimezone(UTC).isoformat(timespec="microseconds")
        with self._writing() as file:
            lines = self._healed(file)
            head = self._head(lines)
            follows = head.is_followed_by(lines)
            number, previous = (
                (len(lines), hash_at(lines, len(lines)) or FIRST)
                if follows
                else (head.sequence, head.hash)
            )
            entry = Entry(number + 1, at, kind, model, actor, reason, before, after, previous)
            line = entry.sealed()
            size = file.seek(0, os.SEEK_END)
            _write(file, line + b"\n")
            left = {*_pending(head, lines), *([number + 1] if pending else [])} - {*settles}
            own = hashlib.sha256(line).hexdigest()
            try:
                write_head(self.head_path, Head(number + 1, own, tuple(sorted(left))))
            except StorageError:
                file.truncate(size)
                raise
        return entry_of(line)

    def settle(self, sequences: Collection[int]) -> None:
        """Say of entries that they have taken effect.

        Raises:
            StorageError: it could not be written; they are still pending.
        """
        if not sequences:
            return
        with self._writing() as file:
            lines = self._healed(file)
            head = self._head(lines)
            left = tuple(sorted({*_pending(head, lines)} - {*sequences}))
            if head.is_followed_by(lines):
                head = Head(len(lines), hash_at(lines, len(lines)) or FIRST)
            write_head(self.head_path, replace(head, pending=left))

    def pending(self) -> tuple[Entry, ...]:
        """The entries that may not have taken effect: their writer was stopped, or is at it."""
        lines, _, head = self._lines()
        left = set(_pending(head or self._head(lines), lines))
        return tuple(entry for entry in self.readable() if entry.sequence in left)

    def entries(self, model: str | None = None) -> tuple[Entry, ...]:
        """All decisions, or those on one model, the latest last.

        Raises:
            LedgerError: a line cannot be read.
        """
        found = []
        for number, line in enumerate(self._lines()[0], 1):
            if fault_of(line) == UNREADABLE:
                raise LedgerError(self.path, number, UNREADABLE)
            found.append(entry_of(line))
        return tuple(entry for entry in found if model in (None, entry.model))

    def readable(self, model: str | None = None) -> tuple[Entry, ...]:
        """The same without the lines that cannot be read: no reason to stop a rollback."""
        lines = [line for line in self._lines()[0] if fault_of(line) != UNREADABLE]
        return tuple(each for each in map(entry_of, lines) if model in (None, each.model))

    def verify(self, witness: Head | None = None) -> int:
        """Check every line and its place, and count them.

        Args:
            witness: an earlier head that was kept elsewhere.

        Raises:
            LedgerError: the first line that was changed, or does not follow the one before it, or
                that is gone.
        """
        lines, torn, head = self._lines()
        previous = FIRST
        for number, line in enumerate(lines, 1):
            fault = fault_of(line)
            if fault is None:
                entry = entry_of(line)
                fault = (
                    MISPLACED if (number, previous) != (entry.sequence, entry.previous) else None
                )
            if fault is not None:
                raise LedgerError(self.path, number, fault)
            previous = hashlib.sha256(line).hexdigest()
        for kept in (head or self._head(lines), *([witness] if witness else [])):
            if kept.sequence > len(lines):
                gone = f"is gone: there were {kept.sequence} entries"
                raise LedgerError(self.path, len(lines) + 1, gone)
            if not kept.is_among(lines):
                raise LedgerError(self.path, kept.sequence, REPLACED)
        if head is None and len(lines) > 1:
            raise LedgerError(self.path, len(lines), HEADLESS)
        if len(lines) - (head.sequence if head else 0) + bool(torn) > 1:
            raise LedgerError(self.path, len(lines) + bool(torn), ADDED)
        return len(lines)

    def head(self) -> Head:
        """The end of the ledger, to be kept elsewhere."""
        lines, _, _ = self._lines()
        return Head(len(lines), hash_at(lines, len(lines)) or FIRST)

    def _head(self, lines: Sequence[bytes]) -> Head:
        """The head as it is kept; where there is none, that of the lines."""
        kept = read_head(self.head_path)
        if kept is not None or len(lines) < 2:
            return kept or Head()
        return Head(len(lines), hash_at(lines, len(lines)) or FIRST)

    @contextmanager
    def _writing(self) -> Iterator[IO[bytes]]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with self.path.open("a+b", buffering=0) as file:
                fcntl.flock(file, fcntl.LOCK_EX)  # until the file is closed
                yield file
        except OSError as error:
            raise StorageError(self.path, error.strerror or str(error)) from error

    def _lines(self) -> tuple[list[bytes], bytes, Head | None]:
        """Whole lines, the rest of one that is none, and the head that belongs to them."""
        try:
            with self.path.open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH)
                return *split_lines(file.read()), read_head(self.head_path)
        except FileNotFoundError:
            return [], b"", read_head(self.head_path)

    def _healed(self, file: IO[bytes]) -> list[bytes]:
        """The lines of the file; a last one without an end is ended if whole, else put aside."""
        file.seek(0)
        content = file.read()
        lines, torn = split_lines(content)
        if torn:
            log.warning("ledger_torn", extra={"path": str(self.path), "size_bytes": len(torn)})
            with self.path.with_suffix(".torn").open("ab", buffering=0) as aside:
                _write(aside, torn + b"\n")
            file.truncate(len(content) - len(torn))
        elif content and not content.endswith(b"\n"):
            _write(file, b"\n")
        return lines


REPLACED = "is not the line that was written there: it and its seal were changed"
HEADLESS = "is the last line, and the head that says so is gone: later ones may have been removed"
ADDED = "was added without the head of the ledger"
MISPLACED = "does not follow the line before it: one was changed, removed, added or moved"


def _pending(head: Head, lines: Sequence[bytes]) -> tuple[int, ...]:
    """What may not have taken effect; of a line after the head nobody has said that it did."""
    ahead = range(head.sequence + 1, len(lines) + 1) if head.is_followed_by(lines) else ()
    return (*head.pending, *ahead)


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
