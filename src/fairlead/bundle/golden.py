"""Golden rows: inputs with their exact outputs, replayed wherever a bundle is loaded."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import UNKNOWN_CATEGORY, Contract
from fairlead.data.encoding import UNKNOWN
from fairlead.project.columns import ColumnSpec

ROWS = 48


@dataclass(frozen=True)
class Scores:
    """What a model says of n rows.

    Attributes:
        prediction: shape (n,), class labels as text, or float64.
        probabilities: shape (n, k) in the order of the contract's classes; None for regression.
    """

    prediction: NDArray[Any]
    probabilities: NDArray[np.float64] | None = None


def golden_matrix(contract: Contract, X: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Choose rows that exercise a contract.

    Real rows first; then rows in which one column is missing, at a bound, or unknown, wherever
    the contract admits that.

    Args:
        contract: the columns.
        X: shape (n, d), training rows.
        seed: chooses the real rows.

    Returns:
        Shape (at least 32, d).
    """
    rng = np.random.default_rng(seed)
    rows = X[rng.choice(len(X), ROWS, replace=len(X) < ROWS)]
    variants: list[NDArray[np.float64]] = []
    for index, column in enumerate(contract.columns.values()):
        for value in _special_values(column):
            row = rows[len(variants) % len(rows)].copy()
            row[index] = value
            variants.append(row)
    return np.vstack([rows, *variants[:ROWS]])


def _special_values(column: ColumnSpec) -> list[float]:
    values = []
    if column.nullable and column.missing != "reject":
        values.append(math.nan)
    if column.type == "category" and column.unknown == "flag":
        values.append(UNKNOWN)
    return values + [bound for bound in (column.min, column.max) if bound is not None]


def records(contract: Contract, X: NDArray[np.float64]) -> list[dict[str, Any]]:
    """Encoded rows as the JSON records that a caller would send."""
    return [
        {
            name: _value(column, float(value))
            for (name, column), value in zip(contract.columns.items(), row, strict=True)
        }
        for row in X
    ]


def _value(column: ColumnSpec, value: float) -> Any:
    if math.isnan(value):
        return None
    match column.type:
        case "category":
            return UNKNOWN_CATEGORY if value == UNKNOWN else column.values[int(value)]
        case "boolean":
            return bool(value)
        case "integer":
            return int(value)
        case "datetime":
            return datetime.fromtimestamp(value, UTC).isoformat()
        case _:
            return value


def columns_of(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Records as columns; a key that a record lacks is None there."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}


def to_document(
    contract: Contract,
    X: NDArray[np.float64],
    scores: Scores,
    conformal: NDArray[Any] | None = None,
) -> dict[str, Any]:
    """Golden rows as `golden.json` holds them; `conformal` is what is said beside the scores."""
    document = {
        "records": records(contract, X),
        "prediction": scores.prediction.tolist(),
        "probabilities": None if scores.probabilities is None else scores.probabilities.tolist(),
    }
    return document if conformal is None else {**document, "conformal": conformal.tolist()}


def differing_rows(
    document: Mapping[str, Any], scores: Scores, conformal: NDArray[Any] | None = None
) -> list[int]:
    """Rows whose scores are not, bit for bit, what the golden rows expect."""
    differs = np.asarray(document["prediction"]) != scores.prediction
    if scores.probabilities is not None:
        differs |= (np.asarray(document["probabilities"]) != scores.probabilities).any(axis=1)
    if conformal is not None:
        differs |= (np.asarray(document["conformal"]) != conformal).any(axis=1)
    return [int(row) for row in np.flatnonzero(differs)]
