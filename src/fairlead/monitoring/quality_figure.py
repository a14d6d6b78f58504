"""Draws quality over time: measured by labels, estimated without them, and the baseline."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.dates import ConciseDateFormatter

from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, new_figure, png, tidy
from fairlead.monitoring.records import Quality, Window


def draw(history: Sequence[tuple[Window, Quality]], model: str) -> bytes:
    """The metric of each window, as PNG.

    Args:
        history: windows, the oldest first; at least one.
        model: name for the title.
    """
    metric = history[-1][1].metric
    figure = new_figure(7.2, 3.6)
    axes = figure.subplots()
    tidy(axes, grid="y")
    _estimate(axes, history)
    _measured(axes, history)
    baselines = [each.baseline.value for _, each in history if each.baseline.is_defined]
    if baselines:
        axes.axhline(baselines[-1], color=GREY, linewidth=1.2, label="baseline: unseen rows")
    axes.set_xlim(history[0][0].start, history[-1][0].end)  # type: ignore[arg-type]
    formatter = ConciseDateFormatter(axes.xaxis.get_major_locator())  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)
    better = "↑ better" if history[-1][1].better == "greater" else "↓ better"
    axes.set_ylabel(f"{metric} ({better})", fontsize=9)
    axes.set_title(f"{model}: quality by window (UTC)", fontsize=10, loc="left")
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=8, frameon=False, loc="best")
    else:
        axes.text(0.5, 0.5, "no predictions", transform=axes.transAxes, ha="center", color=GREY)
    return png(figure)


def _estimate(axes: Axes, history: Sequence[tuple[Window, Quality]]) -> None:
    """A band, broken where nothing can be estimated."""
    known = [(window, each.expected) for window, each in history if each.expected is not None]
    label = "estimate without labels"
    for window, found in known:
        ends: Any = [window.start, window.end]
        axes.fill_between(ends, found.low, found.high, color=ORANGE, alpha=0.22, linewidth=0)
        axes.plot(ends, [found.value] * 2, color=ORANGE, linewidth=1.5, label=label)
        label = "_"


def _measured(axes: Axes, history: Sequence[tuple[Window, Quality]]) -> None:
    known = [(window, each.measured) for window, each in history if each.measured is not None]
    if not known:
        return
    middles: Any = [window.start + (window.end - window.start) / 2 for window, _ in known]
    values = [found.value for _, found in known]
    below = [max(0.0, found.value - found.low) for _, found in known]
    above = [max(0.0, found.high - found.value) for _, found in known]
    axes.errorbar(
        middles,
        values,
        yerr=[below, above],
        fmt="o",
        color=BLUE,
        markersize=5,
        capsize=3,
        linewidth=1.2,
        label="measured by labels, 95 %",
    )
