"""The checklist of an alert is filled in from a real log, ledger and training sample."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

pytest.importorskip("duckdb")

from tests.unit.monitoring.watching import WATCHED, column

from fairlead.adapters.duckdb_log import DuckdbLog
from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.monitoring.alerts import Rules
from fairlead.monitoring.consequences import what_follows
from fairlead.monitoring.observation import Fault, Observation
from fairlead.monitoring.policy import PolicyState, step
from fairlead.monitoring.records import DriftReport, Window
from fairlead.monitoring.triage import Facts, triage
from fairlead.project.columns import ColumnSpec, TargetSpec
from fairlead.serving.prediction_log import PredictionLog
from fairlead.workflows.traffic import ledger_of
from fairlead.workflows.triage_facts import Evidence

HOUSES = Contract(
    task="regression",
    columns={
        "income": ColumnSpec(type="number"),
        "age": ColumnSpec(type="number"),
        "ocean": ColumnSpec(type="category", values=("coast", "inland")),
    },
    target=TargetSpec(name="price"),
)


def houses(coastal: float, rows: int, seed: int) -> np.ndarray:
    """Incomes depend on the place alone; ages on nothing."""
    rng = np.random.default_rng(seed)
    inland = (rng.random(rows) >= coastal).astype(float)
    return np.column_stack([8 - 5 * inland + rng.normal(size=rows), rng.normal(size=rows), inland])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A project whose traffic moved to the coast, and whose ages rose."""
    X = houses(0.7, 600, 1) + np.array([0.0, 3.0, 0.0])
    log = PredictionLog(tmp_path / "log")
    for label, route, rows in (
        ("3", "champion", X),
        ("4", "challenger", X[:200]),
        ("5", "shadow", X),
    ):
        target = log.target("housing", label, "abc", HOUSES)
        log.add(target, f"r{label}", route, rows, Scores(rows[:, 0]), 0.001)
    log.close()
    sample = houses(0.2, 3000, 2)
    places = np.array(HOUSES.columns["ocean"].values)[sample[:, 2].astype(int)]
    folder = tmp_path / ".fairlead" / "bundles" / WATCHED.digest
    folder.mkdir(parents=True)
    frame = pl.DataFrame({"income": sample[:, 0], "age": sample[:, 1], "ocean": places})
    frame.write_parquet(folder / "reference.parquet")
    ledger_of(tmp_path).append(
        "traffic", "housing", actor="ann@work", reason="canary", before={}, after={}
    )
    return tmp_path


def look() -> Observation:
    now = datetime.now(UTC) + timedelta(minutes=1)
    window = Window(now - timedelta(hours=1), now)
    columns = (
        column("income", drifted=True),
        column("age", drifted=True),
        replace(column("ocean", drifted=True), kind="category"),
    )
    report = DriftReport("training", 3000, 800, window, columns, None, 1.0, "drifted")
    return Observation(WATCHED, window, drift=report, faults=(Fault("quality", "no labels"),))


def facts_of(root: Path, evidence: Evidence) -> Facts:
    seen = look()
    after = step(PolicyState(), seen, Rules(consecutive=1), seen.window.end)
    return evidence.facts(after.raised[0], seen, what_follows(after.state.alerts, seen), ())


def test_the_checklist_tells_mix_from_change(root: Path) -> None:
    facts = facts_of(root, Evidence(root, root / "log", DuckdbLog(), ("ocean",)))
    told = {each.column: each.is_explained for each in facts.explained}
    assert told == {"income": True, "age": False}
    assert (facts.rows, facts.rows_before) == (800, None)
    shares = {(part.of, part.value): round(part.now, 2) for part in facts.parts}
    assert shares["route", "champion"] == 0.75
    assert shares["version", "4"] == 0.25
    assert ("route", "shadow") not in shares
    assert shares["ocean", "coast"] == pytest.approx(0.7, abs=0.06)
    page = triage(facts)
    for line in (
        "`income` drifts because the mix of `ocean` shifted",
        "No shift of the mix explains `age`.",
        "traffic by ann@work: canary",
        "quality: no labels",
        "**collect_labels**",
    ):
        assert line in page


def test_without_anything_it_says_so(tmp_path: Path) -> None:
    facts = facts_of(tmp_path, Evidence(tmp_path, tmp_path / "log", DuckdbLog(), ("ocean",)))
    page = triage(facts)
    assert "no predictions in" in page
    assert "no service of this folder tells of any" in page
    assert "Rows: not known; in the window before: not known." in page
    assert "No promotion, rollback or change of traffic" in page
