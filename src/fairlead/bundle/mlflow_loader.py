"""Loads a bundle for MLflow. Every bundle carries this file; there it needs nothing of Fairlead."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
import pandas as pd
from numpy.typing import NDArray

# A bundle's copy reads `.encoding` here: the same file, which lies beside it.
from fairlead.data.encoding import Fault, encode, violations

FORMAT = 1
SHOWN_ROWS = 5


class BundleError(RuntimeError):
    """The model folder is not what was written."""


class ContractError(ValueError):
    """Rows break the contract. The message holds no values."""


def _load_pyfunc(path: str) -> Model:
    """MLflow's entry point: `path` is the model folder."""
    return Model(Path(path))


class Model:
    """A bundle, ready to predict.

    Args:
        folder: the bundle.

    Raises:
        BundleError: a file is damaged, or the golden rows are scored differently here.
    """

    def __init__(self, folder: Path) -> None:
        graph, golden, contract = _read(folder)
        self._columns: dict[str, dict[str, Any]] = contract["columns"]
        self._classes: list[str] = contract["classes"]
        options = ort.SessionOptions()
        # Two threads change the order of additions, and with it the last bits.
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # onnxruntime 1.31 has rules that change bits (see fairlead.graph.runtime).
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 3
        self._session = ort.InferenceSession(
            graph,
            options,
            providers=["CPUExecutionProvider"],
        )
        self._replay(json.loads(golden))

    def predict(self, model_input: pd.DataFrame, params: dict[str, Any] | None = None) -> Any:
        """Score a data frame.

        Args:
            model_input: one row per record, with the columns of the contract; others are left
                aside, and those that are nullable may be absent.
            params: `{"probabilities": True}` asks a classifier for probabilities.

        Returns:
            Class labels as text, or float64, of shape (n,); or the probabilities as a data frame
            with one column per class.

        Raises:
            ContractError: a column is absent, or a row breaks a rule.
        """
        outputs = self._score(self._encode(model_input))
        if not (params or {}).get("probabilities"):
            return self._labels(outputs)
        if not self._classes:
            raise ContractError("a regression has no probabilities")
        return pd.DataFrame(
            outputs["probabilities"], columns=self._classes, index=model_input.index
        )

    def _encode(self, frame: pd.DataFrame) -> NDArray[np.float64]:
        rows = np.arange(len(frame))
        present = {name: frame[name] for name in self._columns if name in frame.columns}
        faults = [
            Fault(name, "present", rows)
            for name, column in self._columns.items()
            if name not in present and not column.get("nullable")
        ]
        X, wrong = encode(self._columns, present, len(frame))
        faults += wrong
        named = {fault.column for fault in faults}
        faults += [fault for fault in violations(self._columns, X) if fault.column not in named]
        if faults:
            raise ContractError(
                "\n  ".join(["input breaks the contract", *(_describe(fault) for fault in faults)])
            )
        return X

    def _score(self, X: NDArray[np.float64]) -> dict[str, NDArray[Any]]:
        names = [output.name for output in self._session.get_outputs()]
        return dict(zip(names, self._session.run(None, {"X": X}), strict=True))

    def _labels(self, outputs: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        prediction = outputs["prediction"][:, 0]
        return np.array(self._classes, object)[prediction] if self._classes else prediction

    def _replay(self, golden: Mapping[str, Any]) -> None:
        frame = pd.DataFrame(golden["records"], columns=list(self._columns), dtype=object)
        outputs = self._score(self._encode(frame))
        labels = self._labels(outputs)
        same = labels.tolist() == golden["prediction"]
        if self._classes:
            same = same and outputs["probabilities"].tolist() == golden["probabilities"]
        # Every operation of the graph is one whose result IEEE 754 fixes: no tolerance.
        if not same:
            raise BundleError("the golden rows are scored differently here: the runtime differs")


def _read(folder: Path) -> tuple[bytes, bytes, dict[str, Any]]:
    """The graph, the golden rows and the contract, once their digests are right."""
    text = (folder / "manifest.json").read_bytes()
    seal = (folder / "manifest.sha256").read_text()
    if seal.split()[:1] != [hashlib.sha256(text).hexdigest()]:
        raise BundleError("manifest.json is not what manifest.sha256 seals")
    manifest = json.loads(text)
    if manifest["format"] != FORMAT:
        raise BundleError(f"manifest.json has format {manifest['format']!r}, expected {FORMAT}")
    contents = []
    for name in ("model.onnx", "golden.json"):
        content = (folder / name).read_bytes()
        if hashlib.sha256(content).hexdigest() != manifest["files"][name]:
            raise BundleError(f"{name} is not what manifest.json names: it was cut or changed")
        contents.append(content)
    return contents[0], contents[1], manifest["contract"]


def _describe(fault: Fault) -> str:
    shown = ", ".join(str(row) for row in fault.rows[:SHOWN_ROWS])
    more = ", …" if len(fault.rows) > SHOWN_ROWS else ""
    return (
        f"column {fault.column}: must be {fault.rule} (row {shown}{more}; {len(fault.rows)} in all)"
    )
