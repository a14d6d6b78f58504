"""Every prediction is in a segment or is counted as dropped, and no request waits for that."""

from __future__ import annotations

import json
import logging
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving import prediction_log
from fairlead.serving.prediction_log import LogTarget, PredictionLog
from fairlead.serving.prediction_segments import folder_name

FLOWERS = Contract(
    task="classification",
    columns={
        "petal_length": ColumnSpec(type="number"),
        "colour": ColumnSpec(type="category", values=("red", "blue"), unknown="flag"),
    },
    target=TargetSpec(name="species"),
    classes=("setosa", "virginica"),
)
HOUSES = Contract(
    task="regression",
    columns={"age": ColumnSpec(type="integer"), "rooms": ColumnSpec(type="integer")},
    target=TargetSpec(name="price"),
)
SETOSA = Scores(np.array(["setosa"], object), np.array([[0.75, 0.25]]))
FLOWER = np.array([[1.4, 1.0]])


def prices(*values: float) -> Scores:
    return Scores(np.array(values))


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*/*/*.jsonl"), key=lambda path: path.stat().st_mtime_ns)


def lines(folder: Path) -> list[dict[str, Any]]:
    """All lines of all segments, without the headers."""
    return [
        json.loads(line)
        for path in segments(folder)
        for line in path.read_text(encoding="utf-8").splitlines()[1:]
    ]


def wait_for(happened: Callable[[], object]) -> None:
    """Until the writer's thread has done something; at most 10 seconds."""
    until = time.monotonic() + 10
    while not happened() and time.monotonic() < until:
        time.sleep(0.002)


def fill(log: PredictionLog, target: LogTarget, *ids: str) -> None:
    for name in ids:
        log.add(target, name, "champion", FLOWER, SETOSA, 0.00012)
    log.flush()


def test_a_segment_begins_with_what_its_lines_mean(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    fill(log, log.target("flowers", "3", "abc", FLOWERS), "one")
    log.close()
    (path,) = segments(tmp_path)
    assert path.parent == tmp_path / "flowers" / "3"
    assert json.loads(path.read_text(encoding="utf-8").splitlines()[0]) == {
        "format": 1,
        "model": "flowers",
        "version": "3",
        "digest": "abc",
        "columns": [
            {"name": "petal_length", "type": "number"},
            {"name": "colour", "type": "category", "values": ["red", "blue"]},
        ],
        "classes": ["setosa", "virginica"],
    }


def test_a_request_is_a_line(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    before = int(time.time() * 1e6)
    fill(log, log.target("flowers", "3", "abc", FLOWERS), "one")
    log.close()
    (line,) = lines(tmp_path)
    assert before <= line.pop("t") <= time.time() * 1e6
    assert line == {
        "id": "one",
        "route": "champion",
        "us": 120,
        "rows": [[1.4, 1.0]],
        "predictions": [0],
        "probabilities": [[0.75, 0.25]],
    }


def test_a_number_is_logged_bit_for_bit_and_none_for_what_is_not_finite(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    target = log.target("houses", "3", "abc", HOUSES)
    X = np.array([[0.1 + 0.2, math.nan], [-1.0, 5e-324], [3.0, 4.0]])
    log.add(target, "one", "champion", X, prices(1 / 3, math.nan, math.inf), 0.1, range(3))
    log.close()
    (line,) = lines(tmp_path)
    assert line["rows"] == [[0.1 + 0.2, None], [-1.0, 5e-324], [3.0, 4.0]]
    assert line["predictions"] == [1 / 3, None, None]
    assert line["first"] == 0


def test_a_request_of_many_rows_takes_several_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "LINE_VALUES", 4)
    log = PredictionLog(tmp_path)
    target = log.target("houses", "3", "abc", HOUSES)
    X = np.arange(10.0).reshape(5, 2)
    log.add(target, "one", "champion", X[:1], prices(0), 0.1)
    log.add(target, "two", "champion", X, prices(0, 1, 2, 3, 4), 0.1, range(5))
    log.close()
    told = [(line["id"], line.get("first"), line["predictions"]) for line in lines(tmp_path)]
    assert told == [("one", None, [0]), ("two", 0, [0, 1]), ("two", 2, [2, 3]), ("two", 4, [4])]
    assert [row for line in lines(tmp_path)[1:] for row in line["rows"]] == X.tolist()


def test_rows_keep_their_places_where_others_were_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "LINE_VALUES", 4)
    log = PredictionLog(tmp_path)
    target = log.target("houses", "3", "abc", HOUSES)
    numbers = [1, 3, 4, 5, 9]
    log.add(target, "many", "champion", np.ones((5, 2)), prices(*numbers), 0.1, numbers)
    log.add(target, "one", "champion", np.ones((1, 2)), prices(0), 0.1, range(1))
    log.close()
    told = [(line["id"], line["first"], line.get("numbers")) for line in lines(tmp_path)]
    assert told == [("many", 1, [1, 3]), ("many", 4, None), ("many", 9, None), ("one", 0, None)]


def test_requests_of_two_versions_are_kept_apart(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    three, four = (log.target("houses", label, label, HOUSES) for label in ("3", "4"))
    for number in range(4):
        log.add((three, four)[number % 2], str(number), "a", np.ones((1, 2)), prices(1), 0.1)
    log.close()
    found = {path.parent.name: path.read_text(encoding="utf-8") for path in segments(tmp_path)}
    assert {name: text.count('"id"') for name, text in found.items()} == {"3": 2, "4": 2}


def test_a_masked_column_is_missing_and_an_omitted_one_is_absent(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, mask=frozenset({"colour"}), omit=frozenset({"petal_length"}))
    X = FLOWER.copy()
    log.add(log.target("flowers", "3", "abc", FLOWERS), "one", "champion", X, SETOSA, 0.1)
    log.close()
    header = json.loads(segments(tmp_path)[0].read_text(encoding="utf-8").splitlines()[0])
    assert [(each["name"], each["masked"]) for each in header["columns"]] == [("colour", True)]
    assert lines(tmp_path)[0]["rows"] == [[None]]
    assert (X == FLOWER).all()


def test_no_column_at_all_may_be_logged(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, omit=frozenset(HOUSES.columns))
    target = log.target("houses", "3", "abc", HOUSES)
    log.add(target, "one", "champion", np.ones((2, 2)), prices(1, 2), 0.1, range(2))
    log.close()
    assert lines(tmp_path)[0]["rows"] == [[], []]


def sampled(folder: Path, label: str, share: float) -> set[str]:
    log = PredictionLog(folder, sample=share)
    target = log.target("flowers", label, "abc", FLOWERS)
    fill(log, target, *(f"request-{number:04d}" for number in range(2000)))
    log.close()
    return {line["id"] for line in lines(folder)}


def test_a_sample_has_the_same_requests_in_every_process_and_version(tmp_path: Path) -> None:
    some = sampled(tmp_path / "a", "3", 0.25)
    assert some == sampled(tmp_path / "b", "4", 0.25)
    assert 400 < len(some) < 600
    assert sampled(tmp_path / "c", "4", 0.1) < some


def test_an_empty_sample_logs_nothing(tmp_path: Path) -> None:
    assert sampled(tmp_path, "3", 0.0) == set()


def test_rows_are_dropped_and_counted_while_too_many_wait(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("not a folder")
    log = PredictionLog(tmp_path / "log", max_pending_rows=3)
    fill(log, log.target("flowers", "3", "abc", FLOWERS), *"abcde")
    before = log.dropped_rows
    log.close()
    assert (before, log.dropped_rows, log.written_rows) == (2, 5, 0)


def test_a_folder_that_cannot_be_written_is_told_once_and_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    monkeypatch.setattr(prediction_log, "RETRY_S", 0.01)
    obstacle = tmp_path / "log"
    obstacle.write_text("not a folder")
    log = PredictionLog(obstacle)
    target = log.target("flowers", "3", "abc", FLOWERS)
    fill(log, target, "one")
    wait_for(lambda: caplog.records)
    fill(log, target, "two")
    time.sleep(0.05)
    obstacle.unlink()
    wait_for(lambda: log.written_rows == 2)
    log.close()
    assert [line["id"] for line in lines(obstacle)] == ["one", "two"]
    assert [record.getMessage() for record in caplog.records] == [
        "prediction_log_unwritable",
        "prediction_log_writable",
    ]


def test_a_deleted_folder_is_made_again(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path / "log")
    target = log.target("flowers", "3", "abc", FLOWERS)
    fill(log, target, "one")
    wait_for(lambda: log.written_rows)
    (path,) = segments(tmp_path / "log")
    path.unlink()
    path.parent.rmdir()
    fill(log, target, "two")
    log.close()
    assert [line["id"] for line in lines(tmp_path / "log")] == ["two"]


def test_a_large_segment_is_finished_and_another_begun(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path, segment_bytes=1000)
    target = log.target("flowers", "3", "abc", FLOWERS)
    for number in range(20):
        fill(log, target, str(number))
        wait_for(lambda n=number: log.written_rows == n + 1)
    log.close()
    assert 2 < len(segments(tmp_path)) < 10
    assert {line["id"] for line in lines(tmp_path)} == {str(number) for number in range(20)}


def test_an_old_segment_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction_log, "RETRY_S", 0.01)
    log = PredictionLog(tmp_path, segment_s=0.05)
    fill(log, log.target("flowers", "3", "abc", FLOWERS), "one")
    wait_for(lambda: [path.name.count(".") for path in segments(tmp_path)] == [1])
    assert [path.name.count(".") for path in segments(tmp_path)] == [1]
    log.close()


def test_a_segment_is_open_until_the_log_is_closed(tmp_path: Path) -> None:
    log = PredictionLog(tmp_path)
    fill(log, log.target("flowers", "3", "abc", FLOWERS), "one")
    wait_for(lambda: log.written_rows)
    before = [path.name.endswith(".open.jsonl") for path in segments(tmp_path)]
    log.close()
    after = [path.name.endswith(".open.jsonl") for path in segments(tmp_path)]
    assert (before, after) == ([True], [False])


@given(st.text(), st.text())
def test_each_name_has_a_folder_of_its_own(a: str, b: str) -> None:
    names = [folder_name(a), folder_name(b)]
    assert (names[0] == names[1]) == (a == b)
    assert all(0 < len(name) < 200 for name in names)
    assert not any(name.startswith(".") or "/" in name or "\0" in name for name in names)


FULL_DISK = """
import resource, sys, time
from pathlib import Path
from test_prediction_log import FLOWER, FLOWERS, SETOSA, fill, wait_for
from fairlead.serving import prediction_log

prediction_log.RETRY_S = 0.01
log = prediction_log.PredictionLog(Path(sys.argv[1]))
target = log.target("flowers", "3", "abc", FLOWERS)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
fill(log, target, *map(str, range(100)))
wait_for(lambda: log._told)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
fill(log, target, "last")
log.close()
print(log.written_rows, log.dropped_rows)
"""
KILLED = """
import os, sys, time
from pathlib import Path
from test_prediction_log import FLOWERS, fill
from fairlead.serving.prediction_log import PredictionLog

log = PredictionLog(Path(sys.argv[1]))
target = log.target("flowers", "3", "abc", FLOWERS)
number = 0
while True:
    fill(log, target, *(str(each) for each in range(number, number + 50)))
    number += 50
    os.write(1, b"%d\\n" % log.written_rows)
    time.sleep(0.002)
"""


def run(program: str, folder: Path) -> subprocess.Popen[str]:
    here = str(Path(__file__).parent)
    return subprocess.Popen(
        [sys.executable, "-c", program, str(folder)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([here, *sys.path])},
    )


def test_nothing_is_lost_or_doubled_when_a_disk_was_full_for_a_while(tmp_path: Path) -> None:
    out, _ = run(FULL_DISK, tmp_path).communicate(timeout=60)
    assert out.split() == ["101", "0"]
    assert [line["id"] for line in lines(tmp_path)] == [*map(str, range(100)), "last"]


def test_a_killed_process_loses_nothing_that_was_written(tmp_path: Path) -> None:
    process = run(KILLED, tmp_path)
    assert process.stdout is not None
    seen = [process.stdout.readline() for _ in range(40)]
    process.send_signal(signal.SIGKILL)
    rest, _ = process.communicate(timeout=60)
    told = int(("".join(seen) + rest).split()[-1])
    (path,) = segments(tmp_path)
    found = path.read_text(encoding="utf-8").split("\n")
    ids = [json.loads(line)["id"] for line in found[1:-1]]
    assert path.name.endswith(".open.jsonl")
    assert ids == [str(number) for number in range(len(ids))]
    assert len(ids) >= told > 0
