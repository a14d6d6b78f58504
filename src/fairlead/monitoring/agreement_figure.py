"""Draws a shadow beside the version that answered."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from fairlead.evaluation.drawing import BLUE, GREY, new_figure, png, tidy
from fairlead.monitoring.agreement import Agreement

DARK = 0.5
"""From this share of the largest cell on, numbers are white."""


def agreement_png(agreement: Agreement) -> bytes:
    """A confusion matrix of the classes, or the numbers of both as points, as PNG."""
    size = 4.6 if agreement.differences else max(3.6, 1.8 + 0.75 * len(agreement.classes))
    figure = new_figure(size + 0.6, size)
    axes = figure.subplots()
    if agreement.differences is None:
        _matrix(axes, agreement)
        found = f"the same in {100 * agreement.agreed / agreement.rows:.1f} %"
    else:
        _points(axes, agreement)
        found = f"{agreement.differences.mean_absolute:,.6g} apart on average"
    axes.set_xlabel(f"version {agreement.shadow} (shadow)")
    axes.set_ylabel(f"version {agreement.primary} (answered)")
    axes.set_title(f"{agreement.rows:,} rows, {found}", fontsize=10)
    return png(figure)


def _matrix(axes: Axes, agreement: Agreement) -> None:
    classes = agreement.classes
    place = {name: index for index, name in enumerate(classes)}
    counts = np.zeros((len(classes), len(classes)))
    for one, two, rows in agreement.confusion:
        counts[place[one], place[two]] = rows
    axes.imshow(np.sqrt(counts), cmap="Blues")
    for (row, column), count in np.ndenumerate(counts):
        dark = count > DARK**2 * counts.max()
        colour = "white" if dark else "black"
        axes.text(column, row, f"{count:,.0f}", ha="center", va="center", color=colour, fontsize=9)
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right", fontsize=9)
    axes.set_yticks(range(len(classes)), classes, fontsize=9)


def _points(axes: Axes, agreement: Agreement) -> None:
    shadow, primary = np.array([(two, one) for one, two in agreement.points]).T
    tidy(axes, grid="both")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(MaxNLocator(5))
        axis.set_major_formatter("{x:,.6g}")
    ends = [min(shadow.min(), primary.min()), max(shadow.max(), primary.max())]
    axes.plot(ends, ends, color=GREY, linewidth=1, zorder=1)
    axes.scatter(shadow, primary, s=7, alpha=0.4, color=BLUE, linewidths=0, zorder=2)
