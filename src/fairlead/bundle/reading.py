"""Reads a bundle and scores rows with it; needs numpy and onnxruntime, no training library."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores, columns_of, differing_rows
from fairlead.bundle.manifest import CONFORMAL, GOLDEN, GRAPH, check_files, digest
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
        asked = CONFORMAL in self.manifest["files"]
        self._conformal = Session(path / CONFORMAL) if asked else None

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

    @property
    def coverage(self) -> float | None:
        """How often its intervals or sets shall hold the truth; None where it has none."""
        return None if self._conformal is None else float(self.manifest["coverage"]["target"])

    def score_conformal(self, X: NDArray[np.float64]) -> tuple[Scores, NDArray[Any]]:
        """Score encoded rows, with what is said beside the predictions.

        Args:
            X: as in `score`.

        Returns:
            The scores, and the ends of the intervals, float64 (n, 2); or which classes are in the
            sets, bool (n, k).

        Raises:
            TypeError: the model has neither.
        """
        if self._conformal is None:
            raise TypeError(f"{self!r} was trained without `evaluation.coverage`")
        return conformal_scores(self._session, self._conformal, X, self._classes)

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

    def predict_interval(self, frame: Any) -> NDArray[np.float64]:
        """Prediction intervals for a table: lower and upper ends, shape (n, 2).

        They hold the truth of `coverage` of all rows like those of the training, not of each kind
        of row, and not where the world has changed since.

        Raises:
            ContractError: a column is absent, or a row breaks a rule.
            TypeError: the model has none: it is a classifier, or was trained without
                `evaluation.coverage`.
        """
        if self.contract.classes:
            raise TypeError("a classifier has no intervals; `predict_set` gives sets of classes")
        return self.score_conformal(self.encode(frame))[1]

    def predict_set(self, frame: Any) -> list[tuple[str, ...]]:
        """Prediction sets for a table: the labels of each row, in the order of the classes.

        The predicted one is always among them. Otherwise as `predict_interval`.

        Raises:
            ContractError: a column is absent, or a row breaks a rule.
            TypeError: the model has none: it is a regression, or was trained without
                `evaluation.coverage`.
        """
        if not self.contract.classes:
            raise TypeError("a regression has no sets of classes; `predict_interval` gives bounds")
        return labels(self.contract.classes, self.score_conformal(self.encode(frame))[1])

    def golden(self) -> dict[str, Any]:
        """The golden rows: `records`, `prediction`, `probabilities`, and `conformal` if any."""
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
    X = bundle.encode(golden["records"])
    scored = (bundle.score(X),) if bundle.coverage is None else bundle.score_conformal(X)
    differing = differing_rows(golden, *scored)
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


def conformal_scores(
    session: Session, conformal: Session, X: NDArray[np.float64], classes: NDArray[Any]
) -> tuple[Scores, NDArray[Any]]:
    """Run a graph, and that of the intervals or sets on what it says."""
    if len(classes) == 0:
        (prediction,) = session.some(VALUE, X)
        (said,) = conformal.some(conformal.outputs, np.hstack([X, prediction]))
        return Scores(prediction[:, 0]), said
    prediction, probabilities = session.some(CLASSES, X)
    (said,) = conformal.some(conformal.outputs, np.hstack([probabilities, prediction]))
    return Scores(classes[prediction[:, 0]], probabilities), said


def labels(classes: Sequence[str], members: NDArray[np.bool_]) -> list[tuple[str, ...]]:
    """Which classes are in each set: bool (n, k) to labels."""
    return [tuple(compress(classes, row)) for row in members.tolist()]


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
