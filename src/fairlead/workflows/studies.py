"""Further questions to a training, answered on its own folds and written beside its leaderboard."""

from __future__ import annotations

import math
from collections.abc import Sequence

from fairlead.errors import FairleadError
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.validation import Validation
from fairlead.training.cross_validation import folds, without_leaving_one_out
from fairlead.training.fitting import Candidate, cross_validate
from fairlead.workflows.experiment import Experiment

REDRAWN = 5
"""Times that five folds are drawn anew, to see how far a figure depends on the draw."""


def other_validations(
    experiment: Experiment, candidates: Sequence[Candidate], jobs: int
) -> dict[str, tuple[Validation, ...]]:
    """Where one row at a time is left out: what five folds and a single split would have said.

    Each of the five folds is a split of 80 to 20, so one set of fits answers both.

    Returns:
        Candidate -> the two, by the metric that ranks; empty for every other cross-validation.
    """
    cv = experiment.spec.evaluation.cv
    coarse = without_leaving_one_out(cv, experiment.y, repeats=REDRAWN)
    if coarse is cv:
        return {}
    layout = folds(coarse, experiment.y)
    contract, X, y = experiment.dataset.contract, experiment.X, experiment.y
    found = cross_validate(candidates, contract, X, y, layout, jobs=jobs)
    validations = {}
    for name, parts in found.items():
        if isinstance(parts, FairleadError):
            continue
        repeats = [experiment.predictions(part) for part in parts]
        values = {
            "5-fold": [_value(experiment, each) for each in repeats],
            "one 80/20 split": [
                _value(experiment, repeats[fold.repeat].take(fold.test)) for fold in layout
            ],
        }
        if all(map(math.isfinite, [number for each in values.values() for number in each])):
            validations[name] = tuple(Validation.of(*item) for item in values.items())
    return validations


def _value(experiment: Experiment, predictions: Predictions) -> float:
    report = evaluate(predictions, [experiment.metric], resamples=0)
    return report[experiment.metric].value if experiment.metric in report else math.nan
