"""What callers send today, and whether another version would still take it."""

from __future__ import annotations

from collections.abc import Iterator

from fairlead.data.contract import Contract
from fairlead.project.columns import ColumnSpec


def breaks(old: Contract, new: Contract) -> tuple[str, ...]:
    """What callers of one contract would notice under another, one by one.

    Args:
        old: of the version that answers now.
        new: of the version that shall answer.

    Returns:
        Sentences; none if every row that the old one takes is taken, and read in the same way.
    """
    return tuple(_breaks(old, new))


def _breaks(old: Contract, new: Contract) -> Iterator[str]:
    if old.task != new.task:
        yield f"task: {old.task} becomes {new.task}"
        return
    for name, column in new.columns.items():
        if name in old.columns:
            yield from (f"{name}: {each}" for each in _column_breaks(old.columns[name], column))
        elif not takes_missing(column):
            yield f"{name}: a new required column"
    for name in old.columns:
        if name not in new.columns:
            yield f"{name}: no column any more"
    for label in old.classes:
        if label not in new.classes:
            yield f"class {label}: not predicted any more"
    if old.target.unit != new.target.unit:
        yield f"{new.target.name}: unit {old.target.unit} becomes {new.target.unit}"


def _column_breaks(old: ColumnSpec, new: ColumnSpec) -> Iterator[str]:
    if old.type != new.type and (old.type, new.type) != ("integer", "number"):
        yield f"type {old.type} becomes {new.type}"
        return
    if old.unit != new.unit:
        yield f"unit {old.unit} becomes {new.unit}"
    if takes_missing(old) and not takes_missing(new):
        yield "must not be missing any more"
    yield from _narrower(old, new)
    for value in old.values:
        if value not in new.values:
            yield f"category {value} is lost"
    if old.unknown == "flag" and new.unknown == "reject":
        yield "categories that are not declared are refused"


def _narrower(old: ColumnSpec, new: ColumnSpec) -> Iterator[str]:
    if not refuses(new):
        return
    low = old.min if refuses(old) else None
    high = old.max if refuses(old) else None
    if new.min is not None and (low is None or new.min > low):
        yield f"smallest value {_text(low)} becomes {new.min:g}"
    if new.max is not None and (high is None or new.max < high):
        yield f"largest value {_text(high)} becomes {new.max:g}"


def refuses(column: ColumnSpec) -> bool:
    """Whether a value outside its range is refused."""
    return column.outliers in ("reject", "drop")


def takes_missing(column: ColumnSpec) -> bool:
    """Whether a value may be missing."""
    return column.nullable and column.missing != "reject"


def _text(bound: float | None) -> str:
    return "(any)" if bound is None else f"{bound:g}"
