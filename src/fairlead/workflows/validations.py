"""Further ways to validate the candidates of a training, to set beside the one that ranks them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from fairlead.errors import FairleadError
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.validation import Validation
from fairlead.training.cross_validation import folds, without_leaving_one_out
from fairlead.training.fitting import Candidate, OutOfSample
from fairlead.workflows.experiment import Experiment

REDRAWN = 5
"""Times that five folds are drawn anew, to see how far a figure depends on the draw."""


def other_validations(
    experiment: Experiment, candidates: Sequence[Candidate], jobs: int
) -> dict[str, tuple[Validation, ...]]:
    """What further ways to validate say, by the metric that ranks.

    Returns:
        Candidate -> those of the project file, behind what leave-one-out is compared with.
    """
    found = _redrawn(experiment, candidates, jobs)
    for cv in experiment.spec.evaluation.validations:
        layout, groups = experiment.lay_out(cv)
        nesting = experiment.within(cv, groups)
        tried = experiment.cross_validate(candidates, layout, jobs, nesting)
        for name, parts in _sound(tried):
            estimate = evaluate(
                [experiment.predictions(part) for part in parts],
                [experiment.metric],
                groups=None if groups is None else groups[parts[0].rows],
                seed=cv.seed,
            ).get(experiment.metric)
            if estimate is not None and estimate.is_defined:
                found[name] = (*found.get(name, ()), Validation.once(cv.described, estimate))
    return found


def _redrawn(
    experiment: Experiment, candidates: Sequence[Candidate], jobs: int
) -> dict[str, tuple[Validation, ...]]:
    """Where one row at a time is left out: what five folds and a single split would have said.

    Each of the five folds is a split of 80 to 20, so one set of fits answers both.
    """
    cv = experiment.spec.evaluation.cv
    coarse = without_leaving_one_out(cv, experiment.y, repeats=REDRAWN)
    if coarse is cv:
        return {}
    layout, validations = folds(coarse, experiment.y), {}
    for name, parts in _sound(experiment.cross_validate(candidates, layout, jobs)):
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


def _sound(
    tried: Mapping[str, tuple[OutOfSample, ...] | FairleadError],
) -> Iterator[tuple[str, tuple[OutOfSample, ...]]]:
    """Those candidates that have not failed on other folds."""
    for name, parts in tried.items():
        if not isinstance(parts, FairleadError):
            yield name, parts


def _value(experiment: Experiment, predictions: Predictions) -> float:
    report = evaluate(predictions, [experiment.metric], resamples=0)
    return report[experiment.metric].value if experiment.metric in report else math.nan
