"""The learning curve: how good a candidate is after how many rows, and whether more would help."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.records import Estimate


@dataclass(frozen=True)
class LearningCurve:
    """One candidate, fitted on more and more of the rows of each fold.

    Attributes:
        candidate: its name.
        rows: rows fitted on, rising, as the mean over the folds.
        estimates: the metric after each, on the same rows that were never fitted.
        last_step: all rows against the largest part of them: whether the curve still rises.
    """

    candidate: str
    rows: Sequence[int]
    estimates: Sequence[Estimate]
    last_step: Comparison

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return {
            "candidate": self.candidate,
            "points": [
                {"rows": rows, **estimate.to_dict()}
                for rows, estimate in zip(self.rows, self.estimates, strict=True)
            ],
            "last_step": self.last_step.to_dict(),
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        points = [dict(point) for point in fields["points"]]
        rows = [point.pop("rows") for point in points]
        estimates = [Estimate.from_dict(point) for point in points]
        return cls(fields["candidate"], rows, estimates, Comparison.from_dict(fields["last_step"]))
