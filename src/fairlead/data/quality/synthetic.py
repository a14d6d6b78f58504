"""Rows that look computed: numbers between the whole ones that a column was recorded in."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from fairlead.data.quality.evidence import Evidence, Floats
from fairlead.data.quality.records import Observation

MIN_WHOLE = 0.05
"""Share of whole numbers, the ends of the column left out, that are no chance."""
MIN_COLUMNS = 2
"""One such column may be a ratio; between two rows every number is moved."""
DECIMALS = 2
"""A number with more decimals than these was computed, not recorded."""


def computed_rows(evidence: Evidence) -> Iterator[Observation]:
    """Rows with a computed number where others have a whole one.

    SMOTE and its kin put rows on the line between two others, so ages and counts get fractions.
    This is an indicator: it overlooks made rows whose numbers are whole or rounded, and takes
    averages for made ones.
    """
    computed = {
        name: _computed(values)
        for name, values in evidence.numbers.items()
        if evidence.declared[name].type == "number" and _mixed(values)
    }
    if len(computed) < MIN_COLUMNS:
        return
    rows = np.any(list(computed.values()), axis=0)
    yield Observation(
        "synthetic_rows",
        tuple(computed),
        float(rows.mean()),
        f"{int(rows.sum()):,} rows have a number with many decimals in "
        "a column where others have whole numbers, as rows made between others (SMOTE) do; an "
        "indicator, no proof.",
        "Ask where these rows come from; keep made rows out of the holdout, or quote the figures "
        "of real rows alone.",
    )


def _computed(values: Floats) -> NDArray[np.bool_]:
    """Numbers with many decimals; a missing value is none of them."""
    with np.errstate(invalid="ignore", over="ignore"):
        recorded = np.abs(values - np.round(values, DECIMALS)) <= 1e-9 * np.abs(values)
    kept: NDArray[np.bool_] = recorded | (np.floor(values) == values) | np.isnan(values)
    return ~kept


def _mixed(values: Floats) -> bool:
    """Whether whole numbers and computed ones stand in one column.

    The ends are left out: a floor, a ceiling and zeros are whole in many columns.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return False
    inner = (known > known.min()) & (known < known.max())
    whole = (np.floor(known) == known) & inner
    return bool(whole.mean() >= MIN_WHOLE and _computed(known).any())
