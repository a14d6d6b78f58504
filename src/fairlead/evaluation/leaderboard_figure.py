"""The leaderboard as a picture: how good each candidate is, and what it costs to ask."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, new_figure, png, tidy
from fairlead.evaluation.leaderboard import Entry, Leaderboard
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.tables import (
    SIMPLEST,
    conclusions,
    decimals,
    mark_of,
    number_text,
    shown,
    unit_of,
)


def leaderboard_png(board: Leaderboard) -> bytes:
    """Draw the candidates that have a cross-validated metric, best on top.

    Left, the metric with one standard error; right, the same heights over the time for one row,
    if it was measured for all of them.
    """
    entries = [e for e in board.ranked if e.error is None and _defined(e.cv.get(board.metric))]
    timed = bool(entries) and all(entry.latency_p50_us for entry in entries)
    said = [*_baseline(board), *conclusions(board)]
    height = 1.7 + 0.34 * max(len(entries), 1) + 0.17 * len(said)
    figure = new_figure(9.5 if timed else 6.5, height)
    if timed:
        left, right = figure.subplots(1, 2, sharey=True, width_ratios=[3, 2])
        _draw_latency(right, entries)
    else:
        left = figure.subplots()
    _draw_metric(left, board, entries)
    _label_rows(left, board, entries)
    figure.suptitle(
        f"{board.metric} by cross-validation ({board.cv})", x=0.01, ha="left", fontsize=11
    )
    if said:
        figure.supxlabel("\n".join(said), x=0.01, ha="left", fontsize=9)
    return png(figure)


def _baseline(board: Leaderboard) -> list[str]:
    """The baseline in words: drawn, it would press the candidates together."""
    estimate = board.baseline.cv.get(board.metric) if board.baseline else None
    if estimate is None or not estimate.is_defined:
        return []
    unit = unit_of(board.rule, board.unit)
    text = number_text(board.rule, estimate, decimals(board.rule, [estimate]))
    return [f"Baseline: {text}{f' {unit}' if unit else ''}."]


def _defined(estimate: Estimate | None) -> bool:
    return estimate is not None and estimate.is_defined


def _label_rows(axes: Axes, board: Leaderboard, entries: Sequence[Entry]) -> None:
    names = [
        f"{SIMPLEST} {entry.name}" if mark_of(board, entry) == SIMPLEST else entry.name
        for entry in entries
    ]
    axes.set_yticks(range(len(entries)), names)
    for label, entry in zip(axes.get_yticklabels(), entries, strict=True):
        label.set_fontweight("bold" if entry == board.best else "normal")
    axes.set_ylim(max(len(entries), 1) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)


def _draw_metric(axes: Axes, board: Leaderboard, entries: Sequence[Entry]) -> None:
    tidy(axes, grid="x")
    for row, entry in enumerate(entries):
        _draw_estimate(axes, board, entry.cv.get(board.metric), row, fmt="o", color=BLUE)
        _draw_estimate(
            axes, board, entry.holdout.get(board.metric), row + 0.26, fmt="D", color=ORANGE
        )
    unit = unit_of(board.rule, board.unit)
    axes.set_xlabel(
        f"{board.metric}{f' ({unit})' if unit else ''}, {board.rule.better} is better", fontsize=9
    )
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,.6g}"))
    _add_legend(axes, has_holdout=any(_defined(e.holdout.get(board.metric)) for e in entries))


def _draw_estimate(
    axes: Axes,
    board: Leaderboard,
    estimate: Estimate | None,
    height: float,
    *,
    fmt: str,
    color: str,
) -> None:
    if estimate is None or not estimate.is_defined:
        return
    axes.errorbar(
        shown(board.rule, estimate.value),
        height,
        xerr=shown(board.rule, estimate.standard_error),
        fmt=fmt,
        color=color,
        markerfacecolor=color if fmt == "o" else "white",
        markersize=6 if fmt == "o" else 5,
        elinewidth=1.2,
        zorder=3,
    )


def _add_legend(axes: Axes, *, has_holdout: bool) -> None:
    marks = [Line2D([], [], marker="o", color=BLUE, label="cross-validation ± standard error")]
    if has_holdout:
        marks.append(Line2D([], [], marker="D", mfc="white", color=ORANGE, label="holdout"))
    axes.legend(
        handles=marks,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
        frameon=False,
        fontsize=8.5,
        borderaxespad=0.2,
    )


def _draw_latency(axes: Axes, entries: Sequence[Entry]) -> None:
    tidy(axes, grid="x")
    axes.set_xscale("log")
    for row, entry in enumerate(entries):
        median, tail = entry.latency_p50_us or 1.0, entry.latency_p99_us
        if tail is not None:
            axes.plot([median, tail], [row, row], color=GREY, linewidth=1.2, zorder=2)
        axes.plot(median, row, "s", color="black", markersize=5, zorder=3)
    low, high = axes.get_xlim()
    axes.set_xlim(min(low, 1.0), max(high, 100.0))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:,g}"))
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel("time for one row (µs), median to 99th percentile", fontsize=9)
