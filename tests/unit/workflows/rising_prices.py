"""A project whose prices rise, as small as can be."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.project.loading import Project
from fairlead.workflows.load import load

SPEC = """
name: prices
task: regression
data:
  path: prices.csv
  target: {{name: price, min: 0}}
  columns:
    size: {{type: number, min: 0}}
    kind: {{type: category, values: [flat, house], unknown: flag}}
    {columns}
  split: {split}
candidates:
  ridge: {{family: ridge}}
evaluation: {{metric: rmse, cv: {cv}}}
{more}
"""
NOW = datetime(2026, 3, 1, tzinfo=UTC)
WEEK_US = 7 * 86_400 * 1_000_000


@dataclass(frozen=True, eq=False)
class Labelled:
    """As `fairlead.monitoring.labelled` has them."""

    ids: NDArray[np.str_]
    times: NDArray[np.int64]
    X: NDArray[np.float64]
    columns: tuple[str, ...]
    label: NDArray[Any]
    classes: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, rows: NDArray[Any]) -> Labelled:
        arrays = [each.name for each in fields(self) if each.name in ("ids", "times", "X", "label")]
        return replace(self, **{name: getattr(self, name)[rows] for name in arrays})


def rows_of(count: int, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Encoded rows, and what they cost."""
    rng = np.random.default_rng(seed)
    X = np.column_stack([rng.uniform(20, 200, count).round(3), rng.integers(0, 2, count)])
    y = X[:, 0] * 10 + 500 * X[:, 1] + rng.normal(0, 50, count)
    return X, np.maximum(y, 0.0).round(2)


def project_in(
    root: Path,
    *,
    cv: str = "{kind: kfold, folds: 3}",
    split: str = "{kind: random, holdout: 0.25}",
    columns: str = "",
    others: dict[str, list[Any]] | None = None,
    more: str = "",
    count: int = 400,
) -> Project:
    """Write it, with what columns beside the features hold."""
    X, y = rows_of(count, 1)
    beside = others or {}
    lines = [",".join(["size", "kind", "price", *beside])]
    lines += [
        ",".join(map(str, [x[0], ("flat", "house")[int(x[1])], price, *rest]))
        for x, price, *rest in zip(X, y, *beside.values(), strict=True)
    ]
    root.mkdir(parents=True, exist_ok=True)
    (root / "prices.csv").write_text("\n".join(lines))
    text = SPEC.format(cv=cv, split=split, columns=columns, more=more)
    (root / "fairlead.yaml").write_text(text)
    return load(root)


def labelled_rows(
    count: int = 2000, weekly: float = 0.02, weeks: int = 8, seed: int = 2
) -> Labelled:
    """Predictions of eight weeks in which prices rise, the oldest first."""
    X, y = rows_of(count, seed)
    week = np.sort(np.random.default_rng(3).uniform(0, weeks, count))
    times = int(NOW.timestamp() * 1e6) - ((weeks - week) * WEEK_US).astype(np.int64) - 1
    ids = np.array([f"p{seed}-{number:05d}" for number in range(count)])
    return Labelled(ids, times, X, ("size", "kind"), y * (1 + weekly) ** week)
