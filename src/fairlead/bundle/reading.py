"""Reads a bundle and scores rows with it; needs numpy and onnxruntime, no training library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores, columns_of, differing_rows
from fairlead.bundle.manifest import GOLDEN, GRAPH, check_files, digest
from fairlead.data.contract import Contract
from fairlead.errors import BundleError
from fairlead.graph.runtime import Session

VALUE = ["prediction"]
CLASSES = ["prediction", "probabilities"]


class Bundle:
    """A model, ready to score. Made by `load_bundle`.

    Attributes:
        path: the folder.
        digest: SHA-256 of the manifest: the bundle's name.
        manifest: contract, metrics, parity, provenance and file digests.
        contract: the columns it accepts.
    """

    def __init__(self, path: Path, manifest: bytes) -> None:
        self.path = path
        self.digest = digest(manifest)
        self.manifest: dict[str, Any] = json.loads(manifest)
        self.contract = Contract.from_json(self.manifest["contract"])
        self._classes = np.array(self.contract.classes, object)
        self._session = Session(path / GRAPH)

    @property
    def name(self) -> str:
        """Name of the project and of the registered model."""
        return str(self.manifest["name"])

    @property
    def candidate(self) -> str:
        """Name of the candidate in the project file."""
        return str(self.manifest["candidate"])

    def __repr__(self) -> str:
        return f"<Bundle {self.name}/{self.candidate} {self.digest[:12]}>"

    def _repr_html_(self) -> str:
        from fairlead.bundle.views import bundle_view

        return bundle_view(self.manifest, self.digest)

    def score(self, X: NDArray[np.float64]) -> Scores:
        """Score encoded rows.

        Args:
            X: shape (n, d), as `Contract.encode` makes it.

        Returns:
            Predictions and, for a classifier, probabilities.
        """
        return scores(self._session, X, self._classes)

    def encode(self, frame: Any) -> NDArray[np.float64]:
        """Enforce the contract on a table; columns that it does not name are left aside.

        Args:
            frame: pandas, polars or Arrow table, mapping of columns, or list of records.

        Returns:
            Shape (n, d), what `score` takes.

        Raises:
            ContractError: a column is absent, or a row breaks a rule.
        """
        columns, rows = _columns(frame, tuple(self.contract.columns))
        return self.contract.encode(columns, rows)

    def predict(self, frame: Any) -> NDArray[Any]:
        """Predict for a table: labels as text of shape (n,), or float64 of shape (n,).

        Raises:
            ContractError: a column is absent, or a row breaks a rule.
        """
        return self.score(self.encode(frame)).prediction

    def predict_proba(self, frame: Any) -> NDArray[np.float64]:
        """Class probabilities for a table, shape (n, k), in the order of `contract.classes`.

        Raises:
            ContractError: a column is absent, or a row breaks a rule.
            TypeError: the model is a regression.
        """
        probabilities = self.score(self.encode(frame)).probabilities
        if probabilities is None:
            raise TypeError("a regression has no probabilities")
        return probabilities

    def golden(self) -> dict[str, Any]:
        """The golden rows: `records`, `prediction`, `probabilities`."""
        document: dict[str, Any] = json.loads((self.path / GOLDEN).read_bytes())
        return document


def load_bundle(path: Path | str) -> Bundle:
    """Load a bundle, check every digest and replay its golden rows.

    Raises:
        BundleError: it is not what was written; all faults are listed.
    """
    return _load(Path(path), complete=False)


def verify_bundle(path: Path | str) -> Bundle:
    """Like `load_bundle`, and refuse files that the manifest does not name.

    Raises:
        BundleError: it is not what was written; all faults are listed.
    """
    return _load(Path(path), complete=True)


def _load(path: Path, *, complete: bool) -> Bundle:
    bundle = Bundle(path, check_files(path, complete=complete))
    golden = bundle.golden()
    differing = differing_rows(golden, bundle.score(bundle.encode(golden["records"])))
    if differing:
        raise BundleError(
            path,
            (f"golden rows {differing[:5]} are scored differently here; the runtime differs",),
        )
    return bundle


def scores(session: Session, X: NDArray[np.float64], classes: NDArray[Any]) -> Scores:
    """Run a graph and name the classes."""
    if len(classes) == 0:
        (prediction,) = session.some(VALUE, X)
        return Scores(prediction[:, 0])
    prediction, probabilities = session.some(CLASSES, X)
    return Scores(classes[prediction[:, 0]], probabilities)


def _columns(frame: Any, names: Sequence[str]) -> tuple[dict[str, Any], int]:
    """The named columns of a table and its number of rows."""
    if isinstance(frame, Sequence) and not isinstance(frame, str):
        columns = columns_of(list(frame))
        return {name: columns[name] for name in names if name in columns}, len(frame)
    if isinstance(frame, Mapping):
        present = {name: frame[name] for name in names if name in frame}
        return present, max((len(column) for column in frame.values()), default=0)
    if not hasattr(frame, "columns"):
        raise TypeError(
            f"a table, a mapping of columns or a list of records, not {type(frame).__name__}"
        )
    # Arrow tables list columns, not names, under `columns`.
    known = getattr(frame, "column_names", None) or list(frame.columns)
    return {name: frame[name] for name in names if name in known}, len(frame)
