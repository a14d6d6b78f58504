"""Makes a file of labelled predictions that can be trained on, and reads it again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.manifest import to_json
from fairlead.bundle.reading import Bundle
from fairlead.data.contract import Contract
from fairlead.data.enforcement import Dataset
from fairlead.data.further import (
    CHOICE,
    GATES,
    TRAINED,
    Further,
    FurtherRows,
    newest,
    parts_of,
    read_further,
    to_parquet,
)
from fairlead.data.splits import holdout_split
from fairlead.errors import DataMissingError
from fairlead.monitoring.labelled import LabelledRows
from fairlead.project.loading import Project
from fairlead.storage import write_whole
from fairlead.workflows.promotion_rows import recoded
from fairlead.workflows.read import read
from fairlead.workflows.store import labelled_file

SLOT_ROWS = 250
"""So many labels tell a level: with an error of a fifth of the target, to about 1.3 %."""
MOST_SLOTS = 26


@dataclass(frozen=True)
class Usable:
    """Which labelled predictions can be trained on.

    Attributes:
        mask: shape (n,).
        unusable: why -> number of rows that cannot be, for it alone or first.
    """

    mask: NDArray[np.bool_]
    unusable: Mapping[str, int] = field(default_factory=dict)

    @property
    def rows(self) -> int:
        """How many can be."""
        return int(self.mask.sum())


@dataclass(frozen=True, eq=False)
class LabelledData:
    """A file of labelled predictions.

    Attributes:
        path: where it is.
        rows: what it holds.
        base_level: what `levelled` multiplies older targets by; None if levels make no sense.
        unusable: why -> predictions that were left out.
    """

    path: Path
    rows: FurtherRows
    base_level: float | None
    unusable: Mapping[str, int]


def usable(labelled: LabelledRows, contract: Contract) -> Usable:
    """Tell which predictions are rows that the contract of the project admits.

    A column that was masked, or left out of the log, makes all of them unusable: what is not known
    is not the same as what was missing.
    """
    left = np.ones(len(labelled), np.bool_)
    unusable: dict[str, int] = {}

    def leave_out(reason: str, rows: NDArray[np.bool_]) -> None:
        if (left & rows).any():
            unusable[reason] = int((left & rows).sum())
            left[rows] = False

    everything = np.ones(len(labelled), np.bool_)
    for name, spec in contract.columns.items():
        if name not in labelled.columns:
            leave_out(f"{name} was not asked for", everything)
            continue
        if name in labelled.absent:
            leave_out(f"{name} was not logged", everything)
            continue
        missing = np.isnan(labelled.X[:, labelled.columns.index(name)])
        if not spec.nullable:
            leave_out(f"{name} is missing", missing)
    if contract.classes:
        known = np.isin(np.array(labelled.classes, object), contract.classes)
        leave_out("the label is no class of the project", ~known[labelled.label])
    else:
        low, high = contract.target.min, contract.target.max
        outside = ~np.isfinite(labelled.label)
        outside |= labelled.label < (-np.inf if low is None else low)
        outside |= labelled.label > (np.inf if high is None else high)
        leave_out("the label is outside the range of the target", outside)
    return Usable(left, unusable)


def for_gates(labelled: LabelledRows, contract: Contract) -> LabelledRows:
    """The newest of the usable labelled predictions that no version is ever trained on."""
    mask = usable(labelled, contract).mask
    if not mask.any():
        return labelled.take(mask)
    places = [labelled.columns.index(name) for name in contract.columns]
    part = parts_of(tuple(contract.columns), labelled.X[:, places])
    kept = np.flatnonzero(mask & (part == GATES))
    return labelled.take(kept[newest(len(kept))])


def write_labelled(
    project: Project, dataset: Dataset, labelled: LabelledRows, champion: Bundle, now: datetime
) -> LabelledData:
    """Keep the usable ones of labelled predictions as a file, which is named by what it holds.

    Args:
        project: whose they are.
        dataset: its data.
        labelled: the oldest first.
        champion: by whose predictions levels are told.
        now: UTC.

    Raises:
        DataMissingError: none can be trained on.
        StorageError: it could not be written.
    """
    contract = dataset.contract
    found = usable(labelled, contract)
    if not found.rows:
        folder = labelled_file(project.root, "").parent
        raise DataMissingError(folder, "there are no labelled predictions that can be trained on")
    rows = _rows(labelled, found.mask, contract)
    base_level, level = _levels(project, dataset, rows, champion)
    rows = FurtherRows(rows.ids, rows.times, rows.X, rows.y, rows.part, level)
    content = to_parquet(rows, contract)
    digest = hashlib.sha256(content).hexdigest()
    path = labelled_file(project.root, digest)
    if not path.is_file():
        # The document first: a file of rows is never without it.
        document = _document(project, rows, found.unusable, base_level, now)
        write_whole(path.with_suffix(".json"), to_json(document))
        write_whole(path, content)
    return LabelledData(path, read_further(path, contract), base_level, found.unusable)


def recorded_rows(project: Project, path: Path, recipe: Mapping[str, Any]) -> Further:
    """The labelled predictions that a version was trained on, as its provenance tells.

    Raises:
        DataMissingError: the file is not there.
        DataInvalidError: it is not what was written.
        DataError: the project's data cannot be read.
    """
    rows = read_further(path, read(project).contract)
    return Further(rows, recipe["recipe"], recipe["base_level"])


def _rows(labelled: LabelledRows, mask: NDArray[np.bool_], contract: Contract) -> FurtherRows:
    places = [labelled.columns.index(name) for name in contract.columns if mask.any()]
    X = labelled.X[mask][:, places] if places else np.empty((0, len(contract.columns)))
    y = labelled.label[mask]
    if contract.classes:
        here = {label: code for code, label in enumerate(contract.classes)}
        codes = np.array([here.get(label, -1) for label in labelled.classes], np.int64)
        y = codes[y]
    part = parts_of(tuple(contract.columns), X)
    ids, times = labelled.ids[mask], labelled.times[mask]
    order = np.lexsort((ids, times))
    ones = np.ones(len(order))
    return FurtherRows(ids[order], times[order], X[order], y[order], part[order], ones)


def _levels(
    project: Project, dataset: Dataset, rows: FurtherRows, champion: Bundle
) -> tuple[float | None, NDArray[np.float64]]:
    """By what older targets are multiplied to be as they would be now.

    The level of a time is what labels sum up to, over what the champion predicts for the same
    rows: a champion that knows no time is the fixed measure for all of them.
    """
    none = np.ones(len(rows))
    trained = np.flatnonzero(rows.part == TRAINED)
    if dataset.contract.classes or len(trained) < 2 * SLOT_ROWS or (rows.y < 0).any():
        return None, none
    train, _ = holdout_split(project.spec.data.split, dataset)
    X, taken = recoded(dataset.contract, champion.contract, np.vstack([rows.X, dataset.X[train]]))
    if not taken.all():
        return None, none
    said = champion.score(X).prediction
    before = _level(dataset.y[train], said[len(rows) :])
    count = min(MOST_SLOTS, len(trained) // SLOT_ROWS)
    slots = np.array_split(trained, count)
    levels = [_level(rows.y[slot], said[slot]) for slot in slots]
    if not all(np.isfinite(each) and each > 0 for each in (before, *levels)):
        return None, none
    ends = [slot[-1] for slot in slots[:-1]]
    place = np.searchsorted(ends, np.arange(len(rows)), side="left")
    return levels[-1] / before, levels[-1] / np.array(levels)[place]


def _level(y: NDArray[Any], said: NDArray[Any]) -> float:
    total = float(said.sum())
    return float(y.sum()) / total if total > 0 else float("nan")


def _document(
    project: Project,
    rows: FurtherRows,
    unusable: Mapping[str, int],
    base_level: float | None,
    now: datetime,
) -> dict[str, Any]:
    ends = [datetime.fromtimestamp(t / 1e6, UTC).isoformat() for t in rows.times[[0, -1]].tolist()]
    names = {TRAINED: "trained", CHOICE: "kept_to_choose", GATES: "kept_for_gates"}
    return {
        "format": 1,
        "model": project.spec.name,
        "made_at": now.isoformat(),
        "first": ends[0],
        "last": ends[1],
        "rows": len(rows),
        **{name: int((rows.part == part).sum()) for part, name in names.items()},
        "unusable": dict(unusable),
        "ids_sha256": hashlib.sha256("\n".join(rows.ids.tolist()).encode()).hexdigest(),
        "base_level": base_level,
    }
