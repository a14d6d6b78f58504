"""The newest predictions are read from segments as they grow, are renamed, or are cut off."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.prediction_log import PredictionLog
from fairlead.serving.prediction_segments import segments
from fairlead.workflows.prediction_tail import BLOCK_BYTES, LogReader

ANIMALS = Contract(
    task="classification",
    columns={
        "weight": ColumnSpec(type="number", nullable=True),
        "legs": ColumnSpec(type="integer"),
        "colour": ColumnSpec(type="category", values=("red", "blue"), unknown="flag"),
        "tame": ColumnSpec(type="boolean"),
        "born": ColumnSpec(type="datetime"),
    },
    target=TargetSpec(name="species"),
    classes=("cat", "dog"),
)
X = np.array([[math.nan, 4, 1, 1, 1.5e9], [2.5, 3, -1, 0, 0.25]])
CATS = Scores(np.array(["cat", "dog"], object), np.array([[0.75, 0.25], [0.125, 0.875]]))


class Writer:
    """Logs predictions of one version."""

    def __init__(self, folder: Path, label: str = "3") -> None:
        self.log = PredictionLog(folder)
        self.target = self.log.target("animals", label, "abc", ANIMALS)

    def write(self, *ids: str, rows: int = 1, numbers: Sequence[int] | None = None) -> None:
        """One request for each id; returns when they are written."""
        before = self.log.written_rows
        some = Scores(CATS.prediction[:rows], CATS.probabilities[:rows])  # type: ignore[index]
        for name in ids:
            self.log.add(self.target, name, "champion", X[:rows], some, 0.00012, numbers)
        self.log.flush()
        while self.log.written_rows < before + rows * len(ids):
            time.sleep(0.001)


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[Writer]:
    made = Writer(tmp_path)
    yield made
    made.log.close()


def ids(reader: LogReader, count: int | None = None) -> list[str]:
    found = reader.new() if count is None else reader.last(count)
    return [each.prediction_id for each in found]


def test_a_prediction_is_told_as_the_caller_knows_it(tmp_path: Path, writer: Writer) -> None:
    writer.write("one", rows=2, numbers=range(2))
    first, second = LogReader(tmp_path).last(5)
    assert (first.prediction_id, second.prediction_id) == ("one-0", "one-1")
    assert first.features == {
        "weight": None,
        "legs": 4,
        "colour": "blue",
        "tame": True,
        "born": "2017-07-14T02:40:00+00:00",
    }
    assert (second.features["colour"], second.unknown) == (None, ["colour"])
    assert (first.model, first.version, first.route) == ("animals", "3", "champion")
    assert (first.prediction, first.probabilities) == ("cat", {"cat": 0.75, "dog": 0.25})
    assert first.duration_us == 120
    assert abs(first.time - datetime.now(UTC)) < timedelta(minutes=5)


def test_the_rows_of_a_list_are_told_by_their_places(tmp_path: Path, writer: Writer) -> None:
    writer.write("single")
    writer.write("list", numbers=range(1))
    writer.write("last", numbers=[7])
    writer.write("gaps", rows=2, numbers=[3, 12])
    assert ids(LogReader(tmp_path), 9) == ["single", "list-0", "last-7", "gaps-3", "gaps-12"]


def test_the_newest_of_all_segments_are_shown_in_order(tmp_path: Path) -> None:
    writers = [Writer(tmp_path, label) for label in ("3", "4", "5")]
    for number in range(30):
        writers[number % 3].write(f"{number:02d}")
    for each in writers[:2]:
        each.log.close()
    found = ids(LogReader(tmp_path), 7)
    writers[2].log.close()
    assert found == ["23", "24", "25", "26", "27", "28", "29"]


def test_a_segment_is_read_from_its_end(tmp_path: Path, writer: Writer) -> None:
    names = [f"{number:04d}" for number in range(2000)]
    writer.write(*names)
    size = segments(tmp_path)[0].path.stat().st_size
    assert size > 2 * BLOCK_BYTES
    assert ids(LogReader(tmp_path), 1200) == names[-1200:]
    assert ids(LogReader(tmp_path), 5000) == names


def test_what_is_new_follows_what_was_last(tmp_path: Path, writer: Writer) -> None:
    writer.write("a", "b", "c")
    reader = LogReader(tmp_path)
    last = ids(reader, 2)
    writer.write("d")
    other = Writer(tmp_path, "4")
    other.write("e")
    new = ids(reader)
    other.write("f")
    other.log.close()
    assert (last, new, ids(reader), ids(reader)) == (["b", "c"], ["d", "e"], ["f"], [])


def test_nothing_but_what_is_new_can_be_asked_for(tmp_path: Path, writer: Writer) -> None:
    writer.write("a")
    reader = LogReader(tmp_path)
    last = ids(reader, 0)
    writer.write("b")
    assert (last, ids(reader)) == ([], ["b"])


def test_a_line_that_is_being_written_is_read_when_it_is_whole(
    tmp_path: Path, writer: Writer
) -> None:
    writer.write("a", "b")
    path = segments(tmp_path)[0].path
    whole = path.read_bytes()
    copy = tmp_path / "other" / "1" / path.name
    copy.parent.mkdir(parents=True)
    copy.write_bytes(whole[:-10])
    reader = LogReader(tmp_path / "other" / "..", "other")
    before = ids(reader, 5)
    copy.write_bytes(whole)
    assert (before, ids(reader)) == (["a"], ["b"])


def test_damage_is_passed_over(tmp_path: Path, writer: Writer) -> None:
    writer.write("a", "b")
    path = segments(tmp_path)[0].path
    head, first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(head + first + b'{"t": \xff\0\n' + b"3\n" + second)
    assert ids(LogReader(tmp_path), 5) == ["a", "b"]


def test_one_model_can_be_read_alone(tmp_path: Path, writer: Writer) -> None:
    writer.write("a")
    assert ids(LogReader(tmp_path, "plants"), 5) == []


def test_a_folder_that_is_not_there_has_no_predictions(tmp_path: Path) -> None:
    assert ids(LogReader(tmp_path / "nowhere"), 5) == []
