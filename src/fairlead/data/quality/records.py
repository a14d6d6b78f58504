"""A finding, the limit it passes, and the report of all of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from fairlead.data.report import ColumnReport, counted

ONE_SIDED = 1.6449
"""The normal distribution's 95 % quantile."""
Severity = Literal["error", "warning", "info"]
STYLES: Mapping[Severity, tuple[str, str, str]] = {
    "error": ("✗", "bold red", "failure"),
    "warning": ("!", "yellow", "warning"),
    "info": ("·", "dim", "note"),
}
"""Severity -> its mark, its colour, and what it is called where they are counted."""


@dataclass(frozen=True)
class Limit:
    """From where on a figure is told.

    Attributes:
        value: any figure above 0 that is not below it is told; with `at_most`, not above it.
        unit: a share is shown in percent.
        of: what the figure is, as it stands behind the number.
        at_most: whether small figures are told, not large ones.
    """

    value: float
    unit: Literal["share", "number"]
    of: str
    at_most: bool = False

    def passed_by(self, figure: float) -> bool:
        """Whether a figure is told."""
        return figure <= self.value if self.at_most else figure > 0 and figure >= self.value

    def text(self, figure: float) -> str:
        """Such as `4.7 % of the rows`."""
        return f"{_number(figure, self.unit)} {self.of}"

    def __str__(self) -> str:
        if self.at_most:
            return f"up to {_number(self.value, self.unit)}"
        return f"from {_number(self.value, self.unit)}" if self.value else "if any"


def _number(value: float, unit: str) -> str:
    if unit == "share":
        return f"{100 * value:.3g} %"
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"


LIMITS: Mapping[str, Limit] = {
    "unsplittable": Limit(0, "number", "rows that cannot be split"),
    "duplicate_rows": Limit(0, "share", "of the rows"),
    "duplicates_across_split": Limit(0.01, "share", "of the holdout"),
    "near_duplicates_across_split": Limit(0.05, "share", "of the holdout"),
    "shared_locations": Limit(0.1, "share", "of the holdout"),
    "group_leakage": Limit(0, "share", "of the rows that are predicted"),
    "time_leakage": Limit(0, "share", "of the rows that are predicted"),
    "target_leakage": Limit(0.9, "share", "of the target explained, at least"),
    "dominant_column": Limit(0.8, "share", "of the target explained, at least"),
    "class_imbalance": Limit(10, "number", "times the rows of the smallest class"),
    "rare_class": Limit(20, "number", "rows", at_most=True),
    "capped_target": Limit(0.01, "share", "of the rows"),
    "capped_column": Limit(0.01, "share", "of the rows"),
    "synthetic_rows": Limit(0.05, "share", "of the rows"),
    "missing_values": Limit(0.2, "share", "of the rows"),
    "unknown_categories": Limit(0.01, "share", "of the rows"),
    "out_of_range": Limit(0.01, "share", "of the rows"),
    "extreme_values": Limit(0.01, "share", "of the rows"),
    "constant_column": Limit(0.995, "share", "of the rows"),
    "id_column": Limit(0.99, "share", "of the rows have a value of their own"),
    "redundant_columns": Limit(0.95, "number", "rank correlation"),
}
"""Code of a finding, as in `data.quality` -> its limit."""


@dataclass(frozen=True)
class Observation:
    """Something in the data that may spoil a model or a figure.

    Attributes:
        code: stable; a key of `data.quality`.
        columns: the columns it is about; none if it is about the rows.
        figure: what was measured, see `LIMITS`.
        found: a sentence that says what it is.
        advice: a sentence that says what to do.
        settled: whether the contract sees to it already.
    """

    code: str
    columns: tuple[str, ...]
    figure: float
    found: str
    advice: str
    settled: bool = False

    @property
    def limit(self) -> Limit:
        """From where on the figure is told."""
        return LIMITS[self.code]


@dataclass(frozen=True, kw_only=True)
class Finding(Observation):
    """An observation, and what it is to the project."""

    severity: Severity

    @property
    def measured(self) -> str:
        """Figure and threshold, such as `[4.68 % of the rows, told from 1 %]`."""
        return f"[{self.limit.text(self.figure)}, told {self.limit}]"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {**asdict(self), "threshold": self.limit.value, "unit": self.limit.unit}


@dataclass(frozen=True)
class Power:
    """How well one column predicts the target by itself, on rows it was not fitted on.

    Attributes:
        column: a feature or derived column.
        explained: R², or the share of the errors of always naming the largest class that it
            avoids; 0 where it is no better.
        standard_error: of that.
        accuracy: of a classification.
    """

    column: str
    explained: float
    standard_error: float
    accuracy: float | None = None

    @property
    def at_least(self) -> float:
        """The lower end of `explained`, which the truth undercuts in one case of twenty."""
        return max(0.0, self.explained - ONE_SIDED * self.standard_error)


@dataclass(frozen=True)
class QualityReport:
    """What was found in the rows that are kept.

    Attributes:
        split: how the rows are split, in words.
        findings: the gravest first.
        derived: the derived columns.
        powers: what each feature and derived column says alone, the most telling first; empty if
            there are too few rows to tell.
    """

    split: str
    findings: tuple[Finding, ...]
    derived: tuple[ColumnReport, ...] = ()
    powers: tuple[Power, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether nothing was found that the project's rules call a failure."""
        return all(finding.severity != "error" for finding in self.findings)

    @property
    def counts(self) -> str:
        """Such as `1 failure, 3 warnings, 2 notes`."""
        numbers = Counter(finding.severity for finding in self.findings)
        parts = [counted(numbers[kind], STYLES[kind][2]) for kind in STYLES if numbers[kind]]
        return ", ".join(parts) or "nothing found"

    @property
    def grouped(self) -> list[tuple[Finding, ...]]:
        """The findings, those that differ only in their column or figure together."""
        alike = groupby(
            self.findings, lambda finding: (finding.severity, finding.code, finding.advice)
        )
        return [tuple(findings) for _, findings in alike]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "passed": self.passed,
            "split": self.split,
            "findings": [finding.to_json() for finding in self.findings],
            "derived": [asdict(column) for column in self.derived],
            "powers": [asdict(power) for power in self.powers],
        }

    def render(self) -> RenderableType:
        """For a terminal: each finding with what to do about it."""
        table = Table.grid(padding=(0, 1))
        table.add_column()
        table.add_column(ratio=1, overflow="fold")
        for alike in self.grouped:
            first = alike[0]
            mark, style, _ = STYLES[first.severity]
            text = Text().append(first.code, style).append("  ")
            for finding in alike:
                text.append(finding.found).append(f" {finding.measured} ", "dim")
            text.append(first.advice, "dim")
            table.add_row(Text(mark, style), text)
        head = Text.assemble(("quality", "bold"), f"  {self.counts}  ", (self.split, "dim"))
        return Group(head, table)
