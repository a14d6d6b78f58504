"""A training that is asked for intervals or sets: bundle, reports, and what cannot be made."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from fairlead.bundle.manifest import CONFORMAL, GRAPH
from fairlead.bundle.reading import load_bundle
from fairlead.errors import BundleError
from fairlead.workflows.load import load
from fairlead.workflows.train import TrainingResult, train

SPEC = """
name: small
task: {task}
data:
  path: small.csv
  target: {{name: t}}
  columns:
    a: {{type: number, nullable: true}}
    b: {{type: category, values: [x, y], unknown: flag}}
  split: {{kind: random, holdout: 0.25, seed: 1}}
candidates:
  tree: {{family: decision_tree, max_depth: 3}}
evaluation: {{metric: {metric}, cv: {{kind: kfold, folds: 4}}, slices: [b]{coverage}}}
"""


def trained(root: Path, task: str, rows: int, coverage: str = ", coverage: 0.8") -> TrainingResult:
    root.mkdir(exist_ok=True)
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=rows), rng.integers(0, 2, rows)
    t = a + b + rng.normal(size=rows)
    targets = (
        [f"{value:.6f}" for value in t]
        if task == "regression"
        else ["no" if value < 0.5 else "yes" for value in t]
    )
    lines = [f"{x:.6f},{'xy'[code]},{y}" for x, code, y in zip(a, b, targets, strict=True)]
    (root / "small.csv").write_text("\n".join(["a,b,t", *lines]))
    metric = "rmse" if task == "regression" else "accuracy"
    (root / "fairlead.yaml").write_text(SPEC.format(task=task, metric=metric, coverage=coverage))
    return train(load(root), jobs=1)


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    return trained(tmp_path_factory.mktemp("regression"), "regression", 400)


def test_the_bundle_has_intervals_that_hold_the_truth_as_often_as_was_asked(
    regression: TrainingResult,
) -> None:
    bundle = regression.bundle()
    ends = bundle.predict_interval({"a": [0.5, None], "b": ["x", "never seen"]})
    assert ends.shape == (2, 2)
    assert (ends[:, 0] < ends[:, 1]).all()
    document = bundle.manifest["coverage"]
    assert (bundle.coverage, document["kind"], document["reason"]) == (0.8, "interval", "")
    for source in ("cv", "holdout"):
        whole = document["measured"][source][0]["coverage"]
        assert abs(whole["value"] - 0.8) < 4 * whole["standard_error"]
    assert "interval" in {each["output"] for each in bundle.manifest["parity"]["outputs"]}


def test_card_report_leaderboard_and_figures_tell_of_it(regression: TrainingResult) -> None:
    bundle = regression.bundle()
    results = bundle.path.parents[1] / "results"
    report = json.loads((results / "reports" / "tree.json").read_text())
    assert report["coverage"] == bundle.manifest["coverage"]
    assert "80 % prediction intervals hold the truth" in (bundle.path / "card.md").read_text()
    assert "80 % intervals" in (results / "leaderboard.md").read_text()
    assert (results / "figures" / "tree" / "coverage.png").stat().st_size > 5_000
    slices = {each["column"] for each in report["coverage"]["measured"]["holdout"]}
    assert slices == {"", "b", "prediction"}


def test_a_graph_of_intervals_that_was_exchanged_is_refused(
    regression: TrainingResult, tmp_path: Path
) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(regression.bundle().path, copy)
    (copy / CONFORMAL).write_bytes((copy / GRAPH).read_bytes())
    with pytest.raises(BundleError, match=r"conformal\.onnx has SHA-256"):
        load_bundle(copy)


def test_a_classifier_gets_sets(tmp_path: Path) -> None:
    bundle = trained(tmp_path, "classification", 300).bundle()
    records = [{"a": 0.5, "b": "x"}, {"a": -3.0, "b": "y"}]
    sets, predicted = bundle.predict_set(records), bundle.predict(records)
    assert all(label in labels for label, labels in zip(predicted, sets, strict=True))
    assert [each["column"] for each in bundle.manifest["coverage"]["measured"]["cv"]] == [
        *("", "b", "b", "t", "t")
    ]


def test_where_rows_are_too_few_for_the_coverage_it_is_said_and_the_model_is_the_same(
    regression: TrainingResult, tmp_path: Path
) -> None:
    result = trained(tmp_path, "regression", 400, coverage=", coverage: 0.999")
    bundle = result.bundle()
    assert "at least 999 rows" in bundle.manifest["coverage"]["reason"]
    assert "tree has no intervals" in result.leaderboard.markdown()
    assert bundle.coverage is None
    assert not (bundle.path / CONFORMAL).exists()
    assert (bundle.path / GRAPH).read_bytes() == (regression.bundle().path / GRAPH).read_bytes()
