"""The rows of a compacted segment, as they were before: categories as their codes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fairlead.monitoring.logged import Block
from fairlead.monitoring.reference import TRUTH
from fairlead.monitoring.sketches import Axis, Grid
from fairlead.serving.prediction_segments import Column
from fairlead.workflows.prediction_log import feature_names

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray


def parquet_version(path: Path) -> tuple[str, str]:
    """Model and version that answered."""
    import polars as pl

    own = pl.read_parquet(path, columns=["model", "version"], n_rows=1)
    return str(own["model"][0]), str(own["version"][0])


def parquet_blocks(path: Path, grid: Grid) -> tuple[list[str], tuple[str, ...], Iterator[Block]]:
    """Read a compacted segment.

    Args:
        path: the file.
        grid: names the columns, and the values of categories.

    Returns:
        The columns that are there and have a value (one without any was masked), the classes, and
        the rows by their route.
    """
    import polars as pl

    frame = pl.read_parquet(path)
    named = [Column(axis.name, axis.kind) for axis in grid.columns]
    stored = dict(zip(feature_names(named), grid.columns, strict=True))
    unknown = frame["unknown"]
    present = {
        name: axis
        for name, axis in stored.items()
        if name in frame.columns
        and (frame[name].null_count() < frame.height or unknown.list.contains(axis.name).any())
    }
    classes = () if grid.prediction is None else grid.prediction.values
    # What was logged says whether there are classes; the reference may be of another model.
    classes = classes if frame["prediction"].dtype == pl.String else ()
    names = [axis.name for axis in present.values()]
    return names, classes, _blocks(frame, present, classes)


def _blocks(
    frame: pl.DataFrame, present: dict[str, Axis], classes: tuple[str, ...]
) -> Iterator[Block]:
    for (route,), rows in frame.group_by("route", maintain_order=True):
        columns = [_codes(rows, name, axis) for name, axis in present.items()]
        prediction = _predictions(rows["prediction"], classes)
        probabilities = np.empty((rows.height, 0))
        if classes:
            likely = [_by_class(each, classes) for each in rows["probabilities"].to_list()]
            probabilities = np.array(likely, np.float64)
        X = np.column_stack(columns) if columns else np.empty((rows.height, 0))
        yield Block(str(route), X, prediction, probabilities)


def _predictions(said: pl.Series, classes: tuple[str, ...]) -> NDArray[np.float64]:
    import polars as pl

    # Labels that the reference does not know are none of its classes, and no numbers either.
    return _positions(said, classes) if said.dtype == pl.String else _floats(said)


def _by_class(probabilities: Any, classes: tuple[str, ...]) -> list[float | None]:
    """A map as polars gives it: a dictionary, or in earlier versions pairs."""
    if not isinstance(probabilities, dict):
        probabilities = {each["key"]: each["value"] for each in probabilities or ()}
    return [probabilities.get(name) for name in classes]


def _codes(rows: pl.DataFrame, name: str, axis: Axis) -> NDArray[np.float64]:
    import polars as pl

    series = rows[name]
    if axis.kind == "number":
        if series.dtype == pl.Datetime:
            return _floats(series.dt.epoch("us")) / 1e6
        return _floats(series)
    if series.dtype == pl.Boolean:
        return _floats(series)
    codes = _positions(series, () if axis.values == TRUTH else axis.values)
    return np.where(rows["unknown"].list.contains(axis.name).to_numpy(), -1.0, codes)


def _positions(series: pl.Series, values: tuple[str, ...]) -> NDArray[np.float64]:
    code: dict[Any, float] = {value: float(index) for index, value in enumerate(values)}
    return np.array([np.nan if each is None else code.get(each, -1.0) for each in series.to_list()])


def _floats(series: pl.Series) -> NDArray[np.float64]:
    import polars as pl

    return series.cast(pl.Float64).fill_null(np.nan).to_numpy().astype(np.float64)
