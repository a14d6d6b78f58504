"""What other ways to validate would have said of a candidate, and how far they vary by luck."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from fairlead.evaluation.records import Estimate


@dataclass(frozen=True)
class Validation:
    """One metric, validated again and again with other folds or another split of the same rows.

    Attributes:
        method: such as `5-fold` or `one 80/20 split`.
        draws: how often it was drawn.
        mean: of the metric over the draws.
        spread: standard deviation over the draws; of one draw, the standard error.
        low: smallest of the draws; of one draw, the lower end of its interval.
        high: largest of the draws, or the upper end.
    """

    method: str
    draws: int
    mean: float
    spread: float
    low: float
    high: float

    @classmethod
    def of(cls, method: str, values: Sequence[float]) -> Self:
        """What some draws, at least two, amount to."""
        mean, spread = statistics.fmean(values), statistics.stdev(values)
        return cls(method, len(values), mean, spread, min(values), max(values))

    @classmethod
    def once(cls, method: str, estimate: Estimate) -> Self:
        """One draw, with its uncertainty."""
        error, low, high = estimate.standard_error, estimate.low, estimate.high
        return cls(method, 1, estimate.value, error, low, high)

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**fields)
