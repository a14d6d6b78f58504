"""Takes a feature away, with the derived columns that are computed from it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.project.derived import parse_derived
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
        Candidate, contract and rows without it, and without every derived column that needs it.

    Raises:
        TrainingError: no other column is left.
    """
    gone = {feature}
    for name, expression in parse_derived(contract.columns, candidate.derived).items():
        if gone & set(expression.names):
            gone.add(name)
    kept = [index for index, name in enumerate(contract.columns) if name not in gone]
    if not kept:
        raise TrainingError(candidate.name, f"{feature} is its only column")
    columns = {name: column for name, column in contract.columns.items() if name not in gone}
    derived = {name: text for name, text in candidate.derived.items() if name not in gone}
    return replace(candidate, derived=derived), replace(contract, columns=columns), X[:, kept]
