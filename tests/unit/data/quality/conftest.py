"""Made rows, and what is found in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from fairlead.data.enforcement import read_dataset
from fairlead.data.quality.assessment import assess
from fairlead.data.quality.records import QualityReport
from fairlead.project.columns import Task
from fairlead.project.spec import ProjectSpec

Assessor = Callable[..., QualityReport]


def assessor(folder: Path) -> Assessor:
    """Assesses columns of values; those that are not declared are numbers, `y` is the target."""

    def made(
        columns: Mapping[str, Any],
        declared: Mapping[str, Any] | None = None,
        task: Task = "regression",
        cv: str = "kfold",
        **data: Any,
    ) -> QualityReport:
        pl.DataFrame(columns).write_csv(folder / "rows.csv")
        names = [name for name in columns if name != "y"]
        plain = {name: {"type": "number"} for name in names} | dict(declared or {})
        spec = ProjectSpec.model_validate(
            {
                "name": "made",
                "task": task,
                "data": {"path": "rows.csv", "target": {"name": "y"}, "columns": plain, **data},
                "candidates": {"one": {"family": "linear"}},
                "evaluation": {"metric": "rmse", "cv": {"kind": cv}},
            }
        )
        return assess(spec, read_dataset(folder / "rows.csv", task, spec.data))

    return made


@pytest.fixture
def assessed(tmp_path: Path) -> Assessor:
    return assessor(tmp_path)


@pytest.fixture
def found(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """The finding of each code; of several of one code, the first."""
    made = assessor(tmp_path)

    def find(*arguments: Any, **changes: Any) -> dict[str, Any]:
        return {f.code: f for f in reversed(made(*arguments, **changes).findings)}

    return find


@pytest.fixture
def noise() -> dict[str, np.ndarray[Any, Any]]:
    """200 rows in which there is nothing to be found."""
    rng = np.random.default_rng(1)
    return {name: rng.normal(size=200).round(4) for name in ("a", "b", "y")}
