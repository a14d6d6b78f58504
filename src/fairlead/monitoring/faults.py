"""Signs that a column is broken on its way here, rather than that the world has changed."""

from __future__ import annotations

import math

from fairlead.monitoring.sketches import Axis, Counted

JUMP = 0.05
"""A share of missing or unknown values that is so much higher than before has jumped, if it has
doubled, too."""
SURE = 3.29
"""Standard errors: by chance once in a thousand times."""
COMMON = 0.9
"""Where one value had a larger share, a window with that value alone says nothing."""
BY_CHANCE = 0.001
FEW = 10


def shares_of(counted: Counted) -> tuple[float, float]:
    """Shares of missing and of unknown values among all rows, in [0, 1]; 0 without rows."""
    rows = counted.rows or math.inf
    return counted.missing / rows, counted.unknown / rows


def rate_jump(reference: Counted, current: Counted) -> tuple[str, ...]:
    """Which rates have moved by `JUMP` or more, up or down, and more than by chance, in words."""
    return tuple(
        f"{what} {now:.1%} of the rows, {before:.1%} in the reference"
        for what, before, now in _rates(reference, current)
        if abs(now - before) >= JUMP and _is_sure(before, now, reference.rows, current.rows)
    )


def fault(axis: Axis, reference: Counted, current: Counted) -> str | None:
    """What looks like a fault of the pipeline, in words; None where nothing does."""
    signs = [
        f"{what} {now:.1%} of the rows, {before:.1%} in the reference"
        for what, before, now in _rates(reference, current)
        if now - before >= JUMP
        and now >= 2 * before
        and _is_sure(before, now, reference.rows, current.rows)
    ]
    values = current.counts.sum() + current.unknown
    if _is_single(axis, current) and _was_many(reference, values):
        signs.append(f"one single value in {int(values):,} rows")
    if values and current.outside > values / 2:
        signs.append(f"{current.outside / values:.0%} of the values out of range")
    return "; ".join(signs) or None


def _rates(reference: Counted, current: Counted) -> list[tuple[str, float, float]]:
    before, now = shares_of(reference), shares_of(current)
    return list(zip(("missing in", "unknown in"), before, now, strict=True))


def _is_sure(before: float, now: float, rows_before: float, rows_now: float) -> bool:
    """Whether two shares differ by more than chance: z-test, pooled, corrected for continuity.

    Where few rows are expected to have it, and more do, the tail of Poisson must agree.
    """
    if not rows_before or not rows_now:
        return False
    pooled = (before * rows_before + now * rows_now) / (rows_before + rows_now)
    per_row = 1 / rows_before + 1 / rows_now
    error = math.sqrt(pooled * (1 - pooled) * per_row)
    if abs(now - before) - per_row / 2 <= SURE * error:
        return False
    expected = pooled * rows_now
    is_rare = now > before and expected < FEW
    return not is_rare or _tail(round(now * rows_now), expected) < BY_CHANCE


def _tail(count: int, expected: float) -> float:
    """Probability of so many or more, where so many are expected (Poisson)."""
    below = term = math.exp(-expected)
    for k in range(1, count):
        term *= expected / k
        below += term
    return 1 - below if count else 1.0


def _is_single(axis: Axis, current: Counted) -> bool:
    if axis.kind == "number":
        return current.least == current.most
    return not current.unknown and int((current.counts > 0).sum()) == 1


def _was_many(reference: Counted, values: float) -> bool:
    """Whether it is no chance that so many values are the same."""
    known = reference.counts.sum() + reference.unknown
    common = float(reference.counts.max()) / known if known else 1.0
    return common <= COMMON and common**values < BY_CHANCE
