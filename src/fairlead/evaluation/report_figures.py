"""Pictures of a training's report: slices, other validations, means of the predictions."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fairlead.evaluation.drawing import BLUE, GREY, INKS, ORANGE, new_figure, png, tidy
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.evaluation.metrics import Metric
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.slices import SliceScore
from fairlead.evaluation.tables import shown, unit_of

Z = 1.959963984540054
TENTHS = 10


def slices_png(
    slices: Sequence[SliceScore], whole: Estimate, metric: Metric, unit: str | None
) -> bytes | None:
    """The metric of each slice with its 95 % interval, beside that of all rows.

    Slices that are shown to be worse are orange; those of too few rows are left out.

    Returns:
        None where no slice has rows enough.
    """
    drawn = [each for each in slices if each.estimate.is_defined]
    if not drawn:
        return None
    figure = new_figure(7.0, 0.9 + 0.27 * len(drawn))
    axes = figure.subplots()
    tidy(axes, grid="x")
    axes.axvline(shown(metric, whole.value), color=GREY, linewidth=1.2, linestyle=(0, (4, 3)))
    for row, each in enumerate(drawn):
        ink = ORANGE if each.is_worse else BLUE
        value, *ends = (
            shown(metric, number)
            for number in (each.estimate.value, each.estimate.low, each.estimate.high)
        )
        if all(map(math.isfinite, ends)):
            axes.plot(ends, [row, row], color=ink, linewidth=1.8)
        axes.plot(value, row, "o", color=ink, markersize=5.5)
    names = [f"{each.column}: {each.value}  ({each.rows:,})" for each in drawn]
    axes.set_yticks(range(len(drawn)), names, parse_math=False)
    axes.set_ylim(len(drawn) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    named = unit_of(metric, unit)
    axes.set_xlabel(
        f"{metric.name}{f' ({named})' if named else ''}, {metric.better} is better; "
        "dashed: all rows",
        fontsize=9,
    )
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    return png(figure)


def validations_png(board: Leaderboard) -> bytes | None:
    """The metric by each way to validate, candidates below each other; None if there is one way.

    Lines are one standard error; of several draws, their standard deviation.
    """
    entries = [entry for entry in board.ranked if entry.validations and board.metric in entry.cv]
    if not entries:
        return None
    methods = validation_methods(board)
    names = [board.cv.partition(",")[0], *methods]
    figure = new_figure(7.0, 1.2 + 0.17 * len(entries) * len(names))
    axes = figure.subplots()
    tidy(axes, grid="x")
    for row, entry in enumerate(entries):
        cv = entry.cv[board.metric]
        found = {each.method: (each.mean, each.spread) for each in entry.validations}
        for number, method in enumerate(names):
            pair = (cv.value, cv.standard_error) if number == 0 else found.get(method)
            if pair is None:
                continue
            value, spread = (shown(board.rule, x) for x in pair)
            axes.errorbar(
                value, row + 0.7 * ((number + 0.5) / len(names) - 0.5),
                xerr=spread if math.isfinite(spread) else None, fmt="oDs^v"[number % 5],
                color=INKS[number % len(INKS)], markersize=5, elinewidth=1.2,
                label=method if row == 0 else None,
            )  # fmt: skip
    axes.set_yticks(range(len(entries)), [entry.name for entry in entries])
    axes.set_ylim(len(entries) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    named = unit_of(board.rule, board.unit)
    axes.set_xlabel(
        f"{board.metric}{f' ({named})' if named else ''}, {board.rule.better} is better",
        fontsize=9,
    )
    axes.legend(
        frameon=False, fontsize=8.5, ncols=3, loc="lower left", bbox_to_anchor=(0, 1),
        borderaxespad=0.2,
    )  # fmt: skip
    return png(figure)


def validation_methods(board: Leaderboard) -> list[str]:
    """The other ways to validate that any candidate has, in the order they are met."""
    return list(dict.fromkeys(each.method for e in board.ranked for each in e.validations))


def tenths_png(predictions: Predictions, unit: str | None) -> bytes | None:
    """Mean true value by tenths of the predictions, with 95 % intervals; None for few rows."""
    if predictions.rows < 2 * TENTHS:
        return None
    order = np.argsort(predictions.y_pred, kind="stable")
    parts = np.array_split(order, TENTHS)
    said = np.array([predictions.y_pred[part].mean() for part in parts])
    true = np.array([predictions.y_true[part].mean() for part in parts])
    half = Z * np.array(
        [predictions.y_true[part].std(ddof=1) / math.sqrt(len(part)) for part in parts]
    )
    figure = new_figure(4.6, 4.2)
    axes = figure.subplots()
    tidy(axes, grid="both")
    ends = [min(said.min(), true.min()), max(said.max(), true.max())]
    axes.plot(ends, ends, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.errorbar(said, true, yerr=half, fmt="o", color=BLUE, markersize=5, elinewidth=1.2)
    suffix = f" ({unit})" if unit else ""
    axes.set_xlabel(f"mean prediction of each tenth{suffix}", fontsize=9)
    axes.set_ylabel(f"mean true value{suffix}", fontsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter(FuncFormatter(_thousands))
    return png(figure)


def _thousands(number: float, _: int) -> str:
    return f"{number:,.6g}".replace("-", "\N{MINUS SIGN}")
