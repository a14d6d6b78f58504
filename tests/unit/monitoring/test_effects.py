"""The distances are scipy's, and noise is what chance does."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

from fairlead.monitoring.effects import jensen_shannon, noise, wasserstein
from fairlead.monitoring.reference import reference_of
from fairlead.monitoring.sketches import sketch_of

from .conftest import document, flowers

ROWS = flowers(4000, 1)
NEW = reference_of(document(), "abc", "flowers")
OLD_DOCUMENT = copy.deepcopy(document())
for told in OLD_DOCUMENT["columns"].values():
    told.pop("histogram", None)
    told.pop("range", None)
OLD = reference_of(OLD_DOCUMENT, "abc", "flowers")


def raw(x: np.ndarray) -> np.ndarray:
    return x[~np.isnan(x)]


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 1000),
    shift=st.floats(-3, 30),
    scale=st.sampled_from([1.0, 0.2, 1.3]),
)
def test_the_distance_of_numbers_is_that_of_the_raw_rows(
    seed: int, shift: float, scale: float
) -> None:
    X = flowers(500, seed)
    X[:, 0] = X[:, 0] * scale + shift
    for reference, error in ((NEW, 0.005), (OLD, 0.03)):
        counted = sketch_of(reference.grid, X).counted(0)
        found = wasserstein(reference.counted[0], counted, reference.scales[0])
        own = raw(ROWS[:, 0])
        assert found == pytest.approx(
            wasserstein_distance(own, raw(X[:, 0])) / own.std(), abs=error
        )


@pytest.mark.parametrize("index", [2, 3])
def test_the_distance_of_categories_is_that_of_scipy(index: int) -> None:
    X = flowers(500, 3)
    X[:200, index] = 0
    counted = sketch_of(NEW.grid, X).counted(index)
    p, q = (np.bincount(rows[:, index].astype(int)) / len(rows) for rows in (ROWS, X))
    assert jensen_shannon(NEW.counted[index], counted) == pytest.approx(jensenshannon(p, q))


def test_nothing_is_at_no_distance_from_anything() -> None:
    empty = sketch_of(NEW.grid, np.full((5, 4), np.nan))
    assert np.isnan(wasserstein(NEW.counted[0], empty.counted(0), 1.0))
    assert np.isnan(jensen_shannon(NEW.counted[2], empty.counted(2)))


@pytest.mark.parametrize("rows", [50, 1000])
@pytest.mark.parametrize("index", [0, 2])
def test_chance_exceeds_the_noise_rarely(rows: int, index: int) -> None:
    reference, scale = NEW.counted[index], NEW.scales[index]
    limit = noise(reference, rows, scale)
    over = 0
    for seed in range(300):
        counted = sketch_of(NEW.grid, flowers(rows, 1000 + seed)).counted(index)
        far = wasserstein(reference, counted, scale) if index == 0 else None
        over += (jensen_shannon(reference, counted) if far is None else far) > limit
    assert over <= 3


def test_more_rows_make_less_noise_until_the_reference_has_too_few() -> None:
    sizes = [noise(NEW.counted[0], rows, NEW.scales[0]) for rows in (50, 500, 5000, 10**7)]
    assert sizes == sorted(sizes, reverse=True)
    # Of 4,000 rows alone, some noise is left whatever the window.
    assert sizes[-1] > 0.02
