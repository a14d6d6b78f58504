"""Searches good parameters for a candidate: trial after trial, each on the same few folds."""

from __future__ import annotations

import hashlib
import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ValidationError

from fairlead.bundle.manifest import to_json
from fairlead.errors import FairleadError, TrainingError
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.records import Estimate
from fairlead.models.search_space import Space
from fairlead.storage import write_whole
from fairlead.training.cross_validation import Fold
from fairlead.training.fitting import Candidate, OutOfSample, Prediction, cross_validate
from fairlead.training.search import (
    MakeSampler,
    Sampler,
    SearchResult,
    Trial,
    space_to_dict,
    with_parameters,
)
from fairlead.workflows.sample import Sample

log = logging.getLogger(__name__)
FORMAT = 1
FIRST_FOLDS = 0.4
"""Share of the folds after which a trial may be given up: two of five."""


@dataclass(frozen=True)
class Search:
    """What to search.

    Attributes:
        candidate: as it is written; its parameters are the first trial.
        space: what may be tried.
        trials: how many sets of parameters, at most.
        timeout_s: after how long no other trial begins; None for no bound.
        store: folder where finished trials are kept, so that a search can go on.
        libraries: name -> version of those that a fit depends on.
    """

    candidate: Candidate
    space: Space
    trials: int
    timeout_s: float | None
    store: Path
    libraries: Mapping[str, str]

    def run(
        self,
        sample: Sample,
        make_sampler: MakeSampler,
        *,
        jobs: int = 1,
        told: Callable[[SearchResult], None] | None = None,
    ) -> SearchResult:
        """Try until there are enough trials; what was tried before on the same inputs is kept.

        The result depends on neither `jobs` nor interruptions: trials come one after another,
        the folds of one are fitted side by side, and each proposal follows from the finished
        trials alone. Only a timeout makes it depend on the machine.

        Args:
            sample: the training rows.
            make_sampler: who proposes.
            jobs: processes.
            told: called with what there is after each trial, and at the beginning.

        Raises:
            TrainingError: no trial could be scored.
            FoldsError: there are too few rows.
            ExtraMissingError: Optuna is not installed.
            KeyboardInterrupt: with a sentence that says how to go on.
        """
        layout, better = sample.folds(), find_metric(sample.metric, sample.contract.task).better
        sampler = make_sampler(self.space, better, self.candidate.seed)
        file = self.store / self.candidate.name / f"{self._key(sample, layout)}.json"
        trials = _kept(file)[: self.trials]
        started = time.monotonic()

        def result() -> SearchResult:
            return SearchResult(
                candidate=self.candidate.name,
                space=self.space,
                metric=sample.metric,
                better=better,
                folds=len(layout),
                seed=self.candidate.seed,
                trials=tuple(trials),
            )

        if told:
            told(result())
        try:
            while len(trials) < self.trials and not (trials and self._is_over(started)):
                trials.append(self._try(sampler, trials, sample, layout, jobs))
                document = {"format": FORMAT, "trials": [trial.to_dict() for trial in trials]}
                write_whole(file, to_json(document))
                if told:
                    told(result())
        except KeyboardInterrupt:
            kept = f"{len(trials)} of {self.trials} trials of {self.candidate.name} are kept"
            raise KeyboardInterrupt(f"{kept}: the same command goes on from there.") from None
        if result().best is None:
            reason = f"no trial of its search could be scored: {trials[0].error}"
            raise TrainingError(self.candidate.name, reason)
        return result()

    def _is_over(self, started: float) -> bool:
        return self.timeout_s is not None and time.monotonic() - started >= self.timeout_s

    def _try(
        self,
        sampler: Sampler,
        trials: Sequence[Trial],
        sample: Sample,
        layout: Sequence[Fold],
        jobs: int,
    ) -> Trial:
        if trials:
            parameters = sampler.propose(trials)
        else:
            written = self.candidate.parameters.model_dump()
            parameters = {name: written[name] for name in self.space}
        # A small space is soon known: nothing is fitted twice.
        for trial in trials:
            if trial.parameters == parameters:
                return trial
        partial: float | None = None
        try:
            candidate = with_parameters(self.candidate, parameters)
            cut = max(1, int(FIRST_FOLDS * len(layout)))
            first = _predict(candidate, sample, layout[:cut], jobs)
            partial = _finite(sample.estimate(first, resamples=0))
            if partial is not None and sampler.is_hopeless(trials, partial):
                return Trial(parameters, "pruned", partial=partial)
            whole = _joined(first, _predict(candidate, sample, layout[cut:], jobs))
            estimate = sample.estimate(whole)
        except (FairleadError, ValidationError) as error:
            return Trial(parameters, "failed", partial=partial, error=str(error))
        if not estimate.is_defined:
            reason = f"{sample.metric} is not defined"
            return Trial(parameters, "failed", partial=partial, error=reason)
        error_ = estimate.to_dict()["standard_error"]
        return Trial(parameters, "complete", estimate.value, error_, partial)

    def _key(self, sample: Sample, layout: Sequence[Fold]) -> str:
        """Digest of all that a trial's value depends on."""
        facts = {
            **asdict(self.candidate),
            "parameters": self.candidate.parameters.model_dump(mode="json"),
            "contract": sample.contract.to_json(),
            "space": space_to_dict(self.space),
            "metric": sample.metric,
            "libraries": dict(self.libraries),
        }
        whole = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode())
        arrays = [sample.X, sample.y, *(rows for each in layout for rows in vars(each).values())]
        for array in arrays:
            whole.update(np.ascontiguousarray(array).tobytes())
        return whole.hexdigest()[:32]


def _kept(file: Path) -> list[Trial]:
    if not file.is_file():
        return []
    try:
        document = json.loads(file.read_bytes())
        if document["format"] == FORMAT:
            return [Trial.from_dict(fields) for fields in document["trials"]]
    except (ValueError, KeyError, TypeError):
        pass
    # It is written whole: somebody has changed it, or another version of Fairlead wrote it.
    log.warning("search_begins_anew", extra={"file": str(file)})
    return []


def _predict(
    candidate: Candidate, sample: Sample, layout: Sequence[Fold], jobs: int
) -> OutOfSample:
    contract, X, y = sample.contract, sample.X, sample.y
    (found,) = cross_validate(
        [candidate], contract, X, y, layout, nesting=sample.nesting, jobs=jobs
    ).values()
    if isinstance(found, FairleadError):
        raise found
    return found[0]


def _joined(a: OutOfSample, b: OutOfSample) -> OutOfSample:
    """Predictions of two sets of rows as one, its rows rising."""
    rows = np.concatenate([a.rows, b.rows])
    order = np.argsort(rows, kind="stable")
    shares: list[Any] = [part.prediction.probabilities for part in (a, b)]
    return OutOfSample(
        rows[order],
        Prediction(
            np.concatenate([a.prediction.values, b.prediction.values])[order],
            None if shares[0] is None else np.concatenate(shares)[order],
        ),
    )


def _finite(estimate: Estimate) -> float | None:
    return estimate.value if estimate.is_defined else None
