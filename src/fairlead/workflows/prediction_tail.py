"""Reads the newest logged predictions, without a database."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from fairlead.data.encoding import UNKNOWN
from fairlead.serving.prediction_segments import Column, Header, Line, Segment, segments

BLOCK_BYTES = 64 * 1024
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Logged(Struct, frozen=True):
    """One prediction that was logged.

    Attributes:
        time: when its request was answered.
        prediction_id: the request's id, with `-<n>` behind it for row n of a list.
        model, version, route: what answered.
        duration_us: microseconds that the whole request took.
        features: column -> value as the caller would send it; None for a missing, masked or
            unknown one.
        unknown: columns with an unknown category.
        prediction: a class or a number; None for a number that is not finite.
        probabilities: class -> probability; empty for a regression.
    """

    time: datetime
    prediction_id: str
    model: str
    version: str
    route: str
    duration_us: int
    features: dict[str, Any]
    unknown: list[str]
    prediction: str | float | None
    probabilities: dict[str, float | None]


class LogReader:
    """Reads on where it stopped; what has been compacted is not read any more.

    Args:
        folder: of the log.
        model: reads this one alone.
    """

    def __init__(self, folder: Path, model: str | None = None) -> None:
        self._folder = folder
        self._model = model
        self._read: dict[str, int] = {}
        """Name of a segment -> bytes of it that have been read."""

    def last(self, count: int) -> list[Logged]:
        """The newest predictions, the oldest of them first; `new` gives those that follow.

        Raises:
            LogQueryError: a segment was written by a later Fairlead.
        """
        newest: list[Logged] = []
        for changed, segment in sorted(self._present(), key=lambda each: each[0], reverse=True):
            with suppress(FileNotFoundError):  # it was compacted meanwhile
                lines, end = _lines_at_end(segment, count)
                if len(newest) < count or (newest and changed >= newest[0].time.timestamp()):
                    newest += _logged(segment, lines)
                    newest = sorted(newest, key=lambda each: each.time)[-count:]
                self._read[segment.stem] = end
        return newest

    def new(self) -> list[Logged]:
        """The predictions that were logged since the last call, the oldest first.

        Raises:
            LogQueryError: a segment was written by a later Fairlead.
        """
        found: list[Logged] = []
        present = self._present()
        for _, segment in present:
            with suppress(FileNotFoundError):  # it was compacted meanwhile
                lines, end = _lines_from(segment, self._read.get(segment.stem, 0))
                found += _logged(segment, lines)
                self._read[segment.stem] = end
        names = {segment.stem for _, segment in present}
        self._read = {stem: end for stem, end in self._read.items() if stem in names}
        return sorted(found, key=lambda each: each.time)

    def _present(self) -> list[tuple[float, Segment]]:
        """The segments, each with the time of its last change."""
        found = []
        for segment in segments(self._folder, self._model):
            with suppress(FileNotFoundError):
                found.append((segment.path.stat().st_mtime, segment))
        return found


def _lines_from(segment: Segment, start: int) -> tuple[list[bytes], int]:
    """The whole lines behind a position, and where they end."""
    with segment.open() as file:
        file.seek(start)
        content = file.read()
    end = content.rfind(b"\n") + 1
    return content[:end].splitlines(), start + end


def _lines_at_end(segment: Segment, count: int) -> tuple[list[bytes], int]:
    """The last whole lines, and where they end."""
    with segment.open() as file:
        size = start = file.seek(0, os.SEEK_END)
        content, step = b"", BLOCK_BYTES
        while start > 0 and content.count(b"\n") <= count:
            start, step = max(0, start - step), 2 * step
            file.seek(start)
            content = file.read(size - start)
    end = content.rfind(b"\n") + 1
    lines = content[:end].splitlines()
    return lines[-count:] if count else [], start + end


def _logged(segment: Segment, lines: Iterable[bytes]) -> list[Logged]:
    header = segment.header() if lines else None
    if header is None:
        return []
    decoder = msgspec.json.Decoder(Line)
    found: list[Logged] = []
    for line in lines:
        try:
            found += _rows(header, decoder.decode(line))
        except msgspec.DecodeError:
            continue  # the header, or damage, which compaction counts
    return found


def _rows(header: Header, line: Line) -> Iterator[Logged]:
    at = EPOCH + timedelta(microseconds=line.t)
    classes = header.classes
    several = zip_longest(line.rows, line.predictions, line.probabilities)
    first = line.first or 0
    numbers = line.numbers or range(first, first + len(line.rows))
    for number, (row, prediction, probabilities) in zip(numbers, several, strict=False):
        pairs = list(zip(header.columns, row, strict=False))
        yield Logged(
            time=at,
            prediction_id=line.id if line.first is None else f"{line.id}-{number}",
            model=header.model,
            version=header.version,
            route=line.route,
            duration_us=line.us,
            features={column.name: _value(column, value) for column, value in pairs},
            unknown=[column.name for column, value in pairs if _is_unknown(column, value)],
            prediction=_prediction(classes, prediction),
            probabilities=dict(zip(classes, probabilities or (), strict=False)),
        )


def _prediction(classes: tuple[str, ...], value: float | None) -> str | float | None:
    return classes[int(value)] if classes and value is not None else value


def _is_unknown(column: Column, value: float | None) -> bool:
    return column.type == "category" and value == UNKNOWN


def _value(column: Column, value: float | None) -> Any:
    if value is None or _is_unknown(column, value):
        return None
    match column.type:
        case "category":
            return column.values[int(value)]
        case "boolean":
            return bool(value)
        case "integer":
            return int(value)
        case "datetime":
            return (EPOCH + timedelta(seconds=value)).isoformat()
        case _:
            return value
