"""A data set as a data frame: every column in its own type again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fairlead.data.contract import UNKNOWN_CATEGORY
from fairlead.data.encoding import UNKNOWN
from fairlead.errors import DataInvalidError
from fairlead.project.columns import ColumnSpec

if TYPE_CHECKING:
    import polars as pl

    from fairlead.data.enforcement import Dataset


def frame_of(dataset: Dataset, row_number: str | None) -> pl.DataFrame:
    """The rows of a data set, the target last; `.to_pandas()` makes a pandas frame of it.

    Categories are an Enum, times UTC; what is missing is null, and a category that is not declared
    is `(not declared)`.

    Args:
        dataset: the rows.
        row_number: name of a first column with the number of each row in the file; none if None.

    Raises:
        DataInvalidError: there is a column called as `row_number` is.
    """
    import polars as pl

    contract = dataset.contract
    columns = {
        name: decoded(spec, values_of(dataset, name)) for name, spec in dataset.columns.items()
    }
    target: Any = dataset.y
    if contract.classes:
        target = pl.Series(np.array(contract.classes, object)[dataset.y]).cast(
            pl.Enum(contract.classes)
        )
    columns[contract.target.name] = pl.Series(target)
    if row_number is None:
        return pl.DataFrame(columns)
    if row_number in columns:
        expected = "another name for the row numbers"
        raise DataInvalidError(
            Path(dataset.report.source), f"a column called {row_number}", expected
        )
    return pl.DataFrame({row_number: dataset.rows, **columns})


def values_of(dataset: Dataset, name: str) -> NDArray[Any]:
    """One column as it is encoded, shape (n,), whether it is a feature or not."""
    if name in dataset.others:
        return dataset.others[name]
    column: NDArray[Any] = dataset.X[:, list(dataset.contract.columns).index(name)]
    return column


def decoded(spec: ColumnSpec, values: NDArray[Any]) -> pl.Series:
    """A column as it was encoded, decoded: what was missing is null."""
    import polars as pl

    if spec.type == "text":
        return pl.Series(values.tolist(), dtype=pl.String).replace("", None)
    series = pl.Series(values, dtype=pl.Float64).fill_nan(None)
    match spec.type:
        case "integer":
            return series.cast(pl.Int64)
        case "boolean":
            return series.cast(pl.Boolean)
        case "datetime":
            return (series * 1e6).round().cast(pl.Int64).cast(pl.Datetime("us", "UTC"))
        case "category":
            return _categories(spec, series)
        case _:
            return series


def _categories(spec: ColumnSpec, codes: pl.Series) -> pl.Series:
    import polars as pl

    names = {float(code): name for code, name in enumerate(spec.values)}
    if (codes == UNKNOWN).any():
        names[UNKNOWN] = UNKNOWN_CATEGORY
    texts = codes.replace_strict(names, return_dtype=pl.String)
    return texts.cast(pl.Enum(list(names.values())))
