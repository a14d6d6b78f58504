"""Partial dependence: what a model says of the same rows while one column is varied."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from fairlead.data.encoding import UNKNOWN
from fairlead.project.columns import ColumnSpec

Floats = NDArray[np.float64]
POINTS = 18
"""So many places of a number are tried at even steps, and as many where the rows lie dense."""
SPREAD = (0.1, 0.9)
"""Between these quantiles lie the answers for the middle 80 % of the rows."""


@dataclass(frozen=True, eq=False)
class Dependence:
    """What a model says while one column is varied and all others are left as they are.

    Attributes:
        column: its name.
        places: shape (g,): the values that were tried; codes of a category.
        labels: names of the categories, in the order of `places`; empty for a number.
        mean: shape (g, k): mean over the rows of each output.
        low, high: shape (g, k): the answers for the middle 80 % of the rows lie between.
        seen: shape (n,): the values that the rows have, to see where there are any.
    """

    column: str
    places: Floats
    labels: tuple[str, ...]
    mean: Floats
    low: Floats
    high: Floats
    seen: Floats

    @property
    def reach(self) -> Floats:
        """How far the mean of each output moves, shape (k,)."""
        reach: Floats = np.ptp(self.mean, axis=0)
        return reach

    def of(self, outputs: Sequence[int]) -> Dependence:
        """The same of some outputs."""
        parts = {name: getattr(self, name)[:, outputs] for name in ("mean", "low", "high")}
        return replace(self, **parts)


def partial_dependence(
    predict: Callable[[Floats], Floats], X: Floats, index: int, name: str, column: ColumnSpec
) -> Dependence | None:
    """Vary one column of some rows.

    Args:
        predict: rows of shape (m, d) -> outputs of shape (m, k).
        X: shape (n, d), encoded rows of the training data.
        index: the column that is varied.
        name: its name.
        column: its declaration.

    Returns:
        None for a time, and where fewer than two values are known.
    """
    known = X[~np.isnan(X[:, index]), index]
    labels: tuple[str, ...] = ()
    if column.type in ("category", "boolean"):
        places = np.unique(known[known != UNKNOWN])
        names = column.values or ("false", "true")
        labels = tuple(names[int(code)] for code in places)
    elif column.type == "datetime" or not len(known):
        return None
    else:
        # The outermost hundredth on either side would stretch the axis over few rows.
        dense = np.quantile(known, np.linspace(0.01, 0.99, POINTS))
        places = np.union1d(dense, np.linspace(dense[0], dense[-1], POINTS))
    if len(places) < 2:
        return None
    varied = np.tile(X, (len(places), 1))
    varied[:, index] = np.repeat(places, len(X))
    answers = predict(varied).reshape(len(places), len(X), -1)
    low, high = np.quantile(answers, SPREAD, axis=1)
    return Dependence(name, places, labels, answers.mean(axis=1), low, high, known)
