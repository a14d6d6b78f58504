"""Rows that look as if they were computed between others."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Found = Callable[..., dict[str, Any]]
Rows = dict[str, np.ndarray[Any, Any]]


def recorded(rng: np.random.Generator, n: int) -> Rows:
    """Whole years and a scale from 1 to 4."""
    return {"age": rng.integers(18, 60, n) * 1.0, "meals": rng.integers(1, 5, n) * 1.0}


def test_rows_on_the_line_between_others_are_found_with_their_share(
    found: Found, noise: Rows
) -> None:
    rng = np.random.default_rng(3)
    real = recorded(rng, 80)
    one, other = rng.integers(0, 80, (2, 120))
    way = rng.uniform(size=120)
    rows = {name: np.r_[x, x[one] + way * (x[other] - x[one])] for name, x in real.items()}
    finding = found(rows | {"y": noise["y"]})["synthetic_rows"]
    assert finding.columns == ("age", "meals")
    # Where both neighbours have the same age and meals, the row looks real.
    assert 0.5 < finding.figure <= 0.6
    assert "no proof" in finding.found


def test_recorded_rows_are_no_finding(found: Found, noise: Rows) -> None:
    rows = recorded(np.random.default_rng(3), 200)
    assert "synthetic_rows" not in found(rows | {"y": noise["y"]})


def test_measurements_are_no_finding(found: Found, noise: Rows) -> None:
    tenths = {name: np.round(3 * x, 1) for name, x in noise.items()}
    assert "synthetic_rows" not in found(tenths)
    assert "synthetic_rows" not in found({name: x * np.pi for name, x in noise.items()})


def test_a_single_ratio_is_no_finding(found: Found, noise: Rows) -> None:
    rng = np.random.default_rng(3)
    ratio = rng.integers(1, 30, 200) / rng.integers(1, 4, 200)
    assert "synthetic_rows" not in found(noise | {"a": ratio})


def test_zeros_and_ceilings_are_not_taken_for_recorded_numbers(found: Found, noise: Rows) -> None:
    cut = {name: np.clip(np.sqrt(2) * noise[name], 0, 2) for name in ("a", "b")}
    assert "synthetic_rows" not in found(noise | cut)
