"""Pictures of one candidate's predictions, as PNG bytes that are the same every time."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from fairlead.errors import EvaluationError
from fairlead.evaluation.drawing import BLUE, GREY, ORANGE, PALE, new_figure, png, tidy, write
from fairlead.evaluation.records import Predictions

BINS = 10
CROWD = 2_000
"""From this many rows on, points hide each other and are drawn as a density."""
# Without the palest quarter, in which a single row could not be seen.
_INK = ListedColormap(colormaps["Blues"](np.linspace(0.25, 1, 256)))


def draw_figures(
    predictions: Predictions, folder: Path, *, title: str = "", unit: str | None = None
) -> tuple[Path, ...]:
    """Write every picture that fits the task into a folder that exists.

    Args:
        predictions: rows the model never saw.
        folder: where to write.
        title: candidate and source of the predictions, such as `lda, leave-one-out`.
        unit: unit of the target of a regression.

    Returns:
        The files.

    Raises:
        StorageError: a file cannot be written.
    """
    figures = candidate_figures(predictions, title=title, unit=unit)
    for name, picture in figures.items():
        write(picture, folder / name)
    return tuple(folder / name for name in figures)


def candidate_figures(
    predictions: Predictions, *, title: str = "", unit: str | None = None
) -> dict[str, bytes]:
    """Every picture that fits the task: file name -> PNG."""
    if predictions.task == "regression":
        return {
            "predicted_vs_actual.png": predicted_vs_actual(predictions, title=title, unit=unit),
            "residuals.png": residuals(predictions, title=title, unit=unit),
        }
    figures = {"confusion_matrix.png": confusion_matrix(predictions, title=title)}
    if predictions.y_prob is not None:
        figures["calibration.png"] = calibration(predictions, title=title)
    return figures


def confusion_matrix(predictions: Predictions, *, title: str = "") -> bytes:
    """True class by row, predicted class by column: rows and percent of the true class."""
    k = len(predictions.classes)
    cells = np.bincount(predictions.y_true * k + predictions.y_pred, minlength=k * k)
    counts = cells.reshape(k, k)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = 2.2 + 0.62 * k
    figure = new_figure(side + 0.6, side)
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1.25)
    for true, predicted in np.ndindex(k, k):
        if counts[true, predicted]:
            axes.text(
                predicted,
                true,
                f"{counts[true, predicted]:,}\n{_percent(shares[true, predicted])}",
                ha="center",
                va="center",
                fontsize=8,
                color="white" if shares[true, predicted] > 0.6 else "black",
            )
    rotation = 45 if max(map(len, predictions.classes)) > 10 else 0
    axes.set_xticks(range(k), predictions.classes, rotation=rotation, fontsize=8.5)
    if rotation:
        for label in axes.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")
    axes.set_yticks(range(k), predictions.classes, fontsize=8.5)
    axes.set_xlabel("predicted", fontsize=9)
    axes.set_ylabel("true", fontsize=9)
    axes.tick_params(length=0)
    axes.spines[:].set_color(PALE)
    axes.set_title(title, fontsize=10, loc="left")
    return png(figure)


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "<1 %"


def calibration(predictions: Predictions, *, title: str = "") -> bytes:
    """How often the model is right when it is this sure, with 95 % Wilson intervals.

    Two classes: the probability of the second against its frequency. More: the probability of
    the predicted class against how often the prediction is right.

    Raises:
        EvaluationError: there are no probabilities.
    """
    if predictions.y_prob is None:
        raise EvaluationError("no probabilities", "P(class) for each row")
    if len(predictions.classes) == 2:
        stated, happened = predictions.y_prob[:, 1], predictions.y_true == 1
        words = (
            f"stated probability of {predictions.classes[1]}",
            f"share of rows that are {predictions.classes[1]}",
        )
    else:
        stated = predictions.y_prob[np.arange(predictions.rows), predictions.y_pred]
        happened = predictions.y_true == predictions.y_pred
        words = ("stated probability of the predicted class", "share of right predictions")
    figure = new_figure(4.4, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    _draw_reliability(upper, stated, happened)
    tidy(lower, grid="y")
    lower.hist(stated, bins=np.linspace(0, 1, BINS + 1), color=BLUE, rwidth=0.9)
    lower.yaxis.set_major_locator(MaxNLocator(3, integer=True))
    lower.yaxis.set_major_formatter(FuncFormatter(_thousands))
    lower.set_ylabel("rows", fontsize=9)
    lower.set_xlabel(words[0], fontsize=9)
    upper.set_ylabel(words[1], fontsize=9)
    upper.set_title(title, fontsize=10, loc="left")
    return png(figure)


def _draw_reliability(axes: Axes, stated: NDArray[np.float64], happened: NDArray[np.bool_]) -> None:
    tidy(axes, grid="both")
    bins = np.minimum((stated * BINS).astype(np.int64), BINS - 1)
    rows = np.bincount(bins, minlength=BINS)
    used = rows > 0
    mean = np.bincount(bins, weights=stated, minlength=BINS)[used] / rows[used]
    share = np.bincount(bins, weights=happened, minlength=BINS)[used] / rows[used]
    low, high = _wilson(share, rows[used])
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.vlines(mean, low, high, color=BLUE, linewidth=1.2)
    axes.plot(mean, share, "o-", color=BLUE, markersize=5, linewidth=1.2, zorder=3)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))


def _wilson(
    share: NDArray[np.float64], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """95 % score interval of a share (Wilson 1927)."""
    z = 1.959963984540054
    centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
    half = z * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2)) / (1 + z**2 / rows)
    return centre - half, centre + half


def predicted_vs_actual(
    predictions: Predictions, *, title: str = "", unit: str | None = None
) -> bytes:
    """Predicted against true values; right predictions lie on the diagonal."""
    figure = new_figure(5.2 if predictions.rows >= CROWD else 4.6, 4.6)
    axes = figure.subplots()
    x, y = predictions.y_true, predictions.y_pred
    _scatter(axes, x, y)
    low, high = float(min(x.min(), y.min())), float(max(x.max(), y.max()))
    axes.plot([low, high], [low, high], color=ORANGE, linewidth=1.2, linestyle=(0, (4, 3)))
    margin = 0.03 * (high - low) or 1.0
    axes.set(xlim=(low - margin, high + margin), ylim=(low - margin, high + margin), aspect="equal")
    axes.yaxis.set_major_locator(MaxNLocator(6))
    axes.xaxis.set_major_locator(MaxNLocator(6))
    _label(axes, "true", "predicted", title, unit)
    return png(figure)


def residuals(predictions: Predictions, *, title: str = "", unit: str | None = None) -> bytes:
    """Error against prediction, with the median and middle 80 % of the errors along the way."""
    figure = new_figure(6.0, 4.2)
    axes = figure.subplots()
    x, error = predictions.y_pred, predictions.y_true - predictions.y_pred
    _scatter(axes, x, error)
    axes.axhline(0, color=GREY, linewidth=1)
    bins = min(20, predictions.rows // 20)
    if bins >= 3:
        parts = np.array_split(np.argsort(x, kind="stable"), bins)
        middle = [np.median(x[part]) for part in parts]
        bands = np.array([np.quantile(error[part], [0.1, 0.5, 0.9]) for part in parts])
        axes.plot(middle, bands[:, 1], color=ORANGE, linewidth=1.6, label="median")
        for side, label in ((0, "middle 80 %"), (2, None)):
            axes.plot(
                middle,
                bands[:, side],
                color=ORANGE,
                linewidth=1.0,
                linestyle=(0, (4, 3)),
                label=label,
            )
        axes.legend(frameon=False, fontsize=8.5, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    _label(axes, "predicted", "true − predicted", title, unit)
    axes.set_title(title, fontsize=10, loc="left", pad=22)  # above the legend
    return png(figure)


def _scatter(axes: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    tidy(axes, grid="both")
    if len(x) < CROWD or math.isclose(np.ptp(x), 0) or math.isclose(np.ptp(y), 0):
        axes.plot(x, y, "o", color=BLUE, markersize=3.5, alpha=0.5, markeredgewidth=0)
    else:
        density = axes.hexbin(x, y, gridsize=60, bins="log", cmap=_INK, mincnt=1, linewidths=0.1)
        bar = axes.figure.colorbar(density, ax=axes, shrink=0.6, aspect=30, pad=0.02)
        bar.ax.yaxis.set_major_formatter(FuncFormatter(_thousands))
        bar.set_label("rows", fontsize=8.5)
        bar.ax.tick_params(labelsize=8)
        bar.outline.set_visible(False)


def _label(axes: Axes, x: str, y: str, title: str, unit: str | None) -> None:
    suffix = f" ({unit})" if unit else ""
    axes.set_xlabel(x + suffix, fontsize=9)
    axes.set_ylabel(y + suffix, fontsize=9)
    axes.set_title(title, fontsize=10, loc="left")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(FuncFormatter(_thousands))


def _thousands(number: float, _: int) -> str:
    return f"{number:,.6g}".replace("-", "\N{MINUS SIGN}")
