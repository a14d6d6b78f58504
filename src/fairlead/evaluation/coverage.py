"""How often intervals and sets hold the truth, and how much room they take, with errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.comparison import RESAMPLES
from fairlead.evaluation.intervals import (
    estimate,
    resampled_weights,
    sampling_units,
    sum_by_unit,
)
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.slices import UNDEFINED, Cut

Kind = Literal["interval", "set"]


@dataclass(frozen=True)
class Covered:
    """How often the truth was held in some rows.

    Attributes:
        column, value: which slice; both empty for all rows.
        rows: how many there are.
        coverage: share of them whose truth was held; not defined where they are too few.
        size: mean width of the intervals in the target's unit, or mean number of classes in a set.
    """

    column: str
    value: str
    rows: int
    coverage: Estimate = UNDEFINED
    size: Estimate = UNDEFINED

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        estimates = {name: getattr(self, name).to_dict() for name in ("coverage", "size")}
        return {**vars(self), **estimates}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        estimates = {name: Estimate.from_dict(fields[name]) for name in ("coverage", "size")}
        return cls(**{**fields, **estimates})


@dataclass(frozen=True)
class Coverage:
    """What a candidate's intervals or sets are worth.

    Attributes:
        target: how often they shall hold the truth.
        kind: what they are.
        measured: `cv` and `holdout`, where there is one -> all rows first, then the slices.
        reason: why there are none; empty where there are.
    """

    target: float
    kind: Kind
    measured: Mapping[str, tuple[Covered, ...]] = field(default_factory=dict)
    reason: str = ""

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        measured = {
            source: [each.to_dict() for each in found] for source, found in self.measured.items()
        }
        return {**vars(self), "measured": measured}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        measured = {
            source: tuple(map(Covered.from_dict, found))
            for source, found in fields["measured"].items()
        }
        return cls(**{**fields, "measured": measured})


def measure_coverage(
    held: NDArray[np.bool_],
    sizes: NDArray[np.float64],
    cuts: Sequence[Cut],
    *,
    min_rows: int,
    groups: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 42,
) -> tuple[Covered, ...]:
    """Measure all rows together and every slice that has rows.

    Args:
        held: shape (n,): whether the truth of each row was held.
        sizes: shape (n,): widths, or numbers of classes.
        cuts: of these rows.
        min_rows: smaller slices are counted, not measured.
        groups: shape (n,): rows of one group are resampled together.
        resamples: number of bootstrap resamples.
        seed: seeds them.
    """
    parts = [("", "", np.arange(len(held)))]
    parts += [
        (each.column, label, rows)
        for each in cuts
        for code, label in enumerate(each.labels)
        if len(rows := np.flatnonzero(each.codes == code))
    ]
    measured = [part for part in parts if not part[0] or len(part[2]) >= min_rows]
    values = np.column_stack([held, sizes, np.ones(len(held))])
    means = _replicates(values, [rows for _, _, rows in measured], groups, resamples, seed)
    found = {}
    for position, (column, value, rows) in enumerate(measured):
        coverage, size = (
            estimate(float(values[rows, which].mean()), means[:, position, which])
            for which in (0, 1)
        )
        found[column, value] = Covered(column, value, len(rows), coverage, size)
    return tuple(
        found.get((column, value), Covered(column, value, len(rows)))
        for column, value, rows in parts
    )


def _replicates(
    values: NDArray[np.float64],
    parts: Sequence[NDArray[np.int64]],
    groups: NDArray[Any] | None,
    resamples: int,
    seed: int,
) -> NDArray[np.float64]:
    """Means of the first two columns in each part of each resample: (resamples, parts, 2)."""
    units = sampling_units(len(values), groups, seed)
    if units is None:
        units = np.arange(len(values))
    count = int(units.max()) + 1
    table = np.hstack([sum_by_unit(values[rows], units[rows], count) for rows in parts])
    sums = np.vstack([weights @ table for weights in resampled_weights(count, resamples, seed)])
    sums = sums.reshape(resamples, len(parts), 3)
    with np.errstate(invalid="ignore"):  # a resample may hold no row of a part
        means: NDArray[np.float64] = sums[:, :, :2] / sums[:, :, 2:]
    return means
