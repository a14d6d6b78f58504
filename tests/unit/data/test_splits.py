from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from fairlead.data.contract import Contract
from fairlead.data.enforcement import Dataset
from fairlead.data.report import DataReport
from fairlead.data.splits import holdout_split
from fairlead.errors import DataInvalidError
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.spec import SplitSpec


def rows_of(y: list[int], **others: list[Any]) -> Dataset:
    """A data set of these classes; `group` and `time` are columns with that role."""
    n = len(y)
    report = DataReport(
        source="a.csv",
        fingerprint="",
        rows_read=n,
        rows_kept=n,
        duplicates=0,
        duplicates_policy="keep",
        outlier_rows=0,
        columns=(),
        classes={str(code): y.count(code) for code in sorted(set(y))},
    )
    columns = {"x": ColumnSpec(type="number")}
    return Dataset(
        contract=Contract("classification", columns, TargetSpec(name="y")),
        columns=columns,
        X=np.zeros((n, 1)),
        y=np.array(y, np.int64),
        others={name: np.array(values) for name, values in others.items()},
        roles={name: name for name in others},
        rows=np.arange(1, n + 1),
        fingerprint="",
        report=report,
    )


def shares(split: SplitSpec, dataset: Dataset) -> tuple[list[int], list[int]]:
    train, holdout = holdout_split(split, dataset)
    return train.tolist(), holdout.tolist()


@given(
    kind=st.sampled_from(["random", "stratified", "group", "time", "none"]),
    n=st.integers(20, 200),
    holdout=st.floats(0.15, 0.7),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_row_is_on_one_side(kind: Any, n: int, holdout: float, seed: int) -> None:
    dataset = rows_of(
        [i % 2 for i in range(n)],
        group=[i // 3 for i in range(n)],
        time=[float((7 * i) % n) for i in range(n)],
    )
    split = SplitSpec(kind=kind, holdout=holdout, seed=seed)
    train, held = shares(split, dataset)
    assert sorted(train + held) == list(range(n))
    assert (train, held) == (sorted(train), sorted(held))
    assert shares(split, dataset) == (train, held)


@pytest.mark.parametrize("kind", ["random", "stratified"])
def test_the_rows_are_those_that_scikit_learn_draws(kind: Any) -> None:
    y = [0] * 70 + [1] * 30
    _, held = shares(SplitSpec(kind=kind, holdout=0.3, seed=42), rows_of(y))
    stratify = y if kind == "stratified" else None
    _, expected = train_test_split(range(100), test_size=0.3, random_state=42, stratify=stratify)
    assert held == sorted(expected)


def test_classes_keep_their_shares_in_a_stratified_split() -> None:
    dataset = rows_of([0] * 90 + [1] * 10)
    _, held = holdout_split(SplitSpec(kind="stratified", holdout=0.2), dataset)
    assert dataset.y[held].tolist() == [0] * 18 + [1] * 2


def test_a_group_is_on_one_side_only() -> None:
    groups = [f"g{i % 10}" for i in range(60)]
    train, held = shares(SplitSpec(kind="group", holdout=0.3), rows_of([0, 1] * 30, group=groups))
    assert len(held) == 18
    assert not {groups[i] for i in train} & {groups[i] for i in held}


def test_the_latest_rows_are_the_holdout_of_a_split_by_time() -> None:
    dataset = rows_of([0, 1, 0, 1, 0], time=[5.0, 1.0, 3.0, 5.0, 2.0])
    assert shares(SplitSpec(kind="time", holdout=0.4), dataset) == ([1, 2, 4], [0, 3])
    assert shares(SplitSpec(kind="time", holdout=0.2), dataset) == ([0, 1, 2, 4], [3])


def test_no_split_keeps_no_holdout() -> None:
    assert shares(SplitSpec(kind="none"), rows_of([0, 1])) == ([0, 1], [])


@pytest.mark.parametrize(
    ("split", "dataset", "message"),
    [
        (SplitSpec(), rows_of([0]), "1 rows, of which 1"),
        (SplitSpec(kind="stratified"), rows_of([0] * 9 + [1]), "1 row of class 1"),
        (SplitSpec(kind="stratified"), rows_of([0, 1, 2] * 3), "2 rows on one side"),
        (SplitSpec(kind="group"), rows_of([0, 1], group=["a", "a"]), "1 groups, of which 1"),
        (SplitSpec(kind="time"), rows_of([0, 1], time=[1.0, np.nan]), "1 rows without a time"),
    ],
)
def test_rows_that_cannot_be_split_are_refused(
    split: SplitSpec, dataset: Dataset, message: str
) -> None:
    with pytest.raises(DataInvalidError, match=message) as caught:
        holdout_split(split, dataset)
    assert caught.value.path == Path("a.csv")


@pytest.mark.parametrize("groups", [["a", "", "b", "c"], [1.0, np.nan, 2.0, 3.0]])
def test_every_row_needs_a_group_to_be_split_by(groups: list[Any]) -> None:
    dataset = rows_of([0, 1, 0, 1], group=groups)
    with pytest.raises(DataInvalidError, match="1 rows without a group"):
        holdout_split(SplitSpec(kind="group"), dataset)
