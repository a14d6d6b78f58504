"""The metrics by name, each written as a function of sums over rows.

A metric is a few numbers per row, added up, and a formula over the sums. That one definition
gives the value (the sums are exact, so the order of the rows changes nothing, not by one bit) and,
on weighted sums, every resample of the bootstrap. scikit-learn is the oracle of the tests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import EvaluationError
from fairlead.evaluation.records import Predictions
from fairlead.project.columns import Task

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Metric:
    """How one metric is computed and read.

    Attributes:
        name: as in the project file.
        task: the task it belongs to.
        better: which end is good.
        unit: `share` is shown in percent, `score` as a plain number, `target` in the target's unit.
        columns: predictions -> shape (n, m): what is added up over the rows.
        formula: sums of shape (..., m) -> the metric, shape (...), or (..., k) if `per_class`.
        needs_probabilities: whether it is NaN for a model that gives none.
        per_class: whether it is a value for each class.
    """

    name: str
    task: Task
    better: Literal["greater", "smaller"]
    unit: Literal["share", "score", "target"]
    columns: Callable[[Predictions], Floats]
    formula: Callable[[Floats], Floats]
    needs_probabilities: bool = False
    per_class: bool = False

    def of_sums(self, sums: Floats, repeats: int = 1) -> Floats:
        """The metric of each of b resamples, the mean over the repeats.

        Args:
            sums: shape (b, repeats * m), the columns of one repeat beside those of the next.
            repeats: of how many repeats.

        Returns:
            Shape (b, 1), or (b, k) if per class.
        """
        own = sums.reshape(len(sums), repeats, -1)
        mean: Floats = self.formula(own).mean(axis=1)
        return mean.reshape(len(sums), -1)

    def position(self, name: str, classes: Sequence[str]) -> int:
        """Which of the values of `of_sums` a name means: `recall[setosa]` that of setosa."""
        _, label = split_name(name)
        return 0 if label is None else classes.index(label)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Quotient, NaN where the denominator is zero."""
    out: Floats = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=denominator != 0)
    return out


def _mean_of_defined(values: Floats) -> Floats:
    """Mean over the last axis of what is not NaN."""
    defined = ~np.isnan(values)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    return _ratio(total, defined.sum(axis=-1).astype(np.float64))


def _mean(sums: Floats) -> Floats:
    return _ratio(sums[..., 0], sums[..., 1])


def _with_count(loss: Floats) -> Floats:
    return np.column_stack([loss, np.ones_like(loss)])


# Classification on labels: per class, how often it is true, predicted, and both.


def _confusion(predictions: Predictions) -> Floats:
    codes = np.arange(len(predictions.classes))
    true = predictions.y_true[:, None] == codes
    predicted = predictions.y_pred[:, None] == codes
    return np.hstack([true, predicted, true & predicted]).astype(np.float64)


def _parts(sums: Floats) -> tuple[Floats, Floats, Floats]:
    true, predicted, both = np.split(sums, 3, axis=-1)
    return true, predicted, both


def _right(predictions: Predictions) -> Floats:
    return _with_count((predictions.y_true == predictions.y_pred).astype(np.float64))


def _precision(sums: Floats) -> Floats:
    _, predicted, both = _parts(sums)
    return _ratio(both, predicted)


def _recall(sums: Floats) -> Floats:
    true, _, both = _parts(sums)
    return _ratio(both, true)


def _f1(sums: Floats) -> Floats:
    true, predicted, both = _parts(sums)
    return _ratio(2 * both, true + predicted)


def _weighted_f1(sums: Floats) -> Floats:
    true, _, _ = _parts(sums)
    return _ratio((np.nan_to_num(_f1(sums)) * true).sum(axis=-1), true.sum(axis=-1))


# Classification on probabilities.


def _probabilities(predictions: Predictions) -> Floats:
    if predictions.y_prob is None:
        raise EvaluationError("no probabilities", "P(class) for each row")
    return predictions.y_prob


def _log_loss(predictions: Predictions) -> Floats:
    prob = _probabilities(predictions)
    of_truth = np.take_along_axis(prob, predictions.y_true[:, None], axis=1)[:, 0]
    eps = np.finfo(np.float64).eps
    return _with_count(-np.log(np.clip(of_truth, eps, 1 - eps)))


def _brier(predictions: Predictions) -> Floats:
    prob = _probabilities(predictions)
    truth = predictions.y_true[:, None] == np.arange(len(predictions.classes))
    if len(predictions.classes) == 2:
        return _with_count((prob[:, 1] - truth[:, 1]) ** 2)
    return _with_count(((prob - truth) ** 2).sum(axis=1))


def _roc_auc(predictions: Predictions) -> Floats:
    prob = _probabilities(predictions)
    scored = [1] if len(predictions.classes) == 2 else range(len(predictions.classes))
    parts = [_placements(predictions.y_true == code, prob[:, code]) for code in scored]
    return np.stack(parts, axis=1).reshape(predictions.rows, -1)


def _placements(positive: NDArray[np.bool_], score: Floats) -> Floats:
    """Placement values of one class against the rest, shape (n, 4).

    The share of rows of the other kind that a row stands on the right side of, ties half: its
    mean over the positive rows is the AUC. The centred mean over the negative rows is zero, and
    adds their part to the variance when rows are resampled (DeLong, DeLong & Clarke-Pearson 1988).
    """
    above, below = np.sort(score[positive]), np.sort(score[~positive])
    wins, losses = np.zeros_like(score), np.zeros_like(score)
    if len(above) and len(below):
        wins[positive] = _rank(below, score[positive]) / len(below)
        losses[~positive] = 1 - _rank(above, score[~positive]) / len(above)
        losses[~positive] -= np.sort(wins[positive]).sum() / len(above)
    return np.column_stack([positive, wins, ~positive, losses]).astype(np.float64)


def _rank(ordered: Floats, score: Floats) -> Floats:
    """How many of `ordered` are below each score, ties counted half."""
    below = np.searchsorted(ordered, score, side="left")
    not_above = np.searchsorted(ordered, score, side="right")
    return (below + not_above) / 2


def _auc(sums: Floats) -> Floats:
    by_class = sums.reshape(*sums.shape[:-1], -1, 4)
    wins = _ratio(by_class[..., 1], by_class[..., 0])
    losses = _ratio(by_class[..., 3], by_class[..., 2])
    return _mean_of_defined(np.clip(wins + losses, 0.0, 1.0))


# Regression.


def _error(predictions: Predictions) -> Floats:
    error: Floats = predictions.y_pred - predictions.y_true
    return error


def _squared(predictions: Predictions) -> Floats:
    return _with_count(_error(predictions) ** 2)


def _absolute(predictions: Predictions) -> Floats:
    return _with_count(np.abs(_error(predictions)))


def _relative(predictions: Predictions) -> Floats:
    y_true = predictions.y_true
    return _with_count(_ratio(np.abs(_error(predictions)), np.abs(y_true)))


def _explained(predictions: Predictions) -> Floats:
    y_true = predictions.y_true
    # From the median: exact zeros for a constant target, and no cancellation for any other.
    offset = y_true - np.sort(y_true)[len(y_true) // 2]
    squared = _error(predictions) ** 2
    return np.column_stack([squared, offset**2, offset, np.ones_like(offset)])


def _r2(sums: Floats) -> Floats:
    residual, squares, offset, rows = np.moveaxis(sums, -1, 0)
    return 1 - _ratio(residual, squares - _ratio(offset**2, rows))


def _balanced_accuracy(sums: Floats) -> Floats:
    return _mean_of_defined(_recall(sums))


def _macro_f1(sums: Floats) -> Floats:
    return _mean_of_defined(_f1(sums))


def _root_mean(sums: Floats) -> Floats:
    return np.sqrt(_mean(sums))


def _labels(
    name: str,
    formula: Callable[[Floats], Floats],
    unit: Literal["share", "score"],
    *,
    per_class: bool = False,
) -> Metric:
    return Metric(name, "classification", "greater", unit, _confusion, formula, per_class=per_class)


def _probabilistic(
    name: str,
    better: Literal["greater", "smaller"],
    columns: Callable[[Predictions], Floats],
    formula: Callable[[Floats], Floats],
) -> Metric:
    return Metric(
        name, "classification", better, "score", columns, formula, needs_probabilities=True
    )


_ALL = (
    Metric("accuracy", "classification", "greater", "share", _right, _mean),
    _labels("balanced_accuracy", _balanced_accuracy, "share"),
    _labels("macro_f1", _macro_f1, "score"),
    _labels("weighted_f1", _weighted_f1, "score"),
    _labels("precision", _precision, "share", per_class=True),
    _labels("recall", _recall, "share", per_class=True),
    _probabilistic("log_loss", "smaller", _log_loss, _mean),
    _probabilistic("brier", "smaller", _brier, _mean),
    _probabilistic("roc_auc", "greater", _roc_auc, _auc),
    Metric("rmse", "regression", "smaller", "target", _squared, _root_mean),
    Metric("mae", "regression", "smaller", "target", _absolute, _mean),
    Metric("r2", "regression", "greater", "score", _explained, _r2),
    Metric("mape", "regression", "smaller", "share", _relative, _mean),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in _ALL}


def metric_names(task: Task) -> tuple[str, ...]:
    """Names of the metrics of a task."""
    return tuple(name for name, metric in METRICS.items() if metric.task == task)


def find_metric(name: str, task: Task, classes: Sequence[str] | None = None) -> Metric:
    """The metric of this name; `recall[setosa]` is `recall`, for one class.

    Args:
        name: as in the project file or a report.
        task: the task it must belong to.
        classes: the classes that there are, if they are known.

    Raises:
        EvaluationError: there is no such metric for the task, or no such class.
    """
    base, label = split_name(name)
    metric = METRICS.get(base)
    if metric is None or metric.task != task or (label is not None and not metric.per_class):
        raise EvaluationError(
            f"metric {name!r}", f"for {task} one of {', '.join(metric_names(task))}"
        )
    if label is not None and classes is not None and label not in classes:
        raise EvaluationError(f"metric {name!r}", f"a class among {', '.join(classes)}")
    return metric


def split_name(name: str) -> tuple[str, str | None]:
    """`recall[setosa]` -> `recall`, `setosa`; `rmse` -> `rmse`, None."""
    match = re.fullmatch(r"(\w+)\[(.+)\]", name, flags=re.DOTALL)
    return (match[1], match[2]) if match else (name, None)


def expand_names(names: Sequence[str], task: Task, classes: Sequence[str]) -> tuple[str, ...]:
    """The names in a report: `recall` becomes `recall[…]` for each class, repeats go."""
    expanded: dict[str, Any] = {}
    for name in names:
        metric = find_metric(name, task, classes)
        every_class = metric.per_class and name == metric.name
        expanded.update(
            dict.fromkeys([f"{name}[{label}]" for label in classes] if every_class else [name])
        )
    return tuple(expanded)
