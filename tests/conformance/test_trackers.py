"""Every tracker gives ids that a registry accepts, and closes what it opened."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.adapters.memory_tracking import MemoryTracker
from fairlead.adapters.mlflow_registry import MlflowRegistry
from fairlead.adapters.mlflow_tracking import MlflowTracker
from fairlead.registry.port import ModelRegistry, RunTracker
from fairlead.registry.records import RunRecord
from fairlead.testing.registry import sample_bundle


@pytest.fixture(params=["memory", "mlflow"])
def adapters(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[RunTracker, ModelRegistry]:
    if request.param == "memory":
        return MemoryTracker(), MemoryRegistry()
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    return MlflowTracker(uri, "iris"), MlflowRegistry(uri)


def test_a_version_knows_the_run_that_made_it(
    adapters: tuple[RunTracker, ModelRegistry], tmp_path: Path
) -> None:
    tracker, registry = adapters
    parent = tracker.start("training", {"git_commit": "abc"})
    run_id = tracker.log_run(RunRecord("rules", metrics={"accuracy": 0.96}), parent_id=parent)
    tracker.finish(parent)
    version = registry.register("iris", sample_bundle(tmp_path / "bundles"), run_id=run_id)
    assert version.run_id == run_id != parent


def test_a_training_that_failed_can_be_closed_as_failed() -> None:
    tracker = MemoryTracker()
    parent = tracker.start("training", {})
    tracker.finish(parent, failed=True)
    assert tracker.runs[parent].status == "failed"
