"""Whether a column drifts because the mix of the traffic shifted, each part being as it was."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def remaining(
    reference: NDArray[Any],
    current: NDArray[Any],
    parts_reference: NDArray[Any],
    parts_current: NDArray[Any],
) -> float:
    """The share of a column's distance that is left when the reference gets the window's mix.

    Each part of the reference is weighted as large as it is in the window; what still differs
    then differs within the parts.

    Args:
        reference: shape (n,), values of the column, floats or texts.
        current: shape (m,), the same of the window.
        parts_reference: shape (n,), the part to which each row belongs, texts.
        parts_current: shape (m,), the same of the window.

    Returns:
        About 0 where the mix explains all, 1 where it explains nothing, more where it hides some;
        NaN where nothing differs, or one side has no values.
    """
    names = np.union1d(parts_reference, parts_current)
    before = _shares(parts_reference, names)
    now = _shares(parts_current, names)
    factors = np.divide(now, before, out=np.zeros_like(now), where=before > 0)
    weights = factors[np.searchsorted(names, parts_reference)]
    plain = _distance(reference, current, np.ones(len(reference)))
    if not plain > 0:
        return float("nan")
    return _distance(reference, current, weights) / plain


def _shares(parts: NDArray[Any], names: NDArray[Any]) -> NDArray[np.float64]:
    counts = np.bincount(np.searchsorted(names, parts), minlength=len(names))
    shares: NDArray[np.float64] = counts / max(1, len(parts))
    return shares


def _distance(
    reference: NDArray[Any], current: NDArray[Any], weights: NDArray[np.float64]
) -> float:
    """Area between the distribution functions; of texts, half the sum of the differences."""
    is_text = reference.dtype.kind in "OU"
    if not is_text:
        known, seen = np.isfinite(reference), np.isfinite(current)
        reference, weights, current = reference[known], weights[known], current[seen]
    if not weights.sum() or not len(current):
        return float("nan")
    values, places = np.unique(np.concatenate([reference, current]), return_inverse=True)
    split = len(reference)
    before = np.bincount(places[:split], weights, minlength=len(values)) / weights.sum()
    now = np.bincount(places[split:], minlength=len(values)) / len(current)
    if is_text:
        return float(np.abs(before - now).sum() / 2)
    return float((np.abs(np.cumsum(before - now))[:-1] * np.diff(values)).sum())
