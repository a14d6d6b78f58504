"""Gaps, extremes, and columns with no information or with that of another."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

Found = Callable[..., dict[str, Any]]
Rows = dict[str, np.ndarray[Any, Any]]


@pytest.mark.parametrize(("missing", "told"), [(30, False), (50, True)])
def test_a_column_with_many_gaps_is_found(
    found: Found, noise: Rows, missing: int, told: bool
) -> None:
    rows = noise | {"a": [None] * missing + noise["a"][missing:].tolist()}
    report = found(rows, {"a": {"type": "number", "nullable": True}})
    assert ("missing_values" in report) == told


def test_undeclared_categories_are_found_where_they_are_forgiven(found: Found, noise: Rows) -> None:
    rows = noise | {"c": ["p"] * 90 + ["q"] * 90 + ["z"] * 20}
    category = {"type": "category", "values": ["p", "q"], "unknown": "flag"}
    assert found(rows, {"c": category})["unknown_categories"].figure == 0.1
    declared = {"c": category | {"values": ["p", "q", "z"]}}
    assert "unknown_categories" not in found(rows, declared)


@pytest.mark.parametrize("policy", ["clip", "flag", "drop"])
def test_numbers_out_of_bounds_are_found_where_they_are_forgiven(
    found: Found, noise: Rows, policy: str
) -> None:
    bounded = {"type": "number", "min": -1.5, "outliers": policy}
    finding = found(noise, {"a": bounded})["out_of_range"]
    assert finding.figure == (noise["a"] < -1.5).mean()
    assert "out_of_range" not in found(noise, {"a": bounded | {"min": -5}})


def test_numbers_far_from_the_middle_are_a_note(found: Found, noise: Rows) -> None:
    rows = noise | {"a": np.r_[noise["a"][:195], 40, 50, 60, -70, 80]}
    finding = found(rows)["extreme_values"]
    assert (finding.columns, finding.figure, finding.severity) == (("a",), 0.025, "info")
    assert "extreme_values" not in found(noise)


def test_a_column_with_one_value_is_found(found: Found, noise: Rows) -> None:
    assert found(noise | {"b": 1.0})["constant_column"].found == "b has one value in all rows."
    nearly = noise | {"b": np.r_[np.ones(199), 2]}
    assert found(nearly)["constant_column"].found == "b has one value in all but 1 row."
    assert "constant_column" not in found(noise | {"b": np.r_[np.ones(195), 2, 2, 2, 2, 2]})


def test_a_column_with_no_value_is_constant(found: Found, noise: Rows) -> None:
    empty = noise | {"b": [None] * 200}
    report = found(empty, {"b": {"type": "number", "nullable": True}})
    assert "constant_column" in report


def test_a_derived_column_with_one_value_is_found(found: Found, noise: Rows) -> None:
    report = found(noise, derived={"c": "where(a < 100, 1, 2)"})
    assert report["constant_column"].columns == ("c",)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("a", np.random.default_rng(1).permutation(200)),
        ("a", 1000 + 7 * np.arange(200)),
        ("customer_id", np.random.default_rng(1).choice(10**6, 200, replace=False)),
        ("customerId", np.random.default_rng(1).choice(10**6, 200, replace=False)),
    ],
)
def test_a_numbering_of_the_rows_is_found(
    found: Found, noise: Rows, name: str, values: np.ndarray[Any, Any]
) -> None:
    assert found(noise | {name: values})["id_column"].columns == (name,)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("grid", np.random.default_rng(1).choice(10**6, 200, replace=False)),
        ("customer_id", np.arange(200) // 2),
        ("customer_id", np.arange(200) + 0.5),
    ],
)
def test_numbers_of_rows_that_are_no_numbering_are_no_finding(
    found: Found, noise: Rows, name: str, values: np.ndarray[Any, Any]
) -> None:
    assert "id_column" not in found(noise | {name: values})


def test_a_category_of_each_row_is_a_numbering(found: Found, noise: Rows) -> None:
    names = [f"n{i}" for i in range(200)]
    declared = {"c": {"type": "category", "values": names}}
    assert found(noise | {"c": names}, declared)["id_column"].figure == 1.0
    assert "id_column" not in found(noise | {"c": names[:100] * 2}, declared)


@pytest.mark.parametrize(("transform", "word"), [(np.exp, "rises"), (lambda x: -(x**3), "falls")])
def test_a_column_that_says_the_same_as_another_is_a_note(
    found: Found, noise: Rows, transform: Any, word: str
) -> None:
    finding = found(noise | {"c": transform(noise["a"])})["redundant_columns"]
    assert (finding.columns, finding.figure) == (("a", "c"), 1.0)
    assert f"c {word} with a" in finding.found


def test_columns_that_merely_lean_on_each_other_are_no_finding(found: Found, noise: Rows) -> None:
    assert "redundant_columns" not in found(noise | {"c": noise["a"] + noise["b"]})


def test_gaps_do_not_make_a_column_redundant(found: Found, noise: Rows) -> None:
    gaps = [None if i % 2 else float(x) for i, x in enumerate(noise["a"])]
    declared = {"c": {"type": "number", "nullable": True}}
    assert "redundant_columns" not in found(noise | {"c": gaps}, declared)
