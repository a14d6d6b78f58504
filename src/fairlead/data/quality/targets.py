"""What is odd about the target: classes of unequal size, numbers that were cut off."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from fairlead.data.quality.evidence import Evidence, Floats
from fairlead.data.quality.records import Observation
from fairlead.data.report import counted

MIN_PILE = 10
"""Fewer rows than this are no pile."""
MIN_DISTINCT = 20
"""A column with fewer distinct numbers is a scale, whose ends are often its most frequent."""
BESIDE = 10
STEEP = 3.0
"""A pile has so many times the rows of any of the ten values beside it."""


def class_sizes(evidence: Evidence) -> Iterator[Observation]:
    """Classes that differ much in size, or are small."""
    sizes = evidence.dataset.report.classes
    target = (evidence.spec.data.target.name,)
    present = {label: rows for label, rows in sizes.items() if rows}
    if not present:
        return
    largest = max(present, key=present.__getitem__)
    smallest = min(present, key=present.__getitem__)
    yield Observation(
        "class_imbalance",
        target,
        present[largest] / present[smallest],
        f"{largest} has {counted(present[largest], 'row')}, {smallest} has {present[smallest]:,}.",
        "Rank by a metric that heeds each class (balanced_accuracy, macro_f1, log_loss), and split "
        "`stratified`.",
    )
    for label, rows in sizes.items():
        yield Observation(
            "rare_class",
            target,
            rows,
            f"Class {label} has {counted(rows, 'row')}.",
            "Collect more of it, or join it with another: its own figures are noise."
            if rows
            else "The model can never name it: take it out of `classes`, or collect some.",
        )


def capped_target(evidence: Evidence) -> Iterator[Observation]:
    """A regression's target with a pile at one end."""
    if evidence.spec.task != "regression":
        return
    target = evidence.spec.data.target
    for end, value, rows in piles(evidence.dataset.y):
        yield Observation(
            "capped_target",
            (target.name,),
            rows / len(evidence.dataset.y),
            f"{rows:,} rows have exactly the {end} target, {value:,.10g}.",
            "If it was cut off there, the truth lies beyond: say so in the model card, quote the "
            "error without these rows, too, or leave them out.",
        )


def capped_columns(evidence: Evidence) -> Iterator[Observation]:
    """Features with a pile at an end that is no declared bound."""
    for name, values in evidence.numbers.items():
        spec = evidence.declared[name]
        known = values[~np.isnan(values)]
        for end, value, rows in piles(known):
            if value in (spec.min, spec.max):
                continue
            yield Observation(
                "capped_column",
                (name,),
                rows / len(values),
                f"{rows:,} rows have exactly the {end} {name}, {value:,.10g}.",
                "If it was cut off there, declare that bound (`min`, `max`) with "
                "`outliers: clip`, so that the service treats new rows alike.",
            )


def piles(values: Floats) -> Iterator[tuple[str, float, int]]:
    """Which ends of a column stand out.

    An end stands out if it has at least ten rows, and three times those of any of the ten values
    beside it. Columns of fewer than twenty distinct numbers have none.

    Args:
        values: shape (n,), without NaN.

    Yields:
        `smallest` or `largest`, the value, its rows.
    """
    distinct, rows = np.unique(values, return_counts=True)
    if len(distinct) < MIN_DISTINCT:
        return
    for end, at, beside in (
        ("smallest", 0, rows[1 : BESIDE + 1]),
        ("largest", -1, rows[-BESIDE - 1 : -1]),
    ):
        if rows[at] >= max(MIN_PILE, STEEP * beside.max()):
            yield end, float(distinct[at]), int(rows[at])
