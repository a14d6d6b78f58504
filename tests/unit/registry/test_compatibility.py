"""What callers would notice of another contract."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.registry.compatibility import breaks
from fairlead.testing.registry import SAMPLE_CONTRACT


def changed(name: str, **keys: Any) -> Any:
    column = {**SAMPLE_CONTRACT.columns[name].model_dump(exclude_defaults=True), **keys}
    columns = {**SAMPLE_CONTRACT.columns, name: ColumnSpec.model_validate(column)}
    return replace(SAMPLE_CONTRACT, columns=columns)


def with_column(**keys: Any) -> Any:
    columns = {**SAMPLE_CONTRACT.columns, "age": ColumnSpec.model_validate(keys)}
    return replace(SAMPLE_CONTRACT, columns=columns)


def without(name: str) -> Any:
    columns = {key: each for key, each in SAMPLE_CONTRACT.columns.items() if key != name}
    return replace(SAMPLE_CONTRACT, columns=columns)


@pytest.mark.parametrize(
    ("new", "named"),
    [
        (with_column(type="number"), "age: a new required column"),
        (without("count"), "count: no column any more"),
        (changed("length", min=1), "length: smallest value 0 becomes 1"),
        (changed("length", max=9), "length: largest value 10 becomes 9"),
        (changed("count", max=9), "count: largest value (any) becomes 9"),
        (changed("length", type="integer"), "length: type number becomes integer"),
        (changed("length", unit="mm"), "length: unit None becomes mm"),
        (changed("count", nullable=False), "count: must not be missing any more"),
        (changed("colour", values=("blue",)), "colour: category red is lost"),
        (changed("colour", unknown="reject"), "colour: categories that are not declared"),
        (replace(SAMPLE_CONTRACT, classes=("large",)), "class small: not predicted any more"),
        (replace(SAMPLE_CONTRACT, target=TargetSpec(name="kind", unit="m")), "kind: unit None"),
    ],
)
def test_each_break_is_named(new: Any, named: str) -> None:
    (found,) = breaks(SAMPLE_CONTRACT, new)
    assert found.startswith(named)


@pytest.mark.parametrize(
    "new",
    [
        SAMPLE_CONTRACT,
        with_column(type="number", nullable=True),
        changed("length", min=-5, max=20),
        changed("length", min=1, outliers="clip"),
        changed("count", type="number"),
        changed("colour", values=("blue", "red", "green")),
    ],
)
def test_what_takes_the_same_rows_breaks_nothing(new: Any) -> None:
    assert breaks(SAMPLE_CONTRACT, new) == ()
