"""The loop on a real registry and a real log: labels come, a challenger beats the champion."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from fairlead import wiring
from fairlead.bundle.reading import load_bundle
from fairlead.registry.moves import Act
from fairlead.registry.promotion import promote
from fairlead.serving.label_log import LabelLog
from fairlead.serving.labels import LabelLine
from fairlead.serving.prediction_log import PredictionLog
from fairlead.settings import Settings
from fairlead.workflows.history import verify_history
from fairlead.workflows.stopping import Stop
from fairlead.workflows.store import bundle_store
from fairlead.workflows.traffic import ledger_of
from fairlead.workflows.train import build

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def loaded(path: Path) -> ModuleType:
    """A file beside the tests as a module; pytest makes none of what holds no test."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


prices = loaded(ROOT / "tests" / "unit" / "workflows" / "rising_prices.py")


def predict_and_label(root: Path, folder: Path, rise: float) -> None:
    """What a service logs, and the truth that comes back."""
    bundle = load_bundle(root)
    X, y = prices.rows_of(1200, 2)
    log, labels = PredictionLog(folder), LabelLog(folder)
    target = log.target("prices", "1", bundle.digest, bundle.contract)
    said = bundle.score(X).prediction
    for row in range(len(X)):
        scores = type(bundle.score(X[:1]))(said[[row]])
        log.add(target, f"p{row}", "champion", X[[row]].copy(), scores, 1e-4)
    lines = [LabelLine(labels.times(1), f"p{row}", float(y[row] * rise)) for row in range(len(X))]
    labels.add("prices", "regression", lines).result(10)
    log.close()
    labels.close()


def test_prices_rise_and_the_model_follows(tmp_path: Path) -> None:
    project = prices.project_in(tmp_path, more="retraining: {max_age: 1d}")
    registry = wiring.model_registry(tmp_path)
    made = build(project, "ridge", jobs=1)
    registry.register("prices", made)
    ledger, act = ledger_of(tmp_path), Act("ada@host", datetime.now(UTC), "first")
    promote(registry, ledger, "prices", 1, act, expected=None)
    settings = Settings(prediction_log=tmp_path / "log", jobs=1)
    predict_and_label(made, tmp_path / "log", rise=1.2)

    done = wiring.retrain(project, trigger="alert", settings=settings)
    assert done.run is not None
    assert (done.run.outcome, done.run.version) == ("challenger", 2)
    assert registry.resolve("prices", "champion").version == 1
    decision = wiring.promote(project, "challenger", reason="prices rose", settings=settings)
    assert decision.promoted
    assert registry.resolve("prices", "champion").version == 2
    verify_history(registry, project)

    later = datetime.now(UTC) + timedelta(days=2)
    asked = wiring.retrain_if_asked(
        project, settings, trained_at=later, alerted=True, why="a loss", now=later
    )
    assert asked is not None
    assert asked.startswith("wait: ")
    assert "0 new of 1,200" in asked
    watching = wiring.monitor(project, settings, timedelta(hours=1), Stop())
    state = watching.tick(later)
    assert "answer" not in state.failing
    manifest = load_bundle(bundle_store(project) / done.run.bundle).manifest
    assert manifest["metrics"]["recent"]["rmse"]["value"] < 100


def test_whatever_moment_it_is_killed_in_the_next_run_finishes(tmp_path: Path) -> None:
    arguments = ["--points", "3", "--folder", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.kill_retraining", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["wrong"] == []
