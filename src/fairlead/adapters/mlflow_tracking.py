"""Runs in MLflow: one per candidate, inside one per training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from fairlead.adapters.mlflow_store import MlflowStore
from fairlead.registry.records import RunRecord

GIT_COMMIT = "git_commit"
PARAMETER_LENGTH = 6000
"""MLflow refuses longer parameter values."""
BATCH = 100
"""MLflow takes at most so many parameters, or tags, in one call."""


class MlflowTracker:
    """A `RunTracker` that writes to an MLflow store.

    Args:
        uri: see `MlflowStore`.
        experiment: name of the experiment, which is the project's; made if it does not exist.
    """

    def __init__(self, uri: str, experiment: str) -> None:
        self._store = MlflowStore(uri)
        self._experiment = experiment

    def start(self, title: str, tags: Mapping[str, str]) -> str:
        """Open the run of a whole training; see `RunTracker`."""
        return self._create(title, tags, parent_id=None)

    def log_run(self, record: RunRecord, *, parent_id: str | None = None) -> str:
        """Keep what is known of one candidate; see `RunTracker`."""
        from mlflow.entities import Metric, Param

        run_id = self._create(record.candidate, record.tags, parent_id=parent_id)
        now_ms = int(time.time() * 1000)
        errors = {f"{name}_se": error for name, error in record.standard_errors.items()}
        metrics = [
            Metric(name, float(value), now_ms, 0)
            for name, value in {**record.metrics, **errors}.items()
        ]
        parameters = [
            Param(name, str(value)[:PARAMETER_LENGTH]) for name, value in record.parameters.items()
        ]
        client = self._store.client
        with self._store.translated():
            client.log_batch(run_id, metrics=metrics)
            for start in range(0, len(parameters), BATCH):
                client.log_batch(run_id, params=parameters[start : start + BATCH])
            if record.artifacts is not None:
                client.log_artifacts(run_id, str(record.artifacts))
        self.finish(run_id)
        return run_id

    def finish(self, run_id: str, *, failed: bool = False) -> None:
        """Close a run; see `RunTracker`."""
        with self._store.translated():
            self._store.client.set_terminated(run_id, "FAILED" if failed else "FINISHED")

    def _create(self, title: str, tags: Mapping[str, str], *, parent_id: str | None) -> str:
        known: dict[str, Any] = {f"fairlead.{name}": value for name, value in tags.items()}
        # MLflow's own names, so that its pages show them.
        if GIT_COMMIT in tags:
            known["mlflow.source.git.commit"] = tags[GIT_COMMIT]
        if parent_id is not None:
            known["mlflow.parentRunId"] = parent_id
        client = self._store.client
        experiment_id = self._store.experiment_id(self._experiment)
        with self._store.translated():
            run = client.create_run(experiment_id, tags=known, run_name=title)
        return str(run.info.run_id)
