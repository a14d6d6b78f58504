"""How much worse a version does: intervals that hold what they promise."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.evaluation.records import Predictions
from fairlead.monitoring.harm import (
    class_distance,
    number_distance,
    qualities,
    quantiles,
    rates,
    tail,
)

ALPHA = 0.002
counts = st.integers(1, 5000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows)))


@given(champion=counts, challenger=counts)
def test_rates_hold_their_difference_and_turn_with_the_sides(
    champion: tuple[int, int], challenger: tuple[int, int]
) -> None:
    harm, turned = rates(champion, challenger, ALPHA), rates(challenger, champion, ALPHA)
    assert -1 - 1e-12 <= harm.low <= harm.value <= harm.high <= 1 + 1e-12
    assert (turned.low, turned.high) == pytest.approx((-harm.high, -harm.low))


@given(
    champion=st.lists(st.floats(0, 1e3), min_size=1),
    challenger=st.lists(st.floats(0, 1e3), min_size=1),
    q=st.sampled_from([0.5, 0.9, 0.99]),
)
def test_quantiles_lie_between_their_ends(
    champion: list[float], challenger: list[float], q: float
) -> None:
    harm = quantiles(np.array(champion), np.array(challenger), q, ALPHA)
    assert harm.low <= harm.value <= harm.high


@pytest.mark.parametrize(("rows", "q"), [(700, 0.99), (600, 0.95), (100, 0.9), (10, 0.9)])
def test_the_tail_is_where_the_rows_bound_it(rows: int, q: float) -> None:
    assert tail(rows, ALPHA) == q
    values = np.arange(rows) / rows
    assert math.isfinite(quantiles(values, values, q, ALPHA).high) == (rows > 10)


def test_one_end_is_on_the_wrong_side_as_rarely_as_was_asked() -> None:
    rng = np.random.default_rng(42)
    wrong = {"rates": 0, "median": 0, "tail": 0}
    for _ in range(1000):
        failed = rng.binomial(500, 0.02, 2)
        wrong["rates"] += rates((failed[0], 500), (failed[1], 500), 0.05).low > 0
        one, two = rng.lognormal(size=(2, 500))
        wrong["median"] += quantiles(one, two, 0.5, 0.05).low > 0
        wrong["tail"] += quantiles(one, two, 0.95, 0.05).low > 0
    assert all(count <= 65 for count in wrong.values()), wrong


def test_quality_is_worse_where_less_is_right_or_the_error_is_greater() -> None:
    rng = np.random.default_rng(42)
    truth = rng.integers(0, 2, 1000)
    good = Predictions(truth, truth ^ (rng.random(1000) < 0.05), None, ("a", "b"))
    bad = Predictions(truth, truth ^ (rng.random(1000) < 0.15), None, ("a", "b"))
    harm = qualities(good, bad, "accuracy", ALPHA)
    assert harm is not None
    assert harm.low > 0
    prices = rng.normal(size=500)
    near, far = (Predictions(prices, prices + size * rng.normal(size=500)) for size in (1, 2))
    harm = qualities(near, far, "rmse", ALPHA)
    assert harm is not None
    assert harm.low > 0


def test_a_metric_that_is_not_defined_is_not_compared() -> None:
    one = Predictions(np.zeros(200, int), np.zeros(200, int), None, ("a", "b"))
    assert qualities(one, one, "roc_auc", ALPHA) is None


def test_distances_of_the_same_are_within_chance_and_of_others_beyond() -> None:
    rng = np.random.default_rng(42)
    same, noise = class_distance(np.array([500.0, 300.0, 200.0]), np.array([510.0, 310.0, 180.0]))
    assert same < noise < 0.1
    assert class_distance(np.array([1000.0, 0.0]), np.array([0.0, 1000.0]))[0] == 1.0
    one, two = rng.normal(size=(2, 1000))
    same, noise = number_distance(one, two)
    assert same < noise
    effect, noise = number_distance(one, two + 2)
    assert effect == pytest.approx(2, abs=0.15)
    assert noise < effect
    assert number_distance(np.ones(50), np.ones(50))[0] == 0.0
