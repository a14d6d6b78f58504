"""Makes a bundle of a fitted candidate: compile, prove, then write everything in one step."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairlead.bundle.card import card
from fairlead.bundle.compiling import compile_model
from fairlead.bundle.conformal import ProvedConformal
from fairlead.bundle.golden import golden_matrix, records, to_document
from fairlead.bundle.manifest import (
    CARD,
    CONFORMAL,
    FORMAT,
    GOLDEN,
    GRAPH,
    REFERENCE,
    SKETCH,
    digest,
    to_json,
)
from fairlead.bundle.mlflow_face import write_mlflow_face
from fairlead.bundle.parity import Proof, prove
from fairlead.bundle.reading import conformal_scores, scores
from fairlead.bundle.sketch import sketch
from fairlead.bundle.writing import write_bundle
from fairlead.data.contract import Contract
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.training.fitted import FittedModel
from fairlead.training.predictions import blame

REFERENCE_ROWS = 10_000


@dataclass(frozen=True)
class ProvedGraph:
    """A compiled model and the proof that it equals its estimator."""

    model: bytes
    proof: Proof


def compile_and_prove(fitted: FittedModel, X: NDArray[np.float64]) -> ProvedGraph:
    """Compile a fitted candidate and prove parity on its training rows and beside thresholds.

    Raises:
        CompileError: it cannot be compiled exactly.
        ParityError: it can, but the graph gives something else.
        TrainingError: the estimator refuses rows that the contract admits.
    """
    with blame(fitted.candidate.name):
        model = compile_model(fitted)
    return ProvedGraph(serialize(model), prove(fitted, model, X, fitted.candidate.seed))


def make_bundle(
    store: Path,
    name: str,
    fitted: FittedModel,
    graph: ProvedGraph,
    X: NDArray[np.float64],
    *,
    metrics: Mapping[str, Any],
    slices: Mapping[str, Any],
    provenance: Mapping[str, Any],
    recipe: Mapping[str, bytes],
    search: Mapping[str, Any] | None = None,
    description: str | None,
    conformal: ProvedConformal | None = None,
    coverage: Mapping[str, Any] | None = None,
    predicted: NDArray[Any] | None = None,
) -> Path:
    """Write the bundle of a proved graph.

    Args:
        store: folder of bundles.
        name: the project's name.
        fitted: what the graph was compiled from.
        graph: the result of `compile_and_prove`.
        X: shape (n, d), the encoded training rows.
        metrics: `cv`, `holdout`, … -> metric -> estimate, as JSON values.
        slices: `cv`, `holdout` -> scores of slices, as JSON values.
        provenance: where the model comes from, as JSON values.
        recipe: further files, which say how to make it again.
        search: what has found the parameters, as JSON values.
        description: what the model is for.
        conformal: its intervals or sets, if it has any.
        coverage: what they are worth, or why there are none, as JSON values.
        predicted: shape (m,), class codes or numbers for rows that the model never saw: what
            later predictions are compared with. What the graph says of X if not given.

    Returns:
        The bundle's folder.

    Raises:
        StorageError: it could not be written; nothing was left behind.
    """
    contract, candidate = fitted.contract, fitted.candidate
    golden_X = golden_matrix(contract, X, candidate.seed)
    session, classes = Session(graph.model), np.array(contract.classes, object)
    proof, more = graph.proof, {}
    golden, said = scores(session, golden_X, classes), None
    if conformal is not None:
        proof = replace(proof, outputs=(*proof.outputs, conformal.proof))
        more = {CONFORMAL: conformal.model}
        _, said = conformal_scores(session, Session(conformal.model), golden_X, classes)
    if predicted is None:
        predicted = session.some(["prediction"], X)[0][:, 0]
    manifest = {
        "format": FORMAT,
        "name": name,
        "candidate": candidate.name,
        "family": candidate.family_name,
        "parameters": candidate.recorded(),
        **({"composition": learned} if (learned := fitted.learned()) else {}),
        **({} if search is None else {"search": search}),
        "contract": contract.to_json(),
        "metrics": metrics,
        "slices": slices,
        **({} if coverage is None else {"coverage": coverage}),
        "parity": proof.to_json(),
        "provenance": {**provenance, "graph_sha256": digest(graph.model)},
    }
    files = {
        GRAPH: graph.model,
        **more,
        GOLDEN: to_json(to_document(contract, golden_X, golden, said)),
        REFERENCE: _reference(contract, X, candidate.seed),
        SKETCH: to_json(sketch(contract, X, predicted)),
        CARD: card(manifest, description).encode(),
        **recipe,
    }
    examples = records(contract, X[:5])
    complete: Callable[[Path], None] = lambda folder: write_mlflow_face(  # noqa: E731
        folder, contract, examples
    )
    return write_bundle(store, manifest, files, complete)


def _reference(contract: Contract, X: NDArray[np.float64], seed: int) -> bytes:
    """A sample of the training rows as Parquet, in the values that a caller would send."""
    if len(X) > REFERENCE_ROWS:
        chosen = np.random.default_rng(seed).choice(len(X), REFERENCE_ROWS, replace=False)
        X = X[np.sort(chosen)]
    buffer = io.BytesIO()
    pl.DataFrame(records(contract, X), infer_schema_length=None).write_parquet(buffer)
    return buffer.getvalue()
