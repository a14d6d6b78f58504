"""LightGBM's classifier; apart, because the library is imported only where a model is built."""

from __future__ import annotations

from typing import Any

import numpy as np
from lightgbm import LGBMClassifier
from numpy.typing import NDArray

from fairlead.models.options import present


class LightgbmClassifier(LGBMClassifier):  # type: ignore[misc]
    """LightGBM's classifier, which refuses the weight of a class that is not among the rows."""

    class_weight: Any

    def fit(self, X: NDArray[np.float64], y: NDArray[Any]) -> Any:
        """Fit; a class that has a weight may be absent."""
        self.class_weight = present(self.class_weight, y)
        return super().fit(X, y)
