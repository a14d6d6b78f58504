"""Candidates that are made of others, trained as a project's user would."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.adapters.memory_tracking import MemoryTracker
from fairlead.bundle.reading import load_bundle
from fairlead.errors import ProjectError
from fairlead.workflows.load import load
from fairlead.workflows.train import train

SPEC = """
name: small
task: classification
data:
  path: small.csv
  target: {name: t, classes: [no, yes]}
  columns:
    a: {type: number}
    b: {type: category, values: [x, y]}
    g: {type: category, role: group, values: GROUPS}
  split: {kind: group, holdout: 0.25}
candidates:
  tree: {family: decision_tree, max_depth: 3}
  line: {family: logistic, calibrate: sigmoid}
  blend: {family: blend, of: [tree, line]}
  stack:
    family: stack
    of: [tree, line]
evaluation: {metric: log_loss, cv: {kind: group, folds: 3}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    groups = [f"g{number}" for number in range(12)]
    a = rng.normal(size=240)
    rows = [
        f"{value},{'xy'[n % 2]},{groups[n % 12]},{'yes' if value + rng.normal() > 0 else 'no'}"
        for n, value in enumerate(a)
    ]
    (tmp_path / "small.csv").write_text("\n".join(["a,b,g,t", *rows]))
    (tmp_path / "fairlead.yaml").write_text(SPEC.replace("GROUPS", f"[{', '.join(groups)}]"))
    return tmp_path


@pytest.mark.slow
def test_a_combination_is_trained_without_versions_of_its_members(root: Path) -> None:
    registry, tracker = MemoryRegistry(), MemoryTracker()
    only = ["blend", "stack"]
    result = train(load(root), registry=registry, tracker=tracker, only=only, jobs=1)
    assert sorted(result.versions) == only
    assert all(entry.interpretability == "low" for entry in result.leaderboard.entries)
    bundle = load_bundle(result.bundles["blend"])
    composition = bundle.manifest["composition"]
    assert [member["name"] for member in composition["members"]] == ["tree", "line"]
    assert sum(composition["weights"].values()) == pytest.approx(1)
    assert composition["members"][1]["parameters"]["calibrate"] == "sigmoid"
    assert "- `line` (logistic, weight 0" in (result.bundles["blend"] / "card.md").read_text()
    report = root / ".fairlead" / "results" / "reports" / "stack.json"
    assert json.loads(report.read_text())["final"]["family"] == "logistic"
    logged = {run.record.candidate: run.record.parameters for run in tracker.runs.values()}
    assert logged["blend"]["weights"] == composition["weights"]


def test_what_is_wrong_with_a_combination_is_told_by_line(root: Path) -> None:
    file = root / "fairlead.yaml"
    text = file.read_text().replace("    of: [tree, line]", "    of:\n      - tree\n      - lime")
    file.write_text(text)
    line = text.splitlines().index("      - lime") + 1
    with pytest.raises(ProjectError, match=rf"yaml:{line}: candidates.stack.of\[1\]: found `lime`"):
        load(root)
