"""scikit-learn's boosters; apart from the family, so that a project is read without it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from fairlead.models.options import present


class _EmptyColumns:
    """A booster that learns nothing from a column without a value; scikit-learn 1.9 refuses it."""

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Any:
        return super().fit(np.where(np.isnan(X).all(axis=0), 0.0, X), y)  # type: ignore[misc]


class BoostingClassifier(_EmptyColumns, HistGradientBoostingClassifier):  # type: ignore[misc]
    """scikit-learn's boosted classifier, with class weights by class code.

    It looks classes up by their position among those that it is fitted on.
    """

    class_weight: Any

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Any:
        """Fit; a class that has a weight may be absent."""
        weights = present(self.class_weight, y)
        if isinstance(weights, dict):
            self.class_weight = dict(enumerate(weights.values()))
        return super().fit(X, y)


class BoostingRegressor(_EmptyColumns, HistGradientBoostingRegressor):  # type: ignore[misc]
    """scikit-learn's boosted regressor."""
