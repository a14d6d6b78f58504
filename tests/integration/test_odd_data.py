"""Columns as no textbook has them, all the way from the file to predictions, in every family."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fairlead.bundle.reading import verify_bundle
from fairlead.workflows.load import load
from fairlead.workflows.train import TrainingResult, train

pytestmark = pytest.mark.slow

SPEC = """
name: odd
task: {task}
data:
  path: odd.csv
  target: {{name: t}}
  columns:
    a: {{type: number}}
    b: {{type: number, nullable: true}}
    c: {{type: category, values: [x, y, z], nullable: true, unknown: flag}}
    empty: {{type: number, nullable: true}}
    constant: {{type: number}}
    g: {{type: integer, role: group}}
  derived: {{never: a / 0, ratio: a / b}}
  split: {{kind: {split}, holdout: 0.2}}
candidates:
{candidates}
evaluation: {{metric: {metric}, cv: {{kind: {cv}, folds: 3}}}}
"""
ROWS = 60


def frame(classes: tuple[str, ...]) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    a = rng.normal(size=ROWS)
    code = np.digitize(a, [-0.4, 0.4]) if len(classes) == 3 else (a > 0).astype(int)
    return pl.DataFrame(
        {
            "a": a,
            "b": [None if row % 7 == 0 else float(row % 5) for row in range(ROWS)],
            "c": [("x", "y", "unheard of", None)[row % 4] for row in range(ROWS)],
            "empty": [None] * ROWS,
            "constant": [0.1] * ROWS,
            "g": [row % 10 for row in range(ROWS)],
            "t": [classes[c] for c in code] if classes else a.tolist(),
        },
        schema_overrides={"empty": pl.Float64},
    )


def trained(
    root: Path, classes: tuple[str, ...], families: dict[str, str], **spec: str
) -> tuple[TrainingResult, pl.DataFrame]:
    data = frame(classes)
    data.write_csv(root / "odd.csv")
    text = SPEC.format(
        task="classification" if classes else "regression",
        metric="accuracy" if classes else "rmse",
        candidates="\n".join(
            f"  {name}: {{family: {name}, {rest}}}" for name, rest in families.items()
        ),
        **{"split": "none", "cv": "kfold", **spec},
    )
    (root / "fairlead.yaml").write_text(text)
    return train(load(root), jobs=1), data.drop("t", "g")


BOTH = {
    "decision_tree": "max_depth: 4",
    "extra_trees": "n_estimators: 4",
    "random_forest": "n_estimators: 4",
    "hist_gradient_boosting": "max_iter: 4, min_samples_leaf: 3",
    "xgboost": "n_estimators: 4",
    "lightgbm": "n_estimators: 4, min_child_samples: 3",
}
RULE = "rules: [{{when: a < 0 and not is_missing(b), predict: {}}}], otherwise: {}"


@pytest.mark.parametrize(
    ("classes", "families", "spec"),
    [
        (
            (),
            {**BOTH, "linear": "", "ridge": "", "rules": RULE.format(-1, 1)},
            {"split": "group", "cv": "group"},
        ),
        (
            ("no", "yes"),
            {**BOTH, "logistic": "", "lda": "", "rules": RULE.format("no", "yes")},
            {"cv": "stratified"},
        ),
        (
            ("low", "mid", "top"),
            {**BOTH, "logistic": "", "lda": "", "rules": RULE.format("low", "top")},
            {"split": "stratified", "cv": "kfold"},
        ),
    ],
    ids=["regression", "two_classes", "three_classes"],
)
def test_odd_columns_go_all_the_way_in_every_family(
    tmp_path: Path, classes: tuple[str, ...], families: dict[str, str], spec: dict[str, str]
) -> None:
    result, rows = trained(tmp_path, classes, families, **spec)
    assert {entry.name: entry.error for entry in result.leaderboard.entries} == dict.fromkeys(
        families
    )
    for name, folder in result.bundles.items():
        bundle = verify_bundle(folder)
        together = bundle.predict(rows)
        alone = np.concatenate([bundle.predict(rows[row]) for row in range(10)])
        assert (together[:10] == alone).all(), name
        assert (bundle.predict(rows.select(rows.columns[::-1])) == together).all(), name
