"""Pictures of a project's data: one column, the classes, what each column says alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation

from fairlead.data.distribution import Histogram
from fairlead.data.quality.records import LIMITS, Power
from fairlead.data.report import ColumnReport, datetime_text
from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, new_figure, svg, tidy

WIDTH_IN = 2.1
SHOWN_CATEGORIES = 6
SHOWN_POWERS = 25
LETTERS = 20


def column_svg(column: ColumnReport) -> bytes | None:
    """The rows of a column by value, small enough for a table; None if it has none.

    Numbers as a histogram, outliers in another colour; categories as bars, the most frequent on
    top.
    """
    if column.histogram is None:
        shown = dict(column.top[:SHOWN_CATEGORIES])
        return bars_svg(shown) if shown else None
    figure = new_figure(WIDTH_IN, 0.6)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.01, 0.32, 0.98, 0.66))
    _histogram(axes, column, column.histogram)
    return svg(figure)


def target_svg(column: ColumnReport, unit: str | None) -> bytes | None:
    """The rows of a numeric target by value; None if it has none."""
    if column.histogram is None:
        return None
    figure = new_figure(6.6, 1.9)
    figure.set_layout_engine("none")
    axes = figure.add_axes((0.09, 0.2, 0.9, 0.76))
    _histogram(axes, column, column.histogram)
    axes.tick_params(left=True, labelleft=True, labelcolor=GREY, labelsize=8)
    axes.yaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda rows, _: f"{rows:,.0f}"))
    axes.set_ylabel("rows", fontsize=8, color=GREY)
    axes.set_xlabel(f"{column.name}{f' ({unit})' if unit else ''}", fontsize=8, color=GREY)
    return svg(figure)


def _histogram(axes: Axes, column: ColumnReport, histogram: Histogram) -> None:
    middle = (histogram.edges[1:] + histogram.edges[:-1]) / 2
    far = np.zeros(len(middle), np.bool_)
    if column.outliers is not None:
        far = (middle < column.outliers.low) | (middle > column.outliers.high)
    colours = np.where(far, ORANGE, BLUE).tolist()
    axes.bar(np.arange(len(middle)), histogram.rows, width=0.92, color=colours)
    _bare(axes)
    axes.spines["bottom"].set_visible(True)
    axes.set_xlim(-0.5, len(middle) - 0.5)
    below = ScaledTranslation(0, -3 / 72, axes.figure.dpi_scale_trans)
    for place, side, text in zip((0, 1), ("left", "right"), _ends(column, histogram), strict=True):
        axes.text(
            place, 0, text, ha=side, va="top", fontsize=7, color=GREY,
            transform=axes.transAxes + below,
        )  # fmt: skip


def _ends(column: ColumnReport, histogram: Histogram) -> tuple[str, str]:
    """What stands below the first and the last bar."""
    low, high = column.minimum or 0.0, column.maximum or 0.0
    return (
        f"≤ {histogram.low:,.4g}" if low < histogram.low else _value(column, low),
        f"≥ {histogram.high:,.4g}" if high > histogram.high else _value(column, high),
    )


def _value(column: ColumnReport, value: float) -> str:
    return datetime_text(value)[:10] if column.type == "datetime" else f"{value:,.6g}"


def bars_svg(rows: Mapping[str, int], width_in: float = WIDTH_IN) -> bytes:
    """Rows of each category as bars."""
    figure = new_figure(width_in, 0.04 + 0.15 * len(rows))
    figure.set_layout_engine("none")
    left = min(0.5, 1.25 / width_in)
    axes = figure.add_axes((left, 0, 0.98 - left, 1))
    _bars(axes, list(rows), list(rows.values()), [f"{number:,}" for number in rows.values()], 7)
    return svg(figure)


def powers_svg(powers: Sequence[Power]) -> bytes:
    """How much of the target each column explains alone, and from where on that is told."""
    shown = powers[:SHOWN_POWERS]
    figure = new_figure(6.6, 0.5 + 0.21 * len(shown))
    figure.set_layout_engine("none")
    foot = 0.42 / figure.get_figheight()
    axes = figure.add_axes((0.3, foot, 0.64, 0.99 - foot))
    values = [power.explained for power in shown]
    _bars(axes, [p.column for p in shown], values, [f"{100 * v:.0f} %" for v in values], 8)
    axes.hlines(
        range(len(shown)), [p.at_least for p in shown], values, color="black", linewidth=1.2
    )
    axes.set_xlim(0, 1.02)
    axes.spines["bottom"].set_visible(True)
    axes.tick_params(axis="x", bottom=True, labelbottom=True, labelcolor=GREY, labelsize=8)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda share, _: f"{100 * share:.0f} %"))
    axes.set_xlabel("of the target explained by this column alone", fontsize=8, color=GREY)
    for code in ("dominant_column", "target_leakage"):
        axes.axvline(LIMITS[code].value, color=ORANGE, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    return svg(figure)


def _bars(
    axes: Axes, names: Sequence[str], values: Sequence[float], told: Sequence[str], size: float
) -> None:
    """Horizontal bars from the top, their names to the left, what they are inside or behind."""
    axes.barh(range(len(names)), values, color=BLUE, height=0.78)
    _bare(axes)
    longest = max(*values, 1e-12)
    axes.set(ylim=(len(names) - 0.4, -0.6), xlim=(0, longest))
    left, right = (
        axes.transData + ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
        for points in (-3, 3)
    )
    for place, (name, value, text) in enumerate(zip(names, values, told, strict=True)):
        short = name if len(name) <= LETTERS else f"{name[: LETTERS - 1]}…"
        # A category may look like mathematics: `$5`.
        axes.text(
            0, place, short, ha="right", va="center", fontsize=size, color=GREY,
            parse_math=False, transform=left,
        )  # fmt: skip
        inside = value > 0.6 * longest
        axes.text(
            value, place, text, ha="right" if inside else "left", va="center", fontsize=size,
            color="white" if inside else GREY, transform=left if inside else right,
        )  # fmt: skip


def _bare(axes: Axes) -> None:
    tidy(axes)
    axes.spines[:].set_visible(False)
    axes.tick_params(left=False, bottom=False, labelleft=False, labelbottom=False, color=GREY)
