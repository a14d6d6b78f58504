"""Columns that predict the target by themselves."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Found = Callable[..., dict[str, Any]]
Rows = dict[str, np.ndarray[Any, Any]]

CLASSES = np.array(["no", "yes"])


def test_a_column_that_gives_the_target_is_found_with_its_figure(found: Found, noise: Rows) -> None:
    finding = found(noise | {"y": 3 * noise["a"] + 1})["target_leakage"]
    assert finding.columns == ("a",)
    assert 0.9 <= finding.figure <= 1
    assert "of the variance of y" in finding.found


def test_a_column_that_carries_most_of_the_target_is_a_note(found: Found, noise: Rows) -> None:
    report = found(noise | {"y": noise["a"] + 0.25 * noise["b"]})
    assert "target_leakage" not in report
    assert (report["dominant_column"].columns, report["dominant_column"].severity) == (
        ("a",),
        "info",
    )


def test_columns_that_say_something_only_together_are_no_finding(found: Found, noise: Rows) -> None:
    report = found(noise | {"y": noise["a"] + noise["b"]})
    assert not {"target_leakage", "dominant_column"} & set(report)


def test_a_derived_column_that_defines_the_label_is_found_with_its_formula(
    found: Found,
) -> None:
    rng = np.random.default_rng(2)
    height, weight = rng.uniform(1.5, 2, 600), rng.uniform(45, 120, 600)
    label = np.digitize(weight / height**2, [18.5, 25, 30])
    rows = {"height": height, "weight": weight, "y": np.array(list("uvwx"))[label]}
    assert "target_leakage" not in found(rows, task="classification")
    report = found(rows, task="classification", derived={"bmi": "weight / (height * height)"})
    assert report["target_leakage"].columns == ("bmi",)
    assert "bmi (weight / (height * height)) alone names the right y in 9" in (
        report["target_leakage"].found
    )


def test_a_category_that_stands_for_the_class_is_found(found: Found, noise: Rows) -> None:
    label = (noise["a"] > 0).astype(int)
    rows = noise | {"c": np.array(["p", "q"])[label], "y": CLASSES[label]}
    declared = {"c": {"type": "category", "values": ["q", "p"]}}
    del rows["a"]
    assert found(rows, declared, task="classification")["target_leakage"].columns == ("c",)
    shuffled = rows | {"c": np.random.default_rng(1).permutation(rows["c"])}
    assert "target_leakage" not in found(shuffled, declared, task="classification")


def test_the_absence_of_a_value_can_give_the_class_away(found: Found, noise: Rows) -> None:
    label = (noise["b"] > 0).astype(int)
    rows = {"a": [None if one else 1.5 for one in label], "y": CLASSES[label]}
    declared = {"a": {"type": "number", "nullable": True}}
    assert "target_leakage" in found(rows, declared, task="classification")


def test_a_category_of_each_row_says_nothing_of_others(found: Found, noise: Rows) -> None:
    names = [f"n{i}" for i in range(200)]
    rows = noise | {"c": names}
    declared = {"c": {"type": "category", "values": names}}
    assert "target_leakage" not in found(rows, declared)


def test_a_column_that_only_knows_the_groups_is_no_leak(found: Found, noise: Rows) -> None:
    group = np.arange(200) // 10
    rows = noise | {"a": group * 7 % 20, "y": noise["y"][group], "g": group}
    kinds = {"split": {"kind": "group"}, "cv": "group"}
    apart = found(rows, {"g": {"type": "integer", "role": "group"}}, **kinds)
    assert "target_leakage" not in apart
    assert "target_leakage" in found(rows, {"g": {"type": "integer", "role": "ignore"}})


def test_a_rare_class_is_not_explained_by_naming_the_other(found: Found, noise: Rows) -> None:
    label = (noise["a"] > 1.9).astype(int)
    report = found(noise | {"a": noise["b"], "y": CLASSES[label]}, task="classification")
    assert not {"target_leakage", "dominant_column"} & set(report)


def test_very_large_numbers_are_judged_like_others(found: Found, noise: Rows) -> None:
    rows = noise | {"a": noise["a"] * 1e300, "y": noise["a"]}
    assert found(rows)["target_leakage"].columns == ("a",)


def test_few_rows_tell_nothing_about_a_column(assessed: Any, noise: Rows) -> None:
    few = {name: x[:40] for name, x in noise.items()}
    assert assessed(few | {"y": few["a"]}).powers == ()


def test_columns_are_listed_from_the_most_telling(assessed: Any, noise: Rows) -> None:
    powers = assessed(noise | {"y": noise["b"]}, derived={"c": "a + 0.5 * b"}).powers
    assert [power.column for power in powers] == ["b", "c", "a"]
    assert 1 > powers[0].explained > powers[1].explained > powers[2].explained >= 0


@pytest.mark.parametrize("transform", [np.exp, np.cbrt, lambda x: 1e6 + 1000 * x])
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 1000))
def test_a_rising_transformation_tells_as_much(assessed: Any, transform: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, y = rng.normal(size=(2, 100)).round(2)
    rows = {"a": a, "b": transform(a), "y": y + a}
    first, second = assessed(rows).powers
    assert first.explained == second.explained
