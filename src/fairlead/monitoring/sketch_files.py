"""Files of sketches: one for each finished segment of the prediction log, by its name."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from msgspec import Struct

from fairlead.errors import LogQueryError
from fairlead.monitoring.records import Kind, Window
from fairlead.monitoring.sketches import Axis, Grid, Sketch
from fairlead.serving.prediction_segments import SKETCH, SKETCHES, STAMP, folder_name
from fairlead.storage import write_whole

FORMAT = 1
FEW_ROWS = 20
"""A sketch of fewer rows tells much of each: it goes with the rows, not later."""
STEM = re.compile(r"(\d{8}T\d{6})-\d+-[0-9a-f]+")


class _Axis(Struct, frozen=True, array_like=True):
    name: str
    kind: Kind
    bins: int
    values: tuple[str, ...] = ()


class _Route(Struct, frozen=True):
    rows: int
    totals: bytes
    highs: bytes


class _File(Struct, frozen=True):
    format: int
    version: str
    digest: str
    origin: str
    columns: tuple[_Axis, ...]
    prediction: _Axis | None
    routes: dict[str, _Route]


@dataclass(frozen=True)
class SketchFile:
    """What one segment adds up to.

    Attributes:
        version: label of the version that answered.
        digest: of its bundle.
        routes: route -> sketch.
    """

    version: str
    digest: str
    routes: Mapping[str, Sketch]


def sketch_path(version_folder: Path, stem: str, rows: int) -> Path:
    """Where the sketch of a segment is: where rows are, if it holds few, or else where it stays."""
    began = began_at(stem)
    if rows < FEW_ROWS:
        return version_folder / f"day={began:%Y-%m-%d}" / f"{stem}{SKETCH}"
    return version_folder / SKETCHES / f"{began:%Y-%m-%d}" / f"{stem}{SKETCH}"


def has_sketch(version_folder: Path, stem: str) -> bool:
    """Whether the sketch of a segment has been written."""
    return any(sketch_path(version_folder, stem, rows).is_file() for rows in (0, FEW_ROWS))


def began_at(stem: str) -> datetime:
    """When a segment was begun, by its name."""
    return datetime.strptime(stem[:15], STAMP).replace(tzinfo=UTC)


def write_sketch(version_folder: Path, stem: str, sketch: SketchFile) -> None:
    """Write the sketch of a segment, whole.

    Raises:
        StorageError: it could not be written.
    """
    grid = next(iter(sketch.routes.values())).grid
    document = _File(
        FORMAT,
        sketch.version,
        sketch.digest,
        grid.origin,
        tuple(map(_axis, grid.columns)),
        None if grid.prediction is None else _axis(grid.prediction),
        {
            route: _Route(each.rows, _packed(each.totals), _packed(each.highs))
            for route, each in sketch.routes.items()
        },
    )
    rows = sum(each.rows for each in sketch.routes.values())
    write_whole(sketch_path(version_folder, stem, rows), msgspec.msgpack.encode(document))


def read_sketch(path: Path, grids: dict[object, Grid]) -> SketchFile:
    """Read a sketch.

    Args:
        path: its file.
        grids: those that have been read before: sketches that can be added share one.

    Raises:
        FileNotFoundError: it is not there any more.
        LogQueryError: it is damaged, or was written by a later Fairlead.
    """
    try:
        found = msgspec.msgpack.decode(path.read_bytes(), type=_File)
        if found.format != FORMAT:
            raise LogQueryError(f"{path} in format {found.format}", f"format {FORMAT}")
        key = found.origin, found.columns, found.prediction
        if key not in grids:
            last = None if found.prediction is None else _read_axis(found.prediction)
            grids[key] = Grid(found.origin, tuple(map(_read_axis, found.columns)), last)
        grid = grids[key]
        routes = {
            route: Sketch(
                grid, _unpacked(each.totals), _unpacked(each.highs).reshape(2, len(grid.axes))
            )
            for route, each in found.routes.items()
        }
    except (msgspec.DecodeError, zlib.error, ValueError) as error:
        found_ = f"{path}, a damaged sketch ({type(error).__name__})"
        raise LogQueryError(found_, "the file as it was written; delete it") from error
    return SketchFile(found.version, found.digest, routes)


def sketch_paths(folder: Path, model: str, window: Window) -> Iterator[Path]:
    """The sketches of a model whose segments were begun within a window, by time."""
    days = (window.end - window.start).days + 2
    found: list[tuple[str, Path]] = []
    for version in (folder / folder_name(model)).glob("*"):
        for number in range(days):
            day = f"{window.start + timedelta(days=number):%Y-%m-%d}"
            for place in (version / SKETCHES / day, version / f"day={day}"):
                found += [(path.name, path) for path in _sketches_in(place)]
    for name, path in sorted(found):
        if window.start <= began_at(name) < window.end:
            yield path


def _sketches_in(place: Path) -> Sequence[Path]:
    try:
        names = list(place.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    return [path for path in names if path.name.endswith(SKETCH) and STEM.match(path.name)]


def _axis(axis: Axis) -> _Axis:
    return _Axis(axis.name, axis.kind, axis.bins, axis.values)


def _read_axis(axis: _Axis) -> Axis:
    return Axis(axis.name, axis.kind, axis.bins, axis.values)


def _packed(numbers: np.ndarray) -> bytes:
    return zlib.compress(numbers.astype("<f8").tobytes(), 1)


def _unpacked(content: bytes) -> np.ndarray:
    return np.frombuffer(zlib.decompress(content), "<f8")
