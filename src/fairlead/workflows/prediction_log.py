"""Finds what was logged of predictions, and has it asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote

import msgspec

from fairlead.errors import LogQueryError
from fairlead.serving.prediction_segments import FINISHED, FORMAT, STAMP, Header, folder_name
from fairlead.settings import Settings
from fairlead.workflows.store import STATE

DAMAGED = ".damaged"
NAME = re.compile(r"(\d{8}T\d{6}-\d+-[0-9a-f]+)(\.open\.jsonl|\.jsonl|\.damaged)")
TRIES = 5


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


@dataclass(frozen=True)
class Sources:
    """The files that a query reads.

    Attributes:
        parquets: compacted segments.
        segments: the others, by their header.
    """

    parquets: tuple[Path, ...] = ()
    segments: dict[Header, tuple[Path, ...]] = field(default_factory=dict)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        return (*self.parquets, *(path for paths in self.segments.values() for path in paths))


@dataclass(frozen=True)
class Rows:
    """What a query answers.

    Attributes:
        columns: names in the order of the values.
        rows: read as they are asked for, once.
    """

    columns: tuple[str, ...]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class Converted:
    """What one segment held.

    Attributes:
        rows: predictions that are in the Parquet file.
        unread: lines that are not, the header among them.
    """

    rows: int
    unread: int


class LogDatabase(Protocol):
    """What reads segments and Parquet files with SQL."""

    def to_parquet(self, segment: Path, header: Header, path: Path) -> Converted:
        """Write the predictions of a segment to `path`, in their order.

        Raises:
            StorageError: that could not be written; there is no such file then.
        """

    def query(self, sources: Sources, sql: str) -> Rows:
        """Answer one SELECT over the view `predictions`; nothing else can be read or written.

        Raises:
            FileNotFoundError: a source is not there any more.
            LogQueryError: the query cannot be answered.
        """


def predictions_of(root: Path, settings: Settings) -> Path:
    """Folder of the prediction log of a project: `FAIRLEAD_PREDICTION_LOG`, or beside its file."""
    return settings.prediction_log or root / STATE / "predictions"


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


def ask(folder: Path, sql: str, database: LogDatabase, model: str | None = None) -> Rows:
    """Answer a query over the logged predictions of a model.

    Args:
        folder: of the log.
        sql: one SELECT over the view `predictions`.
        database: that answers.
        model: may be left out if there is only one.

    Raises:
        LogQueryError: there is no such model, or the query cannot be answered.
    """
    model = _chosen(folder, model)
    for _ in range(TRIES):
        try:
            return database.query(sources(folder, model), sql)
        except FileNotFoundError:
            # It was compacted, or is too old, since it was found.
            continue
    raise LogQueryError("files that change faster than they are read", "another try")


def sources(folder: Path, model: str) -> Sources:
    """What there is of a model: each prediction once.

    Raises:
        FileNotFoundError: a segment has gone meanwhile.
        LogQueryError: a segment was written by a later Fairlead.
    """
    # Segments first: one that is compacted meanwhile is missing then, not seen twice.
    found = segments(folder, model)
    parquets = sorted(folder.glob(f"{folder_name(model)}/*/day=*/*.parquet"))
    compacted = {(path.parent.parent, path.stem) for path in parquets}
    by_header: dict[Header, list[Path]] = {}
    for segment in found:
        if (segment.path.parent, segment.stem) in compacted:
            continue
        header = segment.header()
        if header is not None:
            by_header.setdefault(header, []).append(segment.path)
    return Sources(tuple(parquets), {head: tuple(paths) for head, paths in by_header.items()})


def _chosen(folder: Path, model: str | None) -> str:
    known = [unquote(path.name) for path in _folders(folder)]
    if model is None and len(known) == 1:
        return known[0]
    if not known:
        raise LogQueryError(
            f"no predictions in {folder}",
            "the folder that a service has written to (FAIRLEAD_PREDICTION_LOG)",
        )
    if model is None or model not in known:
        found = f"predictions of {', '.join(known)}" + (f", none of {model}" if model else "")
        raise LogQueryError(found, "the name of one of them as the model")
    return model


def _folders(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.glob("*")
        if any(NAME.fullmatch(each.name) for each in path.glob("*/*"))
        or any(path.glob("*/day=*/*.parquet"))
    )
