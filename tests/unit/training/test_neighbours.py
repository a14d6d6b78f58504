"""Neighbours against the definition, computed row by row."""

from __future__ import annotations

import numpy as np
import pytest

from fairlead.data.contract import Contract
from fairlead.errors import TrainingError
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.project.neighbours import NeighboursSpec
from fairlead.training.neighbours import fit_neighbours

COLUMNS = {"x": ColumnSpec(type="number"), "y": ColumnSpec(type="number")}
SPEC = NeighboursSpec(columns={"x": 0.5, "y": 2.0}, k=(1, 4), mean=("price", "x"), softening=0.1)
PRICES = Contract("regression", COLUMNS, TargetSpec(name="price"))


def rows(count: int = 50) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    # Few places: many rows are equally near, and several in one place.
    return rng.integers(0, 5, (count, 2)).astype(np.float64), rng.normal(size=count)


def by_hand(place: np.ndarray, E: np.ndarray, price: np.ndarray, skip: int = -1) -> list[float]:
    apart = [float(np.hypot(*((place - other) * [0.5, 2.0]))) for other in E]
    order = sorted((d, i) for i, d in enumerate(apart) if i != skip)
    means, distances = [], []
    for k in (1, 4):
        weight = np.array([1 / (d + 0.1) for d, _ in order[:k]])
        nearest = [i for _, i in order[:k]]
        means += [np.average(values[nearest], weights=weight) for values in (price, E[:, 0])]
        distances.append(order[k - 1][0])
    return [*means, *distances]


def test_means_are_weighted_by_how_near_the_rows_are() -> None:
    E, price = rows()
    fitted = fit_neighbours(SPEC, PRICES, dict(zip("xy", E.T, strict=True)), price)
    places = np.array([[1.0, 1.0], [2.5, 0.3], [4.0, 4.0]])
    expected = [by_hand(place, E, price) for place in places]
    assert fitted.transform(places) == pytest.approx(np.array(expected))


def test_a_row_that_was_fitted_is_not_its_own_neighbour() -> None:
    E, price = rows()
    fitted = fit_neighbours(SPEC, PRICES, dict(zip("xy", E.T, strict=True)), price)
    expected = [by_hand(place, E, price, skip=i) for i, place in enumerate(E)]
    assert fitted.transform(E, own=True) == pytest.approx(np.array(expected))


def test_a_place_far_away_is_the_nearest_one_at_the_edge() -> None:
    E, price = rows()
    fitted = fit_neighbours(SPEC, PRICES, dict(zip("xy", E.T, strict=True)), price)
    far, edge = np.array([[1e9, 2.0]]), np.array([[4.0, 2.0]])
    assert np.array_equal(fitted.transform(far), fitted.transform(edge))


def test_of_classes_the_shares_are_taken() -> None:
    contract = Contract("classification", COLUMNS, TargetSpec(name="price"), ("low", "high"))
    E, price = rows()
    fitted = fit_neighbours(
        SPEC, contract, dict(zip("xy", E.T, strict=True)), (price > 0).astype(np.int64)
    )
    shares = dict(zip(fitted.names, fitted.transform(E).T, strict=True))
    low, high = shares["price=low of nearest 4"], shares["price=high of nearest 4"]
    assert low + high == pytest.approx(1.0)


def test_more_neighbours_than_rows_are_refused() -> None:
    E, price = rows(4)
    with pytest.raises(TrainingError, match="4 rows for 4 neighbours"):
        fit_neighbours(SPEC, PRICES, dict(zip("xy", E.T, strict=True)), price)


def test_a_ratio_is_the_mean_over_another_times_the_own_value() -> None:
    E, price = rows()
    spec = SPEC.model_copy(update={"ratio": {"price": "x"}})
    fitted = fit_neighbours(spec, PRICES, dict(zip("xy", E.T, strict=True)), price)
    places = np.array([[1.0, 1.0], [3.0, 2.0]])
    found = dict(zip(fitted.names, fitted.transform(places).T, strict=True))
    quotient = found["price of nearest 4"] / found["x of nearest 4"]
    assert found["price per x of nearest 4"] == pytest.approx(quotient * places[:, 0])
