from __future__ import annotations

import math
from collections.abc import Callable
from decimal import Decimal, localcontext

import numpy as np
import pytest
from numpy.typing import NDArray

from fairlead.project.arithmetic import (
    TRIGONOMETRIC_LIMIT,
    asin,
    cos,
    exp,
    haversine_km,
    log,
    log1p,
    sin,
)
from fairlead.project.primitives import NumpyOps

OPS = NumpyOps()
COUNT = 20_000
GENERATOR = np.random.default_rng(42)
Function = Callable[[NumpyOps, NDArray[np.float64]], NDArray[np.float64]]


def uniform(low: float, high: float) -> NDArray[np.float64]:
    return GENERATOR.uniform(low, high, COUNT)


def worst_ulps(
    function: Function, reference: Callable[[float], float], x: NDArray[np.float64]
) -> float:
    expected = [reference(value) for value in x.tolist()]
    units = np.array([math.ulp(value) for value in expected])
    return float(np.max(np.abs(function(OPS, x) - expected) / units))


@pytest.mark.parametrize(
    ("function", "reference", "x", "ulps"),
    [
        (exp, math.exp, uniform(-745.13, 709.782), 1),
        (exp, math.exp, uniform(-1, 1), 1),
        (exp, math.exp, uniform(709.7, 709.7827), 1),
        (exp, math.exp, uniform(-745.13, -708), 1),
        (log, math.log, np.exp(uniform(-744, 709)), 1),
        (log, math.log, uniform(0.5, 2), 1),
        (log, math.log, np.arange(1, 2000) * 5e-324, 1),
        (log, math.log, 2.0 ** np.arange(-1074, 1024), 1),
        (log1p, math.log1p, uniform(-0.999, 2), 2),
        (log1p, math.log1p, np.exp(uniform(-744, 709)), 2),
        (log1p, math.log1p, -np.exp(uniform(-744, -1)), 2),
        (sin, math.sin, uniform(-7, 7), 2),
        (sin, math.sin, uniform(-TRIGONOMETRIC_LIMIT, TRIGONOMETRIC_LIMIT), 2),
        (sin, math.sin, np.arange(-(2**20) + 1, 2**20, 101) * (math.pi / 2), 2),
        (sin, math.sin, np.exp(uniform(-744, -1)), 2),
        (cos, math.cos, uniform(-7, 7), 2),
        (cos, math.cos, uniform(-TRIGONOMETRIC_LIMIT, TRIGONOMETRIC_LIMIT), 2),
        (cos, math.cos, np.arange(-(2**20) + 1, 2**20, 101) * (math.pi / 2), 2),
        (asin, math.asin, uniform(0, 1), 2),
    ],
)
def test_functions_are_accurate_over_their_whole_range(
    function: Function, reference: Callable[[float], float], x: NDArray[np.float64], ulps: float
) -> None:
    assert worst_ulps(function, reference, x) <= ulps


def test_exp_is_almost_always_the_nearest_number() -> None:
    x = uniform(-700, 700)[:2000]
    with localcontext(prec=40):
        exact = [Decimal(value).exp() for value in x.tolist()]
        errors = [
            abs(Decimal(value) - truth) / Decimal(math.ulp(value))
            for value, truth in zip(exp(OPS, x).tolist(), exact, strict=True)
        ]
    assert max(errors) < 0.6


@pytest.mark.parametrize(
    ("function", "x", "expected"),
    [
        (exp, [0.0, -0.0], [1.0, 1.0]),
        (exp, [math.inf, 1e300, 709.7827128933841], [math.inf] * 3),
        (exp, [709.782712893384], [math.exp(709.782712893384)]),
        (exp, [-math.inf, -1e300, -746], [0.0] * 3),
        (exp, [-745.13, -744.0], [5e-324, math.exp(-744.0)]),
        (log, [1.0, 0.0, -0.0, math.inf], [0.0, -math.inf, -math.inf, math.inf]),
        (log, [-5e-324, -1.0, -math.inf], [math.nan] * 3),
        (log, [1.7976931348623157e308], [math.log(1.7976931348623157e308)]),
        (log1p, [0.0, -1.0, math.inf, 1e-300], [0.0, -math.inf, math.inf, 1e-300]),
        (log1p, [-1.5, -math.inf], [math.nan] * 2),
        (sin, [0.0, 5e-324, math.pi], [0.0, 5e-324, math.sin(math.pi)]),
        (sin, [math.inf, -math.inf, 1e7], [math.nan] * 3),
        (cos, [0.0, 1e-9, math.pi], [1.0, 1.0, -1.0]),
        (cos, [math.inf, 1e300], [math.nan] * 2),
        (asin, [0.0, 1.0], [0.0, math.pi / 2]),
        *((function, [math.nan], [math.nan]) for function in (exp, log, log1p, sin, cos, asin)),
    ],
)
def test_functions_follow_ieee_at_their_limits(
    function: Function, x: list[float], expected: list[float]
) -> None:
    np.testing.assert_array_equal(function(OPS, np.array(x)), expected)


def test_exp_takes_any_shape() -> None:
    x = GENERATOR.normal(size=(5, 3))
    assert exp(OPS, x).tolist() == [exp(OPS, row).tolist() for row in x]


@pytest.mark.parametrize(
    ("points", "km"),
    [
        ((52.52, 13.405, 48.8566, 2.3522), 877.46),
        ((0, 0, 0, 180), math.pi * 6371.0088),
        ((90, 0, -90, 0), math.pi * 6371.0088),
        ((90, 10, 90, -70), 0.0),
        ((10, 179.5, 10, -179.5), 109.5),
        ((52.5, 13.4, 52.5, 13.4), 0.0),
        ((0, 0, 0, 1e-7), 1.11195e-5),
    ],
)
def test_haversine_is_the_distance_on_the_sphere(
    points: tuple[float, float, float, float], km: float
) -> None:
    found = haversine_km(OPS, *(np.array([degrees]) for degrees in points))
    assert found[0] == pytest.approx(km, rel=1e-4, abs=1e-4)


def test_haversine_agrees_with_the_textbook_formula() -> None:
    degrees = np.stack([uniform(-90, 90), uniform(-180, 180), uniform(-90, 90), uniform(-180, 180)])
    lat1, lon1, lat2, lon2 = np.radians(degrees)
    h = np.sin((lat2 - lat1) / 2) ** 2
    h += np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    textbook = 2 * 6371.0088 * np.arcsin(np.sqrt(h))
    np.testing.assert_allclose(haversine_km(OPS, *degrees), textbook, rtol=1e-8, atol=1e-6)
