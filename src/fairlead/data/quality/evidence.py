"""What the observations are made on: the rows that are kept, and how they are split."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.enforcement import Dataset
from fairlead.project.columns import ColumnSpec
from fairlead.project.derived import extend, parse_derived
from fairlead.project.spec import ProjectSpec

SAMPLE = 10_000
"""Costly observations are made on so many rows, drawn at random, where there are more."""
SEED = 42

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Evidence:
    """Rows to be examined.

    Attributes:
        spec: the project file.
        dataset: rows that keep the contract.
        train, holdout: their positions; the holdout may be empty.
    """

    spec: ProjectSpec
    dataset: Dataset
    train: Indices
    holdout: Indices

    @property
    def declared(self) -> Mapping[str, ColumnSpec]:
        """The features of the contract."""
        return self.dataset.contract.columns

    @cached_property
    def columns(self) -> Mapping[str, Floats]:
        """Features as they are encoded, then derived columns: name -> shape (n,)."""
        features = dict(zip(self.declared, self.dataset.X.T, strict=True))
        return extend(features, parse_derived(self.declared, self.spec.data.derived))

    @property
    def numbers(self) -> Mapping[str, Floats]:
        """The features that are numbers, without derived columns: name -> shape (n,)."""
        return {name: self.columns[name] for name, spec in self.declared.items() if spec.numeric}

    def with_role(self, role: str) -> NDArray[Any] | None:
        """The column with the role `group` or `time`; None if there is none."""
        name = self.dataset.roles.get(role)
        return None if name is None else self.dataset.others[name]


def drawn(rows: Indices) -> Indices:
    """These rows, or as many of them as a costly observation can bear, in their order."""
    if len(rows) <= SAMPLE:
        return rows
    rng = np.random.Generator(np.random.PCG64(SEED))
    return np.sort(rng.choice(rows, SAMPLE, replace=False))
