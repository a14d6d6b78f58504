"""What was found in a data file, for people and for programs."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from fairlead.data.distribution import Histogram, Outliers
from fairlead.errors import Violation
from fairlead.notebook import as_text

SHOWN_TOP = 3
BARS = "▁▂▃▄▅▆▇█"
SPARKS = 10


@dataclass(frozen=True)
class CheckResult:
    """Whether one of `data.checks` holds.

    Attributes:
        text: the condition.
        passed: whether it holds, in every row if it speaks of rows.
        failing: number of rows in which it does not; 0 for a condition on `rows` alone.
        first_rows: the first of them, counted from 1.
    """

    text: str
    passed: bool
    failing: int = 0
    first_rows: tuple[int, ...] = ()

    def __str__(self) -> str:
        if self.passed:
            return f"`{self.text}` holds"
        if not self.failing:
            return f"`{self.text}` does not hold"
        shown = ", ".join(map(str, self.first_rows))
        more = ", …" if self.failing > len(self.first_rows) else ""
        return f"`{self.text}` fails in {counted(self.failing, 'row')} (row {shown}{more})"


@dataclass(frozen=True)
class ColumnReport:
    """What was found in one column, over all rows that were read.

    Attributes:
        name: as declared.
        type: as declared; of the target, what the task makes of it.
        role: as declared, or `target`.
        missing: rows without a value.
        wrong: values that are not of the type.
        unknown: categories that are not declared.
        below, above: values beyond the bounds.
        broken: whether one of these breaks the contract.
        policy: what happens to those that do not, such as `median` or `clip`.
        minimum, mean, maximum: of numbers; times are seconds since 1970 in UTC.
        distinct: number of distinct values.
        top: the most frequent values of a category, text or boolean, with their rows.
        outliers: of numbers, see `fairlead.data.distribution`.
        histogram: of numbers and times.
    """

    name: str
    type: str
    role: str
    missing: int = 0
    wrong: int = 0
    unknown: int = 0
    below: int = 0
    above: int = 0
    broken: bool = False
    policy: tuple[str, ...] = ()
    minimum: float | None = None
    mean: float | None = None
    maximum: float | None = None
    distinct: int = 0
    top: tuple[tuple[str, int], ...] = ()
    outliers: Outliers | None = None
    histogram: Histogram | None = None


COUNTS: Mapping[str, Callable[[ColumnReport], int]] = {
    "missing": lambda column: column.missing,
    "wrong": lambda column: column.wrong,
    "outside": lambda column: column.below + column.above,
    "unknown": lambda column: column.unknown,
    "outliers": lambda column: column.outliers.beyond if column.outliers else 0,
}


@dataclass(frozen=True)
class DataReport:
    """What was found in a data file.

    Attributes:
        source: the file.
        fingerprint: of all rows read.
        rows_read: rows in the file.
        rows_kept: rows that are left to train on; 0 if the contract is broken.
        duplicates: rows that repeat an earlier one.
        duplicates_policy: what happens to them: keep, drop or reject.
        outlier_rows: rows left out for a value beyond its bounds (`outliers: drop`).
        columns: the declared ones, the target last.
        undeclared: names in the file that the project does not declare; they are ignored.
        classes: label -> rows that are kept; empty for regression.
        violations: what breaks the contract.
        checks: results of `data.checks`, once they were run.
    """

    source: str
    fingerprint: str
    rows_read: int
    rows_kept: int
    duplicates: int
    duplicates_policy: str
    outlier_rows: int
    columns: tuple[ColumnReport, ...]
    undeclared: tuple[str, ...] = ()
    classes: dict[str, int] = field(default_factory=dict)
    violations: tuple[Violation, ...] = ()
    checks: tuple[CheckResult, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether the data can be trained on."""
        return not self.violations and all(check.passed for check in self.checks)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        document = asdict(self)
        for column in document["columns"]:
            column["top"] = [{"value": value, "rows": rows} for value, rows in column["top"]]
        return {"passed": self.passed, **document}

    def __repr__(self) -> str:
        return as_text(self.render())

    def _repr_html_(self) -> str:
        from fairlead.data.views import report_view

        return report_view(self)

    def render(self) -> RenderableType:
        """For a terminal: a table of the columns, then what became of the rows."""
        head = (
            f"[bold]{escape(self.source)}[/]  {counted(self.rows_read, 'row')}, "
            f"{counted(len(self.columns), 'column')}  [dim]fingerprint {self.fingerprint[:12]}[/]"
        )
        return Group(Text.from_markup(head), self._table(), *map(Text.from_markup, self._lines()))

    def _table(self) -> Table:
        shown = [
            name
            for name in COUNTS
            if name == "missing" or any(COUNTS[name](column) for column in self.columns)
        ]
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("column", overflow="fold")
        table.add_column("type")
        for name in shown:
            table.add_column(name, justify="right")
        table.add_column("distinct", justify="right")
        table.add_column("min · mean · max, or most frequent", ratio=1, overflow="fold")
        for column in self.columns:
            role = "" if column.role == "feature" else f" ({column.role})"
            table.add_row(
                Text(column.name, "bold red" if column.broken else ""),
                f"{column.type}{role}",
                *(self._share(column, name) for name in shown),
                f"{column.distinct:,}",
                Text(self._shown(column)),
            )
        return table

    def _share(self, column: ColumnReport, name: str) -> Text:
        rows = COUNTS[name](column)
        if not rows:
            return Text("·", "dim")
        if name == "outliers":
            return Text(percent(rows, self.rows_read))
        colour = "bold red" if column.broken else "yellow"
        return Text(f"{rows:,} ({percent(rows, self.rows_read)})", colour)

    def _shown(self, column: ColumnReport) -> str:
        told = summary(column, self.rows_read)
        if column.histogram is None or column.type == "datetime":
            return told
        return f"{sparkline(column.histogram.rows)}  {told}"

    def _lines(self) -> Iterator[str]:
        """What stands below the table, one finding a line."""
        if self.undeclared:
            yield f"[yellow]![/] not declared, ignored: {escape(', '.join(self.undeclared))}"
        for column in self.columns:
            if column.policy:
                yield f"[yellow]![/] {column.name}: {escape('; '.join(column.policy))}"
        if self.duplicates and self.duplicates_policy != "reject":
            done = "kept" if self.duplicates_policy == "keep" else "dropped"
            yield f"[yellow]![/] {counted(self.duplicates, 'duplicate row')} {done}"
        if self.outlier_rows:
            yield f"[yellow]![/] {counted(self.outlier_rows, 'row')} with outliers left out"
        for violation in self.violations:
            yield f"[red]✗[/] {escape(str(violation))}"
        for check in self.checks:
            mark = "[green]✓[/]" if check.passed else "[red]✗[/]"
            yield f"{mark} check {escape(str(check))}"
        if self.passed:
            kept = f"{self.rows_kept:,} of {counted(self.rows_read, 'row')}"
            yield f"[green]✓[/] the contract holds: {kept} to train on"
            if self.classes:
                shares = ", ".join(
                    f"{escape(label)} {rows:,}" for label, rows in self.classes.items()
                )
                yield f"[dim]  classes: {shares}[/]"
        else:
            failed = len(self.violations) + sum(not check.passed for check in self.checks)
            yield f"[bold red]{counted(failed, 'problem')}: this data cannot be trained on[/]"


def summary(column: ColumnReport, rows: int) -> str:
    """What stands in a column, in short: its range, or the most frequent values."""
    if column.minimum is not None and column.maximum is not None:
        if column.type == "datetime":
            return f"{datetime_text(column.minimum)} … {datetime_text(column.maximum)}"
        numbers = (column.minimum, column.mean or 0.0, column.maximum)
        return " · ".join(f"{number:,.6g}" for number in numbers)
    parts = [f"{value} {percent(times, rows)}" for value, times in column.top[:SHOWN_TOP]]
    rest = column.distinct - len(parts)
    return ", ".join([*parts, f"{rest:,} more"] if rest > 0 else parts) or "·"


def sparkline(rows: Sequence[int]) -> str:
    """Bars of text, as high as there are rows; several bins share one where there are many."""
    joined = [sum(part.tolist()) for part in np.array_split(rows, min(SPARKS, len(rows)))]
    return "".join(BARS[math.ceil((len(BARS) - 1) * bar / max(joined))] for bar in joined)


def datetime_text(seconds: float) -> str:
    """A time, such as `2024-01-31 12:00:00`."""
    # Unlike `datetime`, numpy knows the years before 1 and after 9999.
    return str(np.datetime64(math.floor(seconds), "s")).replace("T", " ")


def percent(rows: int, of: int) -> str:
    """A share of rows, such as `4.68 %`."""
    share = 100 * rows / of
    return "< 0.1 %" if 0 < share < 0.1 else f"{share:.3g} %"


def counted(number: int, noun: str) -> str:
    """A number of things, such as `1 row` or `2 rows`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
