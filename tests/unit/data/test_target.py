from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from fairlead.data.target import infer_target
from fairlead.errors import DecisionError
from fairlead.project.columns import Task

PATH = Path("a.csv")
TEN = [str(number) for number in range(10)]


@pytest.mark.parametrize(
    ("values", "task", "classes"),
    [
        (["no", "yes"] * 6, "classification", {"no": 6, "yes": 6}),
        (["0", "1"] * 6, "classification", {"0": 6, "1": 6}),
        (["10", "9", "8"] * 5, "classification", {"8": 5, "9": 5, "10": 5}),
        (["1.5", "2.5"] * 5, "classification", {"1.5": 5, "2.5": 5}),
        (["1.5", "2.5", "3.5"] * 5, "regression", {}),
        (TEN, "regression", {}),
        (["3", "1", "2"] * 4, "regression", {}),
    ],
)
def test_the_task_is_told_by_the_values(
    values: list[str], task: Task, classes: dict[str, int]
) -> None:
    target = infer_target(PATH, pl.Series("y", values), ".", None)
    assert (target.task, dict(target.classes)) == (task, classes)
    assert list(target.classes) == list(classes)


def test_the_task_may_be_given() -> None:
    numbers = pl.Series("y", ["1", "2", "3"] * 5)
    assert infer_target(PATH, numbers, ".", "regression").task == "regression"
    assert infer_target(PATH, numbers, ".", "classification").task == "classification"


@pytest.mark.parametrize(
    ("values", "task", "found"),
    [
        (["a", "b"], None, "found 2 rows; to decide: where at least 10 come from"),
        (["a", "", "b", "NA"] * 5, None, r"10 rows without a value of `y` \(row 2, 4, 6, 8, 10, …"),
        (["a"] * 10, None, "the same value of `y` in every row"),
        (["1"] * 10, "regression", "the same value of `y` in every row"),
        (["a"] * 11 + ["b"], None, "classes of `y` with a single row: `b`; .* to leave them out"),
        ([f"t{number}" for number in range(12)], None, "12 different values .* hardly classes"),
        ([str(number / 7) for number in range(12)], "classification", "`--task regression`, or"),
        ([*TEN, "x"], "regression", r"1 values of `y` that are no numbers \(row 11 …\)"),
    ],
)
def test_what_only_its_owner_can_decide_is_said(
    values: list[str], task: Task | None, found: str
) -> None:
    with pytest.raises(DecisionError, match=found):
        infer_target(PATH, pl.Series("y", values), ".", task)
