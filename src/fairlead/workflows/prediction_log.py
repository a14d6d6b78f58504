"""Finds what was logged of predictions, and has it asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.parse import unquote

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.errors import LogQueryError
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.records import Window
from fairlead.project.columns import Task
from fairlead.serving.labels import header_of, label_files
from fairlead.serving.prediction_segments import NAME, Column, Header, folder_name, segments
from fairlead.settings import Settings
from fairlead.workflows.store import STATE

PATIENCE_S = 60.0
"""So long a query is tried again while the files that it reads are compacted."""
T = TypeVar("T")

LOGGED = {
    "prediction_id": "VARCHAR",
    "time": "TIMESTAMP",
    "model": "VARCHAR",
    "version": "VARCHAR",
    "route": "VARCHAR",
    "prediction": "VARCHAR",
    "probabilities": "MAP(VARCHAR, DOUBLE)",
    "unknown": "VARCHAR[]",
    "duration_us": "BIGINT",
}
OWN = (*LOGGED, "label", "labelled_at")
"""Columns of the view that every model has."""


@dataclass(frozen=True)
class Sources:
    """The files that a query reads.

    Attributes:
        parquets: compacted segments.
        segments: the others, by their header.
        labels: files of labels.
        label_task: what all of these hold; None where they differ, or there are none.
    """

    parquets: tuple[Path, ...] = ()
    segments: dict[Header, tuple[Path, ...]] = field(default_factory=dict)
    labels: tuple[Path, ...] = ()
    label_task: Task | None = None

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files."""
        parts = (path for paths in self.segments.values() for path in paths)
        return (*self.parquets, *parts, *self.labels)


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
    """What reads segments, Parquet files and labels with SQL."""

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

    def labelled(
        self, sources: Sources, contract: Contract, window: Window | None, *, shadow: bool
    ) -> LabelledRows:
        """The predictions of a time that have a label, see `workflows.labels.labelled_rows`.

        Raises:
            FileNotFoundError: a source is not there any more.
        """

    def seen(
        self, sources: Sources, contract: Contract, window: Window | None, bins: NDArray[np.float64]
    ) -> tuple[Seen, ...]:
        """Sums over all predictions of a time, see `workflows.labels.seen`.

        Raises:
            FileNotFoundError: a source is not there any more.
        """


def predictions_of(root: Path, settings: Settings) -> Path:
    """Folder of the prediction log of a project: `FAIRLEAD_PREDICTION_LOG`, or beside its file."""
    return settings.prediction_log or root / STATE / "predictions"


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
    chosen = the_model(folder, model)
    return steadily(folder, chosen, lambda found: database.query(found, sql))


def steadily(folder: Path, model: str, read: Callable[[Sources], T]) -> T:
    """What is read of a model, though files are compacted or expire meanwhile.

    Raises:
        LogQueryError: they change too fast, or were written by a later Fairlead.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return read(sources(folder, model))
        except FileNotFoundError as error:
            # It was compacted, or is too old, since it was found.
            if time.monotonic() > until:
                found = "files that change faster than they are read"
                raise LogQueryError(found, "another try") from error


def sources(folder: Path, model: str) -> Sources:
    """What there is of a model: each prediction once, and its labels.

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
    by_head = {head: tuple(paths) for head, paths in by_header.items()}
    labels = {path: header_of(path) for path in label_files(folder, model)}
    told = {path: head for path, head in labels.items() if head is not None}
    tasks = {head.task for head in told.values()}
    task = next(iter(tasks)) if len(tasks) == 1 else None
    return Sources(tuple(parquets), by_head, tuple(told), task)


def feature_names(columns: Sequence[Column]) -> list[str]:
    """What the columns of a contract are called in the view: as they are, unless that is taken.

    SQL does not tell `Age` from `age`: the second one becomes `feature_age`.
    """
    taken = set(OWN)
    names = []
    for column in columns:
        name = column.name
        while name.lower() in taken:
            name = f"feature_{name}"
        taken.add(name.lower())
        names.append(name)
    return names


def the_model(folder: Path, model: str | None) -> str:
    """The model of a log, which may be left out if there is only one.

    Raises:
        LogQueryError: there is none of this name, or several of which one must be named.
    """
    known = models_of(folder)
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


def models_of(folder: Path) -> list[str]:
    """Names of the models that something is logged of."""
    return [
        unquote(path.name)
        for path in sorted(folder.glob("*"))
        if any(NAME.fullmatch(each.name) for each in path.glob("*/*"))
        or any(path.glob("*/day=*/*.parquet"))
    ]
