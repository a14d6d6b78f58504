from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fairlead.bundle.reading import Bundle
from fairlead.serving.counted import merge
from fairlead.serving.metrics import expose
from fairlead.serving.monitor import document, minutes
from fairlead.serving.recorder import Recorder
from fairlead.serving.snapshots import Snapshots


def recorded(bundle: Bundle, records: list[dict[str, object]]) -> Recorder:
    recorder = Recorder()
    recorder.watch(bundle.name, "1", bundle)
    series = recorder.series(bundle.name, "1", "champion", "predict")
    for record in records:
        X = bundle.encode([record])
        recorder.add(series, 200, 0.002, X, bundle.score(X), 0)
    recorder.add(series, 422, 0.001, None, None, 1)
    recorder.serve("1", [(bundle.name, "1")])
    return recorder


def test_two_workers_are_told_as_one(houses: Bundle, tmp_path: Path) -> None:
    records = houses.golden()["records"][:10]
    for name in ("0", "1"):
        Snapshots(tmp_path, name).write(recorded(houses, records), ready=True)
    told = document(merge(Snapshots(tmp_path, "0").read_all()), "houses", houses.contract, 60)
    X = np.vstack([houses.encode([record]) for record in records])
    assert (told["rows"], told["refused_rows"], told["latency_ms"]["count"]) == (20, 2, 22)
    assert told["features"]["age"]["mean"] == pytest.approx(np.nanmean(X[:, 0]))
    assert told["features"]["rooms"]["missing_rate"] == pytest.approx(np.isnan(X[:, 1]).mean())
    assert told["predictions"]["count"] == 20


def test_counters_of_a_worker_that_ended_are_kept(houses: Bundle, tmp_path: Path) -> None:
    records = houses.golden()["records"][:3]
    Snapshots(tmp_path, "0").write(recorded(houses, records), ready=True)
    Snapshots(tmp_path, "supervisor").fold_ended([])
    Snapshots(tmp_path, "0").write(recorded(houses, records), ready=True)
    text = expose(merge(Snapshots(tmp_path, "0").read_all())).decode()
    assert 'fairlead_rows_total{model="houses",outcome="scored",version="1"} 6.0' in text


def test_a_file_that_something_else_wrote_is_passed_over(houses: Bundle, tmp_path: Path) -> None:
    Snapshots(tmp_path, "0").write(recorded(houses, []), ready=True)
    (tmp_path / "1.stats").write_bytes(b"not a snapshot")
    assert len(Snapshots(tmp_path, "0").read_all()) == 1


def test_nothing_recorded_is_told_as_nothing(flowers: Bundle) -> None:
    recorder = Recorder()
    recorder.watch("flowers", "1", flowers)
    recorder.serve("1", [("flowers", "1")])
    told = document(merge([recorder.snapshot("0", ready=True)]), "flowers", flowers.contract, 5)
    assert (told["rows"], told["latency_ms"]["p50"]) == (0, None)


@pytest.mark.parametrize(("window", "length"), [("1m", 1), ("15m", 15), ("60m", 60), ("1h", 60)])
def test_a_window_is_read(window: str, length: int) -> None:
    assert minutes(window) == length


@pytest.mark.parametrize("window", ["", "0m", "61m", "2h", "5", "5 m", "m"])
def test_another_window_is_refused(window: str) -> None:
    with pytest.raises(ValueError, match="window should be"):
        minutes(window)
