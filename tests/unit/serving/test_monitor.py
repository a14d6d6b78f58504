from __future__ import annotations

import json
import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.bundle.reading import Bundle
from fairlead.serving.monitor import LatencyHistogram, Monitor


@settings(max_examples=100, deadline=None)
@given(seconds=st.lists(st.floats(1e-5, 10), min_size=1, max_size=200))
def test_a_latency_quantile_is_an_upper_bound_within_a_bucket(seconds: list[float]) -> None:
    histogram = LatencyHistogram()
    for value in seconds:
        histogram.add(value)
    for q in (0.5, 0.95, 1.0):
        exact = sorted(seconds)[math.ceil(q * len(seconds)) - 1]
        estimate = histogram.quantile(q)
        assert estimate is not None
        assert exact <= estimate * (1 + 1e-9)
        assert estimate <= exact * 10**0.1 * (1 + 1e-9)


def test_a_latency_beyond_the_last_bucket_is_told_as_the_longest() -> None:
    histogram = LatencyHistogram()
    histogram.add(75.0)
    assert histogram.quantile(0.5) == 75.0


def test_nothing_observed_has_no_rates(houses: Bundle) -> None:
    document = json.loads(json.dumps(Monitor(houses.contract).to_json(), allow_nan=False))
    assert document["rows"] == 0
    assert document["features"]["rooms"] == {"missing_rate": None, "mean": None}
    assert document["latency_ms"]["p99"] is None


def test_means_and_rates_are_those_of_the_rows(houses: Bundle) -> None:
    monitor = Monitor(houses.contract)
    X = houses.encode(houses.golden()["records"])
    for rows in np.array_split(X, 7):
        monitor.observe(rows, houses.score(rows), refused=1, seconds=0.001)
    document = monitor.to_json()
    features = document["features"]
    assert (document["rows"], document["refused_rows"]) == (len(X), 7)
    np.testing.assert_allclose(features["rooms"]["mean"], np.nanmean(X[:, 1]), rtol=1e-12)
    assert features["rooms"]["missing_rate"] == np.isnan(X[:, 1]).mean()
    assert features["agent"]["unknown_rate"] == (X[:, 5] == -1).mean()
    assert features["distance"]["outside_rate"] == (X[:, 3] < -2.5).mean()
    prediction = houses.score(X).prediction
    assert document["predictions"]["max"] == prediction.max()
    assert document["predictions"]["count"] == len(X)


def test_predicted_classes_are_counted(flowers: Bundle) -> None:
    monitor = Monitor(flowers.contract)
    X = flowers.encode(flowers.golden()["records"])
    scores = flowers.score(X)
    monitor.observe(X, scores, refused=0, seconds=0.001)
    labels, counts = np.unique(scores.prediction.astype(str), return_counts=True)
    counted = monitor.to_json()["predictions"]["counts"]
    assert {label: count for label, count in counted.items() if count} == dict(
        zip(labels.tolist(), counts.tolist(), strict=True)
    )
