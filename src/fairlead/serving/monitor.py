"""What the traffic looked like since the start, in memory that does not grow."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.data.encoding import UNKNOWN

# Upper bounds, from 10 µs to 10 s, ten to a decade.
LATENCY_BOUNDS_S = tuple(1e-5 * 10 ** (step / 10) for step in range(61))
QUANTILES = (0.5, 0.9, 0.95, 0.99)


class LatencyHistogram:
    """Durations counted in fixed buckets, 26 % wide; quantiles are upper bounds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(LATENCY_BOUNDS_S) + 1)
        self._max_s = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        """Count one duration."""
        self._counts[bisect_left(LATENCY_BOUNDS_S, seconds)] += 1
        self._max_s = max(self._max_s, seconds)
        self.count += 1

    def quantile(self, q: float) -> float | None:
        """Seconds that a share `q` of the durations did not exceed; None without any."""
        if not self.count:
            return None
        seen = 0
        for bound, count in zip((*LATENCY_BOUNDS_S, self._max_s), self._counts, strict=True):
            seen += count
            if seen >= q * self.count:
                return min(bound, self._max_s)
        return self._max_s


class Monitor:
    """Sums over the scored rows: feature means, missing and unknown rates, predictions."""

    def __init__(self, contract: Contract) -> None:
        self._contract = contract
        columns = contract.columns.values()
        self._low = np.array([-np.inf if column.min is None else column.min for column in columns])
        self._high = np.array([np.inf if column.max is None else column.max for column in columns])
        self._category = np.array([column.type == "category" for column in columns])
        width = len(contract.columns)
        self._sum = np.zeros(width)
        self._missing = np.zeros(width, np.int64)
        self._unknown = np.zeros(width, np.int64)
        self._outside = np.zeros(width, np.int64)
        self._rows = self._refused = 0
        self._classes = dict.fromkeys(contract.classes, 0)
        self._predictions = _Range()
        self._latency = LatencyHistogram()
        self._started = datetime.now(UTC)

    def observe(
        self, X: NDArray[np.float64], scores: Scores | None, *, refused: int, seconds: float
    ) -> None:
        """Add one answered request.

        Args:
            X: shape (n, columns), the scored rows.
            scores: of those rows.
            refused: rows of the request that broke the contract.
            seconds: from the whole body's arrival to the answer.
        """
        self._latency.add(seconds)
        self._refused += refused
        if scores is None:
            return
        missing = np.isnan(X)
        self._rows += len(X)
        self._missing += missing.sum(axis=0)
        self._sum += np.where(missing, 0.0, X).sum(axis=0)
        self._unknown += ((X == UNKNOWN) & self._category).sum(axis=0)
        self._outside += (np.less(X, self._low) | np.greater(X, self._high)).sum(axis=0)
        if self._classes:
            for label in scores.prediction.tolist():
                self._classes[label] += 1
        else:
            self._predictions.add(scores.prediction)

    def to_json(self) -> dict[str, Any]:
        """As `/monitor/basic` answers."""
        return {
            "since": self._started.isoformat(timespec="seconds"),
            "uptime_s": round((datetime.now(UTC) - self._started).total_seconds(), 3),
            "rows": self._rows,
            "refused_rows": self._refused,
            "features": self._features(),
            "predictions": self._predictions.to_json()
            if not self._classes
            else {"counts": dict(self._classes)},
            "latency_ms": {
                "count": self._latency.count,
                **{f"p{q * 100:g}": _milliseconds(self._latency.quantile(q)) for q in QUANTILES},
            },
        }

    def _features(self) -> dict[str, dict[str, Any]]:
        features: dict[str, dict[str, Any]] = {}
        for index, (name, column) in enumerate(self._contract.columns.items()):
            present = self._rows - int(self._missing[index])
            feature = {"missing_rate": _rate(self._missing[index], self._rows)}
            if column.type == "category":
                feature["unknown_rate"] = _rate(self._unknown[index], self._rows)
            else:
                feature["mean"] = _rate(self._sum[index], present)
            if column.min is not None or column.max is not None:
                feature["outside_rate"] = _rate(self._outside[index], self._rows)
            features[name] = feature
        return features


class _Range:
    """Count, mean and extremes of numbers."""

    def __init__(self) -> None:
        self._count = 0
        self._sum = 0.0
        self._min, self._max = np.inf, -np.inf

    def add(self, values: NDArray[np.float64]) -> None:
        self._count += len(values)
        self._sum += float(values.sum())
        self._min = min(self._min, float(values.min()))
        self._max = max(self._max, float(values.max()))

    def to_json(self) -> dict[str, Any]:
        some = self._count > 0
        return {
            "count": self._count,
            "mean": _rate(self._sum, self._count),
            "min": self._min if some else None,
            "max": self._max if some else None,
        }


def _rate(part: float, whole: int) -> float | None:
    return float(part) / whole if whole else None


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 3)
