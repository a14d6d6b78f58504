"""Further questions to a training, answered on its own folds and written beside its leaderboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.compiling import compile_model
from fairlead.bundle.manifest import GRAPH, to_json
from fairlead.errors import FairleadError
from fairlead.evaluation.drawing import write
from fairlead.evaluation.features import FeatureEffect, permutation_importance
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.evaluation.learning_curve import LearningCurve
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.study_figures import features_png, learning_curve_png
from fairlead.graph.builder import serialize
from fairlead.graph.runtime import Session
from fairlead.storage import write_whole
from fairlead.training.ablation import without
from fairlead.training.cross_validation import growing
from fairlead.training.fitting import Candidate, OutOfSample, Prediction, cross_validate, fit
from fairlead.workflows.coverage import run
from fairlead.workflows.experiment import Experiment, Finished

Matrix = NDArray[np.float64]
IMPORTANCE_ROWS = 2_000
"""So many rows, drawn at random, tell what a feature is worth."""
SHARES = (1 / 16, 1 / 8, 1 / 4, 1 / 2)
"""Parts of the rows on a learning curve, below all of them."""
FEWEST_ROWS = 10
"""A smaller part of a fold says nothing."""


@dataclass(frozen=True)
class Studies:
    """What features and rows are worth.

    Attributes:
        candidate: the one put forward; None if there is none.
        importance: of each column to it, by shuffling the column.
        ablation: of each feature, by leaving it out; empty unless asked for.
        learning_curves: of all candidates; empty unless asked for.
    """

    candidate: str | None = None
    importance: tuple[FeatureEffect, ...] = ()
    ablation: tuple[FeatureEffect, ...] = ()
    learning_curves: tuple[LearningCurve, ...] = ()

    def conclusions(self) -> list[str]:
        """What follows, as sentences."""
        said = [
            f"{self.candidate} is not shown to lose where one of these is {what}: "
            f"{', '.join(spared)}."
            for what, effects in (("shuffled", self.importance), ("left out", self.ablation))
            if (spared := [effect.feature for effect in effects if not effect.is_needed])
        ]
        rising = [c.candidate for c in self.learning_curves if c.last_step.verdict == "better"]
        if self.learning_curves:
            said.append(
                f"Better with the last rows, so likely with more: {', '.join(rising)}."
                if rising
                else "No candidate is shown to be better with the last rows."
            )
        return said


def study(
    experiment: Experiment,
    leaderboard: Leaderboard,
    candidates: Sequence[Candidate],
    finished: Mapping[str, Finished],
    jobs: int,
    *,
    learning_curve: bool,
    ablation: bool,
) -> Studies:
    """Study the candidate put forward, and the learning curves of all.

    Args:
        experiment: what the candidates share.
        leaderboard: says which one is put forward; without one, nothing is studied.
        candidates: those that have finished.
        finished: what came of them.
        jobs: processes.
        learning_curve: whether to fit growing parts of the rows.
        ablation: whether to fit without each feature.
    """
    if leaderboard.selected is None:
        return Studies()
    (chosen,) = (each for each in candidates if each.name == leaderboard.selected.name)
    return Studies(
        chosen.name,
        _importance(experiment, chosen, finished[chosen.name]),
        _ablation(experiment, chosen, finished, jobs) if ablation else (),
        _learning_curves(experiment, candidates, finished, jobs) if learning_curve else (),
    )


def _importance(
    experiment: Experiment, candidate: Candidate, finished: Finished
) -> tuple[FeatureEffect, ...]:
    """Shuffle each column, on rows that the graph which scores them has never seen.

    On the holdout, that graph is the bundle's own. Without a holdout, it is compiled anew for each
    fold. The result is written as `importance.json` and `importance.png`.
    """
    source = "holdout" if len(experiment.holdout) else "cv"
    if source == "holdout":
        rows = np.arange(len(experiment.holdout))
        graphs = [(Session(finished.bundle / GRAPH), rows)]
    else:
        graphs = list(_graphs_by_fold(experiment, candidate))
        rows = np.sort(np.concatenate([own for _, own in graphs]))
    if len(rows) > IMPORTANCE_ROWS:
        rng = np.random.default_rng(experiment.spec.evaluation.cv.seed)
        rows = np.sort(rng.choice(rows, IMPORTANCE_ROWS, replace=False))
    positions = (experiment.holdout if source == "holdout" else experiment.train)[rows]
    effects = permutation_importance(
        _predictor(experiment, graphs, rows, source),
        experiment.dataset.X[positions],
        list(experiment.dataset.contract.columns),
        experiment.metric,
        groups=experiment.with_role("group", positions),
        seed=experiment.spec.evaluation.cv.seed,
    )
    where = f"{'holdout' if source == 'holdout' else 'out of fold'}, {len(rows):,} rows"
    title = f"{candidate.name}, one column shuffled ({where})"
    document = {"candidate": candidate.name, "rows": len(rows), "source": source}
    _write_effects(experiment, "importance", document, effects, title)
    return effects


def _graphs_by_fold(
    experiment: Experiment, candidate: Candidate
) -> list[tuple[Session, NDArray[np.int64]]]:
    """For each fold of the first repeat, a graph of its training rows, and the rows it leaves."""
    contract, X, y = experiment.dataset.contract, experiment.X, experiment.y
    graphs = []
    for fold in experiment.coarse:
        if fold.repeat == 0:
            nesting = experiment.nesting.take(fold.train)
            model = compile_model(fit(candidate, contract, X[fold.train], y[fold.train], nesting))
            graphs.append((Session(serialize(model)), fold.test))
    return graphs


def _predictor(
    experiment: Experiment,
    graphs: Sequence[tuple[Session, NDArray[np.int64]]],
    rows: NDArray[np.int64],
    source: str,
) -> Callable[[Matrix], Predictions]:
    """Scores these rows, whatever they hold, each by the graph that has not seen it."""
    classes = len(experiment.dataset.contract.classes)

    def predict(X: Matrix) -> Predictions:
        values = np.zeros(len(X), np.int64 if classes else np.float64)
        shares = np.zeros((len(X), classes)) if classes else None
        for session, unseen in graphs:
            own = np.isin(rows, unseen)
            found = run(session, X[own])
            values[own] = found.values
            if shares is not None and found.probabilities is not None:
                shares[own] = found.probabilities
        return experiment.predictions(OutOfSample(rows, Prediction(values, shares)), source)

    return predict


def _ablation(
    experiment: Experiment, candidate: Candidate, finished: Mapping[str, Finished], jobs: int
) -> tuple[FeatureEffect, ...]:
    """Cross-validate without each column and each derived column, on the same folds.

    The result is written as `ablation.json` and `ablation.png`.
    """
    contract, X, y = experiment.dataset.contract, experiment.X, experiment.y
    whole = _with_all_rows(experiment, [candidate], finished, jobs)[candidate.name]
    if isinstance(whole, FairleadError):
        raise whole
    effects = []
    for feature in (*contract.columns, *candidate.features.derived):
        try:
            less, columns, matrix = without(feature, candidate, contract, X)
            found = cross_validate(
                [less], columns, matrix, y, experiment.coarse, nesting=experiment.nesting, jobs=jobs
            )
            parts = found[candidate.name]
            if isinstance(parts, FairleadError):
                raise parts
            effects.append(FeatureEffect(feature, experiment.compare(parts, whole)))
        except FairleadError as error:
            # A rule that names the column, or the only column there is.
            effects.append(FeatureEffect(feature, None, error=str(error)))
    title = f"{candidate.name}, trained without one feature (out of fold)"
    document = {"candidate": candidate.name, "rows": len(y), "source": "cv"}
    _write_effects(experiment, "ablation", document, effects, title)
    return tuple(effects)


def _learning_curves(
    experiment: Experiment,
    candidates: Sequence[Candidate],
    finished: Mapping[str, Finished],
    jobs: int,
) -> tuple[LearningCurve, ...]:
    """Cross-validate on growing parts of the rows of each fold, each within the next.

    The result is written as `learning_curve.json` and `learning_curve.png`.
    """
    layout, y = experiment.coarse, experiment.y
    fewest = min(len(fold.train) for fold in layout)
    shares = [share for share in SHARES if share * fewest >= FEWEST_ROWS]
    groups = experiment.with_role("group", experiment.train)
    seed = experiment.spec.evaluation.cv.seed
    steps = [
        (
            part,
            experiment.cross_validate(candidates, part, jobs),
        )
        for part in growing(layout, shares, y, groups, seed)
    ]
    whole = _with_all_rows(experiment, candidates, finished, jobs)
    curves = []
    for candidate in candidates:
        known: list[tuple[int, tuple[OutOfSample, ...]]] = []
        for part, found in [*steps, (layout, whole)]:
            own = found[candidate.name]
            if not isinstance(own, FairleadError):
                known.append((round(float(np.mean([len(fold.train) for fold in part]))), own))
        if len(known) < 2:
            continue
        estimates = [experiment.evaluate(own)[experiment.metric] for _, own in known]
        last = experiment.compare(known[-1][1], known[-2][1])
        rows = [count for count, _ in known]
        curves.append(LearningCurve(candidate.name, rows, estimates, last))
    document = {
        "metric": experiment.metric,
        "curves": [curve.to_dict() for curve in curves],
    }
    picture = learning_curve_png(
        curves,
        find_metric(experiment.metric, experiment.spec.task),
        title=f"{experiment.metric} on the rows left out of each fold, ± one standard error",
        unit=experiment.spec.data.target.unit,
    )
    _write(experiment, "learning_curve", document, picture)
    return tuple(curves)


def _with_all_rows(
    experiment: Experiment,
    candidates: Sequence[Candidate],
    finished: Mapping[str, Finished],
    jobs: int,
) -> Mapping[str, tuple[OutOfSample, ...] | FairleadError]:
    """What the candidates predict on the coarse folds, fitted on all that each leaves in."""
    if experiment.coarse is experiment.layout:
        return {candidate.name: finished[candidate.name].out_of_fold for candidate in candidates}
    return experiment.cross_validate(candidates, experiment.coarse, jobs)


def _write_effects(
    experiment: Experiment,
    name: str,
    document: Mapping[str, Any],
    effects: Sequence[FeatureEffect],
    title: str,
) -> None:
    features = [effect.to_dict() for effect in effects]
    picture = features_png(
        effects,
        find_metric(experiment.metric, experiment.spec.task),
        title=title,
        unit=experiment.spec.data.target.unit,
    )
    whole = {**document, "metric": experiment.metric, "features": features}
    _write(experiment, name, whole, picture)


def _write(experiment: Experiment, name: str, document: Mapping[str, Any], picture: bytes) -> None:
    # A later training without this study leaves the files: they say what they are of.
    origin = {key: experiment.origin[key] for key in ("created_at", "data_fingerprint")}
    write_whole(experiment.results / f"{name}.json", to_json({**origin, **document}))
    write(picture, experiment.results / f"{name}.png")
