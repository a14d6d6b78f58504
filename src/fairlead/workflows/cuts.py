"""The slices of a project: of the columns that it names, and by its conditions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.data.enforcement import Dataset
from fairlead.data.frames import values_of
from fairlead.evaluation.slices import Cut, cut
from fairlead.project.derived import extend, parse_derived
from fairlead.project.spec import ProjectSpec


def cuts_of(spec: ProjectSpec, dataset: Dataset, train: NDArray[np.int64]) -> list[Cut]:
    """Cut a data set; quarters are those of the training rows."""
    cuts = [
        cut(name, spec.data.columns[name], values_of(dataset, name), train)
        for name in spec.evaluation.slices
    ]
    return [*cuts, *_conditions(spec, dataset.contract, dataset.X)]


def cuts_of_rows(spec: ProjectSpec, contract: Contract, X: NDArray[np.float64]) -> list[Cut]:
    """Cut encoded rows, as far as their features say; quarters are those of the rows.

    Args:
        spec: the project.
        contract: of the rows.
        X: shape (n, d).
    """
    names = list(contract.columns)
    cuts = [
        cut(name, contract.columns[name], X[:, names.index(name)], np.arange(len(X)))
        for name in spec.evaluation.slices
        if name in contract.columns
    ]
    missing = set(spec.data.columns) & {
        name for name, column in spec.data.columns.items() if column.role == "feature"
    } - set(names)
    return cuts if missing else [*cuts, *_conditions(spec, contract, X)]


def _conditions(spec: ProjectSpec, contract: Contract, X: NDArray[np.float64]) -> list[Cut]:
    """The rows that meet a condition on features and derived columns, and those that do not."""
    known: Mapping[str, NDArray[Any]] = dict(zip(contract.columns, X.T, strict=True))
    found = []
    for name, condition in spec.evaluation.conditions.items():
        parsed = parse_derived(contract.columns, {**spec.data.derived, name: condition})
        found.append(Cut(name, ("false", "true"), extend(known, parsed)[name].astype(np.int64)))
    return found
