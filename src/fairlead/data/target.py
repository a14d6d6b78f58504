"""Infers from the values of a target what kind of task it is, or says what must be decided."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fairlead.data.contract import SHOWN_ROWS
from fairlead.data.encoding import normalise
from fairlead.data.inference import shown
from fairlead.data.parsing import MISSING_TOKENS, parse_column
from fairlead.errors import DecisionError
from fairlead.project.columns import ColumnSpec, ColumnType, Task

FEWEST_ROWS = 10
MOST_CLASSES = 100
FEW_NUMBERS = 10
"""Whole numbers of at most so many values, each in ROWS_EACH rows or more, are classes."""
ROWS_EACH = 5


@dataclass(frozen=True)
class Target:
    """What is predicted.

    Attributes:
        header: what it is called in the file.
        task: classification or regression.
        classes: label -> rows, in the order of the labels; empty for regression.
        numeric: whether its values are numbers, so that it could be either.
    """

    header: str
    task: Task
    classes: Mapping[str, int]
    numeric: bool


def infer_target(path: Path, series: pl.Series, decimal: str, task: Task | None) -> Target:
    """Infer what is predicted.

    Args:
        path: the file, for errors.
        series: the texts of the target, all rows, with the name of the header.
        decimal: what stands before the decimals of a number.
        task: what it is, if that is known.

    Raises:
        DecisionError: the target cannot be predicted as it is.
    """
    header, rows = series.name, len(series)
    if rows < FEWEST_ROWS:
        raise DecisionError(path, f"{rows} rows", f"where at least {FEWEST_ROWS} come from")
    texts = [normalise(text) for text in series.to_list()]
    _require_values(path, header, texts)
    counts = Counter(texts)
    if len(counts) == 1:
        found = f"the same value of `{header}` in every row"
        raise DecisionError(path, found, "what else to predict")
    wrong = _wrong(series, "number", decimal)
    numbers = not wrong.any()
    if task is None:
        whole = numbers and not _wrong(series, "integer", decimal).any()
        few = whole and len(counts) <= FEW_NUMBERS and rows >= ROWS_EACH * len(counts)
        task = "regression" if numbers and len(counts) > 2 and not few else "classification"
    if task == "regression":
        if not numbers:
            first = int(np.flatnonzero(wrong)[0]) + 1
            found = f"{int(wrong.sum())} values of `{header}` that are no numbers (row {first} …)"
            raise DecisionError(path, found, "which numbers they are, or `--task classification`")
        return Target(header, task, {}, numeric=True)
    _require_classes(path, header, counts, numbers=numbers)
    labels = sorted(
        counts, key=lambda text: (float(text.replace(decimal, ".")) if numbers else 0.0, text)
    )
    return Target(header, task, {label: counts[label] for label in labels}, numeric=numbers)


def _wrong(series: pl.Series, kind: ColumnType, decimal: str) -> NDArray[np.bool_]:
    return parse_column(series, ColumnSpec(type=kind), typed=False, decimal=decimal).wrong


def _require_values(path: Path, header: str, texts: list[str]) -> None:
    missing = [row for row, text in enumerate(texts, start=1) if text in MISSING_TOKENS]
    if missing:
        more = ", …" if len(missing) > SHOWN_ROWS else ""
        where = ", ".join(map(str, missing[:SHOWN_ROWS])) + more
        raise DecisionError(
            path,
            f"{len(missing)} rows without a value of `{header}` (row {where})",
            "what it is there, or to leave these rows out (an empty field, NA, NaN, null and None "
            "are no values)",
        )


def _require_classes(path: Path, header: str, counts: Counter[str], *, numbers: bool) -> None:
    """Refuse what are no classes: too many of them, or such that no model can learn."""
    single = [label for label, rows in counts.items() if rows == 1]
    if len(counts) > MOST_CLASSES or 2 * len(single) > len(counts) > 2:
        found = (
            f"{len(counts):,} different values of `{header}` in {counts.total():,} rows, which are "
            "hardly classes"
        )
        other = "`--task regression`, or " if numbers else ""
        raise DecisionError(path, found, f"{other}what else to predict")
    if single:
        named = ", ".join(f"`{shown(label)}`" for label in sorted(single)[:SHOWN_ROWS])
        found = f"classes of `{header}` with a single row: {named}"
        raise DecisionError(path, found, "to leave them out, to merge them, or to add rows")
