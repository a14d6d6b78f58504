"""Fits candidates: one by one, or every fold of every candidate on all cores."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
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
from fairlead.training.preprocessing import Preprocessing, fit_preprocessing

# Folds of a fast candidate go to a worker together: sending costs more than fitting.
TASKS_PER_CANDIDATE = 20


@dataclass(frozen=True)
class Candidate:
    """One model to try, checked.

    Attributes:
        name: as in the project file.
        family_name: which family builds it.
        parameters: as the family's own `parameters` class holds them.
        derived: name -> expression of the derived columns.
        seed: seeds everything random.
    """

    name: str
    family_name: str
    parameters: Any
    derived: Mapping[str, str]
    seed: int

    @property
    def family(self) -> Family:
        """The family; looked up anew, so that a candidate crosses process borders lightly."""
        return family(self.family_name)

    @classmethod
    def of(cls, name: str, spec: CandidateSpec, derived: Mapping[str, str], seed: int) -> Candidate:
        """A candidate of a project whose file was checked."""
        parameters = family(spec.family).parameters.model_validate(spec.parameters)
        return cls(name, spec.family, parameters, derived, seed)


@dataclass(frozen=True)
class Prediction:
    """What an estimator says of n rows: class codes or numbers, and probabilities (n, k)."""

    values: NDArray[Any]
    probabilities: NDArray[np.float64] | None = None


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
        return predict_design(self, self.preprocessing.transform(X))

    def out_of_bag(self) -> Prediction | None:
        """Out-of-bag predictions of the training rows; NaN where no tree left a row out."""
        votes = self.candidate.family.out_of_bag(self.estimator)
        if votes is None:
            return None
        if self.context.task == "regression":
            return Prediction(votes)
        return Prediction(np.where(np.isnan(votes), -1, votes).argmax(axis=1), votes)


def predict_design(fitted: Fitted, D: NDArray[np.float64]) -> Prediction:
    """Score rows of the design matrix with the estimator itself."""
    estimator: Any = fitted.estimator
    if fitted.context.task == "regression":
        return Prediction(np.asarray(estimator.predict(D), np.float64))
    probabilities = np.zeros((len(D), len(fitted.context.classes)))
    # A fold may lack a class: it gets probability 0.
    probabilities[:, np.asarray(estimator.classes_, np.int64)] = estimator.predict_proba(D)
    return Prediction(np.asarray(estimator.predict(D), np.int64), probabilities)


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
    preprocessing = fit_preprocessing(contract, candidate.derived, chosen.design, X)
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
    estimator = chosen.build(candidate.parameters, context)
    try:
        estimator.fit(preprocessing.transform(X), y)
    except FairleadError:
        raise
    except Exception as error:
        raise TrainingError(candidate.name, f"{type(error).__name__}: {error}") from error
    seconds = time.perf_counter() - started
    return Fitted(candidate, contract, preprocessing, estimator, context, seconds)


@dataclass(frozen=True)
class OutOfFold:
    """Predictions of one repeat of cross-validation, each row scored by a model without it.

    Attributes:
        rows: positions of the rows that were scored.
        prediction: their predictions, in the same order.
    """

    rows: NDArray[np.int64]
    prediction: Prediction


@dataclass(frozen=True)
class Trained:
    """A candidate after cross-validation and the fit on all training rows."""

    fitted: Fitted
    out_of_fold: tuple[OutOfFold, ...]


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
    chunks: list[tuple[Candidate, list[int]]] = []
    size = max(1, -(-len(layout) // TASKS_PER_CANDIDATE))
    for candidate in candidates:
        # The fit on all rows is the longest: it goes first.
        chunks.append((candidate, []))
        starts = range(0, len(layout), size)
        chunks += [(candidate, list(range(len(layout))[start : start + size])) for start in starts]

    fitted: dict[str, Fitted] = {}
    scored: dict[str, dict[int, Prediction]] = {candidate.name: {} for candidate in candidates}
    failed: dict[str, FairleadError] = {}
    for index, result in _run(chunks, contract, X, y, layout, jobs):
        candidate, numbers = chunks[index]
        if isinstance(result, FairleadError):
            failed.setdefault(candidate.name, result)
        elif isinstance(result, Fitted):
            fitted[candidate.name] = result
        else:
            scored[candidate.name].update(zip(numbers, result, strict=True))
        if advance:
            advance(candidate.name, max(1, len(numbers)))
    return {
        candidate.name: failed.get(candidate.name)
        or Trained(fitted[candidate.name], _gather(layout, scored[candidate.name]))
        for candidate in candidates
    }


Result = Fitted | list[Prediction] | FairleadError


def _run(
    chunks: Sequence[tuple[Candidate, list[int]]],
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


def _gather(layout: Sequence[Fold], scored: Mapping[int, Prediction]) -> tuple[OutOfFold, ...]:
    repeats = []
    for repeat in range(1 + max((fold.repeat for fold in layout), default=-1)):
        numbers = [number for number, fold in enumerate(layout) if fold.repeat == repeat]
        parts = [scored[number] for number in numbers]
        probabilities = [part.probabilities for part in parts if part.probabilities is not None]
        prediction = Prediction(
            np.concatenate([part.values for part in parts]),
            np.concatenate(probabilities) if probabilities else None,
        )
        rows = np.concatenate([layout[number].test for number in numbers])
        order = np.argsort(rows, kind="stable")
        repeats.append(OutOfFold(rows[order], _take(prediction, order)))
    return tuple(repeats)


def _take(prediction: Prediction, order: NDArray[np.int64]) -> Prediction:
    probabilities = prediction.probabilities
    return Prediction(
        prediction.values[order], None if probabilities is None else probabilities[order]
    )
