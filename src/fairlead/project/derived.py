"""Derived columns: each an expression over the columns and the derived ones before it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from fairlead.project.columns import ColumnSpec
from fairlead.project.expressions import Expression, Scope, evaluate, parse

Floats = NDArray[np.float64]


def parse_derived(
    columns: Mapping[str, ColumnSpec], derived: Mapping[str, str]
) -> dict[str, Expression]:
    """Parse derived columns in their order.

    Args:
        columns: the features.
        derived: name -> expression, as in the project file.

    Raises:
        ExpressionError: one is not in the language, or names what is not before it.
    """
    parsed: dict[str, Expression] = {}
    for name, text in derived.items():
        parsed[name] = parse(text, Scope.of_columns(columns, parsed))
    return parsed


def extend(columns: Mapping[str, Floats], derived: Mapping[str, Expression]) -> dict[str, Floats]:
    """Compute derived columns.

    Args:
        columns: name -> shape (n,), at least one, as encoded.
        derived: as `parse_derived` made them.

    Returns:
        The columns as they are, then the derived ones, in which what is not finite is missing.
    """
    values = dict(columns)
    for name, expression in derived.items():
        values[name] = finite(evaluate(expression, values).astype(np.float64))
    return values


def finite(values: Floats) -> Floats:
    """The numbers, missing where infinite: x - x is 0 for a finite x and NaN for all others."""
    with np.errstate(invalid="ignore"):
        return values + (values - values)
