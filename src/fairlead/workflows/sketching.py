"""Makes the sketches of the prediction log: once for each finished segment."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import SKETCH
from fairlead.errors import DataInvalidError
from fairlead.monitoring.logged import Block, blocks
from fairlead.monitoring.records import Window
from fairlead.monitoring.reference import Reference, reference_of
from fairlead.monitoring.sketch_files import SketchFile, began_at, has_sketch, write_sketch
from fairlead.monitoring.sketches import Grid, Sketch, merge, sketch_of
from fairlead.serving.prediction_segments import (
    Header,
    Segment,
    claimed,
    folder_name,
    reference_path,
    segments,
)
from fairlead.workflows.parquet_blocks import parquet_blocks, parquet_version


@dataclass
class References:
    """The references of versions, by the digest of their bundle; each is read once.

    Attributes:
        bundles: folder of bundles, where a service has left nothing beside the log.
        fallback: for versions of which nothing is known any more.
    """

    bundles: Path | None = None
    fallback: Reference | None = None
    _known: dict[str, Reference | None] = field(default_factory=dict)

    def of(self, version_folder: Path, digest: str, label: str) -> Reference | None:
        """That of a version; None if there is none.

        Raises:
            DataInvalidError: what was left is damaged.
        """
        if digest not in self._known:
            places = [reference_path(version_folder, digest)]
            if self.bundles is not None:
                places.append(self.bundles / digest / SKETCH)
            read = (read_reference(path, digest, label) for path in places if path.is_file())
            self._known[digest] = next(read, None)
        return self._known[digest] or self.fallback


def read_reference(path: Path, digest: str, label: str) -> Reference:
    """Read the sketch of a bundle.

    Args:
        path: `sketch.json`, or a copy of it.
        digest: of the bundle.
        label: what the reference is, in words.

    Raises:
        DataInvalidError: it is damaged.
    """
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        return reference_of(document, digest, label)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        found = f"text that is no sketch of a bundle ({type(error).__name__})"
        raise DataInvalidError(path, found, "`sketch.json` as a bundle has it") from error


def keep_sketch(segment: Segment, header: Header, references: References) -> bool:
    """Write the sketch of a finished segment unless that has been done; says whether it is there.

    Args:
        segment: claimed by the caller.
        header: of the segment.
        references: where edges come from; without one for the version there is no sketch.

    Raises:
        StorageError: it could not be written.
    """
    folder = segment.path.parent
    if has_sketch(folder, segment.stem):
        return True
    sketch = _of_segment(segment, header, references)
    if sketch is not None and sketch.routes:
        write_sketch(folder, segment.stem, sketch)
    return sketch is not None


def missing_sketches(
    folder: Path, model: str, window: Window, references: References
) -> Iterator[tuple[str, SketchFile]]:
    """Write what is missing within a window; what is still being written is only counted.

    Returns:
        The names of those segments, and their sketches.

    Raises:
        LogQueryError: a segment was written by a later Fairlead.
        StorageError: a sketch could not be written.
    """
    for segment in segments(folder, model):
        if not window.start <= segment.began < window.end or has_sketch(
            segment.path.parent, segment.stem
        ):
            continue
        with suppress(FileNotFoundError):  # it was compacted meanwhile, or is too old
            header = segment.header()
            if header is None:
                continue
            with claimed(segment.path) as is_finished:
                if is_finished:
                    keep_sketch(segment, header, references)
                elif (part := _of_segment(segment, header, references)) and part.routes:
                    yield segment.stem, part
    for path in sorted(folder.glob(f"{folder_name(model)}/*/day=*/*.parquet")):
        version_folder = path.parent.parent
        began = began_at(path.stem)
        if window.start <= began < window.end and not has_sketch(version_folder, path.stem):
            with suppress(FileNotFoundError):
                _keep_of_parquet(path, version_folder, references)


def _of_segment(segment: Segment, header: Header, references: References) -> SketchFile | None:
    label = f"{header.model} version {header.version}"
    reference = references.of(segment.path.parent, header.digest, label)
    if reference is None:
        return None
    logged = [column.name for column in header.columns]
    grid = reference.grid.only([each.name for each in header.columns if not each.masked])
    with segment.open() as file:
        file.readline()
        found = blocks(file, len(logged), len(header.classes))
        routes = _counted(_fitting(grid, header.classes), logged, found)
    return SketchFile(header.version, header.digest, routes)


def _keep_of_parquet(path: Path, version_folder: Path, references: References) -> None:
    """Sketch a file that was compacted before there were sketches."""
    model, version = parquet_version(path)
    own = sorted(version_folder.glob("reference-*.json"))
    digest = own[-1].stem.removeprefix("reference-") if own else ""
    fallback = references.fallback
    reference = read_reference(own[-1], digest, f"{model} version {version}") if own else fallback
    if reference is None:
        return
    names, classes, found = parquet_blocks(path, reference.grid)
    routes = _counted(_fitting(reference.grid.only(names), classes), names, found)
    if routes:
        write_sketch(version_folder, path.stem, SketchFile(version, digest, routes))


def _fitting(grid: Grid, classes: tuple[str, ...]) -> Grid:
    """The grid without a prediction that is of another kind than what was logged."""
    values = () if grid.prediction is None else grid.prediction.values
    return grid if values == classes else Grid(grid.origin, grid.columns)


def _counted(grid: Grid, logged: list[str], found: Iterator[Block]) -> dict[str, Sketch]:
    places = [logged.index(axis.name) for axis in grid.columns]
    routes: dict[str, list[Sketch]] = {}
    for block in found:
        X = block.X[:, places]
        part = sketch_of(grid, X, block.prediction, block.probabilities)
        routes.setdefault(block.route, []).append(part)
    return {route: merge(parts)[0] for route, parts in routes.items()}
