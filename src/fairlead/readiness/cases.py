"""Values that a contract forbids, and those at the edges of what it admits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from fairlead.data.contract import UNKNOWN_CATEGORY
from fairlead.project.columns import ColumnSpec
from fairlead.serving.values import bounds, may_be_absent

EXTREME = 1e300
Record = dict[str, Any]


def broken(name: str, column: ColumnSpec, good: Record) -> Iterator[tuple[str, Record]]:
    """What a column may not hold, each in a row that is good else."""
    # Neither a number nor a text, as either may be the name of an unknown category.
    yield "as a list", {**good, name: ["many"]}
    if column.type != "category":
        yield "as a text", {**good, name: "many"}
    if not may_be_absent(column):
        yield "missing", {**good, name: None}
        yield "left out", {key: value for key, value in good.items() if key != name}
    if column.type == "integer":
        yield "with a fraction", {**good, name: 0.5}
    if column.type == "category" and column.unknown == "reject":
        yield "of no category", {**good, name: UNKNOWN_CATEGORY}
    if column.numeric:
        low, high = bounds(column)
        for bound, away in ((low, -math.inf), (high, math.inf)):
            if math.isfinite(bound):
                beyond = math.nextafter(bound, away)
                whole = math.floor(beyond) if away < 0 else math.ceil(beyond)
                value = whole if column.type == "integer" else beyond
                yield f"as {value}", {**good, name: value}


def edges(column: ColumnSpec) -> Iterator[Any]:
    """Values at the edges of what a column admits, the least first and the greatest last."""
    if column.numeric:
        low, high = bounds(column)
        whole = column.type == "integer"
        far: float = 2**53 if whole else EXTREME
        least, most = max(low, -far), min(high, far)
        yield math.ceil(least) if whole else least
        if least <= 0 <= most:
            yield 0
        if column.nullable and column.missing != "reject":
            yield None
        yield math.floor(most) if whole else most
        return
    if may_be_absent(column):
        yield None
    if column.type == "category":
        yield from ([UNKNOWN_CATEGORY] if column.unknown == "flag" else [])
        yield from column.values
    elif column.type == "boolean":
        yield from (False, True)
    elif column.type == "datetime":
        yield from ("0001-01-01T00:00:00Z", "9999-12-31T00:00:00Z")
