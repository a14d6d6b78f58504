"""Much slower at once and a little slower each time are told; noise is not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.readiness.speed import worse


def measured(*latencies: float) -> list[dict[str, float]]:
    return [{"latency_p50_us": each} for each in latencies]


def test_twice_the_usual_is_told() -> None:
    assert worse(measured(10, 11, 9), {"latency_p50_us": 25}) == [
        "latency_p50_us is 25, 2.5 times the usual"
    ]


def test_one_slow_measurement_before_is_not_the_usual() -> None:
    assert worse(measured(10, 11, 90), {"latency_p50_us": 25})


def test_a_slow_leak_is_told() -> None:
    grown = measured(10, 10, 11, 12, 14, 15, 16)
    assert worse(grown, {"latency_p50_us": 17}) == [
        "latency_p50_us has grown slowly, 1.6 times since the first"
    ]


@pytest.mark.parametrize("earlier", [[], [{}], measured(0)])
def test_with_nothing_to_compare_nothing_is_worse(earlier: list[dict[str, float]]) -> None:
    assert worse(earlier, {"latency_p50_us": 25}) == []


@given(st.lists(st.floats(10, 14), min_size=1, max_size=30), st.floats(1, 14))
def test_noise_of_less_than_half_is_no_regression(before: list[float], now: float) -> None:
    assert worse(measured(*before), {"latency_p50_us": now}) == []
