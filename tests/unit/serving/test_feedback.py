"""Labels are checked by the contract, and acknowledged when they are on the disk."""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from fairlead.bundle.reading import Bundle
from fairlead.errors import StorageError
from fairlead.serving.label_log import LabelLog
from fairlead.serving.labels import LabelLine, labels_of
from fairlead.serving.table import Served, Table
from fairlead.settings import Settings

GOOD = {"prediction_id": "a-0", "label": "setosa"}
Start = Callable[..., Any]


@pytest.fixture
def log_folder(tmp_path: Path) -> Path:
    return tmp_path / "predictions"


@pytest.fixture
def client(
    flowers: Bundle,
    houses: Bundle,
    client_of: Start,
    served: Callable[..., Served],
    log_folder: Path,
) -> Any:
    table = Table({"flowers": served(flowers, 3), "houses": served(houses)}, "flowers")
    return client_of(table, Settings(prediction_log=log_folder, max_rows=100))


def kept(folder: Path, model: str = "flowers") -> list[dict[str, Any]]:
    """The labels on the disk, in their order."""
    found = [
        json.loads(line)
        for path in sorted(labels_of(folder, model).glob("feedback/*.jsonl"))
        for line in path.read_text().splitlines()[1:]
    ]
    return sorted(found, key=lambda line: line["t"])


def test_a_label_is_on_the_disk_when_it_is_acknowledged(client: Any, log_folder: Path) -> None:
    answer = client.post("/feedback", json={**GOOD, "time": "2026-11-24T13:00:00+01:00"})
    (line,) = kept(log_folder)
    assert (answer.status_code, answer.json()) == (200, {"accepted": 1})
    assert (line["id"], line["label"], line["time"]) == ("a-0", "setosa", 1_795_521_600_000_000)


def test_many_labels_are_kept_in_the_order_that_they_have(client: Any, log_folder: Path) -> None:
    sent = [{"prediction_id": f"a-{row}", "label": "virginica"} for row in range(100)]
    answer = client.post("/models/flowers/feedback", json={"labels": sent})
    assert answer.json() == {"accepted": 100}
    assert [line["id"] for line in kept(log_folder)] == [each["prediction_id"] for each in sent]
    assert len({line["t"] for line in kept(log_folder)}) == 100


def test_a_number_is_kept_as_it_is(client: Any, log_folder: Path) -> None:
    client.post("/models/houses/feedback", json={"prediction_id": "b", "label": 0.1 + 0.2})
    assert [line["label"] for line in kept(log_folder, "houses")] == [0.1 + 0.2]


@pytest.mark.parametrize(
    ("body", "loc", "kind"),
    [
        ({**GOOD, "label": "tulip"}, ["body", "label"], "literal_error"),
        ({**GOOD, "label": 1.5}, ["body", "label"], "literal_error"),
        ({**GOOD, "label": None}, ["body", "label"], "literal_error"),
        ({"label": "setosa"}, ["body", "prediction_id"], "missing"),
        ({"prediction_id": "a"}, ["body", "label"], "missing"),
        ({**GOOD, "prediction_id": 7}, ["body", "prediction_id"], "string_type"),
        ({**GOOD, "prediction_id": ""}, ["body", "prediction_id"], "string_pattern_mismatch"),
        (
            {**GOOD, "prediction_id": "a" * 161},
            ["body", "prediction_id"],
            "string_pattern_mismatch",
        ),
        ({**GOOD, "time": "yesterday"}, ["body", "time"], "datetime_parsing"),
        ({**GOOD, "truth": 1}, ["body", "truth"], "extra_forbidden"),
        ({"labels": []}, ["body", "labels"], "too_short"),
        ({"labels": [GOOD] * 101}, ["body", "labels"], "too_long"),
        ({"labels": {}}, ["body", "labels"], "list_type"),
        ({"labels": [GOOD], "of": 1}, ["body", "of"], "extra_forbidden"),
        ({"labels": [GOOD, 3]}, ["body", "labels", 1], "model_attributes_type"),
        (
            {"labels": [GOOD, {**GOOD, "label": ""}]},
            ["body", "labels", 1, "label"],
            "literal_error",
        ),
        ([GOOD], ["body"], "model_attributes_type"),
    ],
)
def test_what_breaks_a_rule_is_refused_whole(
    client: Any, log_folder: Path, body: Any, loc: list[Any], kind: str
) -> None:
    answer = client.post("/feedback", json=body)
    (problem,) = answer.json()["detail"]
    assert (answer.status_code, problem["loc"], problem["type"]) == (422, loc, kind)
    assert "tulip" not in answer.text
    assert kept(log_folder) == []


@pytest.mark.parametrize("text", ["1e999", "NaN", '"12"', "true", "9007199254740993"])
def test_a_number_that_is_none_is_refused(client: Any, text: str) -> None:
    body = f'{{"prediction_id": "b", "label": {text}}}'
    answer = client.post("/models/houses/feedback", content=body)
    assert answer.status_code in (400, 422)


def test_other_bodies_are_refused_as_elsewhere(client: Any) -> None:
    assert client.post("/feedback", content=b"{").status_code == 400
    as_csv = {"Content-Type": "text/csv"}
    assert client.post("/feedback", content=b"{}", headers=as_csv).status_code == 415
    assert client.post("/models/tulips/feedback", json=GOOD).status_code == 404
    assert client.get("/feedback").status_code == 405


def test_without_a_prediction_log_there_is_nowhere_to_keep_a_label(
    flowers: Bundle, client_of: Start, served: Callable[..., Served]
) -> None:
    client = client_of(Table({"flowers": served(flowers)}, "flowers"))
    answer = client.post("/feedback", json=GOOD)
    assert answer.status_code == 404
    assert "FAIRLEAD_PREDICTION_LOG" in answer.json()["detail"]
    assert "/feedback" not in client.get("/openapi.json").json()["paths"]


def test_a_disk_that_refuses_is_told(client: Any, log_folder: Path) -> None:
    labels_of(log_folder, "flowers").parent.mkdir(parents=True)
    labels_of(log_folder, "flowers").write_text("no folder")
    refused = client.post("/feedback", json=GOOD)
    labels_of(log_folder, "flowers").unlink()
    answer = client.post("/feedback", json=GOOD)
    assert (refused.status_code, answer.status_code) == (503, 200)
    assert len(kept(log_folder)) == 1


def test_labels_are_counted(client: Any) -> None:
    client.post("/feedback", json={"labels": [GOOD, GOOD]})
    client.post("/feedback", json={})
    text = client.get("/metrics").text
    assert 'fairlead_labels_total{model="flowers",outcome="received"} 2.0' in text
    assert 'fairlead_labels_total{model="flowers",outcome="refused"} 1.0' in text


@pytest.fixture
def writer(log_folder: Path) -> Iterator[LabelLog]:
    made = LabelLog(log_folder)
    yield made
    made.close()


def test_labels_of_one_moment_share_a_sync(
    writer: LabelLog, log_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    syncs, go_on, fsync = [], threading.Event(), os.fsync

    def slow(descriptor: int) -> None:
        syncs.append(descriptor)
        go_on.wait(10)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    first = writer.add("flowers", "classification", [LabelLine(1, "a", "setosa")])
    others = [
        writer.add("flowers", "classification", [LabelLine(row, f"b-{row}", "setosa")])
        for row in range(2, 202)
    ]
    assert not first.done()
    go_on.set()
    for each in (first, *others):
        each.result(10)
    # Four folders and the segment for the first label, once more for the 200 that waited.
    assert len(syncs) <= 6
    assert len(kept(log_folder)) == 201


def test_who_leaves_takes_nothing_back(writer: LabelLog, log_folder: Path) -> None:
    async def leave() -> None:
        line = LabelLine(1, "a", "setosa")
        waiting = asyncio.wrap_future(writer.add("flowers", "classification", [line]))
        waiting.cancel()

    asyncio.run(leave())
    writer.add("flowers", "classification", [LabelLine(2, "b", "setosa")]).result(10)
    assert [line["id"] for line in kept(log_folder)] == ["a", "b"]


def test_full_disks_cut_no_label_of_others(
    writer: LabelLog, log_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def add(name: str) -> None:
        writer.add("flowers", "classification", [LabelLine(ord(name), name, "setosa")]).result(10)

    add("a")
    write = os.write

    def full(descriptor: int, text: bytes) -> int:
        if len(text) < 30:
            raise OSError(28, "No space left on device")
        return write(descriptor, text[:9])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(StorageError, match="No space"):
        add("b")
    monkeypatch.setattr(os, "write", write)
    add("c")
    lines = [
        line
        for path in labels_of(log_folder, "flowers").glob("feedback/*.jsonl")
        for line in path.read_bytes().split(b"\n")[1:]
    ]
    whole = []
    for line in lines:
        try:
            whole.append(msgspec.json.decode(line, type=LabelLine).id)
        except msgspec.DecodeError:
            continue
    assert sorted(whole) == ["a", "c"]


def test_later_labels_have_later_times(writer: LabelLog) -> None:
    first = writer.times(1000)
    assert writer.times(1) >= first + 1000
