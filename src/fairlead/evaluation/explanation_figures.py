"""Pictures of how a model decides: partial dependence, and the top of a tree."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from fairlead.evaluation.drawing import BLUE, GREY, INKS, ORANGE, PALE, new_figure, png, tidy
from fairlead.evaluation.partial_dependence import Dependence
from fairlead.models.explanation import Node, Tree

COLUMNS = 3
BANDS = 2
"""With more outputs, their bands hide each other."""
LETTERS = 24
TEST_LETTERS = 22


def dependence_png(
    dependences: Sequence[Dependence], outputs: Sequence[str], label: str, *, share: bool
) -> bytes:
    """Small pictures side by side, the same height for all: how far each column moves the model.

    Args:
        dependences: one per picture.
        outputs: what the model gives: classes, or one name that is not shown.
        label: of the axis of the model's answer.
        share: whether the answers are probabilities.
    """
    columns = 2 if len(dependences) in (2, 4) else COLUMNS
    rows = math.ceil(len(dependences) / columns)
    figure = new_figure(7.4, 0.5 * (len(outputs) > 1) + 2.15 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for axes, dependence in zip(grid.flat, dependences, strict=False):
        tidy(axes, grid="y")
        axes.tick_params(labelsize=7.5)
        _draw_dependence(axes, dependence, len(outputs))
        axes.set_xlabel(_short(dependence.column), fontsize=8, parse_math=False)
        axes.yaxis.set_major_formatter(FuncFormatter(_percent if share else _thousands))
    for axes in list(grid.flat)[len(dependences) :]:
        axes.set_visible(False)
    for row in grid:
        row[0].set_ylabel(label, fontsize=8)
    if len(outputs) > 1:
        figure.legend(
            *grid[0, 0].get_legend_handles_labels(), loc="outside upper left", frameon=False,
            fontsize=8, ncols=4 if max(map(len, outputs)) <= 18 else 3,
        )  # fmt: skip
        for text, name in zip(figure.legends[0].get_texts(), outputs, strict=True):
            text.set(text=_short(name), parse_math=False)
    return png(figure)


def _draw_dependence(axes: Axes, found: Dependence, outputs: int) -> None:
    for number in range(outputs):
        ink, dash = INKS[number % len(INKS)], "-" if number < len(INKS) else "--"
        mean, low, high = (values[:, number] for values in (found.mean, found.low, found.high))
        if found.labels:
            # Side by side, as bars would be; a bar would have to begin at zero.
            places = np.arange(len(mean)) + 0.6 * ((number + 0.5) / outputs - 0.5)
            if outputs <= BANDS:
                axes.vlines(places, low, high, color=ink, linewidth=1.2, alpha=0.5)
            axes.plot(places, mean, "o", color=ink, markersize=4, label=f"{number}")
            continue
        if outputs <= BANDS:
            axes.fill_between(found.places, low, high, color=ink, alpha=0.18, linewidth=0)
        axes.plot(found.places, mean, dash, color=ink, linewidth=1.6, label=f"{number}")
    if found.labels:
        _label_categories(axes, found)
        return
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(_thousands))
    margin = 0.02 * float(np.ptp(found.places))
    axes.set_xlim(found.places[0] - margin, found.places[-1] + margin)
    inside = found.seen[(found.seen >= found.places[0]) & (found.seen <= found.places[-1])]
    # A tick for each row, along the foot of the picture.
    axes.vlines(
        inside, 0, 0.035, transform=axes.get_xaxis_transform(), color="black", linewidth=0.5,
        alpha=0.35,
    )  # fmt: skip


def _label_categories(axes: Axes, found: Dependence) -> None:
    counts = [int((found.seen == code).sum()) for code in found.places]
    long = max(map(len, found.labels)) > 7 or len(found.labels) > 4
    names = [f"{_short(label, 14)} ({100 * n / len(found.seen):.0f} %)" if long else
             f"{label}\n{100 * n / len(found.seen):.0f} %"
             for label, n in zip(found.labels, counts, strict=True)]  # fmt: skip
    axes.set_xticks(range(len(names)), names, fontsize=7)
    for text in axes.get_xticklabels():
        text.set_parse_math(False)
        if long:
            text.set(rotation=35, ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.6, len(names) - 0.4)


def tree_png(tree: Tree, unit: str | None = None) -> bytes:
    """The kept nodes from left to right; the upper branch is taken where the test holds.

    Lines are as thick as rows follow them.
    """
    places = _places(tree.nodes)
    leaves = sum(node.test is None for node in tree.nodes)
    deepest = max(depth for depth, _ in places)
    figure = new_figure(8.2, 0.35 + 0.36 * leaves)
    axes = figure.subplots()
    axes.set(xlim=(-0.02, deepest + 1), ylim=(leaves - 0.4, -0.6))
    axes.axis("off")
    for index, node in enumerate(tree.nodes):
        depth, height = places[index]
        for child, word in ((node.yes, "yes"), (node.no, "no")):
            if child is not None:
                _draw_branch(axes, tree, index, child, places, word)
        for text, rise, size, ink in _lines(tree, node, unit):
            axes.annotate(
                text, (depth, height), (3, rise), textcoords="offset points", fontsize=size,
                color=ink, va="center", parse_math=False, zorder=3,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.4},
            )  # fmt: skip
    return png(figure)


def _places(nodes: Sequence[Node]) -> list[tuple[int, float]]:
    """Depth and height of each node: leaves one below the other, a test between its branches."""
    found: dict[int, tuple[int, float]] = {}
    leaves = 0

    def place(index: int, depth: int) -> float:
        nonlocal leaves
        node = nodes[index]
        if node.yes is None or node.no is None:
            height = float(leaves)
            leaves += 1
        else:
            height = (place(node.yes, depth + 1) + place(node.no, depth + 1)) / 2
        found[index] = (depth, height)
        return height

    place(0, 0)
    return [found[index] for index in range(len(nodes))]


def _draw_branch(
    axes: Axes,
    tree: Tree,
    index: int,
    child: int,
    places: Sequence[tuple[int, float]],
    word: str,
) -> None:
    (depth, height), (_, end) = places[index], places[child]
    bend = depth + 0.89
    thick = 0.6 + 5 * tree.nodes[child].rows / tree.nodes[0].rows
    way = [(depth + 0.02, height), (bend, height), (bend, end), (depth + 1, end)]
    for (x, y), (to_x, to_y) in pairwise(way):
        axes.plot([x, to_x], [y, to_y], color=PALE, linewidth=thick, solid_capstyle="butt")
    above = end < height
    axes.annotate(
        word, (bend, end), (-2, 0), textcoords="offset points", fontsize=6.5, ha="right",
        va="bottom" if above else "top", color=GREY, zorder=3,
    )  # fmt: skip


def _lines(tree: Tree, node: Node, unit: str | None) -> list[tuple[str, float, float, str]]:
    """What stands at a node: texts with their height in points, size and colour."""
    if tree.classes:
        best = max(range(len(node.value)), key=node.value.__getitem__)
        # Beside a test there is less room than behind the last one.
        name = _short(tree.classes[best], LETTERS if node.test is None else 9)
        told = f"{name} {100 * node.value[best]:.0f} %"
    else:
        told = f"{_brief(node.value[0])}{f' {unit}' if unit else ''}"
    rows = f"{node.rows:,} rows"
    if node.test is not None:
        return [
            (_short_test(node.test), 4.5, 7.0, "black"),
            (f"{rows}, {told}", -4.5, 6.5, "#555555"),
        ]
    if node.below:
        rows += f", + {node.below:,} nodes"
    return [(told, 4.5, 7.5, ORANGE if node.below else BLUE), (rows, -4.5, 6.5, "#555555")]


def _short_test(test: str) -> str:
    """The test with its column shortened, never what the column is compared with."""
    for mark in (" ≤ ", " = "):
        column, found, value = test.rpartition(mark)
        if found:
            end = f"{mark}{_short(value, 14)}"
            return f"{_short(column, TEST_LETTERS - len(end))}{end}"
    return _short(test, TEST_LETTERS)


def _brief(number: float) -> str:
    return f"{number:,.0f}" if abs(number) >= 1000 else f"{number:.4g}"


def _short(text: str, letters: int = LETTERS) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"


def _percent(number: float, _: int) -> str:
    return f"{100 * number:.0f} %"


def _thousands(number: float, _: int) -> str:
    return f"{number:,.6g}".replace("-", "\N{MINUS SIGN}")
