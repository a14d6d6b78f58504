"""Fits candidates: one by one, or every fold of every candidate on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import Contract
from fairlead.errors import FairleadError
from fairlead.project.spec import Method
from fairlead.training.calibration import Calibrated, learn_calibration
from fairlead.training.candidate import Candidate
from fairlead.training.combination import LEARN, Combined
from fairlead.training.cross_validation import Fold
from fairlead.training.fitted import Fitted, FittedModel, fit_estimator
from fairlead.training.nesting import NESTING, Nesting
from fairlead.training.predictions import OutOfSample, Prediction, blame
from fairlead.training.processes import in_processes

# What a training handles, for those who ask for one.
__all__ = [
    "Candidate",
    "Fitted",
    "FittedModel",
    "OutOfSample",
    "Prediction",
    "Trained",
    "blame",
    "cross_validate",
    "fit",
    "train_all",
]

# Folds of a fast candidate go to a worker together: sending costs more than fitting.
TASKS_PER_CANDIDATE = 20


def fit(
    candidate: Candidate,
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    nesting: Nesting = NESTING,
) -> FittedModel:
    """Fit one candidate.

    Args:
        candidate: what to fit.
        contract: the columns of X.
        X: shape (n, d), encoded rows.
        y: shape (n,), class codes or numbers.
        nesting: what inner folds keep apart, where something is learned from predictions.

    Raises:
        TrainingError: an estimator refuses the rows.
        FoldsError: the rows cannot be cut into inner folds.
    """
    if candidate.calibrate is not None:
        return _fit_calibrated(candidate, candidate.calibrate, contract, X, y, nesting)
    if candidate.members:
        return _fit_combined(candidate, contract, X, y, nesting)
    return fit_estimator(candidate, contract, X, y)


def _fit_calibrated(
    candidate: Candidate,
    method: Method,
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    nesting: Nesting,
) -> Calibrated:
    """Learn the calibration on predictions for rows not fitted, then fit on all rows."""
    started = time.perf_counter()
    plain = replace(candidate, calibrate=None)
    rows, (prediction,) = _out_of_fold([plain], contract, X, y, nesting)
    with blame(candidate.name):
        calibration = learn_calibration(method, prediction, y[rows])
    model = fit(plain, contract, X, y, nesting)
    return Calibrated(candidate, model, calibration, time.perf_counter() - started)


def _fit_combined(
    candidate: Candidate,
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    nesting: Nesting,
) -> Combined:
    """Learn the rule on predictions for rows not fitted, then fit its members on all rows."""
    started = time.perf_counter()
    with blame(candidate.name):
        rule = LEARN[candidate.family_name](
            candidate, contract, y, lambda: _out_of_fold(candidate.members, contract, X, y, nesting)
        )
    members = {each.name: each for each in candidate.members}
    fitted = tuple(fit(members[name], contract, X, y, nesting) for name in rule.members)
    return Combined(candidate, contract, fitted, rule, time.perf_counter() - started)


def _out_of_fold(
    candidates: Sequence[Candidate],
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    nesting: Nesting,
) -> tuple[NDArray[np.int64], list[Prediction]]:
    """Rows, and what each candidate predicts for them when fitted on the other inner folds."""
    layout = nesting.layout(y, candidates[0].seed)
    rows = _Rows(contract, X, y, nesting)
    found = []
    for candidate in candidates:
        scored = {
            number: rows.take(fold.train).fit(candidate).predict(X[fold.test])
            for number, fold in enumerate(layout)
        }
        (whole,) = gather(layout, scored)
        found.append(whole)
    return found[0].rows, [each.prediction for each in found]


@dataclass(frozen=True)
class Trained:
    """A candidate after cross-validation and the fit on all training rows.

    Attributes:
        out_of_fold: one for each repeat of the cross-validation, all of the same rows.
    """

    fitted: FittedModel
    out_of_fold: tuple[OutOfSample, ...]


def train_all(
    candidates: Sequence[Candidate],
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    layout: Sequence[Fold],
    *,
    nesting: Nesting = NESTING,
    jobs: int = 1,
    advance: Callable[[str, int], None] | None = None,
) -> dict[str, Trained | FairleadError]:
    """Cross-validate and fit candidates; the result does not depend on `jobs`.

    Args:
        candidates: what to train.
        contract: the columns of X.
        X: shape (n, d), encoded training rows.
        y: shape (n,), class codes or numbers.
        layout: the folds.
        nesting: what folds within folds keep apart.
        jobs: processes.
        advance: called with a candidate's name and how many fits are done, as they finish.

    Returns:
        Candidate name -> what came of it; an error stops its own candidate only.
    """
    # The fit on all rows is the longest: it goes first.
    chunks = [
        chunk
        for candidate in candidates
        for chunk in [(candidate, []), *_chunks(candidate, len(layout))]
    ]
    rows = _Rows(contract, X, y, nesting)
    done = _collect(chunks, rows, layout, jobs, advance)
    return {
        name: one.error or Trained(one.fitted[0], gather(layout, one.scored))
        for name, one in done.items()
    }


def cross_validate(
    candidates: Sequence[Candidate],
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    layout: Sequence[Fold],
    *,
    nesting: Nesting = NESTING,
    jobs: int = 1,
) -> dict[str, tuple[OutOfSample, ...] | FairleadError]:
    """Predict rows by models that were fitted without them, as `train_all`, and no more.

    Returns:
        Candidate name -> predictions, one for each repeat; an error stops its own candidate only.
    """
    chunks = [chunk for candidate in candidates for chunk in _chunks(candidate, len(layout))]
    done = _collect(chunks, _Rows(contract, X, y, nesting), layout, jobs)
    return {name: one.error or gather(layout, one.scored) for name, one in done.items()}


Chunk = tuple[Candidate, list[int]]
"""A candidate with the folds, by number, that one worker fits; without any, all rows."""


def _chunks(candidate: Candidate, folds: int) -> list[Chunk]:
    size = max(1, -(-folds // TASKS_PER_CANDIDATE))
    return [
        (candidate, list(range(folds))[start : start + size]) for start in range(0, folds, size)
    ]


@dataclass(frozen=True)
class _Rows:
    """Training rows, and what folds within them keep apart."""

    contract: Contract
    X: NDArray[np.float64]
    y: NDArray[Any]
    nesting: Nesting

    def take(self, rows: NDArray[np.int64]) -> _Rows:
        return _Rows(self.contract, self.X[rows], self.y[rows], self.nesting.take(rows))

    def fit(self, candidate: Candidate) -> FittedModel:
        return fit(candidate, self.contract, self.X, self.y, self.nesting)


@dataclass
class _Done:
    """What has come of a candidate so far: models of all rows, folds by number, errors by chunk."""

    fitted: list[FittedModel] = field(default_factory=list)
    scored: dict[int, Prediction] = field(default_factory=dict)
    errors: dict[int, FairleadError] = field(default_factory=dict)

    @property
    def error(self) -> FairleadError | None:
        """The first by chunk: which one arrives first depends on the processes."""
        return self.errors[min(self.errors)] if self.errors else None


def _collect(
    chunks: Sequence[Chunk],
    rows: _Rows,
    layout: Sequence[Fold],
    jobs: int,
    advance: Callable[[str, int], None] | None = None,
) -> dict[str, _Done]:
    """Run the chunks; candidate name -> what came of it, in the order of the chunks."""
    done = {candidate.name: _Done() for candidate, _ in chunks}
    calls = [
        (index, candidate, rows, [layout[number] for number in numbers])
        for index, (candidate, numbers) in enumerate(chunks)
    ]
    for index, result in in_processes(_chunk, calls, jobs):
        candidate, numbers = chunks[index]
        one = done[candidate.name]
        if isinstance(result, FairleadError):
            one.errors[index] = result
        elif isinstance(result, list):
            one.scored.update(zip(numbers, result, strict=True))
        else:
            one.fitted.append(result)
        if advance:
            advance(candidate.name, max(1, len(numbers)))
    return done


Result = FittedModel | list[Prediction] | FairleadError


def _chunk(
    index: int,
    candidate: Candidate,
    rows: _Rows,
    part: Sequence[Fold],
) -> tuple[int, Result]:
    try:
        if not part:
            return index, rows.fit(candidate)
        return index, [
            rows.take(fold.train).fit(candidate).predict(rows.X[fold.test]) for fold in part
        ]
    except FairleadError as error:
        return index, error


def gather(layout: Sequence[Fold], scored: Mapping[int, Prediction]) -> tuple[OutOfSample, ...]:
    """The predictions of the folds as one for each repeat, its rows rising."""
    repeats = []
    for repeat in range(1 + max((fold.repeat for fold in layout), default=-1)):
        numbers = [number for number, fold in enumerate(layout) if fold.repeat == repeat]
        rows = np.concatenate([layout[number].test for number in numbers])
        order = np.argsort(rows, kind="stable")
        parts = [scored[number] for number in numbers]
        values = np.concatenate([part.values for part in parts])[order]
        shares = [part.probabilities for part in parts if part.probabilities is not None]
        probabilities = np.concatenate(shares)[order] if shares else None
        repeats.append(OutOfSample(rows[order], Prediction(values, probabilities)))
    return tuple(repeats)
