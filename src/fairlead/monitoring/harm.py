"""How much worse one version does than another: differences with intervals, in closed form.

The interval of a difference is put together from those of its two sides (Newcombe 1998; "MOVER",
Zou and Donner 2008), so that each side may have its own number of rows and its own skewness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.report import evaluate

Floats = NDArray[np.float64]
QUANTILES = (0.99, 0.95, 0.9)
SHUFFLES = 200
"""No difference of a shuffled pair reaches what is called noise."""


@dataclass(frozen=True)
class Harm:
    """What two versions do, and by how much the challenger does worse.

    Attributes:
        champion, challenger: the measured values.
        value: how much worse the challenger is; below 0 where it is better.
        low, high: ends of its interval; infinite where the rows cannot bound it.
    """

    champion: float
    challenger: float
    value: float
    low: float
    high: float


def z_of(alpha: float) -> float:
    """The standard normal value that is exceeded with probability `alpha`."""
    return NormalDist().inv_cdf(1 - alpha)


def rates(champion: tuple[int, int], challenger: tuple[int, int], alpha: float) -> Harm:
    """Compare how often something went wrong.

    Args:
        champion: how often, of how many; at least one.
        challenger: the same.
        alpha: probability with which one end of the interval may be on the wrong side.
    """
    z = z_of(alpha)
    return _moved(_wilson(*champion, z), _wilson(*challenger, z))


def quantiles(champion: Floats, challenger: Floats, q: float, alpha: float) -> Harm:
    """Compare a quantile of two samples, by order statistics: no shape is taken for granted.

    Args:
        champion: shape (n,), at least one, larger is worse.
        challenger: shape (m,), the same.
        q: in (0, 1).
        alpha: as in `rates`.
    """
    return _moved(_order(champion, q, alpha), _order(challenger, q, alpha))


def tail(rows: int, alpha: float) -> float:
    """The highest of `QUANTILES` that so many rows bound from above; the lowest if none."""
    return next((q for q in QUANTILES if _rank(rows, q, alpha) < rows), QUANTILES[-1])


def qualities(
    champion: Predictions, challenger: Predictions, metric: str, alpha: float
) -> Harm | None:
    """Compare a metric on rows that are not the same, by their bootstrap errors.

    Returns:
        None where the metric is not defined on one side.
    """
    sides: list[Estimate] = [
        evaluate(each, [metric]).get(metric, Estimate(math.nan)) for each in (champion, challenger)
    ]
    if not all(math.isfinite(x) for each in sides for x in (each.value, each.standard_error)):
        return None
    sign = -1 if find_metric(metric, champion.task, champion.classes).better == "greater" else 1
    value = sign * (sides[1].value - sides[0].value)
    reach = z_of(alpha) * math.hypot(sides[0].standard_error, sides[1].standard_error)
    return Harm(sides[0].value, sides[1].value, value, value - reach, value + reach)


def class_distance(champion: Floats, challenger: Floats, seed: int = 42) -> tuple[float, float]:
    """Jensen-Shannon distance of two counts of classes, in [0, 1], and what chance reaches.

    Args:
        champion: shape (k,), how often each class was predicted.
        challenger: shape (k,), the same.
        seed: of the shuffles.
    """
    rng = np.random.default_rng(seed)
    together = (champion + challenger) / (champion + challenger).sum()
    drawn = (
        _jensen_shannon(*(rng.multinomial(int(side.sum()), together) for side in sides))
        for sides in [(champion, challenger)] * SHUFFLES
    )
    return _jensen_shannon(champion, challenger), max(drawn)


def number_distance(champion: Floats, challenger: Floats, seed: int = 42) -> tuple[float, float]:
    """Wasserstein distance in standard deviations of the champion's, and what chance reaches.

    Args:
        champion: shape (n,), finite.
        challenger: shape (n,): as many.
        seed: of the shuffles.
    """
    scale = float(champion.std()) or 1.0
    rows = len(champion)
    together = np.concatenate([champion, challenger])
    rng = np.random.default_rng(seed)
    shuffled = (rng.permutation(together) for _ in range(SHUFFLES))
    noise = max(_wasserstein(each[:rows], each[rows:]) for each in shuffled)
    return _wasserstein(champion, challenger) / scale, noise / scale


Side = tuple[float, float, float]
"""A value and the ends of its interval."""


def _moved(champion: Side, challenger: Side) -> Harm:
    (one, one_low, one_high), (two, two_low, two_high) = champion, challenger
    value = two - one
    low = value - math.hypot(two - two_low, one_high - one)
    high = value + math.hypot(two_high - two, one - one_low)
    return Harm(one, two, value, low, high)


def _wilson(count: int, rows: int, z: float) -> Side:
    """Wilson's interval of a share."""
    share, square = count / rows, z * z / rows
    centre = (share + square / 2) / (1 + square)
    reach = z / (1 + square) * math.sqrt(share * (1 - share) / rows + square / rows / 4)
    return share, min(share, centre - reach), max(share, centre + reach)


def _order(values: Floats, q: float, alpha: float) -> Side:
    """A quantile between the order statistics that its rank may have by chance."""
    rows, ordered = len(values), np.sort(values)
    high, low = _rank(rows, q, alpha), rows - _rank(rows, 1 - q, alpha)
    return (
        float(ordered[min(rows - 1, math.floor(rows * q))]),
        float(ordered[low - 1]) if low >= 1 else 0.0,
        float(ordered[high]) if high < rows else math.inf,
    )


def _rank(rows: int, q: float, alpha: float) -> int:
    """So many values lie below the quantile at most, but with probability `alpha` (binomial)."""
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, rows + 1)))])
    below = np.arange(rows + 1)
    chance = logs[-1] - logs - logs[::-1] + below * math.log(q) + (rows - below) * math.log1p(-q)
    return int(np.searchsorted(np.cumsum(np.exp(chance)), 1 - alpha))


def _jensen_shannon(a: Floats | NDArray[np.int64], b: Floats | NDArray[np.int64]) -> float:
    p, q = a / a.sum(), b / b.sum()
    middle = (p + q) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(side > 0, side * np.log2(side / middle), 0.0).sum() for side in (p, q)]
    return math.sqrt(max(0.0, float(sum(parts)) / 2))


def _wasserstein(a: Floats, b: Floats) -> float:
    return float(np.abs(np.sort(a) - np.sort(b)).mean())
