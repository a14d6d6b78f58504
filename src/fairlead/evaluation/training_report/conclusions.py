"""What follows from the figures of a training: each sentence by a rule, with its numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from fairlead.data.report import counted
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.leaderboard import Entry, Leaderboard, simplicity
from fairlead.evaluation.report_figures import validation_methods
from fairlead.evaluation.tables import conclusions as of_leaderboard
from fairlead.evaluation.training_report.records import CandidateResults, TrainingResults
from fairlead.evaluation.training_report.sentences import (
    interval,
    plain,
    size,
    told,
)

ERRORS = 2.0
"""Standard errors from which on two figures are said to disagree."""
NAMED = 3
"""So many features are named with what they are worth."""


def conclusions(report: TrainingResults) -> list[str]:
    """Sentences, the most important first; where there is no evidence, there is no sentence."""
    chosen = report.chosen
    if chosen is None:
        return []
    return [
        *_against_baseline(report.board, chosen.entry),
        *_against_others(report.board),
        *of_leaderboard(report.board),
        *_holdout(report.board, chosen),
        *_validations(report.board, chosen.entry),
        *_slices(report.board, chosen),
        *_calibration(chosen),
        *_features(report.board, chosen, report.importance),
        *report.studied,
        *_more_rows(report, chosen),
        *_data(report),
    ]


def _against_baseline(board: Leaderboard, entry: Entry) -> Iterator[str]:
    found = entry.against_baseline
    if found is None or not found.difference.is_defined:
        return
    gap = size(board, found.difference)
    if found.verdict == "better":
        yield f"`{entry.name}` beats the baseline by {gap} on the same rows."
    else:
        yield (
            f"`{entry.name}` is not shown to beat the baseline: {gap} in between, on the same rows."
        )


def _against_others(board: Leaderboard) -> Iterator[str]:
    """The best against each other candidate, from the paired comparisons."""
    best = board.best
    if best is None:
        return
    for entry in board.ranked:
        found = entry.against_best
        if found is None or not found.difference.is_defined:
            continue
        gap = size(board, found.difference)
        if found.verdict == "worse":
            yield f"`{best.name}` beats `{entry.name}` by {gap} on the same rows."
            continue
        simpler = ""
        if best.interpretability != entry.interpretability:
            simpler = f"; the simpler one is `{min(best, entry, key=simplicity).name}`"
        few = found.difference.low > 0 or found.difference.high < 0
        why = ", too few rows differ to tell" if few else ""
        yield (
            f"Inconclusive between `{best.name}` and `{entry.name}`: {gap} in between on the same "
            f"rows, 95 % interval {interval(board, found.difference)}{why}{simpler}."
        )


def _holdout(board: Leaderboard, chosen: CandidateResults) -> Iterator[str]:
    inner, outer = (chosen.estimate(board.metric, source) for source in ("cv", "holdout"))
    if inner is None or outer is None:
        return
    error = math.hypot(inner.standard_error, outer.standard_error)
    if not error > 0:
        return
    gap = outer.value - inner.value
    text = (
        f"holdout ({told(board, outer)}) and cross-validation ({told(board, inner)}) of "
        f"`{chosen.name}`"
    )
    apart = f"{abs(gap) / error:.1f} standard errors apart"
    if abs(gap) <= ERRORS * error:
        yield f"{text[0].upper()}{text[1:]} agree: {apart}."
        return
    worse = (gap < 0) == (board.rule.better == "greater")
    yield f"{text[0].upper()}{text[1:]} disagree: {apart}, the holdout is {_word(worse)}."


def _word(worse: bool) -> str:
    return "worse" if worse else "better"


def _validations(board: Leaderboard, chosen: Entry) -> Iterator[str]:
    """Which candidate is best under each way to validate, and what the choice of a way changes."""
    scored = [entry for entry in board.ranked if entry.validations]
    methods = validation_methods(board)
    if not scored or chosen.error is not None or board.metric not in chosen.cv:
        return
    first = board.cv.partition(",")[0]
    winners = {first: scored[0].name} | {
        method: best for method in methods if (best := best_under(board, method)) is not None
    }
    if len(set(winners.values())) > 1:
        texts = ", ".join(f"`{name}` by {method}" for method, name in winners.items())
        yield f"The best depends on how it is validated: {texts}."
    else:
        ways = " and ".join(filter(None, [", ".join(list(winners)[:-1]), list(winners)[-1]]))
        yield f"`{scored[0].name}` is the best by {ways} alike."
    own = chosen.cv[board.metric]
    for each in chosen.validations:
        mean = plain(board, each.mean, own)
        if each.draws > 1 and each.spread > own.standard_error:
            low, high = (plain(board, value, own) for value in (each.low, each.high))
            yield (
                f"By {each.method} the figure of `{chosen.name}` is a matter of luck: "
                f"{each.draws} draws gave {low} to {high}."
            )
        if abs(each.mean - own.value) > ERRORS * max(own.standard_error, each.spread):
            worse = (each.mean < own.value) == (board.rule.better == "greater")
            yield (
                f"By {each.method} `{chosen.name}` is {_word(worse)} than by {first}: {mean} "
                f"against {told(board, own)}. Which one counts depends on the rows it will see."
            )


def best_under(board: Leaderboard, method: str) -> str | None:
    """The candidate that another way to validate puts first."""
    means = {
        entry.name: each.mean
        for entry in board.ranked
        for each in entry.validations
        if each.method == method
    }
    if not means:
        return None
    pick = max if board.rule.better == "greater" else min
    return pick(means, key=means.__getitem__)


def _slices(board: Leaderboard, chosen: CandidateResults) -> Iterator[str]:
    scored = [each for each in chosen.slices if each.estimate.is_defined]
    whole = chosen.estimate(board.metric)
    if not scored or whole is None:
        return
    sign = 1 if board.rule.better == "greater" else -1
    worst = min(scored, key=lambda each: sign * each.estimate.value)
    bad = [each for each in scored if each.is_worse]
    text = (
        f"{worst.column}: {worst.value} with {told(board, worst.estimate)} "
        f"({counted(worst.rows, 'row')}), where all rows have {told(board, whole)}"
    )
    if not bad:
        yield (
            f"None of {counted(len(scored), 'slice')} is shown to be worse than the whole; the "
            f"weakest is {text}."
        )
        return
    yield (
        f"Worse than the whole, with 95 % confidence for all slices together: "
        f"{', '.join(f'{each.column}: {each.value}' for each in bad)}. The worst is {text}."
    )


def _calibration(chosen: CandidateResults) -> Iterator[str]:
    """Whether a classifier is as sure as it may be."""
    found = chosen.predictions
    if found is None or found.y_prob is None or found.rows < 2:
        return
    stated = found.y_prob[np.arange(found.rows), found.y_pred]
    right = found.y_true == found.y_pred
    gap = right - stated
    mean, error = float(gap.mean()), float(gap.std(ddof=1)) / math.sqrt(found.rows)
    words = "as sure as it may be"
    if abs(mean) > ERRORS * error:
        words = "too sure of itself" if mean < 0 else "surer than it says"
    yield (
        f"`{chosen.name}` is {words}: it gives its predictions a probability of "
        f"{100 * stated.mean():.1f} % on average, and {100 * right.mean():.1f} % of them are "
        f"right ({100 * abs(mean):.1f} ± {100 * error:.1f} % in between)."
    )


def _features(
    board: Leaderboard, chosen: CandidateResults, effects: tuple[FeatureEffect, ...]
) -> Iterator[str]:
    """What the columns are worth that matter most."""
    needed = [
        (effect.feature, effect.comparison.difference)
        for effect in effects
        if effect.is_needed and effect.comparison is not None
    ]
    if not needed:
        return
    needed.sort(key=lambda pair: -abs(pair[1].value))
    texts = [f"{name} ({size(board, difference)})" for name, difference in needed[:NAMED]]
    rest = len(needed) - NAMED
    more = f" and {rest} more" if rest > 0 else ""
    yield f"`{chosen.name}` leans most on {', '.join(texts)}{more}: what it loses if shuffled."


def _more_rows(report: TrainingResults, chosen: CandidateResults) -> Iterator[str]:
    board = report.board
    for curve in report.curves:
        if curve.candidate != chosen.name or not curve.last_step.difference.is_defined:
            continue
        fewer, whole = curve.rows[-2:]
        gap = size(board, curve.last_step.difference)
        step = f"from {fewer:,} to {whole:,} rows"
        if curve.last_step.verdict == "better":
            yield f"More rows would likely help `{chosen.name}`: {step} it became better by {gap}."
        else:
            yield (
                f"That more rows would help `{chosen.name}` is not shown: {step}, {gap} in between."
            )


def _data(report: TrainingResults) -> Iterator[str]:
    quality = report.data.quality
    if quality is None:
        return
    grave = [each for each in quality.findings if each.severity in ("error", "warning")]
    if grave:
        kinds = ", ".join(dict.fromkeys(f"`{each.code}`" for each in grave))
        yield (
            f"The data may make these figures too good or too bad: `fairlead check` has "
            f"{quality.counts} ({kinds})."
        )
