"""What is too old is deleted by whoever comes first, and what is being written never is."""

from __future__ import annotations

import fcntl
import logging
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fairlead.serving import prediction_retention
from fairlead.serving.prediction_retention import Deleted, Retention, retain
from fairlead.serving.prediction_segments import SegmentWriter

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OLD = "20261115T120000-1-a.jsonl"
PATIENCE_S = 20.0


def made(folder: Path, *names: str) -> Path:
    """The folder of a version, with files."""
    version = folder / "m" / "3"
    for name in names:
        path = version / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return version


def left(version: Path) -> list[str]:
    return sorted(str(path.relative_to(version)) for path in version.rglob("*"))


def wait_for(happened: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_files_are_deleted_when_they_are_a_day_older_than_they_must_be(tmp_path: Path) -> None:
    version = made(
        tmp_path, OLD, "20261116T110000-1-b.open.jsonl", "20261116T130000-1-c.jsonl",
        "20261110T130000-1-d.damaged", "notes.txt", "day=2026-11-15/20261115T120000-1-e.parquet",
        "day=2026-11-15/.f.part", "day=2026-11-16/20261116T000000-1-g.parquet",
        "day=2026-11-17/20261117T000000-1-h.parquet",
    )  # fmt: skip
    assert retain(tmp_path, 7, NOW) == Deleted(6)
    assert left(version) == [
        "20261116T130000-1-c.jsonl",
        "day=2026-11-17",
        "day=2026-11-17/20261117T000000-1-h.parquet",
        "notes.txt",
    ]


def test_an_empty_day_is_removed_and_a_folder_in_it_is_left_alone(tmp_path: Path) -> None:
    version = made(tmp_path, "day=2026-11-15/mine/notes.txt")
    (version / "day=2026-11-14").mkdir()
    assert retain(tmp_path, 7, NOW) == Deleted()
    assert left(version) == [
        "day=2026-11-15",
        "day=2026-11-15/mine",
        "day=2026-11-15/mine/notes.txt",
    ]


def test_what_is_being_written_is_never_deleted(tmp_path: Path) -> None:
    writer = SegmentWriter(tmp_path / "m" / "3", b"{}\n")
    later = datetime.now(UTC) + timedelta(days=99)
    kept = retain(tmp_path, 1, later)
    writer.finish()
    assert (kept, retain(tmp_path, 1, later)) == (Deleted(0), Deleted(1))


def test_what_is_being_compacted_is_left_to_whoever_does_it(tmp_path: Path) -> None:
    path = made(tmp_path, OLD) / OLD
    with path.open() as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert retain(tmp_path, 7, NOW) == Deleted(0)
    assert path.exists()


def test_one_file_that_cannot_be_deleted_does_not_keep_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made(tmp_path, OLD, "20261114T120000-1-b.jsonl", "20261113T120000-1-c.jsonl")
    unlink = Path.unlink

    def refuse(path: Path) -> None:
        if path.name == "20261114T120000-1-b.jsonl":
            raise PermissionError(13, "Permission denied")
        unlink(path)

    monkeypatch.setattr(Path, "unlink", refuse)
    assert retain(tmp_path, 7, NOW) == Deleted(2, 1, "Permission denied")


def test_a_folder_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert retain(tmp_path / "nowhere", 7) == Deleted()


def _retain(folder: Path) -> Deleted:
    return retain(folder, 7, NOW)


def test_several_processes_delete_each_file_once(tmp_path: Path) -> None:
    days = [f"2026-10-{day:02d}" for day in range(1, 29)]
    segments = [f"{day.replace('-', '')}T120000-{number}-a" for day in days for number in range(20)]
    version = made(
        tmp_path,
        *(f"{name}.jsonl" for name in segments),
        *(f"day={name[:4]}-{name[4:6]}-{name[6:8]}/{name}.parquet" for name in segments),
    )
    with ProcessPoolExecutor(3) as pool:
        done = list(pool.map(_retain, [tmp_path] * 6))
    assert sum(each.files for each in done) == 2 * len(segments)
    assert {(each.failed, each.reason) for each in done} == {(0, "")}
    assert left(version) == []


def test_it_is_done_at_once_and_again_after_a_while(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    version = made(tmp_path, OLD)
    retention = Retention(tmp_path, 7, every_s=0.01)
    wait_for(lambda: left(version) == [])
    made(tmp_path, OLD)
    wait_for(lambda: left(version) == [])
    wait_for(lambda: len(caplog.records) == 2)
    retention.close()
    assert [vars(record)["files"] for record in caplog.records] == [1, 1]
    assert {record.getMessage() for record in caplog.records} == {"predictions_expired"}


def test_what_cannot_be_deleted_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    failures = iter([OSError(5, "Input/output error")])

    def fail(folder: Path, days: int, **options: object) -> Deleted:
        for failure in failures:
            raise failure
        return Deleted(0, 3, "Permission denied")

    monkeypatch.setattr(prediction_retention, "retain", fail)
    retention = Retention(tmp_path, 7, every_s=0.01)
    wait_for(lambda: len(caplog.records) >= 2)
    retention.close()
    told = [(vars(record)["files"], vars(record)["reason"]) for record in caplog.records[:2]]
    assert caplog.records[0].getMessage() == "predictions_not_deleted"
    assert told == [(1, "Input/output error"), (3, "Permission denied")]
