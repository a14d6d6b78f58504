"""Repeats a whole training inside every fold: searches, cross-validation, choice, fit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from fairlead.errors import FairleadError
from fairlead.evaluation.nested import Chosen
from fairlead.project.spec import CrossValidationSpec
from fairlead.training.cross_validation import Fold
from fairlead.training.fitted import FittedModel
from fairlead.training.fitting import (
    Candidate,
    OutOfSample,
    Prediction,
    cross_validate,
    gather,
)
from fairlead.training.processes import in_processes
from fairlead.training.search import MakeSampler, with_parameters
from fairlead.workflows.choice import Choice
from fairlead.workflows.experiment import Experiment
from fairlead.workflows.sample import Sample
from fairlead.workflows.search import Search


@dataclass(frozen=True)
class Procedure:
    """All that a training does with its rows before it puts a candidate forward.

    Attributes:
        candidates: as they are written.
        searches: candidate -> what is searched for it.
        make_sampler: who proposes parameters; None without searches.
        select: the rule of the choice.
    """

    candidates: Sequence[Candidate]
    searches: Mapping[str, Search]
    make_sampler: MakeSampler | None
    select: Literal["best", "simplest"]

    def run(self, sample: Sample) -> tuple[FittedModel, Mapping[str, Any]]:
        """Search, compare on the sample's own folds, choose, and fit on all of its rows.

        Returns:
            The model put forward, and the parameters that a search has found for it.

        Raises:
            FairleadError: every candidate failed; the first one's error.
        """
        tuned, found, errors = self._search(sample)
        layout = sample.folds()
        contract, X, y = sample.contract, sample.X, sample.y
        scored = cross_validate(tuned, contract, X, y, layout, nesting=sample.nesting)
        parts = {}
        for name, result in scored.items():
            if isinstance(result, FairleadError):
                errors.append(result)
            else:
                parts[name] = result[0]
        if not parts:
            raise errors[0]
        rivals = {each.name: each for each in tuned if each.name in parts}
        chosen = Choice(sample, rivals, parts, self.select).put_forward()
        return chosen, found.get(chosen.candidate.name, {})

    def _search(
        self, sample: Sample
    ) -> tuple[list[Candidate], dict[str, Mapping[str, Any]], list[FairleadError]]:
        tuned: list[Candidate] = []
        found: dict[str, Mapping[str, Any]] = {}
        errors: list[FairleadError] = []
        for candidate in self.candidates:
            search = self.searches.get(candidate.name)
            if search is None or self.make_sampler is None:
                tuned.append(candidate)
                continue
            try:
                best = search.run(sample, self.make_sampler).best
            except FairleadError as error:
                errors.append(error)
                continue
            if best is not None:
                found[candidate.name] = best.parameters
                tuned.append(with_parameters(candidate, best.parameters))
        return tuned, found, errors


@dataclass(frozen=True)
class NestedRun:
    """What the folds have predicted and chosen.

    Attributes:
        parts: predictions of the rows that a fold left out, one for each repeat.
        chosen: what was chosen, with how many folds.
        inner: how candidates were compared inside a fold.
    """

    parts: tuple[OutOfSample, ...]
    chosen: tuple[Chosen, ...]
    inner: CrossValidationSpec


Outcome = tuple[Prediction, str, Mapping[str, Any]]
"""Of a fold: predictions of the rows it leaves out, the candidate chosen, what a search found."""


def check_inner_folds(experiment: Experiment) -> None:
    """Refuse rows that cannot be cut inside a fold, before anything is trained.

    Raises:
        FoldsError: they cannot.
    """
    sample = experiment.sample
    for fold in experiment.layout:
        sample.take(fold.train).folds()


def run_nested(
    experiment: Experiment, procedure: Procedure, jobs: int, advance: Callable[[], None]
) -> NestedRun:
    """Repeat a training inside every fold of the project's cross-validation.

    Args:
        experiment: the training; its holdout is not touched.
        procedure: what is repeated.
        jobs: processes; each takes a whole fold.
        advance: called as folds finish.

    Raises:
        FairleadError: inside a fold, every candidate failed, or the rows cannot be cut.
    """
    sample, layout = experiment.sample, experiment.layout
    outcomes: dict[int, Outcome] = {}
    calls = [(number, procedure, sample, fold) for number, fold in enumerate(layout)]
    for number, outcome in in_processes(_outer, calls, jobs):
        outcomes[number] = outcome
        advance()
    scored = {number: prediction for number, (prediction, _, _) in outcomes.items()}
    inner = sample.take(layout[0].train).few
    return NestedRun(gather(layout, scored), _counted(outcomes), inner)


def _outer(number: int, procedure: Procedure, sample: Sample, fold: Fold) -> tuple[int, Outcome]:
    chosen, found = procedure.run(sample.take(fold.train))
    return number, (chosen.predict(sample.X[fold.test]), chosen.candidate.name, found)


def _counted(outcomes: Mapping[int, Outcome]) -> tuple[Chosen, ...]:
    """The distinct choices, the most frequent first, then in the order of the folds."""
    found = [
        (outcomes[number][1], json.dumps(dict(outcomes[number][2]), sort_keys=True))
        for number in sorted(outcomes)
    ]
    return tuple(
        Chosen(candidate, folds, json.loads(parameters))
        for (candidate, parameters), folds in Counter(found).most_common()
    )
