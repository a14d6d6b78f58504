from __future__ import annotations

import numpy as np
import pytest

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle
from fairlead.serving.counted import Snapshot, merge
from fairlead.serving.metrics import expose
from fairlead.serving.recorder import COUNTERS, Recorder, Series


@pytest.fixture
def recorder(flowers: Bundle, houses: Bundle) -> Recorder:
    """Watches both models."""
    recorder = Recorder()
    recorder.watch("flowers", "1", flowers)
    recorder.watch("houses", "1", houses)
    return recorder


def predict(recorder: Recorder, model: str = "flowers", route: str = "champion") -> Series:
    return recorder.series(model, "1", route, "predict")


def send(recorder: Recorder, series: Series, bundle: Bundle, count: int) -> None:
    """Score golden rows, one request each."""
    X = bundle.encode(bundle.golden()["records"])
    for index in range(count):
        row = X[[index % len(X)]]
        recorder.add(series, 200, 0.003, row, bundle.score(row), 0)


def taken(recorder: Recorder) -> Snapshot:
    return merge([recorder.snapshot("0", ready=True)])


def exposed(recorder: Recorder) -> list[str]:
    return expose(taken(recorder)).decode().splitlines()


def test_requests_are_counted_by_their_labels_and_status_class(
    recorder: Recorder, flowers: Bundle
) -> None:
    send(recorder, predict(recorder), flowers, 3)
    recorder.add(predict(recorder), 422, 0.001, None, None, 2)
    recorder.add(predict(recorder), 499, 0.001, None, None, 0)
    send(recorder, predict(recorder, route="challenger"), flowers, 1)
    lines = exposed(recorder)
    labels = 'fairlead_requests_total{model="flowers",operation="predict",route="%s",status="%s"'
    assert [line for line in lines if line.startswith("fairlead_requests_total")] == [
        f'{labels % ("champion", "2xx")},version="1"}} 3.0',
        f'{labels % ("champion", "4xx")},version="1"}} 2.0',
        f'{labels % ("challenger", "2xx")},version="1"}} 1.0',
    ]


def test_rows_are_counted_by_outcome(recorder: Recorder, flowers: Bundle) -> None:
    X = flowers.encode(flowers.golden()["records"])
    recorder.add(predict(recorder), 200, 0.01, X, flowers.score(X), 5)
    lines = exposed(recorder)
    labels = 'fairlead_rows_total{model="flowers",outcome="%s",version="1"}'
    assert f"{labels % 'scored'} {float(len(X))}" in lines
    assert f"{labels % 'refused'} 5.0" in lines


def test_a_duration_counts_in_every_bucket_above_it(recorder: Recorder) -> None:
    for seconds in (0.0005, 0.02, 60.0):
        recorder.add(predict(recorder), 200, seconds, None, None, 0)
    lines = exposed(recorder)
    name = "fairlead_request_duration_seconds"
    bucket = f'{name}_bucket{{le="%s",model="flowers",operation="predict",version="1"}}'
    assert f"{bucket % '0.0005'} 1.0" in lines
    assert f"{bucket % '0.01'} 1.0" in lines
    assert f"{bucket % '0.025'} 2.0" in lines
    assert f"{bucket % '10.0'} 2.0" in lines
    assert f"{bucket % '+Inf'} 3.0" in lines
    assert f'{name}_sum{{model="flowers",operation="predict",version="1"}} 60.0205' in lines


def test_durations_of_two_routes_are_one_histogram(recorder: Recorder, flowers: Bundle) -> None:
    send(recorder, predict(recorder), flowers, 2)
    send(recorder, predict(recorder, route="challenger"), flowers, 3)
    counts = [line for line in exposed(recorder) if "seconds_count" in line]
    assert [line.rpartition(" ")[2] for line in counts] == ["5.0"]


def test_paths_of_no_model_have_no_rows(recorder: Recorder) -> None:
    recorder.add(recorder.series("", "", "", "other"), 404, 0.001, None, None, 0)
    lines = exposed(recorder)
    labels = '{model="",operation="other",route="",status="4xx",version=""}'
    assert f"fairlead_requests_total{labels} 1.0" in lines
    assert not any(line.startswith("fairlead_rows_total{") for line in lines)


def test_a_version_that_is_not_watched_is_counted_all_the_same(flowers: Bundle) -> None:
    recorder = Recorder()
    send(recorder, predict(recorder), flowers, 4)
    snapshot = taken(recorder)
    assert snapshot.requests[0].scored == 4
    assert snapshot.seen == []


def test_labels_are_the_same_series_each_time(recorder: Recorder) -> None:
    assert predict(recorder) is predict(recorder)


def test_requests_fold_to_the_same_whether_one_by_one_or_all_at_once(
    recorder: Recorder, houses: Bundle
) -> None:
    one_by_one, at_once = Recorder(), recorder
    one_by_one.watch("houses", "1", houses)
    for each, step in ((one_by_one, 1), (at_once, 100)):
        X = houses.encode(houses.golden()["records"])
        for start in range(0, len(X), step):
            part = X[start : start + step]
            each.add(predict(each, "houses"), 200, 0.002, part, houses.score(part), 0)
            each.fold()
    rows = [
        next(seen for seen in taken(each).seen if seen.model == "houses").rows().sum(axis=0)
        for each in (one_by_one, at_once)
    ]
    latency = slice(2, 64)
    np.testing.assert_allclose(np.delete(rows[0], latency), np.delete(rows[1], latency))


def test_a_request_of_which_no_row_was_scored_folds(recorder: Recorder) -> None:
    recorder.add(predict(recorder), 200, 0.001, np.empty((0, 4)), None, 3)
    recorder.add(predict(recorder), 200, 0.001, np.empty((0, 4)), Scores(np.array([], object)), 1)
    requests = taken(recorder).requests[0]
    assert (requests.scored, requests.refused, requests.statuses) == (0, 4, {"2xx": 2})


def test_counters_that_never_moved_are_told_as_zero(recorder: Recorder) -> None:
    recorder.count("shed", reason="deadline")
    recorder.count("shed", 2, reason="deadline")
    lines = exposed(recorder)
    assert 'fairlead_shed_total{reason="deadline"} 3.0' in lines
    assert 'fairlead_shed_total{reason="queue_full"} 0.0' in lines
    assert "fairlead_log_lines_lost_total 0.0" in lines


def test_a_total_replaces_the_one_before(recorder: Recorder) -> None:
    recorder.total("log_lines_lost", 4)
    recorder.total("log_lines_lost", 6)
    assert "fairlead_log_lines_lost_total 6.0" in exposed(recorder)


def test_totals_of_several_workers_are_added(recorder: Recorder) -> None:
    recorder.total("log_lines_lost", 6)
    merged = merge([recorder.snapshot("0", ready=True), recorder.snapshot("1", ready=True)])
    assert "fairlead_log_lines_lost_total 12.0" in expose(merged).decode().splitlines()


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("shed", {"reason": "a caller's text"}),
        ("shed", {}),
        ("shed", {"reason": "deadline", "path": "/"}),
        ("surprises", {}),
    ],
)
def test_what_is_not_declared_is_not_counted(
    recorder: Recorder, name: str, labels: dict[str, str]
) -> None:
    with pytest.raises(KeyError):
        recorder.count(name, **labels)


def test_what_is_served_and_by_whom_is_told(recorder: Recorder, flowers: Bundle) -> None:
    recorder.serve("7", [("flowers", "1")])
    lines = exposed(recorder)
    digest = f'digest="{flowers.digest}",model="flowers",version="1"'
    assert f'fairlead_model_info{{candidate="linear",{digest}}} 1.0' in lines
    assert 'fairlead_ready{worker="0"} 1.0' in lines
    assert any(line.startswith('fairlead_worker_cpu_seconds_total{worker="0"} ') for line in lines)


def test_statistics_of_a_version_that_was_never_asked_go_when_it_is_replaced(
    recorder: Recorder, flowers: Bundle
) -> None:
    recorder.watch("flowers", "2", flowers)
    send(recorder, predict(recorder), flowers, 1)
    recorder.fold()
    recorder.serve("2", [("flowers", "2")])
    seen = {(each.model, each.version) for each in taken(recorder).seen}
    assert seen == {("flowers", "1"), ("flowers", "2")}


def test_totals_stay_when_a_version_is_served_no_more(
    recorder: Recorder, flowers: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(recorder, predict(recorder), flowers, 2)
    recorder.fold()
    monkeypatch.setattr("fairlead.serving.recorder.time.time", lambda: 4e9)
    recorder.serve("2", [])
    send(recorder, predict(recorder), flowers, 3)
    snapshot = taken(recorder)
    assert sum(each.scored for each in snapshot.requests) == 5
    assert snapshot.seen == []


def test_every_counter_says_what_it_counts() -> None:
    assert all(declared.help.endswith(".") for declared in COUNTERS.values())
