"""Expects quality before there are labels: by probabilities, or by the errors of a holdout.

Both see a change of the rows. Neither sees a change of what rows mean (concept drift): that takes
labels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.intervals import RESAMPLES, estimate, resampled_weights
from fairlead.evaluation.metrics import Metric, find_metric, split_name
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.monitoring.labelled import Seen

Floats = NDArray[np.float64]
FROM_CONFUSION = (
    "accuracy",
    "balanced_accuracy",
    "macro_f1",
    "weighted_f1",
    "precision",
    "recall",
)
"""Metrics that follow from how often each class is predicted, true, and both."""
FROM_SUMS = ("log_loss", "brier")
"""Metrics whose expectation is a sum over the rows."""
UNDEFINED = Estimate(math.nan)
BINS = 20


def confusion_of(prediction: NDArray[np.int64], probabilities: Floats) -> Floats:
    """The expected confusion matrix: row = predicted class, column = true class, sums of rows.

    Args:
        prediction: shape (n,), class codes.
        probabilities: shape (n, k).
    """
    k = probabilities.shape[1]
    chosen = (prediction[:, None] == np.arange(k)).astype(np.float64)
    expected: Floats = chosen.T @ probabilities
    return expected


def cbpe(
    expected_confusion: Floats,
    metric: str,
    classes: tuple[str, ...] = (),
    *,
    resamples: int = RESAMPLES,
    seed: int = 42,
) -> Estimate:
    """What a metric would be if the probabilities were right (confidence-based estimation).

    Args:
        expected_confusion: shape (k, k): of the rows that were predicted as class i, the sum of
            the probabilities of class j.
        metric: a name; `recall[setosa]` needs the classes.
        classes: in the order of the matrix.
        resamples: how many samples of labels are drawn for the interval; 0 leaves it out.
        seed: seeds them.

    Returns:
        The metric with the interval in which labels of so many rows would put it; not defined for
        a metric that does not follow from the matrix (see `FROM_CONFUSION`), or without rows.
    """
    rule = find_metric(metric, "classification", classes or None)
    rows = float(expected_confusion.sum())
    if rule.name not in FROM_CONFUSION or rows <= 0:
        return UNDEFINED
    _, label = split_name(metric)
    if rule.per_class and label is None:
        return UNDEFINED
    place = rule.position(metric, classes)
    value = float(_of_confusion(rule, expected_confusion[None])[0, place])
    if not resamples:
        return Estimate(value)
    rng = np.random.Generator(np.random.PCG64(seed))
    shares = np.clip(expected_confusion.ravel() / rows, 0.0, 1.0)
    drawn = rng.multinomial(max(1, round(rows)), shares / shares.sum(), size=resamples)
    cells = drawn.reshape(resamples, *expected_confusion.shape).astype(np.float64)
    return estimate(value, _of_confusion(rule, cells)[:, place])


def corrected(expected: Floats, reference: Floats, truth: Floats) -> Floats:
    """An expected confusion matrix, brought into line with how far it was off before.

    Of the rows that were predicted as one class, the share of each true class is scaled by what
    labels have shown on the reference, divided by what was expected there.

    Args:
        expected: shape (k, k), of the rows that are judged.
        reference: shape (k, k), expected on rows that have labels.
        truth: shape (k, k), counted on the same rows.

    Returns:
        Shape (k, k); each row has the sum that it had.
    """
    k = len(expected)
    # Half a row in each cell: one that no label has shown is rare, not impossible.
    factor = (truth + 0.5 / k) / (reference + 0.5 / k)
    scaled = expected * factor
    sums = scaled.sum(axis=1, keepdims=True)
    share = np.divide(scaled, sums, out=np.zeros_like(scaled), where=sums > 0)
    kept: Floats = share * expected.sum(axis=1, keepdims=True)
    return kept


def expected_by_probabilities(
    seen: Seen, metric: str, classes: tuple[str, ...], reference: Predictions | None = None
) -> Estimate:
    """What to expect of a classification's metric over all rows of a window.

    Args:
        seen: sums over them.
        metric: a name.
        classes: in the order of the codes.
        reference: rows with labels that the model has not learned from: the estimate is corrected
            by how far it is off there. Without them the probabilities are taken at their word.

    Returns:
        Not defined where the metric does not follow from the sums.
    """
    if seen.confusion is None or not seen.rows:
        return UNDEFINED
    name, _ = split_name(metric)
    known = reference if reference is not None and reference.y_prob is not None else None
    if name in FROM_SUMS:
        value = (seen.log_loss if name == "log_loss" else seen.brier) / seen.rows
        return Estimate(value if known is None else value * _surprise(known, name))
    confusion = seen.confusion
    if known is not None and known.y_prob is not None:
        truth = (known.y_true[:, None] == np.arange(len(classes))).astype(np.float64)
        counted = confusion_of(known.y_pred, truth)
        confusion = corrected(confusion, confusion_of(known.y_pred, known.y_prob), counted)
    return cbpe(confusion, metric, classes)


def expected_sums(probabilities: Floats) -> dict[str, Floats]:
    """Shape (n,): the log loss and the Brier score of each row, if its probabilities are right."""
    eps = np.finfo(np.float64).eps
    spread = (probabilities * (1 - probabilities)).sum(axis=1)
    return {
        "log_loss": -(probabilities * np.log(np.maximum(probabilities, eps))).sum(axis=1),
        # Of two classes it is the score of the second one alone.
        "brier": spread / 2 if probabilities.shape[1] == 2 else spread,
    }


def _surprise(reference: Predictions, metric: str) -> float:
    """What labels have shown of a loss, divided by what was expected on the same rows."""
    assert reference.y_prob is not None  # noqa: S101 (asked before)
    rule = find_metric(metric, "classification")
    expected = float(expected_sums(reference.y_prob)[metric].mean())
    measured = float(rule.formula(rule.columns(reference).sum(axis=0)[None])[0])
    return measured / expected if expected > 0 else 1.0


@dataclass(frozen=True, eq=False)
class ErrorsByPrediction:
    """The errors of rows that a regression had not seen, by bins of what it predicted.

    Attributes:
        holdout: what was predicted for them, and the truth.
        edges: shape (b,), rising, between the bins.
    """

    holdout: Predictions
    edges: Floats

    @classmethod
    def of(cls, holdout: Predictions) -> ErrorsByPrediction:
        """Bins of equally many rows of the holdout, at most 20."""
        shares = np.linspace(0, 1, BINS + 1)[1:-1]
        return cls(holdout, np.unique(np.quantile(holdout.y_pred, shares)))

    def expected(
        self, bins: Floats, metric: str, *, resamples: int = RESAMPLES, seed: int = 42
    ) -> Estimate:
        """What to expect of a metric where so many predictions lie in each bin.

        The rows of the holdout are weighted so that their predictions lie where those of the
        window do. It is assumed that rows of one bin err as those of the holdout did.

        Args:
            bins: shape (b + 1,), counts.
            metric: a name.
            resamples: of the holdout, for the interval.
            seed: seeds them.

        Returns:
            Not defined without rows.
        """
        own = np.searchsorted(self.edges, self.holdout.y_pred, side="left")
        here = np.bincount(own, minlength=len(bins)).astype(np.float64)
        bins = np.where(here > 0, bins, 0.0)
        if bins.sum() <= 0:
            return UNDEFINED
        rule = find_metric(metric, "regression")
        weights = (bins / bins.sum())[own] / (here / here.sum())[own]
        table = rule.columns(self.holdout) * weights[:, None]
        value = float(rule.formula(table.sum(axis=0)[None])[0])
        drawn = [part @ table for part in resampled_weights(len(table), resamples, seed)]
        return estimate(value, rule.of_sums(np.vstack(drawn))[:, 0])


def _of_confusion(rule: Metric, cells: Floats) -> Floats:
    """A metric of each of b confusion matrices, shape (b, k, k) -> (b, 1) or (b, k)."""
    both = np.diagonal(cells, axis1=1, axis2=2)
    if rule.name == "accuracy":
        sums = np.stack([both.sum(axis=1), cells.sum(axis=(1, 2))], axis=1)
    else:
        sums = np.concatenate([cells.sum(axis=1), cells.sum(axis=2), both], axis=1)
    return rule.of_sums(sums)
