"""Scoring: predictions and names of metrics in, values with their uncertainty out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import EvaluationError
from fairlead.evaluation.intervals import (
    RESAMPLES,
    estimate,
    resampled_weights,
    sampling_units,
    sum_by_unit,
)
from fairlead.evaluation.metrics import Floats, Metric, expand_names, find_metric
from fairlead.evaluation.records import Estimate, EvaluationReport, Predictions


def evaluate(
    predictions: Predictions | Sequence[Predictions],
    metrics: Sequence[str],
    *,
    groups: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 42,
) -> EvaluationReport:
    """Score a candidate on rows it never saw.

    Args:
        predictions: for each row one prediction; or one such for each repeat of a repeated
            cross-validation, all for the same rows in the same order. The metric is then the
            mean over the repeats.
        metrics: names; `precision` and `recall` give a value for each class.
        groups: shape (n,): rows of one group are not independent and are resampled together.
        resamples: number of bootstrap resamples; 0 leaves the uncertainty out.
        seed: seeds the bootstrap.

    Returns:
        The metrics in the order asked for; NaN for those of probabilities if there are none.

    Raises:
        EvaluationError: a metric is not known for this task, or the repeats are of other rows.
    """
    repeats = as_repeats(predictions)
    first = repeats[0]
    names = expand_names(metrics, first.task, first.classes)
    found = [find_metric(name, first.task) for name in names]
    wanted = {metric.name: metric for metric in found}
    values = dict.fromkeys(wanted, np.full(max(1, len(first.classes)), np.nan))
    replicates: dict[str, Floats] = {}
    scored = [metric for metric in wanted.values() if _can_score(metric, repeats)]
    # A diverged model overflows: what is infinite then is reported as not defined.
    with np.errstate(over="ignore", invalid="ignore"):
        if scored:
            units = sampling_units(first.rows, groups, seed)
            values |= _values(repeats, scored)
            replicates = _replicates(repeats, scored, units, resamples, seed)
        picked = {name: _pick(name, first, values, replicates) for name in names}
    return EvaluationReport(picked, first.rows, len(repeats))


def as_repeats(predictions: Predictions | Sequence[Predictions]) -> list[Predictions]:
    """Predictions as repeats of the same rows; a single one is repeated once.

    Raises:
        EvaluationError: there is none, or they are of different rows.
    """
    repeats = [predictions] if isinstance(predictions, Predictions) else list(predictions)
    if not repeats:
        raise EvaluationError("no predictions", "at least one repeat")
    for other in repeats[1:]:
        same = other.classes == repeats[0].classes
        if not (same and np.array_equal(other.y_true, repeats[0].y_true)):
            raise EvaluationError("repeats with different truths", "the same rows in each")
    return repeats


def _can_score(metric: Metric, repeats: Sequence[Predictions]) -> bool:
    return not metric.needs_probabilities or all(each.y_prob is not None for each in repeats)


def _values(repeats: Sequence[Predictions], metrics: Sequence[Metric]) -> dict[str, Floats]:
    """Metric -> shape (1,), or (k,) if per class; the mean over the repeats."""
    values: dict[str, Floats] = {}
    for metric in metrics:
        sums = [[_exact_sum(c) for c in metric.columns(each).T.tolist()] for each in repeats]
        values[metric.name] = np.atleast_1d(metric.formula(np.array(sums)).mean(axis=0))
    return values


def _exact_sum(numbers: Sequence[float]) -> float:
    """The sum, rounded once, so that no order of the rows can change it; NaN on overflow."""
    try:
        return math.fsum(numbers)
    except (OverflowError, ValueError):
        return math.nan


def _replicates(
    repeats: Sequence[Predictions],
    metrics: Sequence[Metric],
    units: NDArray[np.int64] | None,
    resamples: int,
    seed: int,
) -> dict[str, Floats]:
    """Metric -> shape (resamples, 1), or (resamples, k) if per class; the mean over the repeats."""
    sources = list(dict.fromkeys(metric.columns for metric in metrics))
    tables = [[sum_by_unit(source(each), units) for source in sources] for each in repeats]
    count = len(tables[0][0])
    if count < 2 or resamples == 0:
        return {}
    offsets = np.cumsum([0, *(table.shape[1] for table in tables[0])])
    stacked = np.hstack([table for each in tables for table in each])
    sums = np.vstack([w @ stacked for w in resampled_weights(count, resamples, seed)])
    sums = sums.reshape(resamples, len(repeats), -1)
    replicates: dict[str, Floats] = {}
    for metric in metrics:
        place = sources.index(metric.columns)
        own = sums[..., offsets[place] : offsets[place + 1]].reshape(resamples, -1)
        replicates[metric.name] = metric.of_sums(own, len(repeats))
    return replicates


def _pick(
    name: str, predictions: Predictions, values: dict[str, Floats], replicates: dict[str, Floats]
) -> Estimate:
    metric = find_metric(name, predictions.task)
    base, code = metric.name, metric.position(name, predictions.classes)
    spread = replicates.get(base, np.empty((0, code + 1)))
    return estimate(float(values[base][code]), spread[:, code])
