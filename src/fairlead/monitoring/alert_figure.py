"""One picture for an alert: how far each column is, and how it came to that."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, new_figure, png, tidy
from fairlead.monitoring.alerts import Alert
from fairlead.monitoring.records import ColumnDrift, DriftReport
from fairlead.monitoring.state import Looked

SHOWN = 20
"""Columns; the most important ones."""
LOOKS = 60


def alert_figure(alert: Alert, report: DriftReport, looks: Sequence[Looked], share: float) -> bytes:
    """Draw it.

    Args:
        alert: whose picture it is.
        report: the window.
        looks: earlier ones and this one, the latest last.
        share: of drifted columns, from which there is an alert.

    Returns:
        A PNG.
    """
    columns = [*report.columns[:SHOWN], *([report.prediction] if report.prediction else [])]
    figure = new_figure(10, max(3.2, 1.2 + 0.3 * len(columns)))
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    figure.suptitle(f"{alert.model} version {alert.version}: {alert.kind}", fontsize=11)
    _columns(left, columns)
    _history(right, looks[-LOOKS:], share, alert.raised_at)
    return png(figure)


def _columns(axes: Axes, columns: Sequence[ColumnDrift]) -> None:
    tidy(axes, grid="x")
    places = range(len(columns))
    effects = [_ratio(each) for each in columns]
    colours = [ORANGE if each.is_drifted or each.is_broken else BLUE for each in columns]
    axes.barh(places, effects, color=colours, height=0.62)
    names = [f"{each.column} (broken)" if each.is_broken else each.column for each in columns]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.axvline(1, color=GREY, linewidth=1, linestyle="--")
    axes.set_xlim(0, max((1.5, *effects)) * 1.05)
    axes.set_xlabel("effect / threshold; orange: drifted or broken", fontsize=9)


def _ratio(column: ColumnDrift) -> float:
    ratio = column.effect / column.threshold if column.threshold > 0 else 0.0
    return ratio if ratio == ratio else 0.0


def _history(axes: Axes, looks: Sequence[Looked], share: float, raised_at: datetime) -> None:
    tidy(axes, grid="y")
    told = [(each.at, each.share) for each in looks if each.share is not None]
    times = [date2num(at) for at, _ in told]  # type: ignore[no-untyped-call]
    axes.plot(times, [100 * value for _, value in told], color=BLUE, marker="o", markersize=3)
    axes.axhline(100 * share, color=GREY, linewidth=1, linestyle="--")
    axes.axvline(date2num(raised_at), color=ORANGE, linewidth=1)  # type: ignore[no-untyped-call]
    axes.set_ylim(0, 105)
    axes.set_ylabel("drifted columns, %", fontsize=9)
    locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
    axes.set_xlabel("end of the window, UTC", fontsize=9)
