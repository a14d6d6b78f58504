"""Classes of unequal size, and numbers that were cut off."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.data.quality.targets import piles

Found = Callable[..., dict[str, Any]]
Rows = dict[str, np.ndarray[Any, Any]]


def labels(*sizes: int) -> list[str]:
    return [label for label, size in zip("pqrs", sizes, strict=False) for _ in range(size)]


@pytest.mark.parametrize(("sizes", "ratio"), [((180, 20), None), ((190, 10), 19.0)])
def test_a_class_of_many_times_the_rows_of_another_is_found(
    found: Found, noise: Rows, sizes: tuple[int, ...], ratio: float | None
) -> None:
    finding = found(noise | {"y": labels(*sizes)}, task="classification").get("class_imbalance")
    assert (finding and finding.figure) == ratio


def test_a_class_with_few_rows_is_found(found: Found, noise: Rows) -> None:
    rows = noise | {"y": labels(110, 70, 20)}
    assert found(rows, task="classification")["rare_class"].found == "Class r has 20 rows."
    assert "rare_class" not in found(noise | {"y": labels(110, 69, 21)}, task="classification")


def test_a_declared_class_without_a_row_is_found(found: Found, noise: Rows) -> None:
    target = {"name": "y", "classes": ["p", "q", "z"]}
    rows = noise | {"y": labels(100, 100)}
    finding = found(rows, task="classification", target=target)["rare_class"]
    assert finding.found == "Class z has 0 rows."
    assert "take it out of `classes`" in finding.advice


def test_a_target_that_was_cut_off_is_found(found: Found, noise: Rows) -> None:
    finding = found(noise | {"y": np.minimum(noise["y"], 1.25)})["capped_target"]
    assert finding.figure == (noise["y"] >= 1.25).mean()
    assert "exactly the largest target, 1.25." in finding.found
    assert "capped_target" not in found(noise)


def test_a_column_that_was_cut_off_is_a_note_unless_its_bound_is_declared(
    found: Found, noise: Rows
) -> None:
    rows = noise | {"a": np.maximum(noise["a"], -1.5)}
    assert found(rows)["capped_column"].columns == ("a",)
    assert "capped_column" not in found(rows, {"a": {"type": "number", "min": -1.5}})


@given(
    seed=st.integers(0, 2**32 - 1),
    share=st.floats(0.05, 0.4),
    at_top=st.booleans(),
)
def test_a_pile_is_as_high_as_what_was_cut_off(seed: int, share: float, at_top: bool) -> None:
    values = np.random.default_rng(seed).normal(size=400)
    assert list(piles(values)) == []
    bound = float(np.quantile(values, 1 - share if at_top else share, method="inverted_cdf"))
    cut = np.minimum(values, bound) if at_top else np.maximum(values, bound)
    rows = int((values >= bound).sum() if at_top else (values <= bound).sum())
    assert list(piles(cut)) == [("largest" if at_top else "smallest", bound, rows)]


def test_the_ends_of_a_scale_are_no_piles() -> None:
    assert list(piles(np.repeat(np.arange(10.0), [5, 5, 5, 5, 5, 5, 5, 5, 5, 300]))) == []


def test_counts_that_fall_off_slowly_are_no_pile() -> None:
    assert list(piles(np.repeat(np.arange(30.0), np.arange(300, 0, -10)))) == []


def test_no_value_is_no_pile() -> None:
    assert list(piles(np.empty(0))) == []
