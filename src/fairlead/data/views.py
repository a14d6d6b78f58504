"""What a data set and a report on it show of themselves in a notebook."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fairlead import notebook
from fairlead.data.quality.records import STYLES, QualityReport
from fairlead.data.report import COUNTS, DataReport, counted, percent, sparkline, summary

SHOWN_COLUMNS = 60
"""A wider table is cut: a notebook is no file viewer."""


def report_view(report: DataReport, *parts: str) -> str:
    """A report as HTML.

    Args:
        report: what was found in the file.
        parts: HTML that stands between the head and the columns.
    """
    rows_read, columns = counted(report.rows_read, "row"), counted(_width(report), "column")
    title = f"{Path(report.source).name}: {rows_read}, {columns}"
    counts = [name for name in COUNTS if any(map(COUNTS[name], report.columns))]
    head = ["column", "type", "distinct", *counts, "", "min · mean · max, or most frequent"]
    rows = [_row(report, index, counts) for index in range(min(SHOWN_COLUMNS, _width(report)))]
    hidden = _width(report) - len(rows)
    more = [f"… and {counted(hidden, 'column')} more"] if hidden else []
    return notebook.view(
        title,
        *parts,
        notebook.table(head, rows, numbers=["distinct", *counts]),
        notebook.lines([*more, *_lines(report)], soft=True),
    )


def findings_view(quality: QualityReport) -> str:
    """What may spoil a model, each finding with what to do about it."""
    rows = [
        (
            f"{STYLES[alike[0].severity][0]}\u00a0{alike[0].code}",
            "; ".join(f"{finding.found} {finding.measured}" for finding in alike),
            alike[0].advice,
        )
        for alike in quality.grouped
    ]
    found = notebook.table(("finding", "what was found", "what to do"), rows) if rows else ""
    return notebook.lines([f"{quality.counts}; {quality.split}"]) + found


def _width(report: DataReport) -> int:
    return len(report.columns)


def _row(report: DataReport, index: int, counts: Sequence[str]) -> list[str]:
    column = report.columns[index]
    role = "" if column.role == "feature" else f" ({column.role})"
    bars = "" if column.histogram is None else sparkline(column.histogram.rows)
    return [
        column.name,
        f"{column.type}{role}",
        f"{column.distinct:,}",
        *(
            f"{rows:,} ({percent(rows, report.rows_read)})" if rows else "·"
            for rows in (COUNTS[name](column) for name in counts)
        ),
        bars,
        summary(column, report.rows_read),
    ]


def _lines(report: DataReport) -> list[str]:
    """What became of the rows."""
    told = [f"{report.rows_kept:,} of {counted(report.rows_read, 'row')} to train on"]
    told += [
        f"{column.name}: {'; '.join(column.policy)}" for column in report.columns if column.policy
    ]
    if report.duplicates:
        done = {"keep": "kept", "drop": "left out", "reject": "refused"}[report.duplicates_policy]
        told.append(f"{counted(report.duplicates, 'duplicate row')} {done}")
    if report.outlier_rows:
        told.append(f"{counted(report.outlier_rows, 'row')} with outliers left out")
    if report.classes:
        shares = ", ".join(f"{label} {rows:,}" for label, rows in report.classes.items())
        told.append(f"classes: {shares}")
    return [
        *told,
        *(f"✗ {violation}" for violation in report.violations),
        *(f"{'✓' if check.passed else '✗'} {check}" for check in report.checks),
    ]
