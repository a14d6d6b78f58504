"""Counts and sums of numbers between fixed edges: what can be added up without a loss."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

MIDDLE, ENDS = 2, 8
"""Parts that the space between two quantiles is cut into, and the first and the last of them."""

Floats = NDArray[np.float64]


def edges_between(quantiles: Floats) -> Floats:
    """Edges that refine the quantiles of a column; the last one is just above the greatest.

    Args:
        quantiles: shape (q,), finite, rising; the least and the greatest value among them.

    Returns:
        Shape (b,), strictly rising; empty without quantiles.
    """
    known: Floats = np.unique(quantiles)
    if not len(known):
        return known
    parts = np.full(len(known) - 1, MIDDLE)
    parts[[0, -1] if len(parts) else []] = ENDS
    pairs = zip(known[:-1], known[1:], parts, strict=True)
    with np.errstate(over="ignore", invalid="ignore"):
        inner = [np.linspace(a, b, count, endpoint=False) for a, b, count in pairs]
        last = np.nextafter(known[-1], np.inf)
    edges: Floats = np.unique(np.concatenate([*inner, known, [last]]))
    return np.asarray(edges[np.isfinite(edges)])


def binned(edges: Floats, values: Floats) -> tuple[Floats, Floats]:
    """Count and add up values by bin: below the first edge, between two edges, from the last one.

    Args:
        edges: shape (b,), rising.
        values: shape (n,), without NaN.

    Returns:
        Counts and sums, both of shape (b + 1,).
    """
    # Edges are found among sorted values in a fifth of the time of the other way round.
    ordered = np.sort(values)
    ends = np.searchsorted(ordered, edges, side="left")
    starts = np.concatenate([[0], ends])
    counts = np.diff(starts, append=len(values))
    filled = counts > 0
    sums = np.zeros(len(counts))
    with np.errstate(over="ignore", invalid="ignore"):
        sums[filled] = np.add.reduceat(ordered, starts[filled]) if filled.any() else 0.0
    return counts.astype(np.float64), sums
