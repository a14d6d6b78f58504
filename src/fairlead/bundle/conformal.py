"""Compiles intervals and sets into a graph of their own, and proves it equal to the definition.

They have a graph of their own because onnxruntime 1.31 runs every node of a graph, whichever output
it is asked for: in the model's graph they would cost each prediction 3 µs, asked for or not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.parity import Difference, compare, random_rows, threshold_rows
from fairlead.data.contract import Contract
from fairlead.errors import ParityError
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.training.conformal import Conformal
from fairlead.training.fitting import Prediction

Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class ProvedConformal:
    """Compiled intervals or sets, and the proof that they are those that were calibrated."""

    model: bytes
    conformal: Conformal
    proof: Difference


def prove_conformal(
    conformal: Conformal,
    contract: Contract,
    X: Matrix,
    predict: Callable[[Matrix], Prediction],
    seed: int,
) -> ProvedConformal:
    """Compile, and compare on training rows, random rows and beside every threshold.

    Args:
        conformal: what was calibrated.
        contract: the columns of X.
        X: shape (n, d), encoded training rows.
        predict: predicts encoded rows, as the model's graph does.
        seed: seeds the random rows.

    Raises:
        ParityError: the graph gives something else.
    """
    model = conformal.compile()
    raw = np.vstack([X, random_rows(contract, X, np.random.default_rng(seed))])
    rows = conformal.inputs(raw, predict(raw))
    met = np.vstack([rows, threshold_rows(model, rows), conformal.edges()])
    graph = serialize(model)
    output = conformal.output
    found = compare(output, Session(graph).run(met)[output], conformal.apply(met), 0.0)
    if not found.is_allowed:
        raise ParityError(output, found.differing, found.rows, found.worst, found.tolerance)
    return ProvedConformal(graph, conformal, found)
