"""What a model has shown in use is read from its ledger, its labels and its monitor."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.bundle.golden import Scores
from fairlead.monitoring.labelled import LabelledRows
from fairlead.monitoring.state import MonitorState, write_state
from fairlead.project.loading import Project
from fairlead.readiness.evidence import Champion
from fairlead.readiness.in_use import Promotion
from fairlead.registry.moves import Act
from fairlead.registry.promotion import rollback
from fairlead.registry.traffic import Traffic
from fairlead.serving.label_log import LabelLog
from fairlead.serving.labels import LabelLine
from fairlead.serving.prediction_log import PredictionLog
from fairlead.settings import Settings
from fairlead.testing.registry import point
from fairlead.workflows.in_use import aged, promotion_of, served_of, watch_of
from fairlead.workflows.load import load
from fairlead.workflows.monitor import STATE_FILE, alone
from fairlead.workflows.promote import promote
from fairlead.workflows.standing import canary_of, champion_of
from fairlead.workflows.store import monitoring_of
from fairlead.workflows.traffic import ledger_of, set_traffic
from fairlead.workflows.train import train


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


prices = loaded(Path(__file__).parent / "rising_prices.py")
FOLDS = "{kind: kfold, folds: 2}"
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Project:
    root = tmp_path_factory.mktemp("prices")
    file = prices.project_in(root, more="monitoring: {min_rows: 10}", count=120, cv=FOLDS).path
    ridge = "ridge: {family: ridge}"
    file.write_text(file.read_text().replace(ridge, f"{ridge}\n  cheap: {{family: dummy}}"))
    project = load(root)
    train(project, registry=registry, jobs=1)
    return project


def champion(project: Project, registry: MemoryRegistry) -> Champion:
    own = champion_of(project, registry)[1]
    assert own is not None
    return own


@pytest.mark.slow
def test_labelled_predictions_are_read_by_version(
    project: Project, registry: MemoryRegistry
) -> None:
    pytest.importorskip("duckdb")
    from fairlead.adapters.duckdb_log import DuckdbLog

    bundle, own = champion_of(project, registry)
    assert bundle is not None
    assert own is not None
    read = (project, registry, Settings(), DuckdbLog(), bundle)
    assert served_of(*read, NOW) == "no labels of served predictions"
    folder = project.root / ".fairlead" / "predictions"
    X, y = prices.rows_of(25, 3)
    log, labels = PredictionLog(folder), LabelLog(folder)
    target = log.target("prices", own.served_as, bundle.digest, bundle.contract)
    for row in range(25):
        said = Scores(bundle.score(X[[row]]).prediction)
        log.add(target, f"r{row}", "champion", X[[row]].copy(), said, 1e-4)
    log.close()
    lines = [LabelLine(labels.times(1), f"r{row}", float(y[row])) for row in range(25)]
    labels.add("prices", "regression", lines).result(10)
    labels.close()
    found = served_of(*read, datetime.now(UTC))
    assert not isinstance(found, str)
    told = found.qualities[own.served_as]
    assert told.labelled == 25
    assert told.measured is not None
    assert told.measured.value == pytest.approx(50, abs=25)
    assert told.baseline.value == bundle.manifest["metrics"]["holdout"]["rmse"]["value"]
    assert found.aged is None  # all of one minute
    later = served_of(*read, NOW + timedelta(days=40))
    assert not isinstance(later, str)
    assert not later.qualities


@pytest.mark.slow
def test_a_canary_counts_for_the_version_that_answered(
    project: Project, registry: MemoryRegistry
) -> None:
    own, ledger = champion(project, registry), ledger_of(project.root)
    tried = registry.resolve("prices", "cheap").version
    split = Traffic({"champion": 90, str(tried): 10})
    set_traffic(registry, ledger, "prices", split, actor="ada@host")
    before = {"champion": own.version, "challenger": tried}
    for after in ({"outcome": "pass"}, {"outcome": "fail"}, "overruled"):
        ledger.append("canary", "prices", actor="ada", reason="", before=before, after=after)
    assert canary_of(project, Settings(), own) is None
    other = replace(own, version=tried)
    found = canary_of(project, Settings(), other)
    assert found is not None
    assert (found.percent, found.answered, found.judged) == (10, False, "fail")


@pytest.mark.slow
def test_the_ledger_says_how_a_champion_became_champion(
    project: Project, registry: MemoryRegistry
) -> None:
    first = promotion_of(project, registry, champion(project, registry))
    assert isinstance(first, Promotion)
    assert (first.forced, first.passed()) == (False, True)
    act = Act("ada@host", NOW)
    ask = {"now": NOW, "actor": "ada@host", "reason": "to try", "force": True}
    promote(registry, project, "cheap", **ask)  # type: ignore[arg-type]
    forced = promotion_of(project, registry, champion(project, registry))
    assert isinstance(forced, Promotion)
    assert forced.forced
    rollback(registry, ledger_of(project.root), "prices", act)
    assert promotion_of(project, registry, champion(project, registry)) == first
    point(registry, "prices", "champion", "cheap")
    moved = promotion_of(project, registry, champion(project, registry))
    assert moved == "the ledger does not say how it became champion"
    path = ledger_of(project.root).path
    path.write_bytes(path.read_bytes().replace(b"ada@host", b"eve@host"))
    spoiled = promotion_of(project, registry, champion(project, registry))
    assert "the ledger does not hold" in str(spoiled)


def labelled(days: float, count: int = 40) -> LabelledRows:
    """One version, half of whose rows are so many days younger and ten times as wrong."""
    late = np.arange(count) >= count // 2
    names = np.full(count, "1")
    times = (late * days * 86_400e6).astype(np.int64)
    truth = np.arange(count, dtype=float)
    said = truth + np.where(late, 10.0, 1.0) * (-1) ** np.arange(count)
    return LabelledRows(names, times, names, names, np.empty((count, 0)), (), said, None, truth, ())


def test_age_is_told_where_labels_are_days_apart() -> None:
    found = aged(labelled(days=7), "rmse", 20)
    assert found is not None
    assert (found.days, found.rows) == (7, 20)
    assert (found.young.value, found.old.value) == pytest.approx((1, 10))
    assert aged(labelled(days=2.9), "rmse", 20) is None
    assert aged(labelled(days=7), "rmse", 21) is None


def test_a_monitor_is_seen_while_it_runs(tmp_path: Path) -> None:
    assert watch_of(tmp_path) is None
    write_state(monitoring_of(tmp_path) / STATE_FILE, MonitorState(ticked_at=NOW))
    found = watch_of(tmp_path)
    assert found is not None
    assert (found.is_running, found.state.ticked_at) == (False, NOW)
    with alone(tmp_path):
        running = watch_of(tmp_path)
    assert running is not None
    assert running.is_running
