"""A picture of a search: how it went, and what each parameter did, as PNG bytes."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, new_figure, png, tidy
from fairlead.evaluation.metrics import Metric
from fairlead.evaluation.tables import shown, unit_of
from fairlead.models.family import Range
from fairlead.training.search import SearchResult, Trial

COLUMNS = 3


def search_png(result: SearchResult, metric: Metric, *, unit: str | None = None) -> bytes:
    """Every trial with the best so far, and below, the trials over each parameter.

    Args:
        result: the trials.
        metric: by which they were compared.
        unit: unit of the target of a regression.
    """
    lines = -(-len(result.space) // COLUMNS)
    figure = new_figure(7.5, 2.9 + 2.0 * lines)
    parts = figure.subfigures(2, 1, squeeze=False, height_ratios=[2.9, 2.0 * lines])
    above, below = parts.ravel()
    named = unit_of(metric, unit)
    label = f"{metric.name}{f' ({named})' if named else ''}"
    course = above.subplots()
    _course(course, result, metric)
    course.set_ylabel(label, fontsize=9)
    course.set_title(
        f"{result.candidate}: {len(result.trials)} trials on {result.folds} folds, "
        f"{result.count('pruned')} given up after the first folds",
        fontsize=10,
        loc="left",
    )
    columns = min(COLUMNS, len(result.space))
    grid = below.subplots(lines, columns, sharey=True, squeeze=False)
    for axes in grid.flat[len(result.space) :]:
        axes.set_visible(False)
    for axes, name in zip(grid.flat, result.space, strict=False):
        _slice(axes, result, metric, name)
    for axes in grid[:, 0]:
        axes.set_ylabel(label, fontsize=9)
    return png(figure)


def _course(axes: Axes, result: SearchResult, metric: Metric) -> None:
    tidy(axes, grid="y")
    best = np.minimum if result.better == "smaller" else np.maximum
    values = np.array([np.nan if t.value is None else t.value for t in result.trials])
    numbers = np.arange(1, len(values) + 1)
    so_far = [shown(metric, value) for value in best.accumulate(_without_gaps(values, result))]
    axes.step(numbers, so_far, where="post", color=ORANGE, linewidth=1.4, label="best so far")
    complete = [(n, t) for n, t in enumerate(result.trials, 1) if t.value is not None]
    pruned = [(n, t) for n, t in enumerate(result.trials, 1) if t.state == "pruned"]
    _dots(axes, [n for n, _ in complete], [t.value for _, t in complete], metric, "complete", BLUE)
    _dots(
        axes,
        [n for n, _ in pruned],
        [t.partial for _, t in pruned],
        metric,
        "first folds only",
        GREY,
    )
    axes.plot(1, shown(metric, values[0]), "D", color="black", markersize=5, label="as written")
    _bound(axes, result, metric)
    axes.set_xlim(0.4, len(values) + 0.6)
    axes.set_xlabel("trial", fontsize=9)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    axes.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _without_gaps(values: np.ndarray[Any, Any], result: SearchResult) -> np.ndarray[Any, Any]:
    worst = np.inf if result.better == "smaller" else -np.inf
    return np.where(np.isnan(values), worst, values)


def _dots(
    axes: Axes, at: list[Any], values: list[float | None], metric: Metric, label: str, color: str
) -> None:
    numbers = [np.nan if value is None else shown(metric, value) for value in values]
    marker = "o" if color == BLUE else "x"
    axes.plot(at, numbers, marker, color=color, markersize=4.5, label=label, alpha=0.8)


def _bound(axes: Axes, result: SearchResult, metric: Metric) -> None:
    """Leave out of sight what is far worse than most: it would flatten all the others."""
    values = [shown(metric, t.value) for t in result.trials if t.value is not None]
    numbers = np.array(values or [0.0])
    middle = float(np.median(numbers))
    spread = 2.5 * float(np.percentile(np.abs(numbers - middle), 75))
    seen = [*numbers[np.abs(numbers - middle) <= spread]]
    seen += [
        shown(metric, t.value) for t in (result.trials[0], result.chosen) if t.value is not None
    ]
    low, high = min(seen, default=middle), max(seen, default=middle)
    margin = 0.08 * (high - low) or 0.01 * abs(middle) or 1.0
    axes.set_ylim(low - margin, high + margin)


def _slice(axes: Axes, result: SearchResult, metric: Metric, name: str) -> None:
    tidy(axes, grid="y")
    values = result.space[name]
    complete = [trial for trial in result.trials if trial.value is not None]
    if isinstance(values, Range):
        # What is written may lie outside, such as 0 where orders of magnitude are searched.
        drawn = [t for t in complete if _fits(t.parameters[name], values)]
        at: list[Any] = [trial.parameters[name] for trial in drawn]
        if values.log:
            _as_orders(axes, values)
        else:
            axes.xaxis.set_major_locator(MaxNLocator(5, integer=values.whole))
    else:
        drawn = [t for t in complete if t.parameters[name] in values]
        at = [values.index(trial.parameters[name]) for trial in drawn]
        axes.set_xticks(range(len(values)), [str(value) for value in values])
    _dots(axes, at, [trial.value for trial in drawn], metric, "complete", BLUE)
    best: Trial | None = result.best
    if best is not None and best in drawn:
        where = at[drawn.index(best)]
        axes.plot(where, shown(metric, best.value or 0.0), "*", color=ORANGE, markersize=11)
    _bound(axes, result, metric)
    axes.yaxis.set_major_formatter(FuncFormatter(_number))
    axes.set_xlabel(name, fontsize=9)


def _fits(value: Any, values: Range) -> bool:
    return isinstance(value, int | float) and (value > 0 or not values.log)


def _as_orders(axes: Axes, values: Range) -> None:
    """A logarithmic axis whose few ticks are plain numbers."""
    decades = np.log10(values.high / values.low)
    subs = (1.0, 2.0, 5.0) if decades < 1.4 else (1.0, 3.0) if decades < 2.2 else (1.0,)
    axes.set_xscale("log")
    axes.set_xlim(values.low / 1.15, values.high * 1.15)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(_number))


def _number(number: float, _: int) -> str:
    return f"{number:,.6g}".replace("-", "\N{MINUS SIGN}")
