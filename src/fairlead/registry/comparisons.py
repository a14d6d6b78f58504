"""Gates that compare a version with the champion on the same labelled rows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.comparison import Comparison, compare
from fairlead.evaluation.intervals import COVERAGE
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.report import evaluate
from fairlead.evaluation.slices import Cut
from fairlead.evaluation.tables import decimals, number_text, shown, unit_of
from fairlead.registry.decisions import GateResult, Outcome

CALIBRATED_BY = "brier"
"""Unlike the log loss it stays finite where a rule is sure and wrong."""
DEFAULT_LEVEL = 0.965
"""Confidence with which the champion must be beaten where the project file does not say: four
answers of a classifier that are right instead of wrong are enough for it, three are not."""
SURE = 1.96
"""Two-sided 95 % of a normal distribution."""


@dataclass(frozen=True, eq=False)
class Rows:
    """Labelled rows that neither model was trained on, and what both say of them.

    Attributes:
        source: `holdout`, `cv` (out of fold, where no holdout is kept) or `recent`.
        challenger: its predictions, one for each repeat of a cross-validation.
        champion: the same of the champion; empty where there is none, or it cannot be scored.
        groups: shape (n,): rows of one group are not independent; None if all are.
        cuts: of these rows.
        why_alone: why the champion is not scored on them; empty if it is, or there is none.
    """

    source: str
    challenger: tuple[Predictions, ...]
    champion: tuple[Predictions, ...] = ()
    groups: NDArray[np.int64] | None = None
    cuts: tuple[Cut, ...] = ()
    why_alone: str = ""

    @property
    def rows(self) -> int:
        """How many."""
        return self.challenger[0].rows

    @property
    def title(self) -> str:
        """Such as `1,000 rows of the holdout`."""
        where = {"holdout": "rows of the holdout", "cv": "rows out of fold"}
        return f"{self.rows:,} {where.get(self.source, 'recent labelled rows')}"

    def taken(self, rows: NDArray[np.int64]) -> Rows:
        """Some of the rows, without their cuts."""
        groups = None if self.groups is None else self.groups[rows]
        sides = [tuple(each.take(rows) for each in s) for s in (self.challenger, self.champion)]
        return Rows(self.source, sides[0], sides[1], groups)

    def compare(self, metric: str, level: float, seed: int) -> Comparison:
        """The challenger against the champion."""
        return compare(
            self.challenger, self.champion, metric, groups=self.groups, level=level, seed=seed
        )


@dataclass(frozen=True)
class Terms:
    """What the project says on comparisons.

    Attributes:
        metric: the one that ranks.
        level: confidence with which the champion must be beaten, one-sided: a version that is no
            better passes in at most 1 - level of the cases.
        tolerance: largest relative loss on a class or slice that is let pass.
        min_slice_rows: smaller slices are not judged.
        seed: seeds the resamples.
        unit: of the target.
    """

    metric: str
    level: float = DEFAULT_LEVEL
    tolerance: float = 0.05
    min_slice_rows: int = 30
    seed: int = 42
    unit: str | None = None

    @property
    def interval(self) -> float:
        """Confidence of the two-sided interval whose nearer end is the one-sided bound."""
        return 2 * self.level - 1


def beats_champion(rows: Rows, terms: Terms) -> GateResult:
    """Whether it is better than the champion by the metric that ranks, at the stated confidence."""
    expected = f"better than the champion by {terms.metric}, at {100 * terms.level:g} %"
    if not rows.champion:
        return GateResult("beats_champion", "inconclusive", rows.why_alone, expected, rows.title)
    found = rows.compare(terms.metric, terms.interval, terms.seed)
    outcomes: dict[str, Outcome] = {"better": "pass", "worse": "fail"}
    outcome = outcomes.get(found.verdict, "inconclusive")
    return GateResult("beats_champion", outcome, _text(found, rows, terms), expected, _why(rows))


def guard(
    rows: Rows, recent: Rows, terms: Terms, settled: tuple[Rows, Rows] | None = None
) -> GateResult:
    """Where recent rows decide: it must not be worse on the holdout, while that still stands.

    Args:
        rows: of the holdout.
        recent: that decide.
        terms: of the project.
        settled: both as a champion of before sees them, by whom is told whether the holdout still
            stands; None if the champion tells, which has learned from the project's data alone.
    """
    name, expected = "holdout_guard", f"not worse than the champion by {terms.metric}"
    if not rows.champion:
        return GateResult(name, "inconclusive", rows.why_alone, expected, rows.title)
    found = rows.compare(terms.metric, COVERAGE, terms.seed)
    text = _text(found, rows, terms)
    if settled is None:
        who, then, now = "the champion", rows.champion, recent.champion
    else:
        who = "the last champion that has learned from the project's data alone"
        then, now = (each.challenger for each in settled)
    moved_on = _moved_on(who, then, now, rows.groups, terms)
    if moved_on:
        return GateResult(name, "pass", text, expected, moved_on)
    outcome: Outcome = "fail" if found.verdict == "worse" else "pass"
    return GateResult(name, outcome, text, expected, _why(rows))


def _moved_on(
    who: str,
    on_holdout: tuple[Predictions, ...],
    on_recent: tuple[Predictions, ...],
    groups: NDArray[np.int64] | None,
    terms: Terms,
) -> str:
    """Why the holdout, whose rows are in these groups, stands no longer; empty if it does."""
    rule = find_metric(terms.metric, on_holdout[0].task)
    then, now = (
        evaluate(said, [terms.metric], groups=among, seed=terms.seed)[terms.metric]
        for said, among in ((on_holdout, groups), (on_recent, None))
    )
    loss = (then.value - now.value) * (1 if rule.better == "greater" else -1)
    if not loss > SURE * math.hypot(then.standard_error, now.standard_error):
        return ""
    places, unit = decimals(rule, [then, now]), unit_of(rule, terms.unit)
    texts = [f"{number_text(rule, each, places)} {unit}".rstrip() for each in (now, then)]
    return (
        f"{who} has {terms.metric} {texts[0]} on the recent rows and {texts[1]} on the "
        "holdout: the world has moved on, and the holdout does not stand for it"
    )


def classes(rows: Rows, terms: Terms) -> GateResult:
    """Whether it recognises every class about as well as the champion."""
    first = rows.challenger[0]
    if not first.classes:
        return GateResult("classes", "pass", "a regression has no classes", "", "")
    counts = np.bincount(first.y_true, minlength=len(first.classes))
    parts = {
        label: (f"recall[{label}]", rows)
        for label, count in zip(first.classes, counts, strict=True)
        if count >= terms.min_slice_rows
    }
    return _regressions("classes", "class", rows, parts, len(counts) - len(parts), terms)


def slices(rows: Rows, terms: Terms) -> GateResult:
    """Whether it is about as good as the champion on every slice."""
    parts, small = {}, 0
    for label, members in _members(rows):
        if len(members) >= terms.min_slice_rows:
            parts[label] = (terms.metric, rows.taken(members))
        else:
            small += 1
    return _regressions("slices", "slice", rows, parts, small, terms)


def slice_drop(rows: Rows, terms: Terms) -> float:
    """The largest relative loss of a slice against the champion; 0 where none is worse."""
    if not rows.champion:
        return math.nan if rows.why_alone else 0.0
    losses = [
        _loss(_difference(rows.taken(members), terms.metric), rows.taken(members), terms.metric)
        for _, members in _members(rows)
        if len(members) >= terms.min_slice_rows
    ]
    return max([0.0, *(loss for loss in losses if not math.isnan(loss))])


def calibration(rows: Rows, terms: Terms) -> GateResult:
    """Whether its probabilities are about as good as the champion's."""
    name = "calibration"
    expected = f"{CALIBRATED_BY} not worse by more than {100 * terms.tolerance:g} %"
    sides = (*rows.challenger, *rows.champion)
    if any(each.y_prob is None for each in sides):
        return GateResult(name, "pass", "no probabilities to compare", expected, "not asked")
    if not rows.champion:
        return _alone(name, rows, expected)
    found = rows.compare(CALIBRATED_BY, COVERAGE, terms.seed)
    loss = _loss(found.difference.value, rows, CALIBRATED_BY)
    is_worse = found.verdict == "worse" and not loss <= terms.tolerance
    outcome: Outcome = "fail" if is_worse else "pass"
    return GateResult(name, outcome, _text(found, rows, terms), expected, _why(rows))


def _regressions(
    name: str,
    kind: str,
    rows: Rows,
    parts: dict[str, tuple[str, Rows]],
    small: int,
    terms: Terms,
) -> GateResult:
    expected = f"no {kind} surely worse by more than {100 * terms.tolerance:g} %"
    if not rows.champion:
        return _alone(name, rows, expected)
    if not parts:
        found = f"no {kind} with {terms.min_slice_rows} rows"
        return GateResult(name, "pass", found, expected, "not asked")
    # Of many parts some look worse by chance: the error is shared out among them.
    level = 1 - (1 - COVERAGE) / len(parts)
    bad = []
    for label, (metric, part) in parts.items():
        found_here = part.compare(metric, level, terms.seed)
        loss = _loss(found_here.difference.value, part, metric)
        if found_here.verdict == "worse" and not loss <= terms.tolerance:
            bad.append(_text(found_here, part, terms, name=label))
    why = f"{len(parts)} compared, {100 * level:.4g} % each; {_why(rows)}"
    if small:
        why += f"; {small} with fewer than {terms.min_slice_rows} rows not judged"
    outcome: Outcome = "fail" if bad else "pass"
    return GateResult(name, outcome, "; ".join(bad) or f"no {kind} is", expected, why)


def _alone(name: str, rows: Rows, expected: str) -> GateResult:
    if rows.why_alone:
        return GateResult(name, "inconclusive", rows.why_alone, expected, rows.title)
    return GateResult(name, "pass", "no champion yet", expected, "not asked")


def _members(rows: Rows) -> Iterator[tuple[str, NDArray[np.int64]]]:
    for each in rows.cuts:
        for code, label in enumerate(each.labels):
            members = np.flatnonzero(each.codes == code)
            if len(members):
                yield f"{each.column} {label}", members


def _difference(rows: Rows, metric: str) -> float:
    """Metric of the challenger less that of the champion."""
    values = [_value(side, metric) for side in (rows.challenger, rows.champion)]
    return values[0] - values[1]


def _loss(difference: float, rows: Rows, metric: str) -> float:
    """How much worse the challenger is, relative to the champion; below 0 where it is better."""
    rule = find_metric(metric, rows.challenger[0].task)
    worse = -difference if rule.better == "greater" else difference
    if not worse > 0:
        return worse
    size = abs(_value(rows.champion, metric))
    return worse / size if size else math.inf


def _value(side: Sequence[Predictions], metric: str) -> float:
    found = evaluate(side, [metric], resamples=0)
    return found.get(metric, Estimate(math.nan)).value


def _text(found: Comparison, rows: Rows, terms: Terms, *, name: str = "") -> str:
    """Such as `rmse -512 [-900, -120] USD`: the challenger less the champion."""
    name = name or found.metric
    if not found.difference.is_defined:
        return f"{name} is not defined for both"
    rule = find_metric(found.metric, rows.challenger[0].task)
    places = decimals(rule, [found.difference])
    value, low, high = (
        f"{shown(rule, number):+,.{places}f}"
        for number in (found.difference.value, found.difference.low, found.difference.high)
    )
    text = f"{name} {value} [{low}, {high}] {unit_of(rule, terms.unit)}".rstrip()
    if found.verdict == "inconclusive" and found.probability is not None:
        text += f", better with {100 * found.probability:.0f} %"
    return text


def _why(rows: Rows) -> str:
    return f"paired, on {rows.title}"
