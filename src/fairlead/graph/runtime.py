"""Runs a graph exactly: one thread, so that sums keep their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray


class Session:
    """A graph, ready to score. Safe to share between threads.

    Args:
        model: path of an `.onnx` file, or its bytes.
    """

    def __init__(self, model: Path | bytes) -> None:
        options = ort.SessionOptions()
        # Two threads change the order of additions, and with it the last bits.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # The graph runs as it is written: onnxruntime 1.31 has rules that change bits, such as
        # dropping a division by 0.99999999, which is 1 in single precision. They save no time.
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        # The arena keeps the memory of the largest request for ever, and saves no time.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            str(model) if isinstance(model, Path) else model,
            options,
            providers=["CPUExecutionProvider"],
        )
        self.outputs: list[str] = [output.name for output in self._session.get_outputs()]
        self.width: int = self._session.get_inputs()[0].shape[1]

    def run(self, X: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        """Score rows.

        Args:
            X: float64 [n, width].

        Returns:
            Output name -> array with n rows.
        """
        return dict(zip(self.outputs, self.some(self.outputs, X), strict=True))

    def some(self, outputs: list[str], X: NDArray[np.float64]) -> list[NDArray[Any]]:
        """Score rows and return the named outputs, in that order."""
        result: list[NDArray[Any]] = self._session.run(outputs, {"X": X})
        return result
