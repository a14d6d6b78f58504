"""Keeps the prediction log small: segments become Parquet files, old files are deleted."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fairlead.workflows.prediction_log import (
    DAMAGED,
    Converted,
    LogDatabase,
    Segment,
    files,
    segments,
)

DAY = re.compile(r"day=(\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True)
class Compacted:
    """What `compact` has done.

    Attributes:
        segments: number that were converted.
        rows: predictions in them.
        damaged_lines: of them, lines that could not be read; such a segment is kept as `.damaged`.
    """

    segments: int = 0
    rows: int = 0
    damaged_lines: int = 0


def compact(folder: Path, database: LogDatabase) -> Compacted:
    """Turn the finished segments into Parquet files.

    Each is deleted when its Parquet file is safely there: a process that ends in between loses
    nothing, and the next call overwrites what it left. Several may work at once.

    Raises:
        LogQueryError: a segment was written by a later Fairlead.
        StorageError: a Parquet file could not be written.
    """
    count = rows = damaged = 0
    for segment in segments(folder):
        with _claimed(segment.path) as is_finished:
            if not is_finished:
                continue
            found = _compact_one(segment, database)
            count += 1
            rows += found.rows
            damaged += found.unread
    return Compacted(count, rows, damaged)


def _compact_one(segment: Segment, database: LogDatabase) -> Converted:
    """Convert a segment that is claimed; tells the damaged lines as unread ones."""
    header = segment.header()
    if header is None:
        # Empty: its process ended before the first line, or somebody damaged that.
        damaged = int(segment.path.stat().st_size > 0)
        _put_away(segment, keep=bool(damaged))
        return Converted(0, damaged)
    target = segment.parquet
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{segment.stem}.part")
    converted = database.to_parquet(segment.path, header, part)
    damaged = max(0, converted.unread - 1 - _ends_cut(segment.path))
    if converted.rows:
        _sync(part)
        part.replace(target)
        _sync(target.parent)
    else:
        part.unlink()
    _put_away(segment, keep=damaged > 0)
    return Converted(converted.rows, damaged)


def retain(folder: Path, days: int, now: datetime | None = None) -> int:
    """Delete what is older than so many days, the oldest first; never what is being written.

    Args:
        folder: of the log.
        days: that predictions are kept at least; they are deleted a day later at the latest.
        now: the time, if it is not the present one.

    Returns:
        Number of deleted files.
    """
    limit = (now or datetime.now(UTC)) - timedelta(days=days)
    old = [
        (f"{day:%Y%m%d}", path)
        for path in folder.glob("*/*/day=*/*")
        if (day := _day(path.parent)) is not None and day + timedelta(days=1) <= limit
    ]
    old += [
        (each.stem, each.path) for each in files(folder) if each.began + timedelta(days=1) <= limit
    ]
    deleted = 0
    for _, path in sorted(old):
        with _claimed(path) as is_finished:
            if is_finished:
                path.unlink()
                deleted += 1
        if _day(path.parent) is not None:
            with suppress(OSError):  # it holds more
                path.parent.rmdir()
    return deleted


def _day(folder: Path) -> datetime | None:
    match = DAY.fullmatch(folder.name)
    return datetime.fromisoformat(match[1]).replace(tzinfo=UTC) if match else None


@contextmanager
def _claimed(path: Path) -> Iterator[bool]:
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


def _put_away(segment: Segment, *, keep: bool) -> None:
    if keep:
        segment.path.rename(segment.path.with_name(segment.stem + DAMAGED))
    else:
        segment.path.unlink()


def _ends_cut(path: Path) -> bool:
    """Whether the last line has no end: its process was killed while it wrote."""
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read() != b"\n"


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
