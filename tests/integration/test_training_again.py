"""Training again: the same graphs and metrics, and none that the holdout has had a say in."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fairlead.project.loading import Project
from fairlead.workflows.load import load
from fairlead.workflows.train import train

pytestmark = pytest.mark.slow

RETRAIN = """
import hashlib, json, sys
from fairlead.workflows.load import load
from fairlead.workflows.train import train
result = train(load(sys.argv[1]), jobs=int(sys.argv[2]), only=sys.argv[3].split(","), trials=0)
print(json.dumps({
    entry.name: [
        hashlib.sha256((result.bundles[entry.name] / "model.onnx").read_bytes()).hexdigest(),
        {name: estimate.to_dict() for name, estimate in entry.cv.items()},
        {name: estimate.to_dict() for name, estimate in entry.holdout.items()},
        [found and found.to_dict() for found in (entry.against_best, entry.against_baseline)],
        json.loads((result.bundles[entry.name] / "manifest.json").read_bytes())["slices"],
    ]
    for entry in result.leaderboard.entries
} | {"importance": [effect.to_dict() for effect in result.studies.importance]}))
"""


def retrained(root: Path, *, jobs: int, hash_seed: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-c", RETRAIN, str(root), str(jobs), "logistic,boosting,lightgbm"],
        env={**os.environ, "PYTHONHASHSEED": hash_seed},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_training_twice_in_fresh_processes_gives_the_same_graphs_and_metrics(
    reference_project: Callable[[str], Path],
) -> None:
    root = reference_project("obesity")
    spec = (root / "fairlead.yaml").read_text()
    small = (
        spec.replace("n_estimators: 200", "n_estimators: 15")
        .replace("max_iter: 200", "max_iter: 10")
        .replace("n_estimators: 400", "n_estimators: 30")
    )
    (root / "fairlead.yaml").write_text(small)
    assert retrained(root, jobs=1, hash_seed="1") == retrained(root, jobs=2, hash_seed="2")


def test_the_choice_among_candidates_does_not_see_the_holdout(
    reference_project: Callable[[str], Path],
) -> None:
    root = reference_project("obesity")
    text = (root / "fairlead.yaml").read_text()
    # Neither a stratified split nor the search for duplicates may look at the new targets.
    for old, new in (
        ("max_iter: 200", "max_iter: 10"),
        ("kind: stratified, holdout", "kind: random, holdout"),
        ("duplicates: drop", "duplicates: keep"),
    ):
        assert old in text
        text = text.replace(old, new)
    # The targets are changed below: the declared digest would refuse them.
    text = re.sub(r"  source:\n(    .*\n)+", "", text)
    (root / "fairlead.yaml").write_text(text)
    project = load(root)
    before = train(project, only=["logistic", "boosting"], trials=0)
    _permute_holdout_targets(project)
    after = train(project, only=["logistic", "boosting"], trials=0)
    assert [entry.cv for entry in after.leaderboard.ranked] == [
        entry.cv for entry in before.leaderboard.ranked
    ]
    assert after.leaderboard.ranked[0].holdout != before.leaderboard.ranked[0].holdout
    for name, folder in after.bundles.items():
        graph = (folder / "model.onnx").read_bytes()
        assert graph == (before.bundles[name] / "model.onnx").read_bytes()


def _permute_holdout_targets(project: Project) -> None:
    """Swap the classes of the holdout's rows among themselves, class sizes as they were."""
    from fairlead.data.enforcement import read_dataset
    from fairlead.data.splits import holdout_split

    spec = project.spec
    path = project.root / spec.data.path
    dataset = read_dataset(path, spec.task, spec.data)
    _, holdout = holdout_split(spec.data.split, dataset)
    frame = pl.read_csv(path, infer_schema=False).with_row_index("row", offset=1)
    rows = dataset.rows[holdout]
    frame = frame.with_columns(
        pl.when(pl.col("row").is_in(rows.tolist()))
        .then(pl.col(spec.data.target.name).reverse())
        .otherwise(pl.col(spec.data.target.name))
    )
    frame.drop("row").write_csv(path)
