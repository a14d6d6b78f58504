"""A reference with a column of each kind, and rows like it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairlead.bundle.sketch import sketch
from fairlead.data.contract import Contract
from fairlead.monitoring.reference import Reference, reference_of
from fairlead.project.columns import ColumnSpec, TargetSpec

FLOWERS = Contract(
    task="classification",
    columns={
        "length": ColumnSpec(type="number", nullable=True),
        "petals": ColumnSpec(type="integer"),
        "colour": ColumnSpec(type="category", values=("red", "blue", "white"), unknown="flag"),
        "wild": ColumnSpec(type="boolean"),
    },
    target=TargetSpec(name="species"),
    classes=("setosa", "virginica"),
)


def flowers(rows: int, seed: int) -> NDArray[np.float64]:
    """Rows that never drift; length is missing in one of a hundred."""
    rng = np.random.default_rng(seed)
    length = rng.gamma(3, size=rows)
    length[rng.random(rows) < 0.01] = np.nan
    colour = rng.choice(3, rows, p=(0.6, 0.3, 0.1))
    return np.column_stack([length, rng.integers(3, 12, rows), colour, rng.random(rows) < 0.3])


def document(rows: int = 4000) -> dict[str, Any]:
    X = flowers(rows, 1)
    return sketch(FLOWERS, X, (X[:, 0] > 3).astype(np.int64))


@pytest.fixture(scope="module")
def reference() -> Reference:
    return reference_of(document(), "abc", "flowers version 3")
