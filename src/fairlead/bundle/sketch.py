"""A small summary of each column of the training rows and of predictions: drift's reference."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.data.histogram import binned, edges_between

QUANTILES = 101
STRETCH = 0.5
"""A range that is not declared reaches so much of its width further, on either side."""


def sketch(
    contract: Contract, X: NDArray[np.float64], prediction: NDArray[Any] | None = None
) -> dict[str, Any]:
    """Summarise encoded rows, column by column.

    Args:
        contract: the columns.
        X: shape (n, d).
        prediction: shape (m,), class codes or numbers, for rows that the model never saw.

    Returns:
        `rows`, per column what `summary` tells, and the same of `prediction` where it is given.
    """
    columns: dict[str, Any] = {}
    for (name, column), x in zip(contract.columns.items(), X.T, strict=True):
        values = column.values if column.type == "category" else None
        columns[name] = summary(column.type, x, values, (column.min, column.max))
    document: dict[str, Any] = {"rows": len(X), "columns": columns}
    if prediction is not None:
        kind = "category" if contract.classes else "number"
        said = np.asarray(prediction, np.float64)
        document["prediction"] = summary(kind, said, contract.classes or None)
    return document


def summary(
    kind: str,
    x: NDArray[np.float64],
    values: tuple[str, ...] | None = None,
    declared: tuple[float | None, float | None] = (None, None),
) -> dict[str, Any]:
    """Summarise one column.

    Args:
        kind: type of the column.
        x: shape (n,), encoded.
        values: of a category, in the order of its codes.
        declared: its bounds, as far as it has any.

    Returns:
        The missing count and either category counts (`unknown` apart) or mean, standard
        deviation, 101 evenly spaced quantiles, counts and sums between edges, and the range that
        values should keep to; None where numbers are so large that they overflow.
    """
    known = x[~np.isnan(x)]
    told: dict[str, Any] = {"type": kind, "missing": int(len(x) - len(known))}
    if values is not None:
        of_codes = np.bincount(known[known >= 0].astype(np.int64), minlength=len(values))
        told["counts"] = dict(zip(values, of_codes.tolist(), strict=True))
        told["unknown"] = int((known < 0).sum())
    elif len(known):
        with np.errstate(over="ignore", invalid="ignore"):
            told["mean"] = _finite(known.mean())
            told["std"] = _finite(known.std())
            quantiles = np.quantile(known, np.linspace(0, 1, QUANTILES))
        told["quantiles"] = [_finite(value) for value in quantiles]
        edges = edges_between(quantiles[np.isfinite(quantiles)])
        counts, sums = binned(edges, known)
        told["histogram"] = {
            "edges": edges.tolist(),
            "counts": [int(count) for count in counts],
            "sums": [_finite(value) for value in sums],
        }
        told["range"] = usual_range(float(known.min()), float(known.max()), declared)
    return told


def usual_range(
    least: float, most: float, declared: tuple[float | None, float | None] = (None, None)
) -> list[float | None]:
    """Bounds that values should keep to: the declared ones, or half as far again as they reach."""
    reach = STRETCH * (most - least)
    bounds = (least - reach, most + reach)
    given = zip(declared, bounds, strict=True)
    return [_finite(bound if said is None else said) for said, bound in given]


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
