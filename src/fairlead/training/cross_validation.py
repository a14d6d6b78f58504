"""Which rows are fitted and which are scored in each fold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneOut,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    TimeSeriesSplit,
)

from fairlead.errors import TrainingError
from fairlead.project.spec import CrossValidationSpec

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Fold:
    """Rows to fit on and rows to score, as positions; disjoint.

    Attributes:
        train: positions of the rows that are fitted.
        test: positions of the rows that are scored.
        repeat: number of the repetition, from 0.
    """

    train: Indices
    test: Indices
    repeat: int = 0


def folds(
    cv: CrossValidationSpec,
    y: NDArray[Any],
    groups: NDArray[Any] | None = None,
    times: NDArray[Any] | None = None,
) -> list[Fold]:
    """Lay out cross-validation.

    Args:
        cv: kind, number of folds, repeats and seed.
        y: shape (n,), class codes or numbers.
        groups: shape (n,), for `group`: a group is never on both sides.
        times: shape (n,), for `time`: training rows are always earlier than those scored.

    Returns:
        Folds in a fixed order. Within a repeat, each row is scored once (`time`: the earliest
        rows never).

    Raises:
        TrainingError: there are too few rows, groups or members of a class.
    """
    n = len(y)
    rows = np.zeros((n, 1))
    try:
        match cv.kind:
            case "kfold":
                kfold = RepeatedKFold(n_splits=cv.folds, n_repeats=cv.repeats, random_state=cv.seed)
                parts = list(kfold.split(rows))
            case "stratified":
                smallest = np.bincount(y.astype(np.int64)).min() if n else 0
                if smallest < cv.folds:
                    raise ValueError(
                        f"the smallest class has {smallest} rows, {cv.folds} folds need as many"
                    )
                stratified = RepeatedStratifiedKFold(
                    n_splits=cv.folds, n_repeats=cv.repeats, random_state=cv.seed
                )
                parts = list(stratified.split(rows, y))
            case "leave_one_out":
                parts = list(LeaveOneOut().split(rows))
            case "group":
                parts = list(GroupKFold(n_splits=cv.folds).split(rows, y, groups))
            case "time":
                if times is None:
                    raise ValueError("no column has `role: time`")
                order = np.argsort(times, kind="stable")
                parts = [
                    (order[train], order[test])
                    for train, test in TimeSeriesSplit(n_splits=cv.folds).split(rows)
                ]
    except ValueError as error:
        raise TrainingError("cross-validation", f"{cv.kind} of {n} rows: {error}") from error
    per_repeat = len(parts) // cv.repeats
    return [
        Fold(np.sort(train), np.sort(test), index // per_repeat)
        for index, (train, test) in enumerate(parts)
    ]
