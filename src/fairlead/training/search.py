"""A search for good parameters: what is tried, what came of it, and who proposes the next."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol, Self

from fairlead.models.family import Range
from fairlead.models.search_space import Space
from fairlead.training.fitting import Candidate

Better = Literal["greater", "smaller"]
"""Which values of the metric are better."""


@dataclass(frozen=True)
class Trial:
    """One set of parameters that was tried.

    Attributes:
        parameters: those that are searched.
        state: `complete` on all folds, `pruned` after the first ones, or `failed`.
        value: the metric over all folds; None unless complete.
        standard_error: of the value; None where it is not defined.
        partial: the metric over the first folds; None where it is not defined.
        error: why it failed.
    """

    parameters: Mapping[str, Any]
    state: Literal["complete", "pruned", "failed"]
    value: float | None = None
    standard_error: float | None = None
    partial: float | None = None
    error: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return dict(vars(self))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**fields)


class Sampler(Protocol):
    """Proposes what to try next, from nothing but the trials that are finished.

    That makes a search that was interrupted end where it would have ended, whatever the
    processes do.
    """

    def propose(self, trials: Sequence[Trial]) -> dict[str, Any]:
        """Parameters for the next trial, within the space."""

    def is_hopeless(self, trials: Sequence[Trial], partial: float) -> bool:
        """Whether a trial with this value over the first folds is not worth the others."""


MakeSampler = Callable[[Space, Better, int], Sampler]
"""Makes a sampler from a space, which values are better, and a seed."""


@dataclass(frozen=True)
class SearchResult:
    """All trials of one candidate.

    Attributes:
        candidate: its name.
        space: what could be tried.
        metric: by which trials are compared.
        better: which values of it are better.
        folds: how many folds each complete trial has.
        seed: seeded folds, fits and proposals.
        trials: in the order in which they were tried; the first has the parameters as written.
    """

    candidate: str
    space: Space
    metric: str
    better: Better
    folds: int
    seed: int
    trials: tuple[Trial, ...]

    @property
    def best(self) -> Trial | None:
        """The best complete trial, of equals the first; None if there is none."""
        sign = -1 if self.better == "greater" else 1
        complete = [trial for trial in self.trials if trial.value is not None]
        return min(complete, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def chosen(self) -> Trial:
        """The best trial; the first one where none is complete, which no finished search has."""
        return self.best or self.trials[0]

    @property
    def is_as_written(self) -> bool:
        """Whether nothing better was found than what is written."""
        return self.chosen == self.trials[0]

    def count(self, state: str) -> int:
        """How many trials ended so."""
        return sum(trial.state == state for trial in self.trials)

    def summary(self) -> dict[str, Any]:
        """What a manifest says of the search, as JSON values."""
        best = self.chosen
        return {
            "trials": len(self.trials),
            **{state: self.count(state) for state in ("complete", "pruned", "failed")},
            "metric": self.metric,
            "value": best.value,
            "standard_error": best.standard_error,
            "value_as_written": self.trials[0].value,
            "folds": self.folds,
            "seed": self.seed,
            "space": space_to_dict(self.space),
            "found": dict(best.parameters),
        }


def space_to_dict(space: Space) -> dict[str, Any]:
    """A space as JSON values: a list, or the fields of a range."""
    return {
        name: dict(vars(values)) if isinstance(values, Range) else list(values)
        for name, values in space.items()
    }


def with_parameters(candidate: Candidate, found: Mapping[str, Any]) -> Candidate:
    """The candidate with some of its parameters set.

    Raises:
        ValidationError: the family refuses them.
    """
    kind = type(candidate.parameters)
    # `model_fields_set` keeps a default that a family treats unlike the same value written.
    written = candidate.parameters.model_dump(exclude_unset=True)
    return replace(candidate, parameters=kind.model_validate({**written, **found}))
