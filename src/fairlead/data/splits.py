"""Keeps rows back as the holdout, before anything is learned from the others."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupShuffleSplit, train_test_split

from fairlead.data.enforcement import Dataset
from fairlead.errors import DataInvalidError
from fairlead.project.spec import SplitSpec

Indices = NDArray[np.int64]


def holdout_split(split: SplitSpec, dataset: Dataset) -> tuple[Indices, Indices]:
    """Split the rows of a data set.

    `random` and `stratified` draw the rows that scikit-learn's `train_test_split` draws from the
    same seed, `group` those of `GroupShuffleSplit`: the share is then one of the groups. `time`
    takes the latest rows, and of one time those that stand last in the file.

    Args:
        split: kind, share and seed.
        dataset: the rows; with `group` or `time`, one of its columns has that role.

    Returns:
        Positions of the training rows and of the holdout, each rising; together all rows, once.

    Raises:
        DataInvalidError: the rows cannot be split so.
    """
    rows = len(dataset.y)
    positions = np.arange(rows)
    if split.kind == "none":
        return positions, positions[:0]
    path = Path(dataset.report.source)
    held = math.ceil(rows * split.holdout)
    if held >= rows:
        found = f"{rows} rows, of which {held} are the holdout"
        raise DataInvalidError(path, found, "some that are left to train on")
    match split.kind:
        case "random":
            train, holdout = train_test_split(
                positions, test_size=split.holdout, random_state=split.seed
            )
        case "stratified":
            _require_strata(path, dataset, held)
            train, holdout = train_test_split(
                positions, test_size=split.holdout, random_state=split.seed, stratify=dataset.y
            )
        case "group":
            train, holdout = _by_group(path, split, _with_role(dataset, "group"))
        case "time":
            times = _with_role(dataset, "time")
            order = np.argsort(times, kind="stable")
            train, holdout = order[:-held], order[-held:]
    return np.sort(train), np.sort(holdout)


def _with_role(dataset: Dataset, role: str) -> NDArray[Any]:
    """The column that has this role, which no row lacks; the spec sees to it that there is one."""
    values = dataset.others[dataset.roles[role]]
    missing = np.isnan(values) if values.dtype == np.float64 else values == ""
    if missing.any():
        found = f"{int(missing.sum())} rows without a {role}"
        raise DataInvalidError(
            Path(dataset.report.source), found, "one in each row, to split by it"
        )
    return values


def _by_group(path: Path, split: SplitSpec, groups: NDArray[Any]) -> tuple[Indices, Indices]:
    distinct, index = np.unique(groups, return_inverse=True)
    held = math.ceil(len(distinct) * split.holdout)
    if held >= len(distinct):
        found = f"{len(distinct)} groups, of which {held} are the holdout"
        raise DataInvalidError(path, found, "some that are left to train on")
    splitter = GroupShuffleSplit(n_splits=1, test_size=split.holdout, random_state=split.seed)
    train, holdout = next(splitter.split(index, groups=index))
    return train, holdout


def _require_strata(path: Path, dataset: Dataset, held: int) -> None:
    counts = {label: rows for label, rows in dataset.report.classes.items() if rows}
    for label, rows in counts.items():
        if rows < 2:
            found = f"1 row of class {label}"
            raise DataInvalidError(path, found, "at least 2 of each class, to stratify")
    fewer = min(held, len(dataset.y) - held)
    if fewer < len(counts):
        found = f"{fewer} rows on one side of the split"
        raise DataInvalidError(path, found, f"at least one for each of the {len(counts)} classes")
