"""Linear discriminant analysis."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from fairlead.graph.builder import Graph
from fairlead.models.explanation import Weights
from fairlead.models.family import (
    Design,
    Family,
    FitContext,
    Outputs,
    Parameters,
    Range,
)
from fairlead.models.linear import TOLERANCE, compile_linear_classifier, weights_of_classes


class DiscriminantParameters(Parameters):
    """Parameters of `lda`, with scikit-learn's names and meanings."""

    shrinkage: Literal["auto"] | Annotated[float, Field(ge=0, le=1)] | None = None
    """How far the covariance is drawn to its diagonal, `auto` by Ledoit and Wolf; without it,
    not at all."""
    tol: float = Field(default=1e-4, gt=0)
    """Singular values below it are left out."""


class Discriminant(Family):
    """Classes as normal distributions with one covariance."""

    name = "lda"
    tasks = frozenset({"classification"})
    interpretability = "high"
    design = Design(categories="drop_first", fill_missing=True, scale=True)
    parameters = DiscriminantParameters
    tolerance = TOLERANCE
    search_space: ClassVar = {"shrinkage": Range(0.0, 1.0)}

    def build(self, parameters: Any, context: FitContext) -> Any:
        """An unfitted discriminant analysis; only the `lsqr` solver shrinks."""
        from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

        solver = "svd" if parameters.shrinkage is None else "lsqr"
        return LinearDiscriminantAnalysis(**parameters.model_dump(), solver=solver)

    def compile(self, estimator: Any, graph: Graph, features: str, context: FitContext) -> Outputs:
        """One weighted sum per class, or one for two classes."""
        return compile_linear_classifier(estimator, graph, features, context)

    def scores(self, estimator: Any, X: NDArray[np.float64]) -> NDArray[np.float64] | None:
        """The weighted sums."""
        scores: NDArray[np.float64] = estimator.decision_function(X)
        return scores

    def explain(self, estimator: Any, context: FitContext) -> Weights:
        """The weights of each class."""
        return weights_of_classes(estimator, context)


LDA = Discriminant()
