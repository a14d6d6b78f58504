"""How far what a model sees is from what it has learned from: a window of the log, judged."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from fairlead.bundle.manifest import MANIFEST, SKETCH
from fairlead.bundle.reading import Bundle
from fairlead.errors import LogQueryError
from fairlead.monitoring.drift import judge
from fairlead.monitoring.records import DriftReport, Kind, Window
from fairlead.monitoring.reference import Reference
from fairlead.monitoring.sketch_files import SketchFile, read_sketch, sketch_paths
from fairlead.monitoring.sketches import Grid, Sketch, merge
from fairlead.project.parts import seconds
from fairlead.project.spec import MonitoringSpec
from fairlead.registry.records import CHAMPION
from fairlead.serving.prediction_segments import SKETCH as SKETCH_FILE
from fairlead.serving.prediction_segments import folder_name
from fairlead.serving.records import SHADOW
from fairlead.workflows.sketching import References, missing_sketches, read_reference
from fairlead.workflows.store import STATE

if TYPE_CHECKING:
    import polars as pl

SAMPLE_ROWS = 20_000
"""So many rows of each side, drawn at random, are shown by Evidently."""
SEED = 42


class Sides(NamedTuple):
    """Some rows of both sides, for who wants to see rows.

    Attributes:
        kinds: column -> what it holds.
        reference, current: a column each.
    """

    kinds: Mapping[str, Kind]
    reference: pl.DataFrame
    current: pl.DataFrame


@dataclass(frozen=True, eq=False)
class Drift:
    """What was found, and what it was found by.

    Attributes:
        report: what was found.
        reference, current: what it was found by.
        page: where Evidently's report goes.
        rows: draws rows of both sides.
        left_out: column -> why it was not compared.
        remarks: what else its reader should know, a sentence each.
    """

    report: DriftReport
    reference: Reference
    current: tuple[Sketch, ...]
    page: Path
    rows: Callable[[], Sides]
    left_out: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


def drift_of_window(
    folder: Path,
    model: str,
    bundle: Bundle,
    window: Window,
    monitoring: MonitoringSpec,
    *,
    importance: Mapping[str, float] | None = None,
    label: str | None = None,
) -> DriftReport:
    """Judge a window of the log beside the training rows of a bundle.

    All versions and routes are judged together; copies for a shadow are left out. A segment of
    the log, five minutes at most, belongs to the window in which it was begun.

    Args:
        folder: of the prediction log.
        model: name that it is served under.
        bundle: of the champion.
        window: from when to when.
        monitoring: of the project.
        importance: column -> what it is worth to the model; see `importance_of`.
        label: what the reference is called; by name and digest if not given.

    Raises:
        DataInvalidError: the bundle's sketch is damaged.
        LogQueryError: a file of the log is damaged, or was written by a later Fairlead.
        StorageError: a sketch that was missing could not be written.
    """
    words = label or f"{bundle.name} {bundle.digest[:12]} (training rows)"
    reference = read_reference(bundle.path / SKETCH, bundle.digest, words)
    references = References(bundle.path.parent, reference)
    find = partial(sketches_of, folder, model, references=references)
    return judged(reference, find(window), window, monitoring, find, importance)


def judged(
    reference: Reference,
    sketches: Sequence[SketchFile],
    window: Window,
    monitoring: MonitoringSpec,
    find: Callable[[Window], Sequence[SketchFile]],
    importance: Mapping[str, float] | None = None,
) -> DriftReport:
    """The same for a reference and sketches that have been read; `find` reads earlier ones."""
    earlier: tuple[Sketch, ...] = ()
    if monitoring.season is not None:
        back = span(monitoring.season)
        earlier = answered(find(Window(window.start - back, window.end - back)))
    return judge(
        reference,
        answered(sketches),
        min_rows=monitoring.min_rows,
        drift_share=monitoring.drift_share,
        window=window,
        importance=importance,
        earlier=earlier,
    )


def sketches_of(
    folder: Path, model: str, window: Window, references: References
) -> list[SketchFile]:
    """Every sketch of a window; what is missing is made and, of finished segments, kept."""
    unfinished = dict(missing_sketches(folder, model, window, references))
    found, grids = [*unfinished.values()], dict[object, Grid]()
    for path in sketch_paths(folder, model, window):
        if path.name.removesuffix(SKETCH_FILE) in unfinished:
            continue  # it has been finished meanwhile
        with suppress(FileNotFoundError):  # it is too old
            found.append(read_sketch(path, grids))
    return found


def answered(sketches: Sequence[SketchFile]) -> tuple[Sketch, ...]:
    """All together but the shadow's copies, one sketch for each layout."""
    return merge(
        [sketch for each in sketches for route, sketch in each.routes.items() if route != SHADOW]
    )


def served_reference(
    folder: Path, model: str, sketches: Sequence[SketchFile], references: References
) -> Reference:
    """That of the version which answered most of the champion's requests, else most of all.

    Raises:
        LogQueryError: nothing is known of the training rows of any version.
    """
    rows: Counter[tuple[bool, str, str]] = Counter()
    for each in sketches:
        for route, sketch in each.routes.items():
            if route != SHADOW:
                rows[route == CHAMPION, each.version, each.digest] += sketch.rows
    for _, version, digest in sorted(rows, key=lambda key: (not key[0], -rows[key])):
        place = folder / folder_name(model) / folder_name(version)
        found = references.of(place, digest, f"{model} version {version}")
        if found is not None:
            return replace(found, label=f"{model} version {version} (training rows)")
    raise LogQueryError(
        f"no sketch of the training rows of {model} beside the log",
        "a log that a service with this Fairlead has written to, or the project with its bundles",
    )


def importance_of(root: Path, digest: str) -> dict[str, float]:
    """Column -> what the metric loses where it is shuffled; empty where that was not measured.

    Args:
        root: of the project, whose last training has measured it.
        digest: of the bundle; an importance of another training is not taken.
    """
    state = root / STATE
    study = _json(state / "results" / "importance.json")
    manifest = _json(state / "bundles" / digest / MANIFEST)
    origin = manifest.get("provenance", {})
    same = study.get("candidate") == manifest.get("candidate") and all(
        study.get(key) == origin.get(key) for key in ("created_at", "data_fingerprint")
    )
    if not study or not same:
        return {}
    compared = {each["feature"]: each["comparison"] for each in study["features"]}
    return {
        name: abs(found["difference"]["value"] or 0.0) if found["verdict"] != "better" else 0.0
        for name, found in compared.items()
        if found is not None
    }


def span(text: str) -> timedelta:
    """A time such as `24h` as the project file has it."""
    return timedelta(seconds=seconds(text))


def window_until(text: str, until: datetime) -> Window:
    """The window of that length which ends then."""
    return Window(until - span(text), until)


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
