"""The picture: what a request and a row cost, server by server."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.serving.questions import MANY
from benchmarks.serving.servers import SERVERS
from benchmarks.serving.summary import CROWD, Line
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullFormatter, StrMethodFormatter

from fairlead.evaluation.drawing import BLUE, GREY, PALE, new_figure, png, tidy

COLOURS = {"fairlead": BLUE, "peer": GREY, "floor": PALE}
TITLES = {"iris": "iris, random forest", "housing": "housing, gradient boosting"}


def draw(lines: Sequence[Line]) -> bytes:
    """Bars: CPU per request on the left, on a logarithmic axis; rows per second on the right."""
    models = list(dict.fromkeys(line.model for line in lines))
    figure = new_figure(10, 0.6 + 2.9 * len(models))
    axes = figure.subplots(len(models), 2, squeeze=False)
    for (left, right), model in zip(axes, models, strict=True):
        of_model = [line for line in lines if line.model == model]
        title = TITLES.get(model, model)
        _bars(left, [(line.server, line.cpu_us) for line in of_model])
        left.set_xscale("log")
        left.xaxis.set_minor_formatter(NullFormatter())
        left.set_title(f"{title}: CPU per request of one row, µs", fontsize=9, loc="left")
        many = [(line.server, line.rows_per_s) for line in of_model if line.rows_per_s]
        _bars(right, many)
        right.xaxis.set_major_locator(MaxNLocator(4))
        right.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        right.set_title(f"rows per second, {MANY:,} a request", fontsize=9, loc="left")
    figure.suptitle(
        f"One worker on one core. Left: one row a request, {CROWD} connections; less is better. "
        "Right: more is better.",
        x=0.01,
        ha="left",
        fontsize=10,
    )
    return png(figure)


def _bars(axes: Axes, figures: Sequence[tuple[str, float]]) -> None:
    tidy(axes, grid="x")
    names = [SERVERS[server].title for server, _ in figures]
    values = [value for _, value in figures]
    colours = [COLOURS[SERVERS[server].role] for server, _ in figures]
    bars = axes.barh(names, values, color=colours)
    axes.bar_label(bars, labels=[f"{value:,.0f}" for value in values], padding=3, fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.2)
    axes.tick_params(axis="y", length=0)
    for label, (server, _) in zip(axes.get_yticklabels(), figures, strict=True):
        label.set_fontweight("bold" if SERVERS[server].role == "fairlead" else "normal")
