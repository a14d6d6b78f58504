"""Segments, the files of the prediction log: their form, their names, their locks.

A segment holds requests of one version, answered by one process. Its first line is a `Header`,
each further one a `Line`. Whoever writes a segment holds its lock (`flock`), which ends with the
process however that ends: a segment that nobody has locked is finished.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO
from urllib.parse import quote

import msgspec
from msgspec import Struct

from fairlead.errors import LogQueryError

FORMAT = 1
OPEN = ".open.jsonl"
FINISHED = ".jsonl"
STAMP = "%Y%m%dT%H%M%S"
DAMAGED = ".damaged"
SKETCH = ".sketch"
SKETCHES = "sketches"
"""Folder of the sketches that stay longer than the rows, by day."""
NAME = re.compile(r"(\d{8}T\d{6}-\d+-[0-9a-f]+)(\.open\.jsonl|\.jsonl|\.damaged)")
LONGEST_NAME = 120


class Column(Struct, frozen=True, omit_defaults=True):
    """One column as a segment tells of it.

    Attributes:
        name, type: as in the contract.
        values: of a category, in the order of its codes.
        masked: its values are not logged, though they were there.
    """

    name: str
    type: str
    values: tuple[str, ...] = ()
    masked: bool = False


class Header(Struct, frozen=True):
    """The first line of a segment.

    Attributes:
        format: of the lines.
        model: name that it is served under.
        version: label, as `X-Model-Version` has it.
        digest: SHA-256 of the bundle's manifest.
        columns: of the rows, in their order.
        classes: in the order of the probabilities; empty for a regression.
    """

    format: int
    model: str
    version: str
    digest: str
    columns: tuple[Column, ...]
    classes: tuple[str, ...] = ()


class Line(Struct, gc=False, omit_defaults=True):
    """One request, or a part of one that has many rows.

    Attributes:
        t: microseconds since 1970, UTC.
        id: of the request.
        route: that it took.
        us: duration in microseconds.
        rows: as the graph took them; null for a missing or masked value, -1 for an unknown
            category.
        predictions: codes of the classes, or numbers; null for a number that is not finite.
        probabilities: of the classes.
        first: place of the first row in the list that was sent; None for a single record.
        numbers: places of all rows, where they do not follow one on the other.
    """

    t: int
    id: str
    route: str
    us: int
    rows: list[list[float | None]]
    predictions: list[float | None]
    probabilities: list[list[float | None]] = []
    first: int | None = None
    numbers: list[int] = []


class SegmentWriter:
    """A file that is being written, and locked as long as that."""

    def __init__(self, folder: Path, header: bytes) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        stamp = datetime.now(UTC).strftime(STAMP)
        # Processes on several machines may share the folder, and a number of their own with it.
        self._path = folder / f"{stamp}-{os.getpid()}-{secrets.token_hex(4)}{OPEN}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND
        self._descriptor = os.open(self._path, flags, 0o640)
        self.size_bytes = 0
        self.opened_at = time.monotonic()
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self.write(header) < len(header):
                raise OSError("no space for the first line")
        except OSError:
            os.close(self._descriptor)
            self._path.unlink(missing_ok=True)
            raise

    @property
    def is_gone(self) -> bool:
        """Whether somebody has deleted the file."""
        return os.fstat(self._descriptor).st_nlink == 0

    def write(self, lines: bytes) -> int:
        """Append; returns how many bytes, for a disk may fill up in between."""
        count = os.write(self._descriptor, lines)
        self.size_bytes += count
        return count

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        os.fsync(self._descriptor)

    def finish(self) -> None:
        """Give it the name of a finished one, and unlock it."""
        finished = self._path.with_name(self._path.name.removesuffix(OPEN) + FINISHED)
        # Where it cannot be renamed it is finished nevertheless: nobody has it locked.
        with suppress(OSError):
            if not self.is_gone:
                self._path.rename(finished)
        os.close(self._descriptor)


@dataclass(frozen=True)
class Segment:
    """A file of logged requests, as it was found; it may be renamed or deleted any time.

    Attributes:
        path: its file.
        stem: its name, which it keeps for ever.
    """

    path: Path
    stem: str

    @property
    def began(self) -> datetime:
        """When it was begun."""
        return datetime.strptime(self.stem[:15], STAMP).replace(tzinfo=UTC)

    @property
    def parquet(self) -> Path:
        """What it is compacted to."""
        return self.path.parent / f"day={self.began:%Y-%m-%d}" / f"{self.stem}.parquet"

    def open(self) -> BinaryIO:
        """Its file, which may have been finished since it was found.

        Raises:
            FileNotFoundError: it is not there any more.
        """
        try:
            return self.path.open("rb")
        except FileNotFoundError:
            return self.path.with_name(self.stem + FINISHED).open("rb")

    def header(self) -> Header | None:
        """Its first line; None if that was not written whole.

        Raises:
            LogQueryError: it was written by a later Fairlead.
            FileNotFoundError: it is not there any more.
        """
        with self.open() as file:
            line = file.readline()
        try:
            header = msgspec.json.decode(line, type=Header)
        except msgspec.DecodeError:
            return None
        if header.format != FORMAT:
            raise LogQueryError(f"{self.path} in format {header.format}", f"format {FORMAT}")
        return header


def reference_path(version_folder: Path, digest: str) -> Path:
    """Where a service leaves the sketch of a bundle's training rows, beside what it logs."""
    return version_folder / f"reference-{digest}.json"


def segments(folder: Path, model: str | None = None) -> list[Segment]:
    """All segments that are not set aside, of one model or of all, the oldest first."""
    return [each for each in files(folder, model) if each.path.suffix != DAMAGED]


def files(folder: Path, model: str | None = None) -> list[Segment]:
    """The same with those that were set aside."""
    name = "*" if model is None else folder_name(model)
    found: Iterable[tuple[Path, re.Match[str] | None]] = (
        (path, NAME.fullmatch(path.name)) for path in folder.glob(f"{name}/*/*")
    )
    return sorted(
        (Segment(path, match[1]) for path, match in found if match),
        key=lambda segment: (segment.stem, segment.path),
    )


@contextmanager
def claimed(path: Path) -> Iterator[bool]:
    """Whether nobody writes or converts a file; nobody else does while this is held."""
    try:
        descriptor = os.open(path, os.O_RDWR)
    except FileNotFoundError:
        yield False
        return
    try:
        yield _locked(path, descriptor)
    finally:
        os.close(descriptor)


def _locked(path: Path, descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Before it was locked, somebody else may have renamed or deleted it.
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except (BlockingIOError, FileNotFoundError):
        return False


def folder_name(name: str) -> str:
    """A model's name, or a version's, as a folder; different ones stay different."""
    # Without a leading dot: neither the folder above nor a hidden one.
    quoted = "%2E" + quote(name[1:], safe="") if name.startswith(".") else quote(name, safe="")
    if 0 < len(quoted) <= LONGEST_NAME:
        return quoted
    return f"{quoted[:LONGEST_NAME]}%{hashlib.sha256(name.encode()).hexdigest()[:16]}"
