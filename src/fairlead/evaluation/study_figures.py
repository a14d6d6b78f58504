"""Pictures of what features are worth and of learning curves, as PNG bytes."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, NullLocator

from fairlead.evaluation.drawing import BLUE, GREY, INKS, ORANGE, new_figure, png, tidy
from fairlead.evaluation.features import FeatureEffect
from fairlead.evaluation.learning_curve import LearningCurve
from fairlead.evaluation.metrics import Metric
from fairlead.evaluation.tables import shown, unit_of


def features_png(
    effects: Sequence[FeatureEffect], metric: Metric, *, title: str, unit: str | None = None
) -> bytes:
    """What the metric loses without each feature, with 95 % intervals, the largest loss on top.

    Args:
        effects: of the features; those that cannot be taken away are left out.
        metric: what they were compared by.
        title: what was done to which model.
        unit: unit of the target of a regression.
    """
    sign = -1.0 if metric.better == "greater" else 1.0
    drawn = [
        (effect, effect.comparison.difference)
        for effect in effects
        if effect.comparison is not None and effect.comparison.difference.is_defined
    ]
    drawn.sort(key=lambda pair: -sign * pair[1].value)
    figure = new_figure(6.5, 1.3 + 0.27 * max(len(drawn), 1))
    axes = figure.subplots()
    tidy(axes, grid="x")
    axes.axvline(0, color=GREY, linewidth=1)
    for row, (effect, difference) in enumerate(drawn):
        color = BLUE if effect.is_needed else ORANGE
        value, *ends = (
            sign * shown(metric, number)
            for number in (difference.value, difference.low, difference.high)
        )
        axes.barh(row, value, height=0.6, color=color, alpha=0.35)
        if all(map(math.isfinite, ends)):
            axes.plot(ends, [row, row], color=color, linewidth=1.6)
        axes.plot(value, row, "o", color=color, markersize=4.5)
    axes.set_yticks(range(len(drawn)), [effect.feature for effect, _ in drawn])
    axes.set_ylim(max(len(drawn), 1) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    kept = [effect.feature for effect in effects if effect.comparison is None]
    _label(axes, metric, unit, kept)
    axes.set_title(title, fontsize=10, loc="left")
    return png(figure)


def _label(axes: Axes, metric: Metric, unit: str | None, kept: Sequence[str]) -> None:
    named = unit_of(metric, unit)
    always = f"\ncannot be left out: {', '.join(kept)}" if kept else ""
    axes.set_xlabel(
        f"loss of {metric.name} without it{f' ({named})' if named else ''}; "
        f"orange: no loss is shown{always}",
        fontsize=9,
    )
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))


def _thousands(number: float, _: int) -> str:
    return f"{number:,.6g}".replace("-", "\N{MINUS SIGN}")


def learning_curve_png(
    curves: Sequence[LearningCurve], metric: Metric, *, title: str, unit: str | None = None
) -> bytes:
    """The metric over the rows that were fitted, with one standard error, a line per candidate."""
    figure = new_figure(6.5, 4.4)
    axes = figure.subplots()
    tidy(axes, grid="y")
    axes.set_xscale("log", base=2)
    for number, curve in enumerate(curves):
        axes.errorbar(
            # Side by side: the errors of several candidates would hide each other.
            [rows * 2 ** (0.04 * (number - (len(curves) - 1) / 2)) for rows in curve.rows],
            [shown(metric, estimate.value) for estimate in curve.estimates],
            [shown(metric, estimate.standard_error) for estimate in curve.estimates],
            marker="o",
            color=INKS[number % len(INKS)],
            linestyle="-" if number < len(INKS) else "--",
            markersize=4.5,
            linewidth=1.4,
            elinewidth=1,
            label=curve.candidate,
        )
    ticks = sorted({rows for curve in curves for rows in curve.rows})
    axes.set_xticks(ticks, [f"{rows:,}" for rows in ticks])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(_thousands))
    named = unit_of(metric, unit)
    axes.set_xlabel("rows fitted in each fold", fontsize=9)
    axes.set_ylabel(f"{metric.name}{f' ({named})' if named else ''}", fontsize=9)
    axes.set_title(title, fontsize=10, loc="left")
    if curves:
        axes.legend(frameon=False, fontsize=8.5, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return png(figure)
