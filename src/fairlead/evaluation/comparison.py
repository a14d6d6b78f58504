"""Two sets of predictions of the same rows: a paired bootstrap, its interval and a verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from fairlead.errors import EvaluationError
from fairlead.evaluation.intervals import (
    COVERAGE,
    estimate,
    resampled_weights,
    sampling_units,
    sum_by_unit,
)
from fairlead.evaluation.metrics import Floats, Metric, find_metric
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.report import as_repeats, evaluate

RESAMPLES = 2000
ROUNDING = 1e-12
"""A smaller difference, relative to the metric, is one of the order of additions."""
ALL_ON_ONE_SIDE = 30
"""So many differing units on one side are evidence at any level, however many do not differ."""
SHARES = 1000
"""Shares of differing units that are tried for the likeliest one."""
Verdict = Literal["better", "worse", "inconclusive"]


@dataclass(frozen=True)
class Comparison:
    """One set of predictions against another, of the same rows.

    Attributes:
        metric: what they are compared by.
        difference: metric of the first minus that of the second; NaN where it is not defined.
        level: confidence of the difference's interval.
        probability: share of the resamples in which the first is better, ties half; None where
            the metric is not defined.
        verdict: on the first: `better` or `worse` where the interval leaves zero out.
        rows: how many rows both have predicted.
    """

    metric: str
    difference: Estimate
    level: float
    probability: float | None
    verdict: Verdict
    rows: int

    @property
    def is_within_one_error(self) -> bool:
        """Whether the difference is at most its own standard error."""
        return abs(self.difference.value) <= self.difference.standard_error

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return {**vars(self), "difference": self.difference.to_dict()}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        return cls(**{**fields, "difference": Estimate.from_dict(fields["difference"])})


def compare(
    a: Predictions | Sequence[Predictions],
    b: Predictions | Sequence[Predictions],
    metric: str,
    *,
    groups: NDArray[Any] | None = None,
    level: float = COVERAGE,
    resamples: int = RESAMPLES,
    seed: int = 42,
) -> Comparison:
    """Compare predictions of the same rows.

    Both are scored on the same resamples, so what makes rows hard for both cancels out. The
    result depends on nothing but the pairs of predictions: not on the order of the rows, and
    exchanging `a` and `b` turns its signs round.

    Args:
        a: predictions, or one for each repeat of a repeated cross-validation; the metric is then
            the mean over the repeats.
        b: the same of another model, for the same rows in the same order, as often repeated.
        metric: a name, that of one class as `recall[setosa]`.
        groups: shape (n,): rows of one group are resampled together.
        level: confidence of the interval.
        resamples: number of bootstrap resamples.
        seed: seeds them.

    Raises:
        EvaluationError: the metric is not known for this task, or the rows or repeats differ.
    """
    sides = [as_repeats(a), as_repeats(b)]
    _check_same_rows(*sides)
    first = sides[0][0]
    rule = find_metric(metric, first.task, first.classes)
    values = [
        evaluate(side, [metric], resamples=0).get(metric, Estimate(math.nan)).value
        for side in sides
    ]
    if not all(map(math.isfinite, values)):
        return Comparison(metric, Estimate(math.nan), level, None, "inconclusive", first.rows)
    code = rule.position(metric, first.classes)
    # A resample of a diverged model may overflow: it is then left out.
    with np.errstate(over="ignore", invalid="ignore"):
        replicates, *units = _replicates(rule, code, sides, groups, resamples, seed)
    difference = estimate(float(_minus(*map(np.array, values))), replicates, level)
    gains = replicates if rule.better == "greater" else -replicates
    return Comparison(
        metric=metric,
        difference=difference,
        level=level,
        probability=_share_above_zero(gains[np.isfinite(gains)]),
        verdict=_verdict(difference, rule.better, can_tell=_chance(*units) <= (1 - level) / 2),
        rows=first.rows,
    )


def _check_same_rows(a: Sequence[Predictions], b: Sequence[Predictions]) -> None:
    if len(a) != len(b):
        raise EvaluationError(f"{len(a)} and {len(b)} repeats", "as many of both")
    if a[0].classes != b[0].classes or not np.array_equal(a[0].y_true, b[0].y_true):
        raise EvaluationError("predictions of different rows", "both of the same rows")


def _replicates(
    rule: Metric,
    code: int,
    sides: Sequence[Sequence[Predictions]],
    groups: NDArray[Any] | None,
    resamples: int,
    seed: int,
) -> tuple[Floats, int, int]:
    """The difference on each resample; in how many rows or groups the two differ; of how many."""
    tables = [np.hstack([rule.columns(each) for each in side]) for side in sides]
    signs = [1.0]
    if groups is None:
        *tables, signs = _ordered(*tables)
    units = sampling_units(len(tables[0]), groups, seed)
    tables = [sum_by_unit(table, units) for table in tables]
    count, repeats = len(tables[0]), len(sides[0])
    drawn = [
        _minus(*(rule.of_sums(weights @ table, repeats)[:, code] for table in tables))
        for weights in resampled_weights(count, resamples if count > 1 else 0, seed)
    ]
    differing = int((tables[0] != tables[1]).any(axis=1).sum())
    replicates = np.concatenate([np.empty(0), *(sign * part for sign in signs for part in drawn)])
    return replicates, differing, count


def _ordered(a: Floats, b: Floats) -> tuple[Floats, Floats, list[float]]:
    """The two tables and their rows in an order that is the same however they came.

    Returns:
        The tables, one of them first, and the signs that a difference of them takes: both where
        neither table is first, because exchanging them gives the same pairs.
    """
    one, other = (pairs[np.lexsort(pairs.T)] for pairs in (np.hstack([a, b]), np.hstack([b, a])))
    kept, turned = one.tobytes() <= other.tobytes(), other.tobytes() <= one.tobytes()
    first, second = np.hsplit(one if kept else other, 2)
    return first, second, [1.0] * kept + [-1.0] * turned


def _minus(a: Floats, b: Floats) -> Floats:
    """The difference, exactly zero where it is a rounding error."""
    difference = a - b
    tiny = np.abs(difference) <= ROUNDING * np.maximum(np.abs(a), np.abs(b))
    return np.where(tiny, 0.0, difference)


def _share_above_zero(gains: Floats) -> float | None:
    return float((np.sign(gains) + 1).mean() / 2) if len(gains) else None


def _chance(differing: int, units: int) -> float:
    """How likely it is at most that equal models differ in so many units, all for the same side.

    The exact unconditional sign test (Suissa and Shuster 1991): how often two models differ is not
    known, so the share that makes it likeliest counts. Where this is no evidence, the bootstrap,
    which cannot draw what it has not seen, would be too sure.
    """
    if differing == units or differing > ALL_ON_ONE_SIDE:
        return float(0.5**differing)
    share = np.linspace(0, min(1, 4 * (differing + 1) / units), SHARES)
    fewer = sum(
        math.comb(units, k) * (share / 2) ** k * (1 - share) ** (units - k)
        for k in range(differing)
    )
    return float(np.max((1 - share / 2) ** units - fewer))


def _verdict(
    difference: Estimate, better: Literal["greater", "smaller"], *, can_tell: bool
) -> Verdict:
    greater, smaller = difference.low > 0, difference.high < 0
    if not can_tell or not (greater or smaller):
        return "inconclusive"
    return "better" if greater == (better == "greater") else "worse"
