"""Judges a window beside its reference: which columns drift, and which are broken."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from fairlead.monitoring.effects import jensen_shannon, noise, wasserstein
from fairlead.monitoring.faults import fault, rate_jump, shares_of
from fairlead.monitoring.records import ColumnDrift, DriftReport, Verdict, Window
from fairlead.monitoring.reference import Reference
from fairlead.monitoring.sketches import Axis, Counted, Sketch, added, rebinned, recoded

THRESHOLD = 0.1
"""Of both distances: what Evidently takes, too."""
SIZES_PER_OCTAVE = 2
"""Noise is kept for sizes that differ by a factor of the square root of two or more."""


def judge(
    reference: Reference,
    current: Sequence[Sketch],
    *,
    min_rows: int = 200,
    drift_share: float = 0.5,
    window: Window | None = None,
    importance: Mapping[str, float] | None = None,
    earlier: Sequence[Sketch] = (),
) -> DriftReport:
    """Compare what was counted with the reference.

    Args:
        reference: of the model.
        current: sketches of the window: of one version or of several, which may have other
            columns; a column that none of them has is not judged.
        min_rows: fewer rows are not judged.
        drift_share: share of drifted columns from which the whole has drifted.
        window: when the rows came.
        importance: column -> what it is worth to the model.
        earlier: sketches of the window one season before. Where they have `min_rows`, a column
            has drifted only if it differs from them, too.
    """
    worth = importance or {}
    rows = sum(each.rows for each in current)
    enough = rows >= min_rows
    seasonal = earlier if sum(each.rows for each in earlier) >= min_rows else ()
    found = []
    for index, axis in enumerate(reference.grid.axes):
        is_column = index < len(reference.grid.columns)
        now = _gathered(reference, index, axis, current, is_column=is_column)
        if now is None:
            continue
        column = _judged(reference, index, axis, now)
        if column.is_drifted and seasonal:
            before = _gathered(reference, index, axis, seasonal, is_column=is_column)
            column = _seasoned(reference, index, axis, column, now, before)
        if is_column:
            column = replace(column, importance=worth.get(axis.name))
        if not enough:
            column = _not_judged(column, rows, min_rows)
        found.append((is_column, column))
    columns = sorted((each for own, each in found if own), key=_rank)
    prediction = next((each for own, each in found if not own), None)
    share = sum(each.is_drifted for each in columns) / len(columns) if columns else 0.0
    verdict: Verdict = "drifted" if share >= drift_share else "stable"
    return DriftReport(
        reference=reference.label,
        reference_rows=reference.rows,
        rows=rows,
        window=window,
        columns=tuple(columns),
        prediction=prediction,
        share=share,
        verdict=verdict if enough else "too_few_rows",
    )


def gathered(
    reference: Reference, current: Sequence[Sketch]
) -> list[tuple[Axis, Counted, Counted]]:
    """Each axis that both sides have, with what is counted of the reference and of now."""
    columns = len(reference.grid.columns)
    found = []
    for index, axis in enumerate(reference.grid.axes):
        now = _gathered(reference, index, axis, current, is_column=index < columns)
        if now is not None:
            found.append((axis, reference.counted[index], now))
    return found


def _rank(column: ColumnDrift) -> tuple[float, bool, float, str]:
    """The most important first; without importances those that drift, by their effect."""
    effect = column.effect if math.isfinite(column.effect) else math.inf
    return (-(column.importance or 0.0), not column.is_drifted, -effect, column.column)


def _gathered(
    reference: Reference, index: int, axis: Axis, sketches: Sequence[Sketch], *, is_column: bool
) -> Counted | None:
    """What all sketches hold of one axis, counted as the reference is; None if none has it."""
    parts = []
    for sketch in sketches:
        grid = sketch.grid
        if grid.origin == reference.grid.origin and grid.layout == reference.grid.layout:
            parts.append(sketch.counted(index))
            continue
        place = _place(sketch, axis, is_column=is_column)
        if place is None:
            continue
        counted = sketch.counted(place)
        if axis.kind == "category":
            parts.append(recoded(axis, grid.axes[place].values, counted))
        else:
            same = grid.origin == reference.grid.origin
            parts.append(counted if same else rebinned(axis, counted))
    return added(parts) if parts else None


def _place(sketch: Sketch, axis: Axis, *, is_column: bool) -> int | None:
    grid = sketch.grid
    if not is_column:
        same = grid.prediction is not None and grid.prediction.kind == axis.kind
        return len(grid.columns) if same else None
    wanted = axis.name, axis.kind
    found = (place for place, each in enumerate(grid.columns) if (each.name, each.kind) == wanted)
    return next(found, None)


def _effect(axis: Axis, reference: Counted, current: Counted, scale: float) -> float:
    if axis.kind == "number":
        return wasserstein(reference, current, scale)
    return jensen_shannon(reference, current)


def _noise(reference: Reference, index: int, values: float) -> float:
    if values <= 0:
        return math.nan
    size = math.floor(SIZES_PER_OCTAVE * math.log2(values))
    key = index, size
    if key not in reference.noise:
        rows = 2 ** (size / SIZES_PER_OCTAVE)
        reference.noise[key] = noise(reference.counted[index], rows, reference.scales[index])
    return reference.noise[key]


def _judged(reference: Reference, index: int, axis: Axis, now: Counted) -> ColumnDrift:
    own, scale = reference.counted[index], reference.scales[index]
    effect = _effect(axis, own, now, scale)
    chance = _noise(reference, index, now.counts.sum() + now.unknown)
    is_far = effect >= THRESHOLD and effect > chance
    jumps = rate_jump(own, now)
    broken = fault(axis, own, now)
    missing, unknown = shares_of(now)
    missing_before, unknown_before = shares_of(own)
    return ColumnDrift(
        column=axis.name,
        kind=axis.kind,
        method="wasserstein" if axis.kind == "number" else "jensen_shannon",
        effect=effect,
        threshold=THRESHOLD,
        noise=chance,
        missing=missing,
        missing_reference=missing_before,
        unknown=unknown,
        unknown_reference=unknown_before,
        importance=None,
        is_drifted=is_far or bool(jumps),
        is_broken=broken is not None,
        reason=broken or "; ".join(jumps) or _told(effect, chance, is_far=is_far),
    )


def _told(effect: float, chance: float, *, is_far: bool) -> str:
    if math.isnan(effect):
        return "no values to compare"
    if is_far:
        return f"{effect:.3f} away, {THRESHOLD:g} or more"
    if effect >= THRESHOLD:
        return f"{effect:.3f} away, which so few rows reach by chance (up to {chance:.3f})"
    return f"{effect:.3f} away, less than {THRESHOLD:g}"


def _seasoned(
    reference: Reference,
    index: int,
    axis: Axis,
    column: ColumnDrift,
    now: Counted,
    before: Counted | None,
) -> ColumnDrift:
    """The same, not drifted where it is as one season earlier."""
    if before is None:
        return column
    scale = reference.scales[index]
    effect = _effect(axis, before, now, scale)
    values = now.counts.sum() + now.unknown
    differs = effect >= THRESHOLD and effect > noise(before, values, scale)
    if differs or rate_jump(before, now):
        return column
    reason = f"{column.reason}; but as one season earlier ({effect:.3f} away from that)"
    return replace(column, is_drifted=False, reason=reason)


def _not_judged(column: ColumnDrift, rows: int, min_rows: int) -> ColumnDrift:
    reason = f"{rows:,} rows are too few to judge, {min_rows:,} are needed"
    return replace(column, is_drifted=False, is_broken=False, reason=reason)
