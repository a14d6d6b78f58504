"""What a whole training is worth: searches and choice repeated inside every fold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.records import Estimate


@dataclass(frozen=True)
class Chosen:
    """A candidate that was chosen inside folds.

    Attributes:
        candidate: its name.
        folds: how many folds have chosen it, with these parameters.
        parameters: those that a search has found there; empty without one.
    """

    candidate: str
    folds: int
    parameters: Mapping[str, Any]


@dataclass(frozen=True)
class Nested:
    """The metrics of rows that took part in no fit, no search and no choice.

    Attributes:
        inner: how candidates were compared inside a fold, such as `stratified 5-fold`.
        estimates: metric -> estimate.
        optimism: the same rows, these predictions against those of the candidate put forward.
        chosen: what the folds have chosen, the most frequent first.
    """

    inner: str
    estimates: Mapping[str, Estimate]
    optimism: Comparison
    chosen: tuple[Chosen, ...]

    @property
    def counts(self) -> dict[str, int]:
        """Candidate -> in how many folds it was chosen, the most frequent first."""
        counts: dict[str, int] = {}
        for each in self.chosen:
            counts[each.candidate] = counts.get(each.candidate, 0) + each.folds
        return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return {
            "inner": self.inner,
            "estimates": {name: each.to_dict() for name, each in self.estimates.items()},
            "optimism": self.optimism.to_dict(),
            "chosen": [dict(vars(each)) for each in self.chosen],
        }

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(
            inner=fields["inner"],
            estimates={n: Estimate.from_dict(each) for n, each in fields["estimates"].items()},
            optimism=Comparison.from_dict(fields["optimism"]),
            chosen=tuple(Chosen(**each) for each in fields["chosen"]),
        )
