"""The reference of a model: what its training rows and its predictions were like."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.sketch import usual_range
from fairlead.data.histogram import edges_between
from fairlead.monitoring.sketches import Axis, Counted, Grid, rebinned

Floats = NDArray[np.float64]
LEAST_SCALE = 0.001
"""Of numbers that hardly differ: what Evidently divides by, too."""
TRUTH = ("false", "true")
PREDICTION = "prediction"


@dataclass(frozen=True, eq=False)
class Reference:
    """One side of a drift test, always the same one.

    Attributes:
        label: what it is, in words.
        rows: number of its rows.
        grid: how the other side is counted.
        counted: axis by axis, what is counted of the reference itself.
        scales: standard deviation of each axis; NaN for categories.
        noise: what samples of a size reach by chance: kept from one window to the next.
    """

    label: str
    rows: int
    grid: Grid
    counted: tuple[Counted, ...]
    scales: tuple[float, ...]
    noise: dict[tuple[int, int], float] = field(default_factory=dict)


def reference_of(document: Mapping[str, Any], origin: str, label: str) -> Reference:
    """Read what `fairlead.bundle.sketch.sketch` has told.

    Older bundles tell quantiles without a histogram: the rows are taken to lie evenly between
    them. Columns without a value are left out, and the prediction where nothing is told of it.

    Args:
        document: `sketch.json` of a bundle.
        origin: digest of the bundle.
        label: what it is, in words.
    """
    told = {name: each for name, each in document["columns"].items() if _is_told(each)}
    said = document.get(PREDICTION)
    axes, counted, scales = [], [], []
    rows = int(document["rows"])
    for name, each in [*told.items(), *([(PREDICTION, said)] if said and _is_told(said) else [])]:
        read = _category if each["type"] in ("category", "boolean") else _number
        axis, own = read(name, each, rows)
        axes.append(axis)
        counted.append(own)
        scales.append(max(each.get("std") or 0.0, LEAST_SCALE))
    grid = Grid(origin, tuple(axes[: len(told)]), *axes[len(told) :])
    return Reference(label, rows, grid, tuple(counted), tuple(scales))


def _is_told(told: Mapping[str, Any]) -> bool:
    if "counts" in told:
        return bool(sum(told["counts"].values()) + told["unknown"])
    return any(value is not None for value in told.get("quantiles", ()))


def _category(name: str, told: Mapping[str, Any], rows: int) -> tuple[Axis, Counted]:
    missing = float(told["missing"])
    if told["type"] == "boolean":
        values, unknown = TRUTH, 0.0
        true = round(told["mean"] * (rows - missing))
        counts = np.array([rows - missing - true, true])
    else:
        values, unknown = tuple(told["counts"]), float(told["unknown"])
        counts = np.array([*told["counts"].values()], np.float64)
    all_rows = counts.sum() + unknown + missing
    own = Counted(all_rows, missing, unknown, 0.0, counts, None, math.inf, -math.inf)
    return Axis(name, "category", len(values), values), own


def _number(name: str, told: Mapping[str, Any], rows: int) -> tuple[Axis, Counted]:
    quantiles = np.array([value for value in told["quantiles"] if value is not None])
    histogram = told.get("histogram")
    edges = np.array(histogram["edges"]) if histogram else edges_between(quantiles)
    ends = float(quantiles[0]), float(quantiles[-1])
    low, high = told.get("range") or usual_range(*ends)
    axis = Axis(
        name,
        "number",
        len(edges) + 1,
        edges=edges,
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
    )
    missing = float(told["missing"])
    if histogram and None not in histogram["sums"]:
        counts, sums = (np.array(histogram[key], np.float64) for key in ("counts", "sums"))
        return axis, Counted(counts.sum() + missing, missing, 0.0, 0.0, counts, sums, *ends)
    values = _evenly(quantiles)
    counts = np.full(len(values), max(rows - missing, 1.0) / len(values))
    spread = Counted(float(rows), missing, 0.0, 0.0, counts, counts * values, *ends)
    return axis, rebinned(axis, spread)


def _evenly(quantiles: Floats, pieces: int = 8) -> Floats:
    """Values of rows that lie evenly between quantiles: what an old bundle is taken to mean."""
    if len(quantiles) == 1:
        return quantiles
    steps = (np.arange(pieces) + 0.5) / pieces
    low, high = quantiles[:-1, None], quantiles[1:, None]
    return np.asarray((low + steps * (high - low)).ravel())
