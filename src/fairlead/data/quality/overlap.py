"""Rows that are not independent of each other: repeated, or known before they are predicted."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KDTree

from fairlead.data.quality.evidence import Evidence, Floats, drawn
from fairlead.data.quality.records import Observation
from fairlead.data.report import counted

NEAR, ALONE, FIFTH = 0.05, 20, 5
"""A row is near another if no number differs by more than so many interquartile ranges, and if
the fifth-nearest is so many times as far away."""
APART = 1e6
"""How far two categories, or a missing value and a number, lie from each other."""
LATITUDES = frozenset({"lat", "latitude"})
LONGITUDES = frozenset({"lon", "lng", "long", "longitude"})
AT_RANDOM = ("random", "stratified", "kfold", "leave_one_out")
"""Kinds of splits and folds that heed neither groups nor time."""


def repeated_rows(evidence: Evidence) -> Iterator[Observation]:
    """Rows that repeat an earlier one in every column."""
    report = evidence.dataset.report
    dropped = report.duplicates_policy == "drop"
    verb = "repeats" if report.duplicates == 1 else "repeat"
    yield Observation(
        "duplicate_rows",
        (),
        report.duplicates / report.rows_read,
        f"{counted(report.duplicates, 'row')} {verb} an earlier one in every column.",
        "`duplicates: drop` leaves them out."
        if dropped
        else "Set `duplicates: drop`, unless each of them is a case of its own.",
        settled=dropped,
    )


def shared_rows(evidence: Evidence) -> Iterator[Observation]:
    """Rows of the holdout whose features are those of a training row, or nearly."""
    held = drawn(evidence.holdout)
    if not len(held):
        return
    points = _points(evidence)
    equal, near = _equal_and_near(points[evidence.train], points[held])
    yield Observation(
        "duplicates_across_split",
        (),
        equal / len(held),
        f"{equal:,} of {counted(len(held), 'row')} of the holdout have the very features of a "
        "training row.",
        "Split by what they have in common (`split: {kind: group}`), or drop them; where few "
        "different rows can exist at all, this is to be expected.",
    )
    varied = [values for values in evidence.numbers.values() if len(np.unique(values)) > 1]
    if len(varied) < 2:
        # One number is near another by chance.
        return
    yield Observation(
        "near_duplicates_across_split",
        (),
        near / len(held),
        f"{near:,} of {counted(len(held), 'row')} of the holdout are all but equal to a training "
        f"row: no number differs by more than {NEAR:g} interquartile ranges, and others are "
        f"{ALONE} times as far away.",
        "The holdout measures memory as well as skill: find out where such rows come from, and "
        "keep those of one origin on one side (`role: group`).",
    )


def _equal_and_near(train: Floats, held: Floats) -> tuple[int, int]:
    """How many rows are equal to a training row, and how many are near one.

    A near row is much nearer than the fifth: in dense data every row has others about it.
    """
    tree = KDTree(train, metric="chebyshev")
    close = tree.query_radius(held, r=NEAR, count_only=True) > 0
    if not close.any():
        return 0, 0
    distances = tree.query(held[close], k=min(FIFTH, len(train)))[0]
    nearest, fifth = distances[:, 0], distances[:, -1]
    near = (nearest > 0) & (ALONE * nearest <= fifth)
    return int((nearest == 0).sum()), int(near.sum())


def _points(evidence: Evidence) -> Floats:
    """The features, shape (n, p), so that rows far apart in one of the columns are far apart."""
    columns = []
    for name, spec in evidence.declared.items():
        values = evidence.columns[name]
        missing = np.isnan(values)
        if spec.numeric or spec.type == "datetime":
            with np.errstate(over="ignore"):
                values = np.clip(values / _scale(values[~missing]), -APART, APART)
        else:
            values = values * APART
        columns.append(np.where(missing, 0.0, values))
        if missing.any():
            columns.append(missing * APART)
    return np.column_stack(columns)


def _scale(values: Floats) -> float:
    """The interquartile range, or where there is none the standard deviation."""
    if not len(values):
        return 1.0
    with np.errstate(over="ignore", invalid="ignore"):
        low, high = np.quantile(values, [0.25, 0.75], method="inverted_cdf")
        scale = float(high - low) or float(values.std())
    return scale if 0 < scale < np.inf else 1.0


def shared_locations(evidence: Evidence) -> Iterator[Observation]:
    """Rows of the holdout at the very place of a training row."""
    latitude = next((name for name in evidence.numbers if name.lower() in LATITUDES), None)
    longitude = next((name for name in evidence.numbers if name.lower() in LONGITUDES), None)
    if latitude is None or longitude is None or not len(evidence.holdout):
        return
    places = evidence.columns[latitude] + 1j * evidence.columns[longitude]
    held = np.isin(places[evidence.holdout], places[evidence.train])
    yield Observation(
        "shared_locations",
        (latitude, longitude),
        float(held.mean()),
        f"{int(held.sum()):,} of {counted(len(held), 'row')} of the holdout lie at the very place "
        "of a training row.",
        "The holdout says how well the model fills gaps between known places; for new places, "
        "leave whole regions out.",
    )


def shared_groups(evidence: Evidence) -> Iterator[Observation]:
    """Groups with rows on both sides of the split, or in several folds."""
    groups = evidence.with_role("group")
    if groups is None:
        return
    column = evidence.dataset.roles["group"]
    known = groups != "" if groups.dtype == object else ~np.isnan(groups)
    codes = np.unique(groups, return_inverse=True)[1]
    split, cv = evidence.spec.data.split.kind, evidence.spec.evaluation.cv.kind
    train, held = evidence.train, evidence.holdout
    if split in AT_RANDOM and len(held):
        seen = np.isin(codes[held], codes[train]) & known[held]
        yield _leak(
            "group_leakage",
            column,
            seen,
            "of the holdout belong to a group that training rows belong to",
            "Set `data.split.kind: group`.",
        )
    if cv in AT_RANDOM:
        seen = (np.bincount(codes[train])[codes[train]] > 1) & known[train]
        yield _leak(
            "group_leakage",
            column,
            seen,
            "of the training rows belong to a group of several, which the folds do not keep "
            "together",
            "Set `evaluation.cv.kind: group`.",
        )


def later_rows(evidence: Evidence) -> Iterator[Observation]:
    """Rows that are predicted by later ones."""
    times = evidence.with_role("time")
    if times is None:
        return
    column = evidence.dataset.roles["time"]
    split, cv = evidence.spec.data.split.kind, evidence.spec.evaluation.cv.kind
    train, held = evidence.train, evidence.holdout
    newest = np.nanmax(times[train], initial=-np.inf)
    if split in AT_RANDOM and len(held):
        yield _leak(
            "time_leakage",
            column,
            times[held] < newest,
            "of the holdout are older than the newest training row",
            "Set `data.split.kind: time`, if the model is to predict what is to come.",
        )
    if cv in AT_RANDOM:
        yield _leak(
            "time_leakage",
            column,
            times[train] < newest,
            "of the training rows are older than rows that the folds fit them by",
            "Set `evaluation.cv.kind: time`, if the model is to predict what is to come.",
        )


def _leak(code: str, column: str, rows: NDArray[np.bool_], what: str, advice: str) -> Observation:
    found = f"{int(rows.sum()):,} of {counted(len(rows), 'row')} {what}."
    return Observation(code, (column,), float(rows.mean()), found, advice)
