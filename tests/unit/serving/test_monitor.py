from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle
from fairlead.serving.counted import Snapshot
from fairlead.serving.monitor import document, minutes, quantile
from fairlead.serving.recorder import Recorder
from fairlead.serving.snapshots import merge
from fairlead.serving.watch import LATENCY_BOUNDS_S, LATENCY_BUCKETS, Watch

MINUTE = 29_000_000
NOW = MINUTE * 60.0 + 30


def histogram(seconds: list[float]) -> np.ndarray[Any, np.dtype[np.float64]]:
    places = np.searchsorted(LATENCY_BOUNDS_S, seconds)
    return np.bincount(places, minlength=LATENCY_BUCKETS).astype(float)


def golden(bundle: Bundle) -> np.ndarray[Any, np.dtype[np.float64]]:
    return bundle.encode(bundle.golden()["records"])


def watch(bundle: Bundle, version: str = "1") -> Watch:
    return Watch(bundle.name, version, bundle)


def told(bundle: Bundle, *watches: Watch, window: int = 60) -> dict[str, Any]:
    """What is told of watches of several workers; as strict JSON sees it."""
    merged = Snapshot(since=NOW - 90, seen=[each.seen(MINUTE) for each in watches])
    answer = document(merged, bundle.name, bundle.contract, window, NOW)
    result: dict[str, Any] = json.loads(json.dumps(answer, allow_nan=False))
    return result


@settings(max_examples=100, deadline=None)
@given(seconds=st.lists(st.floats(1e-5, 10), min_size=1, max_size=200))
def test_a_latency_quantile_is_an_upper_bound_within_a_bucket(seconds: list[float]) -> None:
    counts = histogram(seconds)
    for q in (0.5, 0.95, 1.0):
        exact = sorted(seconds)[math.ceil(q * len(seconds)) - 1]
        estimate = quantile(counts, max(seconds), q)
        assert estimate is not None
        assert exact <= estimate * (1 + 1e-9)
        assert estimate <= exact * 10**0.1 * (1 + 1e-9)


def test_a_latency_beyond_the_last_bucket_is_told_as_the_longest() -> None:
    assert quantile(histogram([75.0]), 75.0, 0.5) == 75.0


@pytest.mark.parametrize(("window", "length"), [("1m", 1), ("5m", 5), ("60m", 60), ("1h", 60)])
def test_a_window_is_a_number_of_minutes(window: str, length: int) -> None:
    assert minutes(window) == length


@pytest.mark.parametrize("window", ["", "0m", "61m", "2h", "5", "-5m", "05m", "5m\n", "٥m", "nanm"])
def test_another_window_is_refused_without_repeating_it(window: str) -> None:
    with pytest.raises(ValueError, match=r"^window should be 1m to 60m, such as 5m or 15m, or 1h$"):
        minutes(window)


def test_nothing_observed_has_no_rates(houses: Bundle) -> None:
    answer = told(houses)
    assert answer["rows"] == 0
    nothing = {"missing_rate": None, "mean": None, "min": None, "max": None}
    assert answer["features"]["rooms"] == nothing
    assert answer["latency_ms"]["p99"] is None
    assert answer["predictions"]["mean"] is None
    assert answer["versions"] == {}


def test_the_document_tells_since_when_it_counts(houses: Bundle) -> None:
    answer = told(houses, window=5)
    assert (answer["window"], answer["uptime_s"]) == ("5m", 90.0)
    assert answer["since"] == "2025-02-19T21:19:00+00:00"


def test_means_and_rates_are_those_of_the_rows(houses: Bundle) -> None:
    X = golden(houses)
    mine = watch(houses)
    for rows in np.array_split(X, 7):
        mine.add_rows(MINUTE, rows, [houses.score(rows).prediction])
        mine.add(MINUTE, np.array([0.001]), 1)
    answer = told(houses, mine)
    features = answer["features"]
    assert (answer["rows"], answer["refused_rows"]) == (len(X), 7)
    np.testing.assert_allclose(features["rooms"]["mean"], np.nanmean(X[:, 1]), rtol=1e-12)
    assert features["rooms"]["missing_rate"] == np.isnan(X[:, 1]).mean()
    assert features["rooms"]["min"] == np.nanmin(X[:, 1])
    assert features["rooms"]["max"] == np.nanmax(X[:, 1])
    assert features["agent"] == {
        "missing_rate": np.isnan(X[:, 5]).mean(),
        "unknown_rate": (X[:, 5] == -1).mean(),
    }
    assert features["distance"]["outside_rate"] == (X[:, 3] < -2.5).mean()
    prediction = houses.score(X).prediction
    assert answer["predictions"]["min"] == prediction.min()
    assert answer["predictions"]["max"] == prediction.max()
    assert answer["predictions"]["count"] == len(X)
    assert answer["latency_ms"]["count"] == 7
    assert answer["latency_ms"]["p50"] == 1.0


def test_predicted_classes_are_counted(flowers: Bundle) -> None:
    X = golden(flowers)
    mine = watch(flowers)
    mine.add_rows(MINUTE, X, [flowers.score(X).prediction])
    labels, counts = np.unique(flowers.score(X).prediction.astype(str), return_counts=True)
    counted = told(flowers, mine)["predictions"]["counts"]
    assert {label: count for label, count in counted.items() if count} == dict(
        zip(labels.tolist(), counts.tolist(), strict=True)
    )


def test_a_prediction_that_is_no_number_spoils_no_mean(houses: Bundle) -> None:
    mine = watch(houses)
    mine.add_rows(MINUTE, golden(houses)[:3], [np.array([1.0, np.nan]), np.array([4.0])])
    mine.add_rows(MINUTE, golden(houses)[:1], [np.array([np.inf])])
    assert told(houses, mine)["predictions"] == {
        "count": 2,
        "mean": 2.5,
        "min": 1.0,
        "max": 4.0,
        "not_finite": 2,
    }


def test_a_column_that_is_always_missing_has_no_mean(houses: Bundle) -> None:
    X = golden(houses)[:4].copy()
    X[:, 1] = np.nan
    mine = watch(houses)
    mine.add_rows(MINUTE, X, [houses.score(X).prediction])
    rooms = told(houses, mine)["features"]["rooms"]
    assert rooms == {"missing_rate": 1.0, "mean": None, "min": None, "max": None}


def test_sums_beyond_all_numbers_are_no_mean(houses: Bundle) -> None:
    X = golden(houses)[:4].copy()
    X[:, 1] = 1e308
    recorder = Recorder()
    recorder.watch("houses", "1", houses)
    for _ in range(2):
        series = recorder.series("houses", "1", "champion", "predict")
        recorder.add(series, 200, 0.001, X, Scores(np.full(4, 1e308)), 0)
        recorder.fold()
    merged = merge([recorder.snapshot(worker, ready=True) for worker in "01"])
    answer = document(merged, "houses", houses.contract, 60)
    assert answer["features"]["rooms"]["mean"] is None
    assert answer["predictions"]["mean"] is None


def test_a_window_holds_the_current_minute_and_those_before_it(houses: Bundle) -> None:
    mine = watch(houses)
    for minute in range(MINUTE - 70, MINUTE + 1):
        mine.add(minute, np.array([0.001]), 0)
    counts = [told(houses, mine, window=length)["latency_ms"]["count"] for length in (1, 5, 60)]
    assert counts == [1, 5, 60]


def test_what_is_over_an_hour_old_is_not_told(houses: Bundle) -> None:
    mine = watch(houses)
    mine.add(MINUTE - 60, np.array([0.001]), 0)
    assert told(houses, mine)["versions"] == {}


def test_a_clock_that_is_set_back_leaves_no_minute_of_the_future(houses: Bundle) -> None:
    mine = watch(houses)
    mine.add(MINUTE + 500, np.array([0.001]), 0)
    mine.add(MINUTE, np.array([0.001]), 0)
    assert mine.seen(MINUTE).minutes == (MINUTE,)


def test_workers_are_told_together(houses: Bundle) -> None:
    X = golden(houses)
    workers = [watch(houses) for _ in range(3)]
    for mine, rows in zip(workers, np.array_split(X, 3), strict=True):
        mine.add_rows(MINUTE, rows, [houses.score(rows).prediction])
        mine.add(MINUTE, np.array([0.001]), 0)
    alone = watch(houses)
    alone.add_rows(MINUTE, X, [houses.score(X).prediction])
    alone.add(MINUTE, np.full(3, 0.001), 0)
    together, expected = told(houses, *workers), told(houses, alone)
    np.testing.assert_allclose(
        together["features"]["income"]["mean"], expected["features"]["income"]["mean"]
    )
    for answer in (together, expected):
        del answer["features"], answer["versions"]
        answer["predictions"]["mean"] = round(answer["predictions"]["mean"], 6)
    assert together == expected


def test_versions_with_the_same_columns_are_told_together_and_apart(houses: Bundle) -> None:
    first, second = watch(houses, "1"), watch(houses, "2")
    for mine, rows in ((first, golden(houses)[:2]), (second, golden(houses)[:3])):
        mine.add_rows(MINUTE, rows, [houses.score(rows).prediction])
    answer = told(houses, first, second)
    assert answer["rows"] == 5
    assert answer["together"] == ["1", "2"]
    assert {label: each["rows"] for label, each in answer["versions"].items()} == {"1": 2, "2": 3}


def test_a_version_with_other_columns_is_told_apart(houses: Bundle, flowers: Bundle) -> None:
    other, mine = Watch("houses", "1", flowers), watch(houses, "2")
    X = golden(flowers)
    other.add_rows(MINUTE, X, [flowers.score(X).prediction])
    mine.add(MINUTE, np.array([0.001]), 0)
    answer = told(houses, other, mine)
    assert answer["together"] == ["2"]
    assert answer["rows"] == 0
    assert answer["versions"]["1"]["rows"] == len(X)
    assert list(answer["versions"]["1"]["features"]) == list(flowers.contract.columns)


def test_a_model_is_not_told_of_another(houses: Bundle, flowers: Bundle) -> None:
    other = watch(flowers)
    other.add(MINUTE, np.array([0.001]), 0)
    assert told(houses, other)["versions"] == {}


def test_a_served_version_is_told_before_its_first_request(houses: Bundle) -> None:
    recorder = Recorder()
    recorder.watch("houses", "4", houses)
    recorder.serve("1", [("houses", "4")])
    merged = merge([recorder.snapshot("0", ready=True)])
    assert document(merged, "houses", houses.contract, 5)["together"] == ["4"]
