"""Counts what is found in one column."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fairlead.data.distribution import distribution
from fairlead.data.encoding import UNKNOWN
from fairlead.data.parsing import ParsedColumn
from fairlead.data.report import ColumnReport
from fairlead.project.columns import ColumnSpec

TOP = 10


def summarise(
    name: str, role: str, spec: ColumnSpec, column: ParsedColumn, *, broken: bool
) -> ColumnReport:
    """Report on a column.

    Args:
        name: as declared.
        role: as declared, or `target`.
        spec: the declaration.
        column: all rows of it.
        broken: whether a rule of the contract is broken in it.
    """
    values = column.values
    known = values[~np.isnan(values)]
    below = 0 if spec.min is None else int((known < spec.min).sum())
    above = 0 if spec.max is None else int((known > spec.max).sum())
    missing = int(column.missing.sum())
    unknown = int((known == UNKNOWN).sum()) if spec.values else 0
    measured = spec.numeric or spec.type == "datetime"
    top = [] if measured else _counts(spec, column)
    spread = distribution(known) if measured else None
    return ColumnReport(
        name=name,
        type=spec.type,
        role=role,
        missing=missing,
        wrong=int(column.wrong.sum()),
        unknown=unknown,
        below=below,
        above=above,
        broken=broken,
        policy=() if broken else tuple(_policies(spec, missing, below + above, unknown)),
        minimum=float(known.min()) if measured and len(known) else None,
        mean=_mean(known) if measured and len(known) else None,
        maximum=float(known.max()) if measured and len(known) else None,
        distinct=spread.distinct if spread else len(top),
        top=tuple(top[:TOP]),
        outliers=spread.outliers if spread and spec.numeric else None,
        histogram=spread.histogram if spread else None,
    )


def _mean(values: NDArray[np.float64]) -> float:
    """The mean, finite where the sum is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        mean = float(values.mean())
    return mean if math.isfinite(mean) else float((values / len(values)).sum())


def _counts(spec: ColumnSpec, column: ParsedColumn) -> list[tuple[str, int]]:
    """Distinct values with their rows, the most frequent first, equals in alphabetical order."""
    if column.index is None:
        names: tuple[str, ...] = ("false", "true") if spec.type == "boolean" else ()
        index = column.values[~np.isnan(column.values)].astype(np.int64)
    else:
        names, index = column.texts, column.index[column.index >= 0]
    rows = np.bincount(index, minlength=len(names)).tolist()
    counted = [(name, times) for name, times in zip(names, rows, strict=True) if times]
    return sorted(counted, key=lambda pair: (-pair[1], pair[0]))


def _policies(spec: ColumnSpec, missing: int, outside: int, unknown: int) -> Iterator[str]:
    """What becomes of values that are forgiven."""
    if missing and spec.missing is None:
        yield f"{missing:,} missing, left to the model"
    elif missing:
        filled = str(spec.fill) if spec.missing == "constant" else f"the {spec.missing}"
        yield f"{missing:,} missing, filled with {filled}"
    if outside:
        bounds = f"outside {_bound(spec.min)}..{_bound(spec.max)}"
        done = {
            "clip": "moved to the bound before the model sees them",
            "drop": "their rows are left out",
            "flag": "kept",
        }[spec.outliers]
        yield f"{outside:,} {bounds}, {done}"
    if unknown:
        yield f"{unknown:,} of no declared category, kept as unknown"


def _bound(value: float | None) -> str:
    return "" if value is None else f"{value:g}"
