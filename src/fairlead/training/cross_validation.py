"""Which rows are fitted and which are scored in each fold."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import (
    GroupKFold,
    LeaveOneOut,
    RepeatedKFold,
    RepeatedStratifiedKFold,
    TimeSeriesSplit,
)

from fairlead.errors import FoldsError
from fairlead.project.spec import CrossValidationSpec

Indices = NDArray[np.int64]
FEW_FOLDS = 5


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
        groups: shape (n,), for `group` and `blocks`: a group is never on both sides.
        times: shape (n,), for `time`: training rows are always earlier than those scored.

    Returns:
        Folds in a fixed order. Within a repeat, each row is scored once (`time`: the earliest
        rows never).

    Raises:
        FoldsError: there are too few rows, groups, times or members of a class, or a time is
            missing.
    """
    try:
        parts = _parts(cv, y, groups, times)
        _require_classes(parts, y)
    except ValueError as error:
        raise FoldsError(cv.kind, len(y), str(error)) from error
    per_repeat = len(parts) // cv.repeats
    return [
        Fold(np.sort(train), np.sort(test), index // per_repeat)
        for index, (train, test) in enumerate(parts)
    ]


def block_of(lengths: Sequence[float], values: NDArray[np.float64]) -> Indices:
    """Number the blocks that rows lie in.

    Args:
        lengths: shape (c,), length of a block in each column.
        values: shape (n, c).

    Returns:
        Shape (n,); rows without a place are in blocks of their own.
    """
    corners = np.floor(values / np.asarray(lengths))
    return np.unique(corners, axis=0, return_inverse=True)[1].reshape(-1)


def without_leaving_one_out(
    cv: CrossValidationSpec, y: NDArray[Any], repeats: int = 1
) -> CrossValidationSpec:
    """Five folds, of classes in their shares, for what cannot leave out one row at a time.

    Args:
        cv: cross-validation of the project; returned as it is unless it is `leave_one_out`, and
            where a class, or the whole, has fewer than five rows.
        y: shape (n,), class codes or numbers.
        repeats: how often the five folds are drawn anew.
    """
    classes = y.dtype.kind == "i"
    fewest = np.unique(y, return_counts=True)[1].min() if classes else len(y)
    if cv.kind != "leave_one_out" or fewest < FEW_FOLDS:
        return cv
    kind: Literal["stratified", "kfold"] = "stratified" if classes else "kfold"
    return CrossValidationSpec(kind=kind, folds=FEW_FOLDS, repeats=repeats, seed=cv.seed)


def at_most_five(
    cv: CrossValidationSpec, y: NDArray[Any], groups: NDArray[Any] | None
) -> CrossValidationSpec:
    """The same kind of cross-validation with five folds, or fewer where the rows have no more.

    Args:
        cv: cross-validation of the project.
        y: shape (n,), class codes or numbers.
        groups: shape (n,), for `group` and `blocks`.
    """
    coarse = without_leaving_one_out(cv, y)
    most = min(coarse.folds, FEW_FOLDS)
    if coarse.kind == "stratified":
        most = min(most, int(np.unique(y, return_counts=True)[1].min()))
    elif coarse.kind in ("group", "blocks") and groups is not None:
        most = min(most, len(np.unique(groups)))
    return coarse.model_copy(update={"folds": max(2, most), "repeats": 1})


def growing(
    layout: Sequence[Fold],
    shares: Sequence[float],
    y: NDArray[Any],
    groups: NDArray[Any] | None,
    seed: int,
) -> list[list[Fold]]:
    """The same folds, fitted on growing parts of their rows, each within the next.

    Args:
        layout: the folds.
        shares: shares of the rows to fit on, in (0, 1].
        y: shape (n,), class codes or numbers; classes keep their shares in every part.
        groups: shape (n,): a group comes as a whole.
        seed: seeds the order in which rows come.

    Returns:
        Folds for each share, which score the same rows as `layout`.
    """
    place = _places(y, groups, np.random.default_rng(seed))
    return [
        [
            Fold(
                _first(fold.train, place, math.ceil(share * len(fold.train))),
                fold.test,
                fold.repeat,
            )
            for fold in layout
        ]
        for share in shares
    ]


def _places(
    y: NDArray[Any], groups: NDArray[Any] | None, rng: np.random.Generator
) -> NDArray[np.float64]:
    """A number for each row: those with the smallest ones come first."""
    if groups is not None:
        distinct, index = np.unique(groups, return_inverse=True)
        return rng.permutation(len(distinct))[index].astype(np.float64)
    place = rng.random(len(y))
    if y.dtype.kind == "i":
        for code in np.unique(y):
            rows = np.flatnonzero(y == code)
            place[rows] = (place[rows].argsort().argsort() + 0.5) / len(rows)
    return place


def _first(rows: Indices, place: NDArray[np.float64], count: int) -> Indices:
    return np.sort(rows[np.argsort(place[rows], kind="stable")[:count]])


def _parts(
    cv: CrossValidationSpec,
    y: NDArray[Any],
    groups: NDArray[Any] | None,
    times: NDArray[Any] | None,
) -> list[tuple[Indices, Indices]]:
    """Rows to fit on and to score, fold by fold; a ValueError says why it cannot be."""
    rows = np.zeros((len(y), 1))
    repeated = {"n_splits": cv.folds, "n_repeats": cv.repeats, "random_state": cv.seed}
    match cv.kind:
        case "kfold":
            return list(RepeatedKFold(**repeated).split(rows))
        case "stratified":
            smallest = np.unique(y, return_counts=True)[1].min(initial=len(y))
            if smallest < cv.folds:
                raise ValueError(
                    f"the smallest class has {smallest} rows, {cv.folds} folds need as many"
                )
            return list(RepeatedStratifiedKFold(**repeated).split(rows, y))
        case "leave_one_out":
            return list(LeaveOneOut().split(rows))
        case "group" | "blocks":
            return list(GroupKFold(n_splits=cv.folds).split(rows, y, groups))
        case "time":
            if times is None:
                raise ValueError("no column has `role: time`")
            return _forward(times, cv.folds)


def _require_classes(parts: Sequence[tuple[Indices, Indices]], y: NDArray[Any]) -> None:
    """Refuse folds that nothing can be learned from: class codes are whole numbers."""
    if y.dtype.kind != "i":
        return
    for number, (train, _) in enumerate(parts, start=1):
        if (y[train] == y[train[0]]).all():
            raise ValueError(f"fold {number} would be fitted on rows of one class")


def _forward(times: NDArray[Any], count: int) -> list[tuple[Indices, Indices]]:
    """Later and later rows to score, each time all rows of an earlier time to fit on."""
    unknown = int(np.isnan(times).sum())
    if unknown:
        raise ValueError(f"{unknown} rows have no time")
    order = np.argsort(times, kind="stable")
    parts = []
    for train, test in TimeSeriesSplit(n_splits=count).split(order):
        # Rows of one time may lie on both sides of the cut: none of them is fitted.
        earlier = times[order[train]] < times[order[test[0]]]
        if not earlier.any():
            raise ValueError(f"{len(np.unique(times))} different times are too few")
        parts.append((order[train][earlier], order[test]))
    return parts
