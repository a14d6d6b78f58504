"""The picture of a quarter: quality, drift and traffic, with what happened and what was done."""

from __future__ import annotations

from typing import Any

from benchmarks.quarter.world import QUARTER, Scenery
from matplotlib.axes import Axes

from fairlead.evaluation.drawing import BLUE, GREY, PALE, new_figure, png, tidy

RED, GREEN = "#b3261e", "#2e7d32"
BEHIND = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
MARKS = {"pipeline": "P", "drift": "D", "quality": "Q", "estimate": "e", "prediction": "p"}


def draw(document: dict[str, Any], scenery: Scenery) -> bytes:
    """Three panels over the same days."""
    days = document["days"]
    figure = new_figure(10, 6.6)
    quality, drift, traffic = figure.subplots(
        3, 1, sharex=True, gridspec_kw={"height_ratios": [3, 1.3, 1]}
    )
    numbers = [day["day"] for day in days]
    for axes in (quality, drift, traffic):
        tidy(axes, grid="y")
        for chapter in QUARTER:
            axes.axvspan(chapter.first - 0.5, chapter.last + 0.5, color=PALE, alpha=0.6, lw=0)
    _quality(quality, document, numbers)
    drift.bar(numbers, [day["share"] or 0 for day in days], color=BLUE, width=0.8)
    drift.axhline(0.5, color=GREY, lw=1, ls="--")
    drift.set_ylim(0, 1)
    drift.set_title("share of columns that drift", fontsize=9, loc="left")
    traffic.bar(numbers, [day["rows"] for day in days], color=GREY, width=0.8)
    traffic.set_title("predictions a day", fontsize=9, loc="left")
    traffic.set_xlabel("day")
    traffic.set_xlim(0.2, len(days) + 0.8)
    figure.suptitle(
        f"{scenery.name}: a quarter in which the world changes (shaded), and what was done",
        x=0.01,
        ha="left",
        fontsize=11,
    )
    return png(figure)


def _quality(axes: Axes, document: dict[str, Any], numbers: list[int]) -> None:
    days = document["days"]
    axes.plot(numbers, [day["first"] for day in days], color=GREY, ls=":", label="the first model")
    axes.plot(numbers, [day["truth"] for day in days], color=BLUE, lw=1.8, label="what was served")
    axes.plot(numbers, [day["unseen"] for day in days], color=BLUE, lw=0.8, alpha=0.6,
              label="the same, on rows that are never trained on")  # fmt: skip
    axes.axhline(document["baseline"], color=GREEN, lw=1, label="promised when it was trained")
    low, high = axes.get_ylim()
    axes.set_ylim(low, high + 0.22 * (high - low))
    top = axes.get_ylim()[1]
    for step, chapter in enumerate(QUARTER):
        middle = (chapter.first + min(chapter.last, numbers[-1])) / 2
        # One below the other: the first ones are narrower than their names.
        axes.annotate(
            chapter.told, (middle, top), xytext=(0, -3 - 11 * (step % 3)),
            textcoords="offset points", ha="center", va="top", fontsize=8, color="#333333",
            bbox=BEHIND,
        )  # fmt: skip
    place = low + 0.04 * (high - low)
    for day in days:
        told = "".join(MARKS.get(kind, "?") for kind, _ in day["raised"])
        if told:
            axes.annotate(told, (day["day"], place), ha="center", fontsize=9, color=RED,
                          fontweight="bold")  # fmt: skip
        if "promoted" in day["answered"]:
            axes.axvline(day["day"] + 0.5, color=GREEN, lw=1.4)
        elif "refused" in day["answered"]:
            axes.axvline(day["day"] + 0.5, color=GREY, lw=0.7, ls=(0, (2, 3)))
    axes.set_title(
        f"{document['metric']} of a day's answers; alerts: P pipeline, D drift, Q quality, "
        "p predictions; lines: a retrained model promoted (green) or refused (grey)",
        fontsize=8, loc="left",
    )  # fmt: skip
    axes.legend(fontsize=8, loc="center left", framealpha=0.85, edgecolor="none")
