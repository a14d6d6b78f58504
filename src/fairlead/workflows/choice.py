"""Which of several candidates a project's rule puts forward, told without their bundles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Literal

from fairlead.bundle.compiling import compile_model
from fairlead.errors import EvaluationError
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.graph.builder import serialize
from fairlead.training.fitted import FittedModel
from fairlead.training.fitting import Candidate, OutOfSample, fit
from fairlead.workflows.sample import Sample


class Choice:
    """Candidates that were compared on a sample; those are fitted and compiled that need be.

    Of equals the rule takes the smaller, so only where there are equals are sizes asked for. The
    size is that of the graph: what else is in a bundle is the same for all.

    Args:
        sample: the rows.
        candidates: by name.
        parts: candidate -> what it predicted for rows that it was not fitted on.
        select: the rule.
    """

    def __init__(
        self,
        sample: Sample,
        candidates: Mapping[str, Candidate],
        parts: Mapping[str, OutOfSample],
        select: Literal["best", "simplest"],
    ) -> None:
        self._sample, self._candidates, self._parts = sample, candidates, parts
        self._select = select
        self._fitted: dict[str, FittedModel] = {}
        self._entries = {
            name: Entry(
                name,
                each.family_name,
                cv={sample.metric: sample.estimate(parts[name], resamples=0)},
                interpretability=each.interpretability,
            )
            for name, each in candidates.items()
        }

    def put_forward(self) -> FittedModel:
        """The chosen candidate, fitted on all rows of the sample.

        Raises:
            EvaluationError: the metric is not defined for any of them.
        """
        best = self._best()
        top = best.cv[self._sample.metric].value
        self._measure(
            name for name, e in self._entries.items() if e.cv[self._sample.metric].value == top
        )
        best = self._best()
        if self._select == "best":
            return self._fit(best.name)
        for name in [name for name in self._entries if name != best.name]:
            paired = self._sample.compare(self._parts[name], self._parts[best.name])
            self._entries[name] = replace(self._entries[name], against_best=paired)
        board = self._board()
        near = [name for name, entry in self._entries.items() if board.is_close(entry)]
        self._measure([best.name, *near])
        return self._fit((self._board().selected or best).name)

    def _board(self) -> Leaderboard:
        entries, task = tuple(self._entries.values()), self._sample.contract.task
        return Leaderboard(task, self._sample.metric, "", entries, select=self._select)

    def _best(self) -> Entry:
        best = self._board().best
        if best is None:
            found = f"{self._sample.metric} undefined for every candidate inside a fold"
            raise EvaluationError(found, "another metric, or more rows")
        return best

    def _measure(self, names: Iterable[str]) -> None:
        rivals = list(names)
        for name in rivals if len(rivals) > 1 else ():
            size = len(serialize(compile_model(self._fit(name))))
            self._entries[name] = replace(self._entries[name], size_bytes=size)

    def _fit(self, name: str) -> FittedModel:
        if name not in self._fitted:
            candidate, sample = self._candidates[name], self._sample
            self._fitted[name] = fit(candidate, sample.contract, sample.X, sample.y, sample.nesting)
        return self._fitted[name]
