"""Figures in sentences, and the three sentences that a report begins with."""

from __future__ import annotations

from collections.abc import Sequence

from fairlead.data.report import counted
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.tables import decimals, number_text, shown, unit_of
from fairlead.evaluation.training_report.records import TrainingResults

SOURCES = {"cv": "cross-validation", "holdout": "the holdout", "oob": "the rows out of bag"}


def with_unit(board: Leaderboard, text: str) -> str:
    """A number with what stands behind it."""
    unit = unit_of(board.rule, board.unit)
    return f"{text} {unit}" if unit else text


def told(board: Leaderboard, estimate: Estimate) -> str:
    """Such as `97.3 ± 1.3 %` or `46,510 ± 450 USD`."""
    return with_unit(board, number_text(board.rule, estimate, decimals(board.rule, [estimate])))


def size(board: Leaderboard, difference: Estimate) -> str:
    """How large a difference is, whichever way: such as `21,000 ± 700 USD`."""
    return told(board, Estimate(abs(difference.value), difference.standard_error))


def plain(board: Leaderboard, value: float, like: Estimate) -> str:
    """A number with the decimals of an estimate."""
    places = decimals(board.rule, [like])
    return with_unit(board, f"{shown(board.rule, value):,.{places}f}")


def interval(board: Leaderboard, estimate: Estimate) -> str:
    """Such as `[94.7, 100.0]`."""
    places = decimals(board.rule, [estimate])
    low, high = (f"{shown(board.rule, x):,.{places}f}" for x in (estimate.low, estimate.high))
    return f"[{low}, {high}]"


def question(report: TrainingResults) -> str:
    """What is predicted, from what."""
    spec = report.spec
    target = spec.data.target
    features = [name for name, column in spec.data.columns.items() if column.role == "feature"]
    what = f"`{target.name}`{f' in {target.unit}' if target.unit else ''}"
    if spec.task == "classification" and (classes := _classes(report)):
        what += f", one of {len(classes)} classes"
    derived = f" and {len(spec.data.derived)} derived from them" if spec.data.derived else ""
    return f"Predicted is {what}, from {counted(len(features), 'column')}{derived}."


def _classes(report: TrainingResults) -> Sequence[str]:
    for candidate in report.candidates.values():
        if candidate.predictions is not None:
            return candidate.predictions.classes
    return report.spec.data.target.classes


def choice(report: TrainingResults) -> str:
    """Which candidate is put forward, how good it is, and what a constant would be."""
    board, chosen = report.board, report.chosen
    if chosen is None:
        return "No candidate has a figure: none is put forward."
    estimate = chosen.entry.cv[board.metric]
    why = "the simplest within one standard error of the best"
    how = "the best" if board.select == "best" else why
    text = (
        f"Put forward is `{chosen.name}`, {how} of {counted(len(board.entries), 'candidate')}: "
        f"{board.metric} {told(board, estimate)} in cross-validation ({board.cv})"
    )
    baseline = board.baseline.cv.get(board.metric) if board.baseline else None
    if baseline is None or not baseline.is_defined:
        return f"{text}."
    return f"{text}, where the baseline has {told(board, baseline)}."


def on_holdout(report: TrainingResults) -> str:
    """What the holdout says of it."""
    board, chosen = report.board, report.chosen
    if board.holdout is None:
        return "No holdout was kept: cross-validation is the estimate, and every row is fitted."
    estimate = chosen.estimate(board.metric, "holdout") if chosen else None
    rows = f"On the holdout ({board.holdout}), which took no part in training or choice,"
    if estimate is None:
        return f"{rows} it has no figure."
    return f"{rows} it has {told(board, estimate)}."
