"""Labelled rows on which a version and the champion are scored, by their exact graphs."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import columns_of, records
from fairlead.bundle.manifest import PROJECT
from fairlead.bundle.reading import Bundle
from fairlead.data.contract import Contract
from fairlead.data.encoding import encode, violations
from fairlead.data.enforcement import Dataset
from fairlead.data.splits import holdout_split
from fairlead.errors import EvaluationError
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.slices import Cut
from fairlead.monitoring.labelled import LabelledRows
from fairlead.project.loading import Project
from fairlead.registry.comparisons import Rows
from fairlead.registry.records import ModelVersion
from fairlead.workflows.cuts import cuts_of, cuts_of_rows
from fairlead.workflows.evidence import Evidence, recall, same_rows

MOST_RECENT = 50_000
"""So many labelled rows are looked at, the latest ones."""
SPLIT_KEYS = ("split", "duplicates", "target", "columns")
"""What the rows of the holdout depend on, beside the data."""


@dataclass(frozen=True)
class Side:
    """A version with its bundle."""

    version: ModelVersion
    bundle: Bundle


def holdout_rows(
    project: Project,
    dataset: Dataset | None,
    challenger: Side,
    champion: Side | None,
    *,
    is_frozen: bool,
) -> Rows | str:
    """The frozen holdout as both see it; else what was kept of their training, else why not.

    Args:
        project: the project.
        dataset: its data, if it is at hand.
        challenger: the version.
        champion: the champion, if there is one that can be loaded.
        is_frozen: whether the caller knows that the challenger has seen none of the holdout's
            rows, although it was trained on other data.
    """
    scored = None
    if dataset is not None:
        scored = _scored(project, dataset, challenger, champion, is_frozen=is_frozen)
    return scored or _kept(project, dataset, challenger, champion)


def _scored(
    project: Project,
    dataset: Dataset,
    challenger: Side,
    champion: Side | None,
    *,
    is_frozen: bool,
) -> Rows | None:
    """The holdout, scored now; None unless neither has seen any of it."""
    train, holdout = holdout_split(project.spec.data.split, dataset)
    sides = [challenger] if champion is None else [challenger, champion]
    fits = [_is_of(side, project, dataset) for side in sides]
    fits[0] |= is_frozen
    if not len(holdout) or not all(fits):
        return None
    truth = (dataset.X[holdout], dataset.y[holdout], dataset.contract.classes)
    said = []
    for side in sides:
        X, taken = recoded(dataset.contract, side.bundle.contract, truth[0])
        if not taken.all():
            return None
        said.append(predictions_of(side.bundle, X, *truth[1:]))
    groups = None
    if (name := dataset.roles.get("group")) is not None:
        groups = np.unique(dataset.others[name][holdout], return_inverse=True)[1]
    cuts = tuple(each.of(holdout) for each in cuts_of(project.spec, dataset, train))
    return Rows("holdout", (said[0],), tuple(said[1:]), groups, cuts)


def _is_of(side: Side, project: Project, dataset: Dataset) -> bool:
    """Whether a version was trained on this data, split in this way."""
    if side.bundle.manifest["provenance"].get("data_fingerprint") != dataset.fingerprint:
        return False
    try:
        recorded = json.loads((side.bundle.path / PROJECT).read_bytes())["data"]
    except (OSError, ValueError, KeyError):
        return False  # made by an earlier version of Fairlead, or adopted
    now = project.spec.model_dump(mode="json")["data"]
    return all(recorded.get(key) == now[key] for key in SPLIT_KEYS)


def _kept(
    project: Project, dataset: Dataset | None, challenger: Side, champion: Side | None
) -> Rows | str:
    """What both predicted when they were trained, of rows that neither had seen."""
    root, own = project.root, recall(project.root, challenger.version.digest)
    if own is None:
        return f"{challenger.version} was not trained in this folder, nor on the data in it"
    theirs, why = None, ""
    if champion is not None:
        found = same_rows(root, challenger.version, champion.version)
        theirs, why = (None, found) if isinstance(found, str) else (found[1], "")
    cuts = _kept_cuts(project, dataset, own)
    repeats = () if theirs is None else tuple(theirs.repeats)
    return Rows(own.source, tuple(own.repeats), repeats, own.groups, cuts, why)


def _kept_cuts(project: Project, dataset: Dataset | None, kept: Evidence) -> tuple[Cut, ...]:
    if dataset is None or dataset.fingerprint != kept.fingerprint:
        return ()
    if not np.isin(kept.rows, dataset.rows).all():
        return ()  # other rows are dropped now
    train, _ = holdout_split(project.spec.data.split, dataset)
    order = np.argsort(dataset.rows)
    places = order[np.searchsorted(dataset.rows, kept.rows, sorter=order)]
    return tuple(each.of(places) for each in cuts_of(project.spec, dataset, train))


def recent_rows(
    project: Project,
    recent: LabelledRows,
    challenger: Side,
    champion: Side | None,
    leave_out: Collection[Any] | None,
) -> tuple[Rows | None, tuple[int, int] | None]:
    """Labelled rows as both see them.

    Args:
        project: the project.
        recent: the rows.
        challenger: the version.
        champion: the champion, if there is one that can be loaded.
        leave_out: ids of the rows that one of them was trained on; without it, only rows that are
            newer than both count.

    Returns:
        The rows, None where there are none; and how many of those that were sent the version
        would refuse, and of how many, None where they cannot be read.
    """
    sides = [challenger] if champion is None else [challenger, champion]
    columns = tuple(recent.columns)
    source = next(
        (
            each.bundle.contract
            for each in reversed(sides)
            if tuple(each.bundle.contract.columns) == columns
        ),
        None,
    )
    if source is None or not len(recent.label):
        return None, None
    chosen = _unseen(recent, sides, leave_out)[-MOST_RECENT:]
    # A column that was masked in the log is missing there; nothing can be said of such rows.
    whole = np.ones(len(chosen), np.bool_)
    for fault in violations(source.declarations, np.asarray(recent.X)[chosen]):
        whole[fault.rows] = False
    chosen = chosen[whole]
    X = np.asarray(recent.X)[chosen]
    own, taken = recoded(source, challenger.bundle.contract, X)
    counted = (int((~taken).sum()), len(taken))
    y = np.asarray(recent.label)[chosen][taken]
    if not taken.any():
        return None, counted
    said = []
    for side in sides:
        rows, fit = (own, taken) if side is challenger else recoded(source, side.bundle.contract, X)
        if not fit[taken].all():
            return None, counted
        said.append(predictions_of(side.bundle, rows[taken], y, tuple(recent.classes)))
    cuts = tuple(cuts_of_rows(project.spec, challenger.bundle.contract, own[taken]))
    return Rows("recent", (said[0],), tuple(said[1:]), None, cuts), counted


def settled_rows(
    project: Project,
    dataset: Dataset,
    settled: Side,
    recent: LabelledRows,
    leave_out: Collection[Any] | None,
) -> tuple[Rows, Rows] | None:
    """The holdout and the labelled rows as one version sees them; None if it cannot see both.

    Args:
        project: the project.
        dataset: its data.
        settled: the version; nothing is asked of it if it was trained on other data.
        recent: the labelled rows.
        leave_out: as for `recent_rows`.
    """
    held = _scored(project, dataset, settled, None, is_frozen=False)
    late, _ = recent_rows(project, recent, settled, None, leave_out)
    return None if held is None or late is None else (held, late)


def _unseen(
    recent: LabelledRows, sides: Sequence[Side], leave_out: Collection[Any] | None
) -> NDArray[np.int64]:
    """Positions of the rows that neither was trained on, the latest last."""
    times = np.asarray(recent.times)
    if leave_out is None:
        newest = max(each.version.created_at for each in sides)
        unseen = times > int(newest.timestamp() * 1e6)
    else:
        known = set(leave_out)
        unseen = np.array([each not in known for each in list(recent.ids)], np.bool_)
    found: NDArray[np.int64] = np.flatnonzero(unseen)
    return found[np.argsort(times[found], kind="stable")]


def recoded(
    source: Contract, target: Contract, X: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Rows of one contract as another one reads them.

    Args:
        source: of the rows.
        target: the other one.
        X: shape (n, d).

    Returns:
        Shape (n, of the other contract), and which rows it takes, shape (n,).
    """
    taken = np.ones(len(X), np.bool_)
    if source.declarations == target.declarations:
        return X, taken
    values = columns_of(records(source, X))
    known = {name: values[name] for name in target.columns if name in values}
    encoded, faults = encode(target.declarations, known, len(X))
    for fault in (*faults, *violations(target.declarations, encoded)):
        taken[fault.rows] = False
    return encoded, taken


def predictions_of(
    bundle: Bundle, X: NDArray[np.float64], y: NDArray[Any], classes: tuple[str, ...]
) -> Predictions:
    """What a bundle says of rows, beside the truth.

    Args:
        bundle: the model.
        X: shape (n, d), encoded by its contract.
        y: shape (n,), codes of `classes`, or floats.
        classes: empty for regression.

    Raises:
        EvaluationError: the bundle knows a class that is not among them.
    """
    said = bundle.score(X)
    if not classes:
        return Predictions(y, said.prediction)
    codes = {label: code for code, label in enumerate(classes)}
    strange = [label for label in bundle.contract.classes if label not in codes]
    if strange:
        raise EvaluationError(f"classes {', '.join(strange)}", f"some of {', '.join(classes)}")
    y_pred = np.array([codes[label] for label in said.prediction], np.int64)
    if said.probabilities is None:
        return Predictions(y, y_pred, None, classes)
    shares = np.zeros((len(X), len(classes)))
    shares[:, [codes[label] for label in bundle.contract.classes]] = said.probabilities
    return Predictions(y, y_pred, shares, classes)
