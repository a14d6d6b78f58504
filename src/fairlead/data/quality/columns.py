"""What is odd about single columns: gaps, extremes, no information, or that of another."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from fairlead.data.quality.evidence import Evidence, Floats
from fairlead.data.quality.records import Observation
from fairlead.data.report import counted

MIN_ROWS = 50
"""Fewer rows than this do not show that a column numbers them, or repeats another."""
ID_NAME = re.compile(r"(?i:(^|_)(id|uuid|guid|key|index|number))$|[a-z](Id|ID)$")


def forgiven_values(evidence: Evidence) -> Iterator[Observation]:
    """Values that the contract forgives, but not so many of them."""
    rows = evidence.dataset.report.rows_read
    for column in evidence.dataset.report.columns:
        if column.role != "feature":
            continue
        yield Observation(
            "missing_values",
            (column.name,),
            column.missing / rows,
            f"{column.name} is missing in {counted(column.missing, 'row')}.",
            "Find out why, and whether that says something of the target: a derived column with "
            "`is_missing` keeps it when the gaps are filled.",
        )
        yield Observation(
            "unknown_categories",
            (column.name,),
            column.unknown / rows,
            f"{column.name} has an undeclared category in {counted(column.unknown, 'row')}.",
            "Declare the frequent ones in `values`: to the model they are all one.",
        )
        outside = column.below + column.above
        yield Observation(
            "out_of_range",
            (column.name,),
            outside / rows,
            f"{column.name} is out of bounds in {counted(outside, 'row')}.",
            "Correct the source, or the bounds.",
        )


def extreme_values(evidence: Evidence) -> Iterator[Observation]:
    """Numbers far from the middle half of their column."""
    report = evidence.dataset.report
    for column in report.columns:
        if column.role not in ("feature", "target") or column.outliers is None:
            continue
        yield Observation(
            "extreme_values",
            (column.name,),
            column.outliers.far / report.rows_read,
            f"{column.name} lies far out in {counted(column.outliers.far, 'row')}.",
            "Far out is more than 3 interquartile ranges from the middle half. Errors belong out "
            "of bounds (`min`, `max`); true values are borne by trees, and by linear candidates "
            "as a logarithm.",
        )


def constant_columns(evidence: Evidence) -> Iterator[Observation]:
    """Columns with one value in nearly all rows."""
    for name, values in evidence.columns.items():
        share = float(np.unique(values, return_counts=True)[1].max() / len(values))
        rest = round((1 - share) * len(values))
        yield Observation(
            "constant_column",
            (name,),
            share,
            f"{name} has one value in all rows."
            if not rest
            else f"{name} has one value in all but {counted(rest, 'row')}.",
            "Leave it out (`role: ignore`), unless the rest is what counts.",
        )


def numbering_columns(evidence: Evidence) -> Iterator[Observation]:
    """Features with another whole number, or category, in each row, that look like a numbering."""
    n = len(evidence.dataset.y)
    for name, spec in evidence.declared.items():
        values = evidence.columns[name]
        known = values[~np.isnan(values)]
        if spec.type not in ("integer", "number", "category") or len(known) < MIN_ROWS:
            continue
        if not (np.floor(known) == known).all():
            continue
        if spec.type == "category" or _is_numbering(name, known):
            yield Observation(
                "id_column",
                (name,),
                len(np.unique(known)) / n,
                f"{name} has {len(np.unique(known)):,} distinct values in {counted(n, 'row')}, "
                "like a number that was given to them.",
                "Set `role: ignore`, or `role: group` if several rows belong together: a model "
                "learns the rows by it, and nothing for new ones.",
            )


def _is_numbering(name: str, values: Floats) -> bool:
    """Dense, rising or falling from row to row, or named like one."""
    before, after = values[:-1], values[1:]
    in_order = bool((after > before).all() or (after < before).all())
    with np.errstate(over="ignore"):
        dense = float(np.ptp(values)) < 2 * len(values)
    return dense or in_order or bool(ID_NAME.search(name))


def redundant_columns(evidence: Evidence) -> Iterator[Observation]:
    """Numbers that rise or fall with those of an earlier column."""
    names = list(evidence.numbers)
    if len(evidence.dataset.y) < MIN_ROWS or len(names) < 2:
        return
    ranks = np.column_stack([_ranks(values) for values in evidence.numbers.values()])
    deviations = ranks - ranks.mean(axis=0)
    lengths = np.sqrt((deviations**2).sum(axis=0))
    unit = deviations / np.where(lengths > 0, lengths, np.inf)
    correlations = np.tril(unit.T @ unit, -1)
    for number, name in enumerate(names[1:], start=1):
        other = int(np.abs(correlations[number]).argmax())
        correlation = float(correlations[number, other])
        yield Observation(
            "redundant_columns",
            (names[other], name),
            # As many digits as do not depend on the machine.
            round(abs(correlation), 9),
            f"{name} {'rises' if correlation > 0 else 'falls'} with {names[other]}.",
            "Try without one of them, or put their ratio or difference in its place: importances "
            "are shared out between them, and linear weights become arbitrary.",
        )


def _ranks(values: Floats) -> Floats:
    """Rank of each value among the known ones, equals by their mean; the mean rank if missing."""
    known = ~np.isnan(values)
    _, inverse, rows = np.unique(values[known], return_inverse=True, return_counts=True)
    ranks = np.full(len(values), (known.sum() - 1) / 2)
    ranks[known] = (np.cumsum(rows) - (rows + 1) / 2)[inverse]
    return ranks
