"""Ranks what a training has made: each candidate beside the best and beside the baseline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from fairlead.errors import EvaluationError, FairleadError, TrainingError
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.nested import Nested
from fairlead.evaluation.validation import Validation
from fairlead.project.spec import CandidateSpec
from fairlead.storage import write_whole
from fairlead.training.fitting import Candidate, OutOfSample, train_all
from fairlead.workflows.experiment import Experiment, Finished
from fairlead.workflows.nested import NestedRun
from fairlead.workflows.store import LEADERBOARD

BASELINE = "(baseline)"
"""No candidate can be called so."""


def rank(
    experiment: Experiment,
    finished: Mapping[str, Finished],
    failed: Mapping[str, FairleadError],
    validations: Mapping[str, tuple[Validation, ...]],
    nested: NestedRun | None = None,
) -> Leaderboard:
    """Rank the candidates by cross-validation, and write JSON, Markdown and a picture.

    Args:
        experiment: what they share.
        finished: candidate -> what came of it.
        failed: candidate -> why nothing came of it.
        validations: candidate -> what other ways to validate would have said.
        nested: what the whole training has predicted, repeated inside every fold.
    """
    spec = experiment.spec
    families = {name: candidate.family for name, candidate in spec.candidates.items()}
    entries = {
        name: replace(result.entry, validations=validations.get(name, ()))
        for name, result in finished.items()
    }
    entries |= {
        name: Entry(name, families[name], error=str(error)) for name, error in failed.items()
    }
    board = Leaderboard(
        task=spec.task,
        metric=experiment.metric,
        cv=f"{spec.evaluation.cv.described}, {len(experiment.train):,} rows",
        entries=tuple(entries[name] for name in families if name in entries),
        unit=spec.data.target.unit,
        holdout=_holdout(experiment),
        select=spec.evaluation.select,
    )
    board = _with_comparisons(board, experiment, finished)
    if nested is not None and board.selected is not None:
        plain = finished[board.selected.name].out_of_fold
        estimates = experiment.evaluate(nested.parts).estimates
        optimism = experiment.compare(nested.parts, plain)
        whole = Nested(nested.inner.described, estimates, optimism, nested.chosen)
        board = replace(board, nested=whole)
    results = experiment.results / LEADERBOARD
    write_whole(results.with_suffix(".json"), board.to_json().encode())
    write_whole(results.with_suffix(".md"), board.markdown().encode())
    board.figure(results.with_suffix(".png"))
    return board


def _with_comparisons(
    board: Leaderboard, experiment: Experiment, finished: Mapping[str, Finished]
) -> Leaderboard:
    baseline, best = train_baseline(experiment), board.best

    def compared(entry: Entry) -> Entry:
        if entry.error is not None:
            return entry
        own = finished[entry.name].out_of_fold
        others = None if best is None or entry == best else finished[best.name].out_of_fold
        return replace(
            entry,
            against_best=experiment.compare(own, others) if others else None,
            against_baseline=experiment.compare(own, baseline[1]) if baseline else None,
        )

    return replace(
        board,
        entries=tuple(map(compared, board.entries)),
        baseline=baseline[0] if baseline else None,
    )


def train_baseline(experiment: Experiment) -> tuple[Entry, tuple[OutOfSample, ...]] | None:
    """Train and score what a model must beat, on the rows and folds of the candidates.

    With leave-one-out it has five folds instead: the row left out is of the class that has one
    row less, so the most frequent class of a balanced problem would never be right.

    Returns:
        Its line of the leaderboard, without costs, and its predictions in cross-validation; None
        where not even a constant can be fitted or scored.
    """
    absolute = experiment.metric in ("mae", "mape")
    parameters = {"statistic": "median" if absolute else "mean"}
    spec = CandidateSpec.model_validate({"family": "dummy", **parameters})
    candidate = Candidate.of(BASELINE, spec, {}, experiment.spec.evaluation.cv.seed)
    contract, layout = experiment.dataset.contract, experiment.coarse
    result = train_all([candidate], contract, experiment.X, experiment.y, layout)[BASELINE]
    try:
        if isinstance(result, FairleadError):
            raise result
        reports = experiment.score(result).reports
    except (TrainingError, EvaluationError):
        return None
    return Entry(
        BASELINE, spec.family, reports["cv"], reports.get("holdout", {})
    ), result.out_of_fold


def _holdout(experiment: Experiment) -> str | None:
    if not len(experiment.holdout):
        return None
    split = experiment.spec.data.split
    return f"{split.kind} {split.holdout:.0%}, {len(experiment.holdout):,} rows"
