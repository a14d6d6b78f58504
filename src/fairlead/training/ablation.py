"""Takes a feature away, with the derived columns that are computed from it."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.project.derived import parse_derived
from fairlead.project.neighbours import NeighboursSpec
from fairlead.training.fitting import Candidate


def without(
    feature: str, candidate: Candidate, contract: Contract, X: NDArray[np.float64]
) -> tuple[Candidate, Contract, NDArray[np.float64]]:
    """The same candidate on the other columns.

    Args:
        feature: a column of the contract or a derived column.
        candidate: what is to be trained.
        contract: the columns of X.
        X: shape (n, d), encoded rows.

    Returns:
        Candidate, contract and rows without it, and without all that needs it.

    Raises:
        TrainingError: no other column is left.
    """
    gone, derived = {feature}, candidate.features.derived
    for name, expression in parse_derived(contract.columns, derived).items():
        if gone & set(expression.names):
            gone.add(name)
    kept = [index for index, name in enumerate(contract.columns) if name not in gone]
    if not kept:
        raise TrainingError(candidate.name, f"{feature} is its only column")
    columns = {name: column for name, column in contract.columns.items() if name not in gone}
    members = tuple(_spared(member, gone) for member in candidate.members)
    less = replace(_spared(candidate, gone), members=members)
    return less, replace(contract, columns=columns), X[:, kept]


def _spared(candidate: Candidate, gone: Container[str]) -> Candidate:
    """The candidate without some columns and derived columns."""
    features = candidate.features
    derived = {name: text for name, text in features.derived.items() if name not in gone}
    rest = replace(features, derived=derived, neighbours=_fewer(features.neighbours, gone))
    return replace(candidate, features=rest)


def _fewer(neighbours: NeighboursSpec | None, gone: Container[str]) -> NeighboursSpec | None:
    """Neighbours that average what is left; none where they cannot be found any more."""
    if neighbours is None or any(name in gone for name in neighbours.columns):
        return None
    mean = tuple(name for name in neighbours.mean if name not in gone)
    ratio = {a: b for a, b in neighbours.ratio.items() if a not in gone and b not in gone}
    return neighbours.model_copy(update={"mean": mean, "ratio": ratio}) if mean else None
