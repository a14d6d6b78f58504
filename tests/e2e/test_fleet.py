"""A supervisor with its workers: aliases that move and workers that die, under requests."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import cycle
from pathlib import Path
from queue import Queue
from threading import Event, Thread
from typing import Any

import httpx2
import pytest
from typer.testing import CliRunner

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.cli.main import app
from fairlead.registry.moves import Act
from fairlead.registry.promotion import promote, rollback
from fairlead.registry.traffic import Traffic, read_traffic, write_traffic
from fairlead.testing.registry import point
from fairlead.wiring import model_registry, train
from fairlead.workflows.admin import get_traffic, put_traffic
from fairlead.workflows.load import load
from fairlead.workflows.store import bundles_of
from fairlead.workflows.traffic import ledger_of

pytestmark = pytest.mark.slow

PATIENCE_S = 30.0
ROW = {"sepal_length": 6.0, "sepal_width": 2.9, "petal_length": 5.0, "petal_width": 1.6}


class Fleet:
    """`fairlead serve` with two workers, and what it has logged."""

    def __init__(self, project: Path, **environ: str) -> None:
        command = [sys.executable, "-m", "fairlead", "serve", str(project), "--port", "0"]
        settings = {"FAIRLEAD_WORKERS": "2", "FAIRLEAD_POLL_S": "0.2"}
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "MLFLOW_TRACKING_URI": "", **settings, **environ},
        )
        self._lines: Queue[str] = Queue()
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()
        self.url = str(self.wait_for("serving")["url"])

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line)

    def wait_for(self, event: str) -> dict[str, Any]:
        """The next logged event of that name."""
        while True:
            document: dict[str, Any] = json.loads(self._lines.get(timeout=PATIENCE_S))
            if document["event"] == event:
                return document

    def workers(self) -> list[int]:
        """Process ids of the workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return [int(pid) for pid in children.read_text().split()]

    def wait_until(self, condition: Callable[[dict[str, Any]], bool]) -> None:
        """Ask for the version until it is as wished."""
        until = time.monotonic() + PATIENCE_S
        while not condition(httpx2.get(f"{self.url}/version").json()):
            assert time.monotonic() < until
            time.sleep(0.05)

    def end(self) -> int:
        """Stop it and give the exit code."""
        self.process.terminate()
        code = self.process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        return code


class Callers:
    """Ask without a pause, and keep the answers: version and prediction, or what went wrong."""

    def __init__(self, url: str, count: int = 4, rows: Sequence[Any] = (ROW,)) -> None:
        self._url = url
        self._rows = rows
        self._stop = Event()
        self.answers: list[tuple[str, Any]] = []
        self.failures: list[str] = []
        self._threads = [Thread(target=self._ask, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()

    def _ask(self) -> None:
        with httpx2.Client(base_url=self._url, timeout=PATIENCE_S) as client:
            for row in cycle(self._rows):
                if self._stop.is_set():
                    return
                try:
                    answer = client.post("/predict", json=row)
                except httpx2.HTTPError as error:
                    self.failures.append(type(error).__name__)
                    continue
                if answer.status_code != 200:
                    self.failures.append(str(answer.status_code))
                self.answers.append((answer.headers["x-model-version"], answer.json()))

    def end(self) -> None:
        """Stop asking."""
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)


@pytest.fixture(scope="module", autouse=True)
def no_registry_of_another_test() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        yield


@pytest.fixture(scope="module")
def project(reference_project: Callable[[str], Path]) -> Path:
    root = reference_project("iris")
    train(load(root), only=["lda", "decision_tree"], jobs=1)
    return root


@pytest.fixture
def fleet(project: Path) -> Iterator[Fleet]:
    running = Fleet(project)
    try:
        yield running
    finally:
        running.process.kill()
        running.process.wait(PATIENCE_S)


def expected(project: Path) -> dict[str, Any]:
    versions = model_registry(project).versions("iris")
    bundles: dict[str, Bundle] = {
        str(each.version): load_bundle(bundles_of(project) / each.digest) for each in versions
    }
    return {label: bundle.predict_proba([ROW])[0].tolist() for label, bundle in bundles.items()}


def test_no_request_fails_while_the_champion_moves(fleet: Fleet, project: Path) -> None:
    registry = model_registry(project)
    right = expected(project)
    callers = Callers(fleet.url)
    ledger, act = ledger_of(project), Act("ada@host", datetime.now(UTC))
    tree, first = (registry.resolve("iris", each).version for each in ("decision_tree", "lda"))
    for step in [promote, rollback] * 2:
        version = (
            rollback(registry, ledger, "iris", act)
            if step is rollback
            else promote(registry, ledger, "iris", tree, act, expected=first)
        ).version
        fleet.wait_until(lambda told, version=version: told["version"] == version)  # type: ignore[misc]
        time.sleep(0.5)
    callers.end()
    assert callers.failures == []
    assert {version for version, _ in callers.answers} == set(right)
    for version, answer in callers.answers:
        assert list(answer["probabilities"].values()) == right[version]
    assert fleet.end() == 0


def test_two_services_on_free_ports_do_not_meet(fleet: Fleet, project: Path) -> None:
    other = Fleet(project)
    states = [path.parent for path in project.rglob("routes.json")]
    assert other.end() == 0
    left = [path for path in states if path.exists()]
    assert len(states) == len(left) + 1
    assert httpx2.get(f"{fleet.url}/readyz").json()["troubles"] == []


def test_a_killed_worker_is_replaced_and_others_answer(fleet: Fleet) -> None:
    killed = fleet.workers()[0]
    os.kill(killed, signal.SIGKILL)
    fleet.wait_for("worker_ended")
    callers = Callers(fleet.url)
    fleet.wait_for("ready")
    callers.end()
    assert callers.failures == []
    assert len(fleet.workers()) == 2
    assert fleet.end() == 0


def test_a_damaged_newcomer_is_never_served_and_the_last_good_version_goes_on(
    fleet: Fleet, project: Path
) -> None:
    registry = model_registry(project)
    before = registry.resolve("iris", "champion")
    other = next(each for each in registry.versions("iris") if each.version != before.version)
    (bundles_of(project) / other.digest / "model.onnx").write_bytes(b"damaged")
    table = max(project.rglob("routes.json"), key=lambda path: path.stat().st_mtime_ns)
    document = json.loads(table.read_text())
    served = document["models"]["iris"]
    label = str(other.version)
    served["versions"][label] = {"path": str(bundles_of(project) / other.digest), "digest": "0"}
    served["routes"]["champion"]["version"] = label
    beside = table.with_suffix(".new")
    beside.write_text(json.dumps(document))
    beside.replace(table)
    trouble = fleet.wait_for("trouble")
    assert trouble["kind"] == "bundle_refused"
    answer = httpx2.post(f"{fleet.url}/predict", json=ROW)
    assert answer.headers["x-model-version"] == str(before.version)
    assert httpx2.get(f"{fleet.url}/readyz").status_code == 200


def test_it_starts_with_what_it_served_last_while_the_registry_is_away(project: Path) -> None:
    first = Fleet(project, FAIRLEAD_STATE=str(project / "state"))
    assert first.end() == 0
    database = project / ".fairlead" / "mlflow.db"
    away = database.rename(project / "away.db")
    database.mkdir()
    try:
        again = Fleet(project, FAIRLEAD_STATE=str(project / "state"))
        ready = httpx2.get(f"{again.url}/readyz").json()
        assert [trouble["kind"] for trouble in ready["troubles"]] == ["registry_unavailable"]
        assert httpx2.post(f"{again.url}/predict", json=ROW).status_code == 200
        assert again.end() == 0
    finally:
        database.rmdir()
        away.rename(database)


def test_a_change_of_traffic_by_the_admin_route_outlives_the_service(project: Path) -> None:
    registry = model_registry(project)
    point(registry, "iris", "challenger", "decision_tree")
    before, asked = Traffic({"champion": 9, "challenger": 1}), Traffic({"challenger": 1})
    write_traffic(registry, "iris", before)
    token = secrets.token_hex()
    try:
        first = Fleet(project, FAIRLEAD_ADMIN_TOKEN=token)
        put_traffic(first.url, token, asked, reason="it is better")
        until = time.monotonic() + PATIENCE_S
        while read_traffic(registry.notes("iris")) != asked:
            assert time.monotonic() < until
            time.sleep(0.05)
        assert first.end() == 0
        again = Fleet(project)
        told = get_traffic(again.url)
        assert again.end() == 0
    finally:
        write_traffic(registry, "iris", Traffic())
    entry = ledger_of(project).entries("iris")[-1]
    assert [*told["routes"]] == ["challenger"]
    assert (entry.reason, entry.before, entry.after) == (
        "it is better",
        before.to_json(),
        asked.to_json(),
    )


def narrowed(project: Path) -> int:
    """A version that refuses long petals, which the others take."""
    file = project / "fairlead.yaml"
    whole = file.read_text()
    file.write_text(whole.replace("petal_length: {type: number, min: 0.1, max: 30", NARROW))
    try:
        result = train(load(project), only=["rules"], jobs=1)
    finally:
        file.write_text(whole)
    assert result.versions
    return max(version.version for version in model_registry(project).versions("iris"))


CLEAR = {"sepal_length": 6.5, "sepal_width": 3.0, "petal_length": 5.8, "petal_width": 2.2}
NARROW = "petal_length: {type: number, min: 0.1, max: 7"


def test_a_challenger_that_refuses_is_aborted_and_a_good_one_stands_all_steps(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = model_registry(project)
    champion = point(registry, "iris", "champion", "lda").version
    point(registry, "iris", "challenger", str(narrowed(project)))
    log = project / ".fairlead" / "predictions"
    monkeypatch.setenv("FAIRLEAD_PREDICTION_LOG", str(log))
    running = Fleet(project)
    callers = Callers(running.url, 3, rows=[CLEAR] * 9 + [{**CLEAR, "petal_length": 8.0}])
    steps = ["--steps", "30,50", "--every", "2s", "--patience", "40s", "--min-rows", "450"]
    command = ["canary", "start", *steps, "--project", str(project)]
    try:
        bad = CliRunner().invoke(app, command)
        failed = CliRunner().invoke(app, ["canary", "status", "--project", str(project)])
        point(registry, "iris", "challenger", "decision_tree")
        good = CliRunner().invoke(app, command)
        aborted = CliRunner().invoke(app, ["canary", "abort", "--project", str(project)])
        callers.end()
    finally:
        running.end()
        write_traffic(registry, "iris", Traffic())
    assert bad.exit_code == 1
    assert "errors" in bad.output
    assert "canary failed, all goes to the champion" in bad.output
    assert "failed, step 1 of 2, 30 %" in failed.output
    assert good.exit_code == 0, good.output
    assert "stands all steps and is not promoted" in good.output
    assert aborted.output == "the traffic of iris is champion 100 %\n"
    assert {*callers.failures} == {"422"}
    of_champion = [answer for version, answer in callers.answers if version == str(champion)]
    assert all("probabilities" in answer for answer in of_champion)
