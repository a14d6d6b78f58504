"""scikit-learn's forests; apart from `forest`, so that a project is read without it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)

from fairlead.project.columns import Task


class _QuietOutOfBag:
    """A forest that does not warn of few rows, or which every tree saw: `out_of_bag` marks them."""

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Any:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Some inputs do not have OOB scores")
            warnings.filterwarnings("ignore", message="R.2 score is not well-defined")
            return super().fit(X, y)  # type: ignore[misc]


class QuietForestClassifier(_QuietOutOfBag, RandomForestClassifier):  # type: ignore[misc]
    """scikit-learn's random forest classifier."""


class QuietForestRegressor(_QuietOutOfBag, RandomForestRegressor):  # type: ignore[misc]
    """scikit-learn's random forest regressor."""


ESTIMATORS: dict[tuple[str, Task], Any] = {
    ("random_forest", "classification"): QuietForestClassifier,
    ("random_forest", "regression"): QuietForestRegressor,
    ("extra_trees", "classification"): ExtraTreesClassifier,
    ("extra_trees", "regression"): ExtraTreesRegressor,
}
"""Family and task -> the estimator's class."""
