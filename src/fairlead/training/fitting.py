"""Fits candidates: one by one, or every fold of every candidate on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from joblib import Parallel, delayed, parallel_config
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from fairlead.data.contract import Contract
from fairlead.errors import FairleadError, TrainingError
from fairlead.models.family import Estimator, Family, FitContext, family
from fairlead.project.spec import CandidateSpec
from fairlead.training.cross_validation import Fold
from fairlead.training.preprocessing import Features, Preprocessing, fit_preprocessing

# Folds of a fast candidate go to a worker together: sending costs more than fitting.
TASKS_PER_CANDIDATE = 20


@dataclass(frozen=True)
class Candidate:
    """One model to try, checked.

    Attributes:
        name: as in the project file.
        family_name: which family builds it.
        parameters: as the family's own `parameters` class holds them.
        features: what it makes of the columns.
        seed: seeds everything random.
    """

    name: str
    family_name: str
    parameters: Any
    features: Features
    seed: int

    @property
    def family(self) -> Family:
        """The family; looked up anew, so that a candidate crosses process borders lightly."""
        return family(self.family_name)

    @classmethod
    def of(cls, name: str, spec: CandidateSpec, derived: Mapping[str, str], seed: int) -> Candidate:
        """A candidate of a project whose file was checked."""
        parameters = family(spec.family).parameters.model_validate(spec.parameters)
        features = Features(derived, spec.without, spec.neighbours)
        return cls(name, spec.family, parameters, features, seed)

    def recorded(self) -> dict[str, Any]:
        """Everything that the project file says of it, defaults included, as JSON values."""
        near = self.features.neighbours
        return {
            **self.parameters.model_dump(mode="json"),
            **({"without": list(self.features.without)} if self.features.without else {}),
            **({"neighbours": near.model_dump(mode="json")} if near else {}),
        }


@dataclass(frozen=True)
class Prediction:
    """What an estimator says of n rows: class codes or numbers, and probabilities (n, k)."""

    values: NDArray[Any]
    probabilities: NDArray[np.float64] | None = None


@contextmanager
def blame(candidate: str) -> Iterator[None]:
    """Make what a family's library raises, which may be anything, its candidate's own error.

    Raises:
        TrainingError: something was raised that is no error of Fairlead.
    """
    try:
        yield
    except FairleadError:
        raise
    except Exception as error:
        first_line = str(error).strip().split("\n")[0]
        raise TrainingError(candidate, f"{type(error).__name__}: {first_line}") from error


@dataclass(frozen=True)
class OutOfSample:
    """Predictions for rows by models that were fitted without them.

    Attributes:
        rows: positions of the rows among the training rows.
        prediction: their predictions, in the same order.
    """

    rows: NDArray[np.int64]
    prediction: Prediction


@dataclass(frozen=True)
class Fitted:
    """A candidate fitted on training rows.

    Attributes:
        seconds: wall time of the fit, preprocessing included, on one core.
    """

    candidate: Candidate
    contract: Contract
    preprocessing: Preprocessing
    estimator: Estimator
    context: FitContext
    seconds: float

    def predict(self, X: NDArray[np.float64]) -> Prediction:
        """Score encoded rows of shape (n, d) with the estimator itself, not with the graph."""
        return self.predict_design(self.preprocessing.transform(X))

    def predict_design(self, D: NDArray[np.float64]) -> Prediction:
        """Score rows of the design matrix with the estimator itself.

        Raises:
            TrainingError: the estimator refuses the rows.
        """
        estimator: Any = self.estimator
        with blame(self.candidate.name):
            if self.context.task == "regression":
                return Prediction(np.asarray(estimator.predict(D), np.float64))
            shares = self._of_all_classes(estimator.predict_proba(D))
            return Prediction(np.asarray(estimator.predict(D), np.int64), shares)

    def out_of_bag(self) -> OutOfSample | None:
        """Predictions of the training rows by the trees without them, where there are any."""
        with blame(self.candidate.name):
            votes = self.candidate.family.out_of_bag(self.estimator)
        if votes is None:
            return None
        rows = np.flatnonzero(~np.isnan(votes.reshape(len(votes), -1)).any(axis=1))
        if not len(rows):
            return None
        if self.context.task == "regression":
            return OutOfSample(rows, Prediction(votes[rows]))
        shares = self._of_all_classes(votes[rows])
        return OutOfSample(rows, Prediction(shares.argmax(axis=1), shares))

    def _of_all_classes(self, shares: NDArray[Any]) -> NDArray[np.float64]:
        """Shares (n, m) of the classes that were fitted, as (n, k): 0 for one that was not."""
        estimator: Any = self.estimator
        spread = np.zeros((len(shares), len(self.context.classes)))
        spread[:, np.asarray(estimator.classes_, np.int64)] = shares
        return spread


def fit(
    candidate: Candidate, contract: Contract, X: NDArray[np.float64], y: NDArray[Any]
) -> Fitted:
    """Fit one candidate.

    Args:
        candidate: what to fit.
        contract: the columns of X.
        X: shape (n, d), encoded rows.
        y: shape (n,), class codes or numbers.

    Raises:
        TrainingError: the estimator refuses the rows.
    """
    chosen = candidate.family
    started = time.perf_counter()
    preprocessing, D = fit_preprocessing(candidate.features, contract, chosen.design, X, y)
    context = FitContext(
        task=contract.task,
        classes=contract.classes,
        columns=preprocessing.columns,
        categories=preprocessing.categories,
        seed=candidate.seed,
        booleans=tuple(
            name for name, column in contract.columns.items() if column.type == "boolean"
        ),
    )
    with blame(candidate.name):
        estimator = chosen.build(candidate.parameters, context)
        estimator.fit(D, y)
    seconds = time.perf_counter() - started
    return Fitted(candidate, contract, preprocessing, estimator, context, seconds)


@dataclass(frozen=True)
class Trained:
    """A candidate after cross-validation and the fit on all training rows.

    Attributes:
        out_of_fold: one for each repeat of the cross-validation, all of the same rows.
    """

    fitted: Fitted
    out_of_fold: tuple[OutOfSample, ...]


def train_all(
    candidates: Sequence[Candidate],
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    layout: Sequence[Fold],
    *,
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
    done = _collect(chunks, contract, X, y, layout, jobs, advance)
    return {
        name: one.error or Trained(one.fitted[0], _gather(layout, one.scored))
        for name, one in done.items()
    }


def cross_validate(
    candidates: Sequence[Candidate],
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    layout: Sequence[Fold],
    *,
    jobs: int = 1,
) -> dict[str, tuple[OutOfSample, ...] | FairleadError]:
    """Predict rows by models that were fitted without them, as `train_all`, and no more.

    Returns:
        Candidate name -> predictions, one for each repeat; an error stops its own candidate only.
    """
    chunks = [chunk for candidate in candidates for chunk in _chunks(candidate, len(layout))]
    done = _collect(chunks, contract, X, y, layout, jobs)
    return {name: one.error or _gather(layout, one.scored) for name, one in done.items()}


Chunk = tuple[Candidate, list[int]]
"""A candidate with the folds, by number, that one worker fits; without any, all rows."""


def _chunks(candidate: Candidate, folds: int) -> list[Chunk]:
    size = max(1, -(-folds // TASKS_PER_CANDIDATE))
    return [
        (candidate, list(range(folds))[start : start + size]) for start in range(0, folds, size)
    ]


@dataclass
class _Done:
    """What has come of a candidate so far: models of all rows, folds by number, errors by chunk."""

    fitted: list[Fitted] = field(default_factory=list)
    scored: dict[int, Prediction] = field(default_factory=dict)
    errors: dict[int, FairleadError] = field(default_factory=dict)

    @property
    def error(self) -> FairleadError | None:
        """The first by chunk: which one arrives first depends on the processes."""
        return self.errors[min(self.errors)] if self.errors else None


def _collect(
    chunks: Sequence[Chunk],
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    layout: Sequence[Fold],
    jobs: int,
    advance: Callable[[str, int], None] | None = None,
) -> dict[str, _Done]:
    """Run the chunks; candidate name -> what came of it, in the order of the chunks."""
    done = {candidate.name: _Done() for candidate, _ in chunks}
    for index, result in _run(chunks, contract, X, y, layout, jobs):
        candidate, numbers = chunks[index]
        one = done[candidate.name]
        if isinstance(result, FairleadError):
            one.errors[index] = result
        elif isinstance(result, Fitted):
            one.fitted.append(result)
        else:
            one.scored.update(zip(numbers, result, strict=True))
        if advance:
            advance(candidate.name, max(1, len(numbers)))
    return done


Result = Fitted | list[Prediction] | FairleadError


def _run(
    chunks: Sequence[Chunk],
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    layout: Sequence[Fold],
    jobs: int,
) -> Iterator[tuple[int, Result]]:
    calls = [
        (index, candidate, contract, X, y, [layout[number] for number in numbers])
        for index, (candidate, numbers) in enumerate(chunks)
    ]
    if jobs == 1:
        with threadpool_limits(1):
            for call in calls:
                yield _chunk(*call)
        return
    # One thread per process: small fits on several threads of a busy machine crawl.
    with parallel_config("loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=jobs, return_as="generator_unordered")
        yield from parallel(delayed(_chunk)(*call) for call in calls)


def _chunk(
    index: int,
    candidate: Candidate,
    contract: Contract,
    X: NDArray[np.float64],
    y: NDArray[Any],
    part: Sequence[Fold],
) -> tuple[int, Result]:
    try:
        if not part:
            return index, fit(candidate, contract, X, y)
        return index, [
            fit(candidate, contract, X[fold.train], y[fold.train]).predict(X[fold.test])
            for fold in part
        ]
    except FairleadError as error:
        return index, error


def _gather(layout: Sequence[Fold], scored: Mapping[int, Prediction]) -> tuple[OutOfSample, ...]:
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
