"""A small summary of each column of the training rows, the reference for drift."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract

QUANTILES = 101


def sketch(contract: Contract, X: NDArray[np.float64]) -> dict[str, Any]:
    """Summarise encoded rows, column by column.

    Args:
        contract: the columns.
        X: shape (n, d).

    Returns:
        `rows`, and per column the missing count and either category counts (`unknown` apart) or
        mean, standard deviation and 101 evenly spaced quantiles of what is there; None where
        numbers are so large that they overflow.
    """
    columns: dict[str, Any] = {}
    for (name, column), x in zip(contract.columns.items(), X.T, strict=True):
        known = x[~np.isnan(x)]
        summary: dict[str, Any] = {"type": column.type, "missing": int(len(x) - len(known))}
        if column.type == "category":
            counts = np.bincount(known[known >= 0].astype(np.int64), minlength=len(column.values))
            summary["counts"] = dict(zip(column.values, counts.tolist(), strict=True))
            summary["unknown"] = int((known < 0).sum())
        elif len(known):
            with np.errstate(over="ignore", invalid="ignore"):
                summary["mean"] = _finite(known.mean())
                summary["std"] = _finite(known.std())
                quantiles = np.quantile(known, np.linspace(0, 1, QUANTILES))
            summary["quantiles"] = [_finite(value) for value in quantiles]
        columns[name] = summary
    return {"rows": len(X), "columns": columns}


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
