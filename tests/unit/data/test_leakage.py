from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairlead.data.enforcement import Dataset, read_dataset
from fairlead.data.leakage import FEWEST_ROWS, predicts_alone
from fairlead.project.columns import Task
from fairlead.project.spec import DataSpec

ROWS = 400


def dataset(folder: Path, task: Task, rows: int = ROWS) -> Dataset:
    """A target, a column that tells it, one that tells much of it, and one that tells nothing."""
    rng = np.random.default_rng(0)
    y = rng.normal(size=rows)
    leak = np.where(rng.random(rows) < 0.002, None, np.exp(y))
    frame = pl.DataFrame(
        {
            "leak": pl.Series(leak.tolist(), dtype=pl.Float64),
            "near": y + rng.normal(size=rows) * 0.5,
            "noise": rng.normal(size=rows),
            "y": np.where(y > 1, "high", "low") if task == "classification" else y,
        }
    )
    frame.write_csv(folder / "a.csv")
    columns = {name: {"type": "number", "nullable": True} for name in ("leak", "near", "noise")}
    declared = {"path": "a.csv", "target": {"name": "y"}, "columns": columns}
    return read_dataset(folder / "a.csv", task, DataSpec.model_validate(declared))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_column_that_tells_the_target_alone_is_found(tmp_path: Path, task: Task) -> None:
    scores = predicts_alone(dataset(tmp_path, task))
    assert list(scores) == ["leak"]
    assert 0.99 <= scores["leak"] <= 1


def test_few_rows_say_nothing(tmp_path: Path) -> None:
    assert predicts_alone(dataset(tmp_path, "regression", FEWEST_ROWS - 1)) == {}
