"""Slices: the rows of one category, or of one quarter of a column's range, scored alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from fairlead.data.encoding import UNKNOWN
from fairlead.evaluation.comparison import RESAMPLES
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
from fairlead.project.columns import ColumnSpec

Indices = NDArray[np.int64]
QUARTERS = (0.25, 0.5, 0.75)
UNDEFINED = Estimate(math.nan)


@dataclass(frozen=True)
class Cut:
    """A column cut into slices.

    Attributes:
        column: its name.
        labels: what the slices are called.
        codes: shape (n,): which of them each row is in.
    """

    column: str
    labels: tuple[str, ...]
    codes: Indices

    def of(self, rows: Indices) -> Cut:
        """The same cut of some rows."""
        return Cut(self.column, self.labels, self.codes[rows])


def cut(name: str, column: ColumnSpec, values: NDArray[Any], train: Indices) -> Cut:
    """Cut a column by its categories, or by the quartiles of its training rows.

    Args:
        name: the column.
        column: its declaration.
        values: shape (n,), as a data set holds them: numbers, codes, or texts as objects.
        train: positions of the rows that the quartiles are taken from.
    """
    if values.dtype == object:
        texts, codes = np.unique(values.astype(str), return_inverse=True)
        return Cut(name, tuple(text or "missing" for text in texts.tolist()), codes)
    missing = np.isnan(values)
    if column.type == "category":
        labels = (*column.values, "unknown")
        codes = np.where(values == UNKNOWN, len(column.values), np.nan_to_num(values))
    elif column.type == "boolean":
        labels, codes = ("false", "true"), np.nan_to_num(values)
    else:
        known = values[train][~missing[train]]
        edges = np.unique(np.quantile(known, QUARTERS)) if len(known) else np.empty(0)
        # Where a quarter or more of the rows has the largest value, nothing lies above it.
        edges = edges[edges < known.max(initial=-math.inf)]
        labels = _ranges(_texts(column, edges.tolist()))
        codes = np.digitize(values, edges, right=True)
    codes = np.where(missing, len(labels), codes).astype(np.int64)
    return Cut(name, (*labels, "missing"), codes)


def _texts(column: ColumnSpec, edges: Sequence[float]) -> list[str]:
    """The edges as short as they can be told apart."""
    if column.type == "datetime":
        return [datetime.fromtimestamp(edge, UTC).isoformat() for edge in edges]
    short = [f"{edge:.6g}" for edge in edges]
    return short if len(set(short)) == len(short) else list(map(repr, edges))


def _ranges(edges: Sequence[str]) -> tuple[str, ...]:
    """Such as `<= 1`, `1 to 2` (2 included), `> 2`."""
    if not edges:
        return ("all",)
    middle = (f"{low} to {high}" for low, high in pairwise(edges))
    return (f"<= {edges[0]}", *middle, f"> {edges[-1]}")


@dataclass(frozen=True)
class SliceScore:
    """How good a model is on one slice.

    Attributes:
        column, value: which slice.
        rows: how many there are.
        metric: what it is scored by.
        estimate: the metric on these rows alone; NaN where they are too few.
        difference: that minus the metric on all rows.
        is_worse: whether it is worse than the whole, with 95 % confidence for all slices of the
            model together.
    """

    column: str
    value: str
    rows: int
    metric: str
    estimate: Estimate = UNDEFINED
    difference: Estimate = UNDEFINED
    is_worse: bool = False

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        estimates = {name: getattr(self, name).to_dict() for name in ("estimate", "difference")}
        return {**vars(self), **estimates}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`."""
        parts = {name: Estimate.from_dict(fields[name]) for name in ("estimate", "difference")}
        return cls(**{**fields, **parts})


def score_slices(
    predictions: Predictions | Sequence[Predictions],
    metric: str,
    cuts: Sequence[Cut],
    *,
    min_rows: int,
    groups: NDArray[Any] | None = None,
    resamples: int = RESAMPLES,
    seed: int = 42,
) -> tuple[SliceScore, ...]:
    """Score every slice that has rows, and compare it with the whole.

    Slice and whole are scored on the same resamples of all rows. Of many slices some look bad by
    chance: the confidence is shared out among them (Bonferroni).

    Args:
        predictions: as in `evaluate`.
        metric: a name, that of one class as `recall[setosa]`.
        cuts: of the rows that were predicted.
        min_rows: smaller slices are counted, not scored.
        groups: shape (n,): rows of one group are resampled together.
        resamples: number of bootstrap resamples.
        seed: seeds them.

    Raises:
        EvaluationError: the metric is not known for this task, or the repeats are of other rows.
    """
    repeats = as_repeats(predictions)
    members = {
        (each.column, label): rows
        for each in cuts
        for code, label in enumerate(each.labels)
        if len(rows := np.flatnonzero(each.codes == code))
    }
    scored = {key: rows for key, rows in members.items() if len(rows) >= min_rows}
    every_row = np.arange(repeats[0].rows)
    parts = [every_row, *scored.values()]
    values = [_value(repeats, metric, rows) for rows in parts]
    found = {}
    if scored and math.isfinite(values[0]):
        drawn = _replicates(repeats, metric, parts, groups, resamples, seed)
        rule = find_metric(metric, repeats[0].task)
        for position, (key, rows) in enumerate(scored.items(), start=1):
            own, gaps = drawn[:, position], drawn[:, position] - drawn[:, 0]
            losses = -gaps if rule.better == "greater" else gaps
            found[key] = SliceScore(
                *key,
                len(rows),
                metric,
                estimate(values[position], own),
                estimate(values[position] - values[0], gaps),
                _is_worse(losses[np.isfinite(losses)], of=len(scored)),
            )
    return tuple(
        found.get(key, SliceScore(*key, len(rows), metric)) for key, rows in members.items()
    )


def _value(repeats: Sequence[Predictions], metric: str, rows: Indices) -> float:
    taken = [each.take(rows) for each in repeats]
    return evaluate(taken, [metric], resamples=0).get(metric, UNDEFINED).value


def _replicates(
    repeats: Sequence[Predictions],
    metric: str,
    parts: Sequence[Indices],
    groups: NDArray[Any] | None,
    resamples: int,
    seed: int,
) -> Floats:
    """The metric of each part on each resample of all rows, shape (resamples, parts)."""
    first = repeats[0]
    rule = find_metric(metric, first.task)
    code = rule.position(metric, first.classes)
    units = sampling_units(first.rows, groups, seed)
    if units is None:
        units = np.arange(first.rows)
    count = int(units.max()) + 1
    tables = [sum_by_unit(_columns(rule, repeats, rows), units[rows], count) for rows in parts]
    stacked = np.hstack(tables)
    drawn = []
    with np.errstate(over="ignore", invalid="ignore"):
        for weights in resampled_weights(count, resamples, seed):
            sums = (weights @ stacked).reshape(len(weights) * len(parts), -1)
            values = rule.of_sums(sums, len(repeats))[:, code]
            drawn.append(values.reshape(len(weights), len(parts)))
    return np.vstack(drawn)


def _columns(rule: Metric, repeats: Sequence[Predictions], rows: Indices) -> Floats:
    """What is added up over these rows, as if there were no others, the repeats side by side."""
    return np.hstack([rule.columns(each.take(rows)) for each in repeats])


def _is_worse(losses: Floats, *, of: int) -> bool:
    return bool(len(losses)) and float((losses <= 0).mean()) <= (1 - COVERAGE) / of
