"""What a training hands to the registry and the tracker."""

from __future__ import annotations

from pathlib import Path

from mlflow.utils.validation import _validate_metric_name

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.adapters.memory_tracking import MemoryTracker
from fairlead.workflows.load import load
from fairlead.workflows.train import train

SPEC = """
name: small
task: classification
data:
  path: small.csv
  target: {name: t, classes: ["< 1 $", "a & b"]}
  columns: {a: {type: number}}
  split: {kind: none}
candidates: {tree: {family: decision_tree}}
evaluation: {metric: accuracy, cv: {kind: stratified, folds: 3}}
"""


def test_metrics_of_classes_have_names_that_mlflow_takes(tmp_path: Path) -> None:
    rows = [f"{n},{'< 1 $' if n % 3 else 'a & b'}" for n in range(30)]
    (tmp_path / "small.csv").write_text("\n".join(["a,t", *rows]))
    (tmp_path / "fairlead.yaml").write_text(SPEC)
    tracker = MemoryTracker()
    train(load(tmp_path), registry=MemoryRegistry(), tracker=tracker, jobs=1)
    (record,) = [each.record for each in tracker.runs.values() if each.record.metrics]
    for name in record.metrics:
        _validate_metric_name(name)
    assert "cv_recall._ 1 _" in record.metrics
