"""How a compiled classifier leaves its results when it has not seen every declared class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.graph.builder import Graph
from fairlead.models.family import FitContext, Outputs


def seen_classes(estimator: Any, context: FitContext) -> tuple[str, ...]:
    """Labels of the classes that a fitted classifier knows, in its own order; none for numbers."""
    codes = estimator.classes_.tolist() if context.classes else ()
    return tuple(context.classes[code] for code in codes)


def class_outputs(
    graph: Graph,
    position: str,
    probabilities: str,
    seen: NDArray[np.int64] | Sequence[int],
    classes: int,
    *,
    scores: str | None = None,
) -> Outputs:
    """Outputs over all declared classes; one that the estimator has not seen has probability 0.

    Args:
        graph: where to append.
        position: value [n, 1], int64: the predicted class as a position in `seen`.
        probabilities: value [n, m], float64, in the order of `seen`.
        seen: the m class codes that the estimator knows, rising: its `classes_`.
        classes: number of declared classes.
        scores: what the prediction is decided on.
    """
    codes = np.asarray(seen, np.int64)
    if len(codes) == classes:
        return Outputs(position, probabilities, scores)
    prediction = graph.op("Gather", graph.constant(codes), position)
    # One column of zeros behind the last; every unseen class takes it.
    padded = graph.op("Pad", probabilities, graph.constant(np.array([0, 0, 0, 1])))
    columns = np.full(classes, len(codes))
    columns[codes] = np.arange(len(codes))
    return Outputs(prediction, graph.columns(padded, columns.tolist()), scores)
