"""Coverage by slice as a picture: how often the truth is held, and how much room that takes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fairlead.evaluation.coverage import Coverage, Covered
from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, new_figure, png, tidy

MOST_SLICES = 40
"""Of more slices the largest are drawn."""


def coverage_png(coverage: Coverage, *, title: str = "", unit: str | None = None) -> bytes:
    """Draw the slices of the holdout, or of cross-validation where there is none.

    Left, the share of rows whose truth was held, with its 95 % interval, against what was asked
    for; right, the mean width of the intervals, or the mean number of classes in a set.

    Args:
        coverage: measured for one source at least.
        title: what the picture is of.
        unit: unit of the target of a regression.
    """
    source = "holdout" if "holdout" in coverage.measured else "cv"
    whole, *slices = coverage.measured[source]
    drawn = [each for each in slices if each.coverage.is_defined]
    kept = sorted(drawn, key=lambda each: -each.rows)[:MOST_SLICES]
    rows = [whole, *(each for each in drawn if each in kept)]
    figure = new_figure(8.6, 1.5 + 0.27 * len(rows))
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
    _draw_shares(left, coverage, rows)
    _draw_sizes(right, coverage, rows, unit)
    left.set_yticks(range(len(rows)), [_name(each) for each in rows], fontsize=8.5)
    left.get_yticklabels()[0].set_fontweight("bold")
    left.set_ylim(len(rows) - 0.4, -0.6)
    left.tick_params(axis="y", length=0)
    right.tick_params(axis="y", length=0)
    where = "holdout" if source == "holdout" else "out of fold"
    figure.suptitle(
        f"{title}: {100 * coverage.target:g} % {coverage.kind}s, {where}",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return png(figure)


def _name(each: Covered) -> str:
    named = f"{each.column}: {each.value}" if each.column else "all rows"
    return f"{named}  ({each.rows:,})"


def _draw_shares(axes: Axes, coverage: Coverage, rows: Sequence[Covered]) -> None:
    tidy(axes, grid="x")
    target = 100 * coverage.target
    axes.axvline(target, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    text = "rows whose truth is held (%), 95 % interval"
    for place, each in enumerate(rows):
        share = 100 * each.coverage.value
        ends = 100 * np.array([each.coverage.low, each.coverage.high])
        short = bool(ends[1] < target)
        if short and "square" not in text:
            text += "\nsquare: less than was asked for"
        color = ORANGE if short else BLUE
        axes.hlines(place, *ends, color=color, linewidth=1.4)
        axes.plot(share, place, "s" if short else "o", color=color, markersize=5, zorder=3)
    axes.set_xlabel(text, fontsize=9)


def _draw_sizes(axes: Axes, coverage: Coverage, rows: Sequence[Covered], unit: str | None) -> None:
    tidy(axes, grid="x")
    axes.barh(range(len(rows)), [each.size.value for each in rows], color=BLUE, height=0.55)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.6g}"))
    named = f" ({unit})" if unit else ""
    text = f"mean width{named}" if coverage.kind == "interval" else "mean number of classes"
    axes.set_xlabel(text, fontsize=9)
