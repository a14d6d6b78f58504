from __future__ import annotations

import itertools
import threading
import time
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fairlead.bundle.reading import Bundle
from fairlead.serving.counted import STALE_S, Snapshot, compact
from fairlead.serving.recorder import Recorder
from fairlead.serving.snapshots import ENDED, SUFFIX, Snapshots, merge


def recorded(requests: int) -> Recorder:
    """A worker that has answered so many requests."""
    recorder = Recorder()
    add(recorder, requests)
    return recorder


def add(recorder: Recorder, requests: int = 1) -> None:
    series = recorder.series("flowers", "1", "champion", "predict")
    for _ in range(requests):
        recorder.add(series, 200, 0.001, None, None, 1)


def requests_in(folder: Path) -> int:
    """As any worker would tell it."""
    merged = merge(Snapshots(folder, "reader").read_all())
    return sum(sum(each.statuses.values()) for each in merged.requests)


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_is_written_is_read_back(tmp_path: Path, houses: Bundle) -> None:
    recorder = recorded(3)
    recorder.watch("houses", "2", houses)
    recorder.serve("5", [("houses", "2")])
    X = houses.encode(houses.golden()["records"])
    series = recorder.series("houses", "2", "champion", "predict_batch")
    recorder.add(series, 200, 0.01, X, houses.score(X), 0)
    recorder.count("reloads", outcome="loaded")
    snapshots = Snapshots(tmp_path / "stats", "0")
    assert snapshots.write(recorder, ready=True)
    (read,) = snapshots.read_all()
    (worker,) = read.workers
    assert (worker.id, worker.ready, worker.generation) == ("0", True, "5")
    expected = recorder.snapshot("0", ready=True)
    assert (read.requests, read.counters) == (expected.requests, expected.counters)
    assert read.seen == expected.seen


def test_one_file_is_left_of_many_writes(tmp_path: Path) -> None:
    recorder, snapshots = recorded(1), Snapshots(tmp_path, "0")
    for _ in range(3):
        snapshots.write(recorder, ready=True)
    assert files(tmp_path) == ["0.stats"]


def test_a_write_changes_the_heartbeat(tmp_path: Path) -> None:
    recorder, snapshots = recorded(1), Snapshots(tmp_path, "0")
    before = snapshots.stamp("0")
    snapshots.write(recorder, ready=True)
    first = snapshots.stamp("0")
    time.sleep(0.02)
    snapshots.write(recorder, ready=True)
    assert before is None
    assert first is not None
    assert first != snapshots.stamp("0")


def test_a_folder_that_cannot_be_written_to_is_told_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    snapshots = Snapshots(tmp_path / "stats", "0")
    (tmp_path / "stats").rmdir()
    written = [snapshots.write(recorded(1), ready=True) for _ in range(3)]
    assert written == [False] * 3
    assert [record.message for record in caplog.records] == ["snapshot_failed"]


def test_requests_of_all_workers_are_added(tmp_path: Path) -> None:
    for number in range(3):
        Snapshots(tmp_path, str(number)).write(recorded(number + 1), ready=True)
    assert requests_in(tmp_path) == 6


def test_merging_leaves_what_is_merged_as_it_was() -> None:
    parts = [recorded(2).snapshot(worker, ready=True) for worker in "01"]
    before = msgspec.msgpack.encode(parts)
    merge(parts)
    assert msgspec.msgpack.encode(parts) == before


def test_a_worker_that_has_long_been_silent_does_not_live() -> None:
    snapshot = recorded(2).snapshot("0", ready=True)
    later = snapshot.workers[0].written_at + STALE_S + 1
    merged = merge([snapshot], now=later)
    assert merged.workers == ()
    assert merged.requests == snapshot.requests


def test_ended_workers_still_count(tmp_path: Path) -> None:
    for worker in "012":
        Snapshots(tmp_path, worker).write(recorded(2), ready=True)
    Snapshots(tmp_path, "supervisor").fold_ended({"1"})
    assert files(tmp_path) == ["1.stats", "ended.stats"]
    assert requests_in(tmp_path) == 6


def test_ended_workers_are_folded_on_top_of_earlier_ones(tmp_path: Path) -> None:
    supervisor = Snapshots(tmp_path, "supervisor")
    for _ in range(5):
        Snapshots(tmp_path, "0").write(recorded(2), ready=True)
        supervisor.fold_ended(set())
    assert files(tmp_path) == ["ended.stats"]
    assert requests_in(tmp_path) == 10


def test_an_id_can_be_used_again_after_folding(tmp_path: Path) -> None:
    Snapshots(tmp_path, "0").write(recorded(2), ready=True)
    Snapshots(tmp_path, "supervisor").fold_ended(set())
    Snapshots(tmp_path, "0").write(recorded(3), ready=True)
    assert requests_in(tmp_path) == 5


def test_nothing_ended_writes_nothing(tmp_path: Path) -> None:
    Snapshots(tmp_path, "0").write(recorded(2), ready=True)
    Snapshots(tmp_path, "supervisor").fold_ended({"0"})
    assert files(tmp_path) == ["0.stats"]


def test_a_fold_that_was_cut_off_before_removing_files_counts_nothing_twice(tmp_path: Path) -> None:
    Snapshots(tmp_path, "0").write(recorded(2), ready=True)
    content = (tmp_path / "0.stats").read_bytes()
    supervisor = Snapshots(tmp_path, "supervisor")
    supervisor.fold_ended(set())
    (tmp_path / "0.stats").write_bytes(content)
    between = requests_in(tmp_path)
    supervisor.fold_ended(set())
    assert (between, requests_in(tmp_path)) == (2, 2)
    assert files(tmp_path) == ["ended.stats"]


class HaltingPath(type(Path())):  # type: ignore[misc]
    """Lets something happen just before a certain file is read."""

    def read_bytes(self) -> bytes:
        HAPPENS.get(self.name, lambda: None)()
        return Path(str(self)).read_bytes()


HAPPENS: dict[str, object] = {}


@pytest.mark.parametrize("moment", ["0.stats", "1.stats", "ended.stats"])
def test_a_fold_at_any_moment_of_a_reading_loses_and_doubles_nothing(
    tmp_path: Path, moment: str
) -> None:
    for worker in "01":
        Snapshots(tmp_path, worker).write(recorded(2), ready=True)
    HAPPENS.clear()
    HAPPENS[moment] = lambda: Snapshots(tmp_path, "supervisor").fold_ended(set())
    reader = Snapshots(HaltingPath(tmp_path), "reader")
    merged = merge(reader.read_all())
    HAPPENS.clear()
    assert files(tmp_path) == ["ended.stats"]
    assert merged.requests[0].statuses == {"2xx": 4}


def test_counters_never_go_down_while_workers_end(tmp_path: Path) -> None:
    supervisor, stop = Snapshots(tmp_path, "supervisor"), threading.Event()
    told: list[int] = []

    def read() -> None:
        while not stop.is_set():
            told.append(requests_in(tmp_path))

    reader = threading.Thread(target=read)
    reader.start()
    for number in range(60):
        Snapshots(tmp_path, str(number % 3)).write(recorded(2), ready=True)
        supervisor.fold_ended({str((number - 1) % 3)} if number % 2 else set())
    stop.set()
    reader.join()
    told.append(requests_in(tmp_path))
    assert told[-1] == 120
    assert all(before <= after for before, after in itertools.pairwise(told))


def test_a_file_of_something_else_is_passed_over(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Snapshots(tmp_path, "0").write(recorded(2), ready=True)
    (tmp_path / f"other{SUFFIX}").write_bytes(b"\xc1 something else")
    assert requests_in(tmp_path) == 2
    assert [record.message for record in caplog.records] == ["snapshot_unreadable"]


def test_the_name_of_the_ended_is_no_workers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=ENDED):
        Snapshots(tmp_path, ENDED)


def test_ended_workers_keep_their_minutes_for_an_hour(houses: Bundle) -> None:
    parts = []
    for _ in range(2):
        recorder = Recorder()
        recorder.watch("houses", "1", houses)
        X = houses.encode(houses.golden()["records"])
        series = recorder.series("houses", "1", "champion", "predict")
        recorder.add(series, 200, 0.01, X, houses.score(X), 0)
        parts += recorder.snapshot("0", ready=True).seen
    minute = parts[-1].minutes[-1]
    (together,) = compact(parts, minute)
    sums = together.sums
    added = parts[0].rows()[:, :sums].sum(axis=0) + parts[1].rows()[:, :sums].sum(axis=0)
    np.testing.assert_allclose(together.rows()[:, :sums].sum(axis=0), added)
    highs = np.maximum(parts[0].rows()[:, sums:].max(axis=0), parts[1].rows()[:, sums:].max(axis=0))
    np.testing.assert_array_equal(together.rows()[:, sums:].max(axis=0), highs)
    assert compact(parts, minute + 60) == []


def test_a_snapshot_of_nothing_is_empty() -> None:
    assert merge([]) == Snapshot()
