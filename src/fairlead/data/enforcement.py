"""Reads a project's data and enforces its contract: every violation of the file at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairlead.data.contract import Contract, violation
from fairlead.data.encoding import TYPE_RULES, UNKNOWN, Fault, outside
from fairlead.data.fingerprint import canonical, fingerprint
from fairlead.data.parsing import ParsedColumn, parse_column
from fairlead.data.report import DataReport
from fairlead.data.sources import read_table
from fairlead.data.summary import summarise
from fairlead.errors import ContractError, DataInvalidError, Violation
from fairlead.notebook import as_text
from fairlead.project.columns import ColumnSpec, Task
from fairlead.project.spec import DataSpec

Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class Dataset:
    """Rows that keep the contract.

    Attributes:
        contract: of the features, the target and the classes.
        columns: all declared ones but the target, in the order of the project file.
        X: shape (n, d), the features as `fairlead.data.encoding` has them; values that
            `outliers: clip` will move are still as they were.
        y: shape (n,), class codes as int64, or float64.
        others: name -> shape (n,), columns with the role group, time or ignore: float64 as in X,
            texts as objects ("" where missing).
        roles: `group` and `time`, where there is one -> the name of that column.
        rows: shape (n,), the number of each row in the file, from 1 at its first row of data.
        fingerprint: of all rows in the file, see `fairlead.data.fingerprint`.
        report: what was found.
    """

    contract: Contract
    columns: Mapping[str, ColumnSpec]
    X: NDArray[np.float64]
    y: NDArray[Any]
    others: Mapping[str, NDArray[Any]]
    roles: Mapping[str, str]
    rows: NDArray[np.int64]
    fingerprint: str
    report: DataReport

    def frame(self, row_number: str | None = None) -> pl.DataFrame:
        """The rows in polars, each column in its type, see `fairlead.data.frames.frame_of`.

        Args:
            row_number: name of a first column with the number of each row in the file.
        """
        from fairlead.data.frames import frame_of

        return frame_of(self, row_number)

    def __repr__(self) -> str:
        return as_text(self.report.render())

    def _repr_html_(self) -> str:
        from fairlead.data.views import report_view

        return report_view(self.report)


def read_dataset(path: Path, task: Task, data: DataSpec) -> Dataset:
    """Read a file by its contract.

    Args:
        path: a CSV or Parquet file.
        task: what the target is.
        data: the columns and the target.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no table with these columns, or no row or class is left.
        ContractError: rows break the contract; all violations are listed, rows counted from 1.
    """
    dataset, report = examine(path, task, data)
    if dataset is None:
        raise ContractError(str(path), report.violations)
    return dataset


def examine(path: Path, task: Task, data: DataSpec) -> tuple[Dataset | None, DataReport]:
    """Read a file by its contract and report on it, whether or not it keeps it.

    Returns:
        The rows, or None if the contract is broken, and the report.

    Raises:
        DataMissingError: there is no such file.
        DataInvalidError: it is no table with these columns, or no row or class is left.
    """
    file = _read(path, task, data)
    violations = tuple(_in_file(fault) for fault in file.faults())
    kept = np.flatnonzero(file.kept) if not violations else np.array([], np.int64)
    classes = file.classes_in(kept) if task == "classification" else ()
    report = _report(path, file, violations, kept, classes)
    if violations:
        return None, report
    _require_enough(path, report)
    return _dataset(file, kept, classes, report), report


@dataclass(frozen=True)
class _File:
    """Every declared column of a file, the target last, and what follows for its rows."""

    task: Task
    data: DataSpec
    specs: Mapping[str, ColumnSpec]
    columns: Mapping[str, ParsedColumn]
    undeclared: tuple[str, ...]

    @property
    def rows(self) -> int:
        return len(self.columns[self.data.target.name].values)

    def classes_in(self, kept: NDArray[np.int64]) -> tuple[str, ...]:
        """The labels of a classification: as declared, or those found in these rows, sorted."""
        found = self.columns[self.data.target.name].texts_in(kept)
        return self.data.target.classes or tuple(sorted(set(found)))

    def faults(self) -> Iterator[Fault]:
        """What breaks the contract, column by column; rows are counted from 0."""
        for name, spec in self.specs.items():
            for rule, mask in _broken(spec, self.columns[name]):
                if mask.any():
                    yield Fault(name, rule, np.flatnonzero(mask))
        if self.data.duplicates == "reject" and self.repeated.any():
            yield Fault("*", "unlike every earlier row", np.flatnonzero(self.repeated))

    @cached_property
    def repeated(self) -> Mask:
        """Rows that repeat an earlier one in every declared column."""
        values = {
            str(number): canonical(column.values) if column.index is None else column.index
            for number, column in enumerate(self.columns.values())
        }
        frame = pl.DataFrame(values)
        return ~frame.select(pl.struct(pl.all()).is_first_distinct()).to_series().to_numpy()

    @cached_property
    def outlying(self) -> Mask:
        """Rows that `outliers: drop` leaves out."""
        mask = np.zeros(self.rows, np.bool_)
        for name, spec in self.specs.items():
            if spec.outliers == "drop":
                for _, beyond in _beyond(spec, self.columns[name]):
                    mask |= beyond
        return mask

    @property
    def kept(self) -> Mask:
        """Rows that are trained on, if the contract holds."""
        dropped = self.repeated if self.data.duplicates == "drop" else False
        return ~(self.outlying | dropped)


def _read(path: Path, task: Task, data: DataSpec) -> _File:
    specs = {**data.columns, data.target.name: _target_column(task, data)}
    hint = (
        "`fairlead data fetch`, or `project.fetch()` in Python, brings it"
        if data.source
        else "put it there, or name its origin in `data.source`"
    )
    headers = data.headers
    table = read_table(path, [headers[name] for name in specs], hint=hint)
    columns = {
        name: parse_column(
            table.frame[headers[name]], spec, typed=table.typed, decimal=data.decimal
        )
        for name, spec in specs.items()
    }
    return _File(task, data, specs, columns, table.others)


def _target_column(task: Task, data: DataSpec) -> ColumnSpec:
    """The target, as if it were a column."""
    target = data.target
    if task == "regression":
        return ColumnSpec(type="number", min=target.min, max=target.max)
    if target.classes:
        return ColumnSpec(type="category", values=target.classes)
    # Any value is a class. It cannot be declared so, hence without validation.
    return ColumnSpec.model_construct(type="category")


def _broken(spec: ColumnSpec, column: ParsedColumn) -> Iterator[tuple[str, Mask]]:
    """Each rule of a column with the rows that break it and are not forgiven."""
    yield TYPE_RULES[spec.type], column.wrong
    if not spec.nullable or spec.missing == "reject":
        yield "not missing", column.missing
    if spec.outliers == "reject":
        yield from _beyond(spec, column)
    if spec.values and spec.unknown == "reject":
        yield "one of the declared categories", column.values == UNKNOWN


def _beyond(spec: ColumnSpec, column: ParsedColumn) -> list[tuple[str, Mask]]:
    return outside(spec.model_dump(include={"min", "max"}), column.values)


def _in_file(fault: Fault) -> Violation:
    """A fault with its rows counted from 1, as in the file."""
    return violation(Fault(fault.column, fault.rule, fault.rows + 1))


def _report(
    path: Path,
    file: _File,
    violations: tuple[Violation, ...],
    kept: NDArray[np.int64],
    classes: tuple[str, ...],
) -> DataReport:
    broken = {violation.column for violation in violations}
    counts = Counter(file.columns[file.data.target.name].texts_in(kept))
    return DataReport(
        source=str(path),
        fingerprint=fingerprint(
            {name: (spec.type, file.columns[name]) for name, spec in file.specs.items()}
        ),
        rows_read=file.rows,
        rows_kept=len(kept),
        duplicates=int(file.repeated.sum()),
        duplicates_policy=file.data.duplicates,
        outlier_rows=int(file.outlying.sum()),
        columns=tuple(
            summarise(name, _role(name, file), spec, file.columns[name], broken=name in broken)
            for name, spec in file.specs.items()
        ),
        undeclared=file.undeclared,
        classes={label: counts[label] for label in classes},
        violations=violations,
    )


def _role(name: str, file: _File) -> str:
    return "target" if name == file.data.target.name else file.specs[name].role


def _require_enough(path: Path, report: DataReport) -> None:
    if not report.rows_kept:
        raise DataInvalidError(path, "no row without an outlier", "some that are kept")
    present = [label for label, rows in report.classes.items() if rows]
    if report.classes and len(present) < 2:
        raise DataInvalidError(path, f"rows of class {present[0]} only", "at least two classes")


def _dataset(
    file: _File, kept: NDArray[np.int64], classes: tuple[str, ...], report: DataReport
) -> Dataset:
    contract = Contract.of(file.task, file.data, classes)
    target = file.columns[file.data.target.name]
    if file.task == "classification":
        y: NDArray[Any] = target.codes(classes)[kept].astype(np.int64)
    else:
        y = target.values[kept]
    return Dataset(
        contract=contract,
        columns=file.data.columns,
        X=np.column_stack([file.columns[name].values[kept] for name in contract.columns]),
        y=y,
        others={
            name: _other(file.columns[name], spec)[kept]
            for name, spec in file.data.columns.items()
            if name not in contract.columns
        },
        roles={
            spec.role: name
            for name, spec in file.data.columns.items()
            if spec.role in ("group", "time")
        },
        rows=kept + 1,
        fingerprint=report.fingerprint,
        report=report,
    )


def _other(column: ParsedColumn, spec: ColumnSpec) -> NDArray[Any]:
    if spec.type != "text" or column.index is None:
        return column.values
    # The last entry is for index -1: no text.
    return np.array([*column.texts, ""], object)[column.index]
