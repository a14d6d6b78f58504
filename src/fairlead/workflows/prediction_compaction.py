"""Keeps the prediction log small: segments become Parquet files."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fairlead.errors import DataInvalidError
from fairlead.serving.prediction_segments import DAMAGED, Header, Segment, claimed, segments
from fairlead.workflows.prediction_log import Converted, LogDatabase
from fairlead.workflows.sketching import References, keep_sketch


@dataclass(frozen=True)
class Compacted:
    """What `compact` has done.

    Attributes:
        segments: number that were converted.
        rows: predictions in them.
        damaged_lines: of them, lines that could not be read; such a segment is kept as `.damaged`.
        sketches: segments that have one; the others wait for `fairlead drift`, with a bundle.
    """

    segments: int = 0
    rows: int = 0
    damaged_lines: int = 0
    sketches: int = 0


def compact(folder: Path, database: LogDatabase) -> Compacted:
    """Turn the finished segments into Parquet files, and sketch them.

    Each is deleted when its Parquet file is safely there: a process that ends in between loses
    nothing, and the next call overwrites what it left. Several may work at once.

    Raises:
        LogQueryError: a segment was written by a later Fairlead.
        StorageError: a Parquet file could not be written.
    """
    count = rows = damaged = sketches = 0
    references = References()
    for segment in segments(folder):
        with claimed(segment.path) as is_finished:
            if not is_finished:
                continue
            header = segment.header()
            if header is not None:
                with suppress(DataInvalidError):  # a damaged reference: `fairlead drift` tells
                    sketches += keep_sketch(segment, header, references)
            found = _compact_one(segment, header, database)
            count += 1
            rows += found.rows
            damaged += found.unread
    return Compacted(count, rows, damaged, sketches)


def _compact_one(segment: Segment, header: Header | None, database: LogDatabase) -> Converted:
    """Convert a segment that is claimed; tells the damaged lines as unread ones."""
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
