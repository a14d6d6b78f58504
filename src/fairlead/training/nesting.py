"""How the training rows of a fold are cut once more, for what is learned from predictions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fairlead.project.spec import CrossValidationSpec
from fairlead.training.cross_validation import Fold, folds

MOST = 5
"""Inner folds: each costs a fit of every member."""


@dataclass(frozen=True)
class Nesting:
    """What inner folds must keep apart: groups, or earlier from later rows.

    Attributes:
        groups: shape (n,), the groups of the training rows; None if rows are not grouped.
        times: shape (n,), their times; None if the order does not matter.
    """

    groups: NDArray[Any] | None = None
    times: NDArray[Any] | None = None

    @classmethod
    def of(
        cls, cv: CrossValidationSpec, groups: NDArray[Any] | None, times: NDArray[Any] | None
    ) -> Self:
        """What folds within those of a cross-validation keep apart, as these do."""
        return cls(
            groups if cv.kind in ("group", "blocks") else None,
            times if cv.kind == "time" else None,
        )

    def take(self, rows: NDArray[np.int64]) -> Self:
        """That of some of the rows."""
        groups, times = (None if each is None else each[rows] for each in (self.groups, self.times))
        return replace(self, groups=groups, times=times)

    def layout(self, y: NDArray[Any], seed: int) -> list[Fold]:
        """At most MOST folds, fewer where there are too few groups or rows of a class.

        Args:
            y: shape (n,), class codes or numbers.
            seed: seeds the folds.

        Raises:
            FoldsError: not even two folds can be cut.
        """
        kind: Any = "kfold"
        most = len(y)
        if self.groups is not None:
            kind, most = "group", len(np.unique(self.groups))
        elif self.times is not None:
            kind, most = "time", MOST
        elif y.dtype.kind == "i":
            fewest = int(np.unique(y, return_counts=True)[1].min(initial=len(y)))
            kind, most = ("stratified", fewest) if fewest > 1 else ("kfold", most)
        cv = CrossValidationSpec(kind=kind, folds=max(2, min(MOST, most)), seed=seed)
        return folds(cv, y, self.groups, self.times)


NESTING = Nesting()
"""Rows that need not be kept apart."""
