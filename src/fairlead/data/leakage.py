"""Finds columns that predict the target alone: they may hold what is known only afterwards."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, r2_score
from sklearn.model_selection import KFold, cross_val_predict
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from fairlead.data.enforcement import Dataset

SUSPICIOUS = 0.99
FEWEST_ROWS = 50
"""With fewer rows some column predicts the target by chance."""
MOST_ROWS = 4_000
"""More rows than that are sampled: the question is a coarse one."""


def predicts_alone(dataset: Dataset) -> dict[str, float]:
    """The features that predict the target alone, by a tree on rows that it did not see.

    Numbers count by their order, so that neither scale nor curve matter.

    Returns:
        Name -> balanced accuracy, or the share of the variance of the target's ranks that is
        explained (R²); those of at least SUSPICIOUS only.
    """
    rows = np.random.default_rng(0).permutation(len(dataset.y))[:MOST_ROWS]
    if len(rows) < FEWEST_ROWS:
        return {}
    y = _ranks(dataset.y[rows])
    scores = {
        name: _score(_ranks(x[rows]), y, dataset.contract.task == "classification")
        for name, x in zip(dataset.contract.columns, dataset.X.T, strict=True)
    }
    return {name: score for name, score in scores.items() if score >= SUSPICIOUS}


def _ranks(values: NDArray[Any]) -> NDArray[np.int64]:
    """Which of the distinct values each is, in their order; missing ones are the last."""
    ranks: NDArray[np.int64] = np.unique(values, return_inverse=True)[1]
    return ranks


def _score(x: NDArray[np.int64], y: NDArray[np.int64], classification: bool) -> float:
    tree = (DecisionTreeClassifier if classification else DecisionTreeRegressor)(random_state=0)
    halves = KFold(2, shuffle=True, random_state=0)
    predicted = cross_val_predict(tree, x[:, None], y, cv=halves)
    rate = balanced_accuracy_score if classification else r2_score
    return float(rate(y, predicted))
