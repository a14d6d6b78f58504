"""How far two distributions are apart, and how far they get by chance."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fairlead.monitoring.sketches import Counted

Floats = NDArray[np.float64]
DRAWS = 2_000
RARELY = 0.999
"""So many of the samples by chance are nearer than what is called noise."""
LARGE = 2**10
"""From this size on, counts are as good as normal, and noise falls with the root of the size."""
SEED = 42


def wasserstein(reference: Counted, current: Counted, scale: float) -> float:
    """The distance of order 1 between two histograms with the same edges, divided by `scale`.

    The area between the two distribution functions (scipy's `wasserstein_distance`), each bin's
    rows at their mean. It is exact wherever one function lies above the other throughout a bin.
    NaN where one side has no values.
    """
    assert reference.sums is not None  # noqa: S101
    assert current.sums is not None  # noqa: S101
    r, c = reference.counts, current.counts
    if not (r.any() and c.any()):
        return float("nan")
    filled = (r > 0) | (c > 0)
    r, c = r[filled], c[filled]
    own = np.divide(reference.sums[filled], r, where=r > 0, out=np.full(len(r), np.nan))
    other = np.divide(current.sums[filled], c, where=c > 0, out=np.full(len(c), np.nan))
    own = np.where(r > 0, own, other)
    other = np.where(c > 0, other, own)
    is_first = own <= other
    share, taken = r / r.sum(), c / c.sum()
    places = np.column_stack([np.minimum(own, other), np.maximum(own, other)]).ravel()
    steps = np.where(is_first, [share, -taken], [-taken, share]).T.ravel()
    return float(np.abs(np.cumsum(steps)[:-1]) @ np.diff(places)) / scale


def jensen_shannon(reference: Counted, current: Counted) -> float:
    """The Jensen-Shannon distance of categories, natural logarithm, in [0, 0.833].

    The root of the divergence (Lin 1991; scipy's `jensenshannon`). What is not declared counts as
    one category more. NaN where one side has no values.
    """
    p, q = (np.append(each.counts, each.unknown) for each in (reference, current))
    if not (p.any() and q.any()):
        return float("nan")
    return float(_js(p / p.sum(), q / q.sum()))


def _js(p: Floats, q: Floats) -> Floats:
    """Distances between distributions along the last axis."""
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(each > 0, each * np.log(each / middle), 0.0) for each in (p, q)]
    divergence = (parts[0] + parts[1]).sum(axis=-1) / 2
    return np.asarray(np.sqrt(np.maximum(divergence, 0.0)))


def noise(reference: Counted, rows: float, scale: float) -> float:
    """An effect that samples without any drift exceed once in a thousand times.

    Samples are drawn from the reference's own histogram (multinomial, seeded) as often as two
    samples differ that are as large as reference and window: with 1 / (1/m + 1/n) rows.

    Args:
        reference: of a column.
        rows: number of values on the other side.
        scale: what a Wasserstein distance is divided by.
    """
    own = reference.counts.sum() + reference.unknown
    if own <= 0 or rows <= 0:
        return float("nan")
    size = 1 / (1 / own + 1 / rows)
    drawn = max(2, min(2 ** int(np.log2(max(size, 1))), LARGE))
    return _drawn(reference, drawn, scale) * float(np.sqrt(drawn / size))


def _drawn(reference: Counted, size: int, scale: float) -> float:
    rng = np.random.default_rng(SEED)
    if reference.sums is None:
        p = np.append(reference.counts, reference.unknown)
        p = p[p > 0] / p.sum()
        return float(np.quantile(_js(p, rng.multinomial(size, p, DRAWS) / size), RARELY))
    filled = reference.counts > 0
    p = reference.counts[filled] / reference.counts.sum()
    widths = np.diff(reference.sums[filled] / reference.counts[filled])
    if size < LARGE:
        ahead = np.cumsum(rng.multinomial(size, p, DRAWS) / size - p, axis=1)
    else:
        errors = rng.standard_normal((DRAWS, len(p))) * np.sqrt(p / size)
        ahead = np.cumsum(errors, axis=1)
        ahead -= ahead[:, -1:] * np.cumsum(p)
    return float(np.quantile(np.abs(ahead[:, :-1]) @ widths, RARELY)) / scale
