"""Draws the distributions of columns, reference and current."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, new_figure, png, tidy
from fairlead.monitoring.drift import gathered
from fairlead.monitoring.records import ColumnDrift, DriftReport
from fairlead.monitoring.reference import Reference
from fairlead.monitoring.sketches import Axis, Counted, Sketch

Floats = NDArray[np.float64]
BINS = 24
MOST = 24
"""Columns in a picture: the first of the report."""
CATEGORIES = 8
"""Further ones are put together."""
ACROSS = 3
OUTER = 0.005
"""So large a share at each end is drawn in the first and the last bin."""
LONGEST = 14


def drift_png(report: DriftReport, reference: Reference, current: Sequence[Sketch]) -> bytes:
    """A small histogram for each column, the most important first, and the prediction.

    Args:
        report: what was found.
        reference: one side that it was found by.
        current: the other.
    """
    counted = gathered(reference, current)
    columns = [*report.columns[:MOST], *([report.prediction] if report.prediction else [])]
    down = max(1, math.ceil(len(columns) / ACROSS))
    figure = new_figure(3.2 * ACROSS, 0.6 + 2.1 * down)
    known = f"{report.reference}, {report.reference_rows:,} rows (blue)"
    figure.suptitle(f"{report.rows:,} rows (orange) beside {known}", fontsize=11)
    grid = figure.subplots(down, ACROSS, squeeze=False)
    for axes, column in zip(grid.ravel(), columns, strict=False):
        # A feature may be called as the prediction is; that one is the last.
        places = [i for i, (axis, *_) in enumerate(counted) if axis.name == column.column]
        place = places[-1] if column is report.prediction else places[0]
        _draw(axes, column, *counted[place])
    for axes in grid.ravel()[len(columns) :]:
        axes.set_axis_off()
    return png(figure)


def _draw(axes: Axes, column: ColumnDrift, axis: Axis, before: Counted, now: Counted) -> None:
    tidy(axes)
    axes.locator_params(axis="x", nbins=4)
    axes.set_yticks([])
    word = " broken" if column.is_broken else " drifted" if column.is_drifted else ""
    effect = "–" if math.isnan(column.effect) else f"{column.effect:.3f}"
    title = f"{column.column}  {effect}{word}"
    axes.set_title(
        title, fontsize=9, loc="left", color=ORANGE if word else "black", fontweight="bold"
    )
    if axis.kind == "number":
        _numbers(axes, before, now)
    else:
        _categories(axes, axis, before, now)


def _numbers(axes: Axes, before: Counted, now: Counted) -> None:
    edges = _edges(before, now)
    if edges is None:
        axes.text(0.5, 0.5, "no values", transform=axes.transAxes, ha="center", color=GREY)
        return
    for counted, colour, alpha in ((before, BLUE, 0.35), (now, ORANGE, 0.0)):
        means, weights = _atoms(counted)
        if not len(means):
            continue
        heights, _ = np.histogram(np.clip(means, edges[0], edges[-1]), edges, weights=weights)
        axes.stairs(heights / weights.sum(), edges, color=colour, linewidth=1.4)
        if alpha:
            axes.stairs(heights / weights.sum(), edges, fill=True, color=colour, alpha=alpha)


def _atoms(counted: Counted) -> tuple[Floats, Floats]:
    """Where the rows of each bin are taken to be, and how many there are."""
    assert counted.sums is not None  # noqa: S101
    filled = counted.counts > 0
    return counted.sums[filled] / counted.counts[filled], counted.counts[filled]


def _edges(before: Counted, now: Counted) -> Floats | None:
    """Bins of one width over what both hold, their farthest ends apart."""
    ends = []
    for counted in (before, now):
        means, weights = _atoms(counted)
        if len(means):
            share = np.cumsum(weights) / weights.sum()
            last = min(int(np.searchsorted(share, 1 - OUTER)), len(means) - 1)
            ends += [means[int(np.searchsorted(share, OUTER))], means[last]]
    if not ends:
        return None
    low, high = min(ends), max(ends)
    if high <= low:
        low, high = low - 0.5, high + 0.5
    whole = all((np.round(_atoms(each)[0], 6) % 1 == 0).all() for each in (before, now))
    if whole and high - low < 2 * BINS:
        step = max(1, round((high - low) / BINS))
        return np.arange(math.floor(low) - 0.5, math.ceil(high) + step + 0.5, step)
    return np.linspace(low, high, BINS + 1)


def _categories(axes: Axes, axis: Axis, before: Counted, now: Counted) -> None:
    names = [*axis.values, "(unknown)"]
    sides = [np.append(each.counts, each.unknown) for each in (before, now)]
    shares = [side / (side.sum() or 1.0) for side in sides]
    order = np.argsort(-(shares[0] + shares[1]), kind="stable")
    shown = [i for i in order if shares[0][i] + shares[1][i] > 0][:CATEGORIES]
    heights = [list(share[shown]) for share in shares]
    labels = [_short(names[i]) for i in shown]
    if any(share.sum() - sum(own) > 1e-9 for share, own in zip(shares, heights, strict=True)):
        labels.append("others")
        heights = [
            [*own, share.sum() - sum(own)] for share, own in zip(shares, heights, strict=True)
        ]
    places = np.arange(len(labels))
    axes.barh(places - 0.2, heights[0], 0.38, color=BLUE, alpha=0.6)
    axes.barh(places + 0.2, heights[1], 0.38, color=ORANGE)
    axes.set_yticks(places, labels, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlim(0, None)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
