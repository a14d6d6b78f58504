"""A monitor of a real project: registry, prediction log, sketches, evidence and commands."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

pytest.importorskip("duckdb")

from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.adapters.log_alerts import LogSink
from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.bundle.reading import load_bundle
from fairlead.cli.main import app
from fairlead.errors import ExtraMissingError
from fairlead.monitoring.labels import Label, import_labels
from fairlead.monitoring.policy import PolicyState, Streak
from fairlead.monitoring.state import MonitorState, write_state
from fairlead.project.loading import Project
from fairlead.serving.prediction_log import PredictionLog
from fairlead.settings import Settings
from fairlead.workflows.drift import Drift
from fairlead.workflows.load import load
from fairlead.workflows.monitor import STATE_FILE, Monitor
from fairlead.workflows.monitor_parts import Tools, assembled
from fairlead.workflows.stopping import Stop
from fairlead.workflows.store import monitoring_of
from fairlead.workflows.train import train

HOUR = timedelta(hours=1)
FLATS = """
name: flats
task: regression
data:
  path: flats.csv
  target: {name: rent}
  columns:
    area: {type: number}
    rooms: {type: number, nullable: true, missing: median}
    town: {type: category, values: [north, south]}
candidates: {ridge: {family: ridge, alpha: 1.0}}
evaluation: {metric: rmse, cv: {folds: 2}, slices: [town]}
monitoring: {window: 1h, consecutive: 1}
"""


def rows(count: int, *, south: float, seed: int) -> np.ndarray:
    """Area, rooms, town: flats in the south are larger."""
    rng = np.random.default_rng(seed)
    town = (rng.random(count) < south).astype(float)
    return np.column_stack(
        [50 + 40 * town + rng.normal(0, 5, count), rng.normal(3, 1, count), town]
    )


def asked() -> np.ndarray:
    X = rows(400, south=0.9, seed=3)
    X[:, 1] = np.nan
    return X


@pytest.fixture(scope="module")
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Project:
    """Trained on the north, and asked for the south, with the rooms missing."""
    root = tmp_path_factory.mktemp("flats")
    (root / "fairlead.yaml").write_text(FLATS)
    X = rows(400, south=0.1, seed=1)
    frame = pl.DataFrame(X, schema=["area", "rooms", "town"]).with_columns(
        town=pl.Series(np.array(["north", "south"])[X[:, 2].astype(int)]),
        rent=pl.Series(10 * X[:, 0] + np.random.default_rng(2).normal(0, 20, 400)),
    )
    frame.write_csv(root / "flats.csv")
    made = load(root)
    train(made, registry=registry, jobs=1)
    bundle = load_bundle(next((root / ".fairlead" / "bundles").glob("*/manifest.json")).parent)
    X = asked()
    log = PredictionLog(root / ".fairlead" / "predictions")
    target = log.target("flats", "1", bundle.digest, bundle.contract)
    log.add(target, "r", "champion", X, bundle.score(X), 0.001, range(400))
    log.close()
    return made


def no_page(found: Drift, path: Path) -> None:
    raise ExtraMissingError("Evidently's report", "evidently")


def watching(project: Project, registry: MemoryRegistry) -> Monitor:
    tools = Tools(registry, DuckdbLog(), (LogSink(),), no_page)
    return assembled(project, Settings(), tools, Stop())


@pytest.fixture(scope="module")
def labels(project: Project) -> datetime:
    """Rents half as high again as the model has learned; returns when they came."""
    bundle = load_bundle(next(project.root.glob(".fairlead/bundles/*/manifest.json")).parent)
    X = asked()
    said = [Label(f"r-{n}", 15.0 * area, None) for n, area in enumerate(X[:, 0].tolist())]
    now = datetime.now(UTC)
    log = project.root / ".fairlead" / "predictions"
    import_labels(log, "flats", bundle.contract, said, source="test", now=now)
    return now


def run(*words: object) -> str:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_window_becomes_alerts_with_their_evidence(
    project: Project, registry: MemoryRegistry
) -> None:
    state = watching(project, registry).tick(datetime.now(UTC) + timedelta(minutes=1))
    assert state.failing == {}
    assert state.looks[-1].rows == 400
    found = {alert.kind: alert for alert in state.policy.firing}
    assert [*found] == ["pipeline", "drift", "prediction"]
    assert found["pipeline"].subjects == ("rooms",)
    assert state.consequence.action == "mend_pipeline"
    documents = json.loads(run("alerts", "-p", project.root, "--json"))
    kinds = {each["alert"]["kind"]: Path(each["folder"]) for each in documents}
    names = {path.name for path in kinds["drift"].iterdir()}
    assert {"alert.json", "alert.png", "columns.png", "drift.json", "triage.md"} <= names
    assert "pip install" in (kinds["drift"] / "report.html.missing.txt").read_text()
    page = run("alerts", "show", found["pipeline"].number, "--project", project.root)
    assert "**`rooms` looks broken**" in page
    assert "`area` drifts because the mix of `town` shifted" in page
    assert "next: mend_pipeline" in run("monitor", "status", project.root)


def test_what_is_found_and_no_alert_yet_is_told(tmp_path: Path) -> None:
    now = datetime(2030, 1, 1, tzinfo=UTC)
    policy = PolicyState(streaks={"quality": Streak(1, now, now)})
    state = MonitorState(model="flats", policy=policy, ticked_at=now)
    write_state(monitoring_of(tmp_path) / STATE_FILE, state)
    told = run("monitor", "status", tmp_path)
    assert "quality: found in 1 window so far, since 2030-01-01 00:00" in told


def test_an_hour_without_rows_changes_nothing(project: Project, registry: MemoryRegistry) -> None:
    state = watching(project, registry).tick(datetime.now(UTC) + 3 * HOUR)
    assert state.failing == {}
    assert state.looks[-1].rows == 0
    assert len(state.policy.firing) == 3
    assert run("alerts", "ack", "1", "--project", project.root, "--note", "on it").endswith("\n")
    assert "on it" in run("alerts", "--project", project.root)


def test_late_labels_tell_of_their_own_window_once(
    project: Project, registry: MemoryRegistry, labels: datetime
) -> None:
    first = watching(project, registry).tick(labels + 4 * HOUR)
    assert first.failing == {}
    look = first.looks[-1]
    assert (look.labelled, look.metric) == (400, "rmse")
    assert look.measured is not None
    assert look.baseline is not None
    assert look.measured > 2 * look.baseline
    found = {alert.kind: alert for alert in first.policy.firing}
    assert found["quality"].severity == "critical"
    assert found["quality"].window.end < labels + timedelta(minutes=1)
    second = watching(project, registry).tick(labels + 5 * HOUR)
    assert second.policy.streaks["quality"].windows == 1
    assert "400 of 400 predictions have a label" in run(
        "alerts", "show", found["quality"].number, "--project", project.root
    )
