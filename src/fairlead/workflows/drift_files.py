"""How far one file is from another: both sides of a drift test from tables on disk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl

from fairlead.bundle.sketch import summary
from fairlead.data.inference import infer_column, infer_decimal
from fairlead.data.parsing import parse_column
from fairlead.data.sources import Table, read_table
from fairlead.errors import DataInvalidError
from fairlead.monitoring.drift import judge
from fairlead.monitoring.reference import TRUTH, Floats, Reference, reference_of
from fairlead.monitoring.sketches import sketch_of
from fairlead.project.columns import ColumnSpec
from fairlead.project.spec import DataSpec, MonitoringSpec
from fairlead.workflows.drift import SAMPLE_ROWS, SEED, Drift, Sides
from fairlead.workflows.store import REPORTS

FEWEST_ROWS = 20
"""A file of fewer rows is not judged; that few rows reach far by chance is allowed for."""


def drift_of_files(
    reference: Path,
    current: Path,
    data: DataSpec | None = None,
    monitoring: MonitoringSpec | None = None,
    importance: Mapping[str, float] | None = None,
) -> Drift:
    """Compare the columns that two files share.

    Args:
        reference: CSV or Parquet; says what the columns hold, as `fairlead init` would read it.
        current: the same columns, all or some of them.
        data: of a project, whose features are compared, as it declares them.
        monitoring: of that project.
        importance: column -> what it is worth to a model.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no table, or the files share no column to compare.
    """
    tables = read_table(reference, [], rest=True), read_table(current, [], rest=True)
    decimal: str = "." if data is None else data.decimal
    if data is None and not tables[0].typed:
        decimal = infer_decimal(tables[0].frame)
    specs, left_out = _declared(tables[0], data, decimal)
    headers = {name: spec.header or name for name, spec in specs.items()}
    for name in [name for name in specs if headers[name] not in tables[1].frame.columns]:
        left_out[name] = f"is not in {current.name}"
        del specs[name]
    if not specs:
        raise DataInvalidError(
            current, "no column to compare", f"columns that {reference.name} has, too"
        )
    remarks: list[str] = []
    before, now = (
        _values(path, table, specs, headers, decimal, remarks)
        for path, table in zip((reference, current), tables, strict=True)
    )
    document = {"rows": tables[0].frame.height, "columns": _summaries(specs, before)}
    side = reference_of(document, reference.name, reference.name)
    told = {axis.name for axis in side.grid.columns}
    left_out |= {name: f"has no value in {reference.name}" for name in specs if name not in told}
    sketch = sketch_of(side.grid, np.column_stack([now[axis.name] for axis in side.grid.columns]))
    report = judge(
        side,
        [sketch],
        min_rows=FEWEST_ROWS,
        drift_share=(monitoring or MonitoringSpec()).drift_share,
        importance=importance,
    )
    sides = Sides(
        {axis.name: axis.kind for axis in side.grid.columns},
        *(_sampled(values, side, specs) for values in (before, now)),
    )
    page = current.parent / REPORTS / f"drift-{current.name.split('.')[0]}.html"
    return Drift(report, side, (sketch,), page, lambda: sides, left_out, tuple(remarks))


def _declared(
    table: Table, data: DataSpec | None, decimal: str
) -> tuple[dict[str, ColumnSpec], dict[str, str]]:
    """Name -> declaration of what can be compared, and why the others cannot."""
    if data is not None:
        features = {name: each for name, each in data.columns.items() if each.role == "feature"}
        own = table.frame.columns
        absent = [name for name, each in features.items() if (each.header or name) not in own]
        left = dict.fromkeys(absent, "is not in the reference")
        return {name: each for name, each in features.items() if name not in left}, left
    specs, left = {}, {}
    for series in table.frame:
        name = series.name
        if table.typed:
            spec, remark = _typed(series), "is no number, category, boolean or time"
        else:
            inferred = infer_column(name, series, decimal)
            remark = inferred.remarks[0] if inferred.remarks else ""
            # What is the same in every row is no feature, but may become different.
            constant = inferred.spec.type != "text" and series.n_unique() == 1
            spec = inferred.spec if inferred.spec.role == "feature" or constant else None
        if spec is None:
            left[name] = remark
        else:
            specs[name] = spec
    return specs, left


def _typed(series: pl.Series) -> ColumnSpec | None:
    """How a column with a type of its own is declared; None where it cannot be compared."""
    kind = series.dtype
    if kind == pl.Boolean:
        return ColumnSpec(type="boolean", nullable=True)
    if kind.is_numeric():
        return ColumnSpec(type="number", nullable=True)
    if kind in (pl.Date, pl.Datetime):
        return ColumnSpec(type="datetime", nullable=True)
    if kind in (pl.String, pl.Categorical, pl.Enum):
        inferred = infer_column(series.name, series.cast(pl.String).fill_null(""), ".").spec
        texts = sorted(series.drop_nulls().cast(pl.String).unique().to_list())
        if inferred.role == "feature" and inferred.type != "text":
            return ColumnSpec(type="category", values=tuple(texts), unknown="flag", nullable=True)
    return None


def _values(
    path: Path,
    table: Table,
    specs: Mapping[str, ColumnSpec],
    headers: Mapping[str, str],
    decimal: str,
    remarks: list[str],
) -> dict[str, Floats]:
    """The columns of one file, encoded; what is not of its column's type is missing."""
    found = {}
    for name, spec in specs.items():
        parsed = parse_column(table.frame[headers[name]], spec, typed=table.typed, decimal=decimal)
        found[name] = parsed.values
        if wrong := int(parsed.wrong.sum()):
            remarks.append(
                f"{path.name}: {wrong:,} values of {name} are no {spec.type} and count as missing"
            )
    return found


def _summaries(
    specs: Mapping[str, ColumnSpec], values: Mapping[str, Floats]
) -> dict[str, dict[str, object]]:
    return {
        name: summary(
            spec.type,
            values[name],
            spec.values if spec.type == "category" else None,
            (spec.min, spec.max),
        )
        for name, spec in specs.items()
    }


def _sampled(
    values: Mapping[str, Floats], side: Reference, specs: Mapping[str, ColumnSpec]
) -> pl.DataFrame:
    """Some rows of one file, in the values that a reader knows."""
    columns = {}
    for axis in side.grid.columns:
        x = values[axis.name]
        series = pl.Series(x, nan_to_null=True)
        if axis.kind == "category":
            names = TRUTH if specs[axis.name].type == "boolean" else specs[axis.name].values
            texts = dict(enumerate(names)) | {-1: "(not declared)"}
            series = series.cast(pl.Int64).replace_strict(texts, return_dtype=pl.String)
        columns[axis.name] = series
    frame = pl.DataFrame(columns)
    return frame.sample(min(SAMPLE_ROWS, frame.height), seed=SEED)
