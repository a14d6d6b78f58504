"""Columns that predict the target by themselves: a gift, or the answer in disguise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fairlead.data.quality.evidence import SEED, Evidence, Floats, Indices, drawn
from fairlead.data.quality.records import LIMITS, Observation, Power

MIN_ROWS = 50
"""Fewer rows than this tell nothing about one column."""
FOLDS = 5
LEAVES = 32
MIN_LEAF = 5


def powers(evidence: Evidence) -> tuple[Power, ...]:
    """How well each feature and derived column predicts the target by itself.

    Each is given to a tree of at most 32 leaves, a category to a table of its values, and is
    measured by five-fold cross-validation; rows of one group stay together.

    Returns:
        The most telling first; empty for fewer than 50 rows.
    """
    rows = drawn(np.arange(len(evidence.dataset.y)))
    y = evidence.dataset.y[rows]
    if len(rows) < MIN_ROWS or len(np.unique(y)) < 2:
        return ()
    if evidence.spec.task == "regression":
        # What is explained does not depend on the unit; so no square is too large.
        y = y / np.abs(y).max()
    folds = _folds(evidence, rows)
    found = [
        _power(evidence, name, values[rows], y, folds) for name, values in evidence.columns.items()
    ]
    return tuple(sorted(found, key=lambda power: -power.explained))


def _folds(evidence: Evidence, rows: Indices) -> Indices:
    """The fold of each row."""
    groups = evidence.with_role("group")
    units = np.arange(len(rows))
    if groups is not None:
        units = np.unique(groups[rows], return_inverse=True)[1]
    rng = np.random.Generator(np.random.PCG64(SEED))
    folds: Indices = (rng.permutation(units.max() + 1) % FOLDS)[units]
    return folds


def _power(evidence: Evidence, name: str, values: Floats, y: NDArray[Any], folds: Indices) -> Power:
    classes = len(evidence.dataset.contract.classes)
    declared = evidence.declared.get(name)
    # Numbers by their rank: a tree sees no difference, and no number is too large for it.
    codes = np.unique(values, return_inverse=True)[1]
    listed = declared is not None and declared.type in ("category", "boolean")
    predict = _by_value if listed else _by_tree
    predicted = np.empty(len(y))
    for fold in np.unique(folds):
        held = folds == fold
        # Where all rows are of one group, none is left to learn from.
        predicted[held] = (
            _usual(y, classes)
            if held.all()
            else predict(codes[~held], y[~held], codes[held], classes)
        )
    if classes:
        loss = (predicted != y).astype(np.float64)
        usual = 1 - float(np.bincount(y).max() / len(y))
    else:
        loss, usual = (y - predicted) ** 2, float(y.var())
    return _measured(name, loss, usual, accuracy=1 - float(loss.mean()) if classes else None)


def _measured(name: str, loss: Floats, usual: float, accuracy: float | None) -> Power:
    """What a column explains, from the loss of each row and the mean loss without the column."""
    explained = 1 - float(loss.mean() / usual)
    if explained <= 0:
        return Power(name, 0.0, 0.0, accuracy)
    error = float(loss.std() / usual) / len(loss) ** 0.5
    return Power(name, explained, error, accuracy)


def _by_tree(codes: Indices, y: NDArray[Any], held: Indices, classes: int) -> Floats:
    kind = DecisionTreeClassifier if classes else DecisionTreeRegressor
    tree = kind(max_leaf_nodes=LEAVES, min_samples_leaf=MIN_LEAF, random_state=SEED)
    predicted: Floats = tree.fit(codes[:, None], y).predict(held[:, None])
    return predicted


def _by_value(codes: Indices, y: NDArray[Any], held: Indices, classes: int) -> Floats:
    """The most frequent class, or the mean, of the rows with that value."""
    size = int(max(codes.max(), held.max())) + 1
    rows = np.bincount(codes, minlength=size)
    if classes:
        cells = np.bincount(codes * classes + y, minlength=size * classes)
        table = cells.reshape(size, classes).argmax(axis=1).astype(np.float64)
    else:
        table = np.bincount(codes, weights=y, minlength=size) / np.maximum(rows, 1)
    return np.where(rows > 0, table, _usual(y, classes))[held]


def _usual(y: NDArray[Any], classes: int) -> float:
    return float(np.bincount(y).argmax() if classes else y.mean())


def telling_columns(evidence: Evidence, found: Sequence[Power]) -> Iterator[Observation]:
    """Columns that all but give the target, and those that carry most of it."""
    derived = evidence.spec.data.derived
    target = evidence.spec.data.target.name
    for power in found:
        name = power.column
        told = f"{name} ({derived[name]})" if name in derived else name
        if power.accuracy is None:
            measured = f"alone explains {100 * power.explained:.1f} % of the variance of {target}"
        else:
            measured = f"alone names the right {target} in {100 * power.accuracy:.1f} % of the rows"
        if LIMITS["target_leakage"].passed_by(power.at_least):
            yield Observation(
                "target_leakage",
                (name,),
                power.at_least,
                f"{told} {measured}.",
                "Make sure that it is known before the target is; if the target is made from it, "
                "a rule is enough and scores say little: quote them without it, too.",
            )
        else:
            yield Observation(
                "dominant_column",
                (name,),
                power.at_least,
                f"{told} {measured}.",
                "Make sure that it is known when a prediction is asked for, and compare the "
                "candidates with a rule on it.",
            )
