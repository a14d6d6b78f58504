"""Every function of the expression language, defined once on exact operations.

The results are the same bits with numpy and in the graph, for any number of rows. Largest errors
found, in units in the last place: exp 0.6, log 1, others 2.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from decimal import Decimal, localcontext
from functools import cache

import numpy as np
from numpy.typing import NDArray

from fairlead.project.primitives import Ops, Value

LARGEST = sys.float_info.max
EARTH_RADIUS_KM = 6371.0088  # mean radius R1 of the IUGG, as on WGS 84
TRIGONOMETRIC_LIMIT = 2.0**20 * (math.pi / 2)

# exp: steps of ln(2) / 2048. The high part has 31 bits: its product with a step count is exact.
STEPS = 2048
STEPS_PER_UNIT = 2954.6394437405966  # rounded down: exp(709.7827) must not reach step 1024 * STEPS
STEP_HIGH, STEP_LOW = 0.0003384507715509244, 2.0686139481490644e-13
# exp(r) = 1 + r + r**2 (c0 + c1 r) for 0 <= r <= ln(2) / 2048; error 1e-17.
EXP = (0.499999997243598, 0.16668864597889832)
EXP_BEYOND = 746.0  # exp(746) overflows, exp(-746) is 0
EXPONENTS = 1100

# log, asin: coefficients of fdlibm's e_log.c and e_asin.c (Sun Microsystems, 1993).
LN2_HIGH, LN2_LOW = 6.93147180369123816490e-01, 1.90821492927058770002e-10
LOG = (
    6.666666666666735130e-01,
    3.999999999940941908e-01,
    2.857142874366239149e-01,
    2.222219843214978396e-01,
    1.818357216161805012e-01,
    1.531383769920937332e-01,
    1.479819860511658591e-01,
)
ASIN_ABOVE = (
    1.66666666666666657415e-01,
    -3.25565818622400915405e-01,
    2.01212532134862925881e-01,
    -4.00555345006794114027e-02,
    7.91534994289814532176e-04,
    3.47933107596021167570e-05,
)
ASIN_BELOW = (
    1.0,
    -2.40339491173441421878e00,
    2.02094576023350569471e00,
    -6.88283971605453293030e-01,
    7.70381505559019352791e-02,
)

# pi in parts of 31, 31, 31 and 53 bits: k * part is exact for the first three, |k| <= 2**21.
PI_PARTS = (3.1415926534682512, 1.215420100718692e-10, 5.8254641096454e-20, 2.5413117520279757e-29)
SIGNS = np.array([1.0, -1.0])
# (sin(r) / r - 1) / r**2 in powers of r**2, at Chebyshev nodes, |r| <= pi/2; error 4e-17.
SIN = (
    -0.16666666666666666,
    0.008333333333333316,
    -0.00019841269841254974,
    2.7557319219163234e-06,
    -2.5052107616996182e-08,
    1.6058977312464087e-10,
    -7.643970296798572e-13,
    2.7314447669863995e-15,
)
# sin(pi u)**2 / u**2 in powers of u**2, at Chebyshev nodes, |u| <= 1/2; error 2e-16.
HAVERSINE = (
    9.869604401089358,
    -32.46969701133393,
    42.728408603318485,
    -30.122320684483967,
    13.213128353821787,
    -3.951767619032711,
    0.8571901882917017,
    -0.14097376813975274,
    0.0180912441272824,
    -0.0016980901143968047,
)


def exp(ops: Ops, x: Value) -> Value:
    """The exponential, for values of any shape: inf above 709.78, 0 below -745.13."""
    x = _clip(ops, x, EXP_BEYOND)
    steps = ops.floor(ops.mul(x, STEPS_PER_UNIT))
    r = ops.sub(ops.sub(x, ops.mul(steps, STEP_HIGH)), ops.mul(steps, STEP_LOW))
    growth = ops.add(r, ops.mul(ops.mul(r, r), polynomial(ops, r, EXP)))
    index = ops.index(steps)
    root = ops.remainder(index, STEPS)
    high, low = (ops.lookup(table, root) for table in _roots_of_two())
    fraction = ops.add(high, ops.add(ops.mul(high, growth), low))
    # The remainder changes nothing but the index of NaN, which may be anything.
    power = ops.remainder(ops.quotient(index, STEPS), EXPONENTS)
    return ops.mul(fraction, ops.lookup(_powers_of_two(), power))


@cache
def _roots_of_two() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """2 ** (j / STEPS) as high + low, for j = 0..STEPS-1 and then for j = -STEPS..-1."""
    with localcontext(prec=50):
        root = Decimal(2)
        for _ in range(STEPS.bit_length() - 1):
            root = root.sqrt()
        exact = [Decimal(1)]
        for _ in range(STEPS - 1):
            exact.append(exact[-1] * root)
        exact += [value / 2 for value in exact]
        high = [float(value) for value in exact]
        low = [float(value - Decimal(h)) for value, h in zip(exact, high, strict=True)]
    return np.array(high), np.array(low)


@cache
def _powers_of_two() -> NDArray[np.float64]:
    """2 ** j for j = 0..EXPONENTS-1 and then for j = -EXPONENTS..-1."""
    rising = [2.0**j if j < 1024 else math.inf for j in range(EXPONENTS)]
    return np.array(rising + [math.ldexp(1.0, j) for j in range(-EXPONENTS, 0)])


def log(ops: Ops, x: Value) -> Value:
    """Natural logarithm of one column: -inf of 0, NaN below 0."""
    thresholds, tables = _octaves()
    octave = ops.index(ops.count_below(thresholds, x))
    exponent, half_scale, other_half = (ops.lookup(table, octave) for table in tables)
    # x = 2**exponent * (1 + f), and 1 + f lies between the roots of 1/2 and of 2.
    finite = _clip(ops, x, LARGEST)
    f = ops.sub(ops.mul(ops.mul(finite, half_scale), other_half), 1.0)
    s = ops.div(f, ops.add(f, 2.0))
    z = ops.mul(s, s)
    half = ops.mul(ops.mul(f, 0.5), f)
    series = ops.add(half, ops.mul(z, polynomial(ops, z, LOG)))
    low = ops.add(ops.mul(s, series), ops.mul(exponent, LN2_LOW))
    return ops.sub(ops.mul(exponent, LN2_HIGH), ops.sub(ops.sub(half, low), f))


@cache
def _octaves() -> tuple[NDArray[np.float64], tuple[NDArray[np.float64], ...]]:
    """Upper bounds of the ranges that `log` tells apart, and what it looks up for each.

    The ranges: below 0, 0, one per exponent, infinity and NaN. The tables: the exponent, and two
    factors that together scale the range to (sqrt(1/2), sqrt(2)], or make it NaN below 0. Of 0 and
    infinity the exponent alone is infinite: the rest of the sum stays finite.
    """
    exponents = np.arange(-1074, 1025)
    root = math.isqrt(2 * 4**52)  # of 2, in units of 2**-52
    # A subnormal number has fewer bits: the shift leaves off those that it has not.
    bounds = [
        math.ldexp(float(root >> max(0, -1022 - e)), max(e, -1022) - 52)
        for e in exponents[:-1].tolist()
    ]
    thresholds = np.array([-5e-324, 0.0, *bounds, LARGEST])
    exponent = np.array([0.0, -math.inf, *exponents, math.inf])
    first = -exponents // 2
    scales = [
        np.array([below, 1.0, *np.ldexp(1.0, shifts), 2.0**-512])
        for below, shifts in ((math.nan, first), (1.0, -exponents - first))
    ]
    return thresholds, (exponent, *scales)


def log1p(ops: Ops, x: Value) -> Value:
    """Logarithm of 1 + x, as exact for small x: -inf of -1, NaN below -1."""
    u = ops.add(x, 1.0)
    lost = ops.div(ops.sub(x, ops.sub(u, 1.0)), u)
    return ops.add(log(ops, u), ops.where(ops.is_nan(lost), 0.0, lost))


def sin(ops: Ops, x: Value) -> Value:
    """Sine of an angle in radians; NaN beyond TRIGONOMETRIC_LIMIT."""
    return _wave(ops, x, ops.round(ops.mul(x, 1 / math.pi)), 0.0)


def cos(ops: Ops, x: Value) -> Value:
    """Cosine of an angle in radians; NaN beyond TRIGONOMETRIC_LIMIT."""
    return _wave(ops, x, ops.round(ops.add(ops.mul(x, 1 / math.pi), 0.5)), 0.5)


def _wave(ops: Ops, x: Value, half_turns: Value, shift: float) -> Value:
    """Sine of x + shift * pi, which is nearest to `half_turns` * pi."""
    x = ops.where(ops.less_or_equal(ops.absolute(x), TRIGONOMETRIC_LIMIT), x, math.nan)
    turns = ops.sub(half_turns, shift) if shift else half_turns
    r = x
    for part in PI_PARTS:
        r = ops.sub(r, ops.mul(turns, part))
    z = ops.mul(r, r)
    wave = ops.add(r, ops.mul(ops.mul(r, z), polynomial(ops, z, SIN)))
    parity = ops.remainder(ops.index(half_turns), 2)
    return ops.mul(wave, ops.lookup(SIGNS, parity))


def asin(ops: Ops, x: Value) -> Value:
    """Angle in 0..pi/2 whose sine is x, for x in 0..1."""
    small = ops.less(x, 0.5)
    z = ops.where(small, ops.mul(x, x), ops.mul(ops.sub(1.0, x), 0.5))
    s = ops.where(small, x, ops.sqrt(z))
    series = ops.div(ops.mul(z, polynomial(ops, z, ASIN_ABOVE)), polynomial(ops, z, ASIN_BELOW))
    angle = ops.add(s, ops.mul(s, series))
    return ops.where(small, angle, ops.sub(math.pi / 2, ops.mul(angle, 2.0)))


def haversine_km(ops: Ops, lat1: Value, lon1: Value, lat2: Value, lon2: Value) -> Value:
    """Great-circle distance in kilometres on a sphere of EARTH_RADIUS_KM; degrees in.

    The product of the two cosines is 1 - hav(lat1 - lat2) - hav(lat1 + lat2).
    """
    across = _haversine(ops, ops.sub(lat2, lat1))
    along = _haversine(ops, ops.sub(lon2, lon1))
    cosines = ops.sub(ops.sub(1.0, across), _haversine(ops, ops.add(lat2, lat1)))
    h = ops.add(across, ops.mul(cosines, along))
    # Rounding may have left h a little below 0 or above 1.
    sine = ops.sqrt(ops.absolute(_clip(ops, h, 1.0)))
    return ops.mul(asin(ops, sine), 2 * EARTH_RADIUS_KM)


def _haversine(ops: Ops, degrees: Value) -> Value:
    """sin(angle / 2) ** 2."""
    turns = ops.mul(degrees, 1 / 360)
    u = ops.sub(turns, ops.round(turns))
    z = ops.mul(u, u)
    return ops.mul(z, polynomial(ops, z, HAVERSINE))


def minimum(ops: Ops, a: Value, b: Value) -> Value:
    """The smaller number, NaN if one of them is; zero is never -0."""
    return ops.add(ops.minimum(a, b), 0.0)


def maximum(ops: Ops, a: Value, b: Value) -> Value:
    """The larger number, NaN if one of them is; zero is never -0."""
    return ops.add(ops.maximum(a, b), 0.0)


def where(ops: Ops, condition: Value, a: Value, b: Value) -> Value:
    """Number a where the condition holds, b elsewhere; zero is never -0."""
    return ops.add(ops.where(condition, a, b), 0.0)


def either(ops: Ops, condition: Value, a: Value, b: Value) -> Value:
    """Condition a where the first condition holds, b elsewhere."""
    negation = ops.logical_not(condition)
    return ops.logical_or(ops.logical_and(condition, a), ops.logical_and(negation, b))


def floor_divide(ops: Ops, a: Value, b: Value) -> Value:
    """Largest whole number not above the rounded quotient a / b."""
    return ops.floor(ops.div(a, b))


def modulo(ops: Ops, a: Value, b: Value) -> Value:
    """What `floor_divide` leaves: a - b * floor(a / b)."""
    return ops.sub(a, ops.mul(b, floor_divide(ops, a, b)))


def power(ops: Ops, x: Value, exponent: int) -> Value:
    """A whole power of x by repeated squaring; a negative one is the reciprocal."""
    if exponent < 0:
        return ops.div(1.0, power(ops, x, -exponent))
    if exponent == 0:
        return ops.where(ops.is_nan(x), x, 1.0)
    if exponent == 1:
        return x
    half = power(ops, x, exponent // 2)
    square = ops.mul(half, half)
    return ops.mul(square, x) if exponent % 2 else square


def differs(ops: Ops, a: Value, b: Value) -> Value:
    """Whether a and b are two numbers and not the same one; false for NaN."""
    return ops.logical_or(ops.less(a, b), ops.less(b, a))


def _clip(ops: Ops, x: Value, bound: float) -> Value:
    """The number moved into -bound..bound, which is not 0; NaN stays NaN."""
    return ops.minimum(ops.maximum(x, -bound), bound)


def polynomial(ops: Ops, x: Value, coefficients: Sequence[float]) -> Value:
    """Sum of coefficients[i] * x**i, by Horner's rule."""
    value: Value = coefficients[-1]
    for coefficient in reversed(coefficients[:-1]):
        value = ops.add(ops.mul(value, x), coefficient)
    return value
