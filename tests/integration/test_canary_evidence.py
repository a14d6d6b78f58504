"""What a canary is told: counters of services by folder and address, answers by the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import msgspec
import numpy as np
import pytest

pytest.importorskip("duckdb")

from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.monitoring.labels import Label, import_labels
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.metrics import expose
from fairlead.serving.prediction_log import PredictionLog
from fairlead.serving.recorder import Recorder
from fairlead.serving.snapshots import Snapshots, merge
from fairlead.workflows.admin import ServiceError
from fairlead.workflows.canary_evidence import ServedEvidence, served
from fairlead.workflows.canary_state import Canary, Plan

HOUSES = Contract(
    task="regression", columns={"age": ColumnSpec(type="number")}, target=TargetSpec(name="price")
)
PETS = Contract(
    task="classification",
    columns={"age": ColumnSpec(type="number")},
    target=TargetSpec(name="pet"),
    classes=("cat", "dog"),
)


def recorded() -> Recorder:
    """Version 1 has answered 5 requests, version 2 has failed on 2 of 3."""
    recorder = Recorder()
    for version, statuses in (("1", [200] * 5), ("2", [200, 500, 422])):
        series = recorder.series("pets", version, "champion", "predict")
        for status in statuses:
            recorder.add(series, status, 0.001, None, None, 0)
    recorder.add(recorder.series("birds", "1", "champion", "predict"), 200, 0.1, None, None, 0)
    return recorder


def write(folder: Path, contract: Contract, requests: dict[str, int], rows: int = 1) -> None:
    log = PredictionLog(folder)
    for label, count in requests.items():
        target = log.target("pets", label, label, contract)
        for number in range(count):
            scores = Scores(np.full(rows, float(number)))
            if contract.classes:
                labels = np.array(["cat", "dog"] * rows, object)[:rows]
                scores = Scores(labels, np.full((rows, 2), 0.5))
            X = np.ones((rows, 1))
            numbers = range(rows) if rows > 1 else None
            seconds = 0.001 * (number + 1)
            log.add(target, f"{label}-{number}", "champion", X, scores, seconds, numbers)
            log.add(target, f"s{number}", "shadow", X, scores, 9.0, numbers)
    log.close()


def canary(began: datetime) -> Canary:
    return Canary("pets", began, Plan("challenger", (5,), 60, 1, 0), 1, 2, {}, began=began)


@pytest.fixture
def evidence(tmp_path: Path) -> ServedEvidence:
    return ServedEvidence(tmp_path, "pets", tmp_path / "log", DuckdbLog())


@pytest.fixture
def url() -> Iterator[str]:
    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(expose(merge([recorded().snapshot("0", ready=True)])))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (theirs)
            pass

    server = HTTPServer(("127.0.0.1", 0), Metrics)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_counters_are_read_from_state_folders_of_the_project(
    evidence: ServedEvidence, tmp_path: Path
) -> None:
    stats = tmp_path / ".fairlead" / "serving" / "8000" / "stats"
    assert evidence.counts() == {}
    Snapshots(stats, "0").write(recorded(), ready=True)
    assert evidence.counts() == {str(stats): {"1": (5, 0), "2": (3, 2)}}


def test_counters_are_asked_of_services(url: str) -> None:
    assert served(url, "pets") == {"1": (5, 0), "2": (3, 2)}


def test_a_service_that_is_away_is_left_out_of_a_look(tmp_path: Path, url: str) -> None:
    away = "http://127.0.0.1:9"
    asked = ServedEvidence(tmp_path, "pets", tmp_path, DuckdbLog(), (away, url), tmp_path / "none")
    assert [*asked.counts()] == [url]
    with pytest.raises(ServiceError, match="cannot be reached"):
        served(away, "pets")


def test_as_many_requests_of_both_are_compared_and_no_copies(evidence: ServedEvidence) -> None:
    write(evidence.predictions, PETS, {"1": 30, "2": 10})
    now = datetime.now(UTC) + timedelta(seconds=1)
    one, two = evidence.answered(canary(now - timedelta(minutes=5)), now)
    assert len(one.seconds) == len(two.seconds) == 10
    assert len({*one.seconds.tolist()}) == 10
    assert {*one.prediction.tolist()} == {"cat"}
    again, _ = evidence.answered(canary(now - timedelta(minutes=5)), now)
    assert again.seconds.tolist() == one.seconds.tolist()
    nothing, _ = evidence.answered(canary(now), now + timedelta(minutes=5))
    assert len(nothing.seconds) == 0


def test_rows_of_one_request_have_one_duration(evidence: ServedEvidence) -> None:
    write(evidence.predictions, HOUSES, {"1": 4, "2": 3}, rows=5)
    now = datetime.now(UTC) + timedelta(seconds=1)
    one, two = evidence.answered(canary(now - timedelta(minutes=5)), now)
    assert (len(one.seconds), len(one.prediction)) == (3, 15)
    assert two.prediction.dtype == np.float64


def test_without_a_log_there_are_no_answers(evidence: ServedEvidence) -> None:
    now = datetime.now(UTC)
    one, two = evidence.answered(canary(now), now)
    assert len(one.seconds) == len(two.seconds) == 0


def test_labelled_predictions_are_equally_many_of_each_step(evidence: ServedEvidence) -> None:
    write(evidence.predictions, PETS, {"1": 30, "2": 10})
    now = datetime.now(UTC) + timedelta(seconds=1)
    began = now - timedelta(minutes=5)
    assert evidence.answered(canary(began), now)[0].labelled is None
    labels = [Label(f"{version}-{n}", "cat", None) for version in "12" for n in range(9)]
    import_labels(evidence.predictions, "pets", PETS, labels, source="test", now=now)
    for earlier in ((), ((began, now - timedelta(minutes=4)),)):
        present = msgspec.structs.replace(canary(began), windows=earlier)
        sides = evidence.answered(present, now)
        assert [each.labelled and each.labelled.rows for each in sides] == [9, 9]
