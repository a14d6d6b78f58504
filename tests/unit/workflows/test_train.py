from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fairlead.errors import TrainingError
from fairlead.workflows.load import load
from fairlead.workflows.train import TrainingResult, train

SPEC = """
name: small
task: regression
data:
  path: small.csv
  target: {name: t}
  columns:
    a: {type: number}
  split: {kind: none}
candidates:
"""
EVALUATION = """
evaluation: {metric: rmse, cv: {kind: kfold, folds: 3}}
"""
HUGE = "1e300"  # beyond float32, which scikit-learn's trees read


def trained(root: Path, *families: str) -> TrainingResult:
    values = [*map(str, range(12)), HUGE]
    rows = [f"{value},{number}" for number, value in enumerate(values)]
    (root / "small.csv").write_text("\n".join(["a,t", *rows]))
    candidates = "\n".join(f"  {name}: {{family: {name}}}" for name in families)
    (root / "fairlead.yaml").write_text(SPEC + candidates + EVALUATION)
    return train(load(root), jobs=1)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_candidate_that_fails_is_listed_with_its_reason(tmp_path: Path) -> None:
    result = trained(tmp_path, "decision_tree", "hist_gradient_boosting")
    tree, boosting = result.leaderboard.entries
    assert tree.error is not None
    assert "too large for dtype('float32')" in tree.error
    assert boosting.error is None
    assert list(result.bundles) == ["hist_gradient_boosting"]
    written = (tmp_path / ".fairlead" / "results" / "leaderboard.md").read_text()
    assert "too large for dtype" in written


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_where_every_candidate_fails_the_first_reason_is_told(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="candidate extra_trees"):
        trained(tmp_path, "extra_trees", "decision_tree")


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_baseline_is_scored_beside_the_candidates_and_has_no_bundle(tmp_path: Path) -> None:
    result = trained(tmp_path, "hist_gradient_boosting")
    leaderboard = result.leaderboard
    assert leaderboard.baseline is not None
    assert leaderboard.baseline.family == "dummy"
    assert leaderboard.baseline.cv["rmse"].value > 0
    assert list(result.bundles) == ["hist_gradient_boosting"]
    assert leaderboard.entries[0].against_baseline is not None


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_dummy_that_is_a_candidate_is_not_better_than_the_baseline(tmp_path: Path) -> None:
    result = trained(tmp_path, "dummy")
    (against,) = [entry.against_baseline for entry in result.leaderboard.entries]
    assert against is not None
    assert (against.difference.value, against.verdict) == (0.0, "inconclusive")
    assert [entry.name for entry in result.leaderboard.unproven] == ["dummy"]
    assert list(result.bundles) == ["dummy"]


def test_leaving_one_out_is_shown_beside_five_folds_and_a_single_split(tmp_path: Path) -> None:
    (tmp_path / "small.csv").write_text("\n".join(["a,t", *(f"{n},{n % 7}" for n in range(30))]))
    spec = SPEC + "  line: {family: linear}\n  tree: {family: decision_tree}\n"
    spec += "evaluation: {metric: rmse, cv: {kind: leave_one_out}}\n"
    (tmp_path / "fairlead.yaml").write_text(spec)
    for entry in train(load(tmp_path), jobs=1).leaderboard.entries:
        folds, split = entry.validations
        assert (folds.draws, split.draws) == (5, 25)
        assert folds.spread < split.spread
        assert split.low <= entry.cv["rmse"].value <= split.high


STUDIED = """
name: small
task: regression
data:
  path: small.csv
  target: {name: t}
  columns:
    a: {type: number}
    b: {type: number}
  derived: {double: a * 2}
  split: {kind: SPLIT, holdout: 0.5}
candidates:
  tree: {family: decision_tree}
evaluation: {metric: rmse, cv: {kind: CV, folds: 4}}
"""


def studied(root: Path, split: str, cv: str, jobs: int) -> TrainingResult:
    root.mkdir()
    rows = [f"{n % 11},{n % 7},{n % 11}" for n in range(80)]
    (root / "small.csv").write_text("\n".join(["a,b,t", *rows]))
    (root / "fairlead.yaml").write_text(STUDIED.replace("SPLIT", split).replace("CV", cv))
    return train(load(root), jobs=jobs, learning_curve=True, ablation=True)


@pytest.mark.parametrize(
    ("split", "cv"), [("random", "kfold"), ("none", "kfold"), ("none", "leave_one_out")]
)
def test_what_features_and_rows_are_worth_is_studied_wherever_there_are_unseen_rows(
    split: str, cv: str, tmp_path: Path
) -> None:
    root = tmp_path / "small"
    studies = studied(root, split, cv, jobs=1).studies
    assert [(e.feature, e.is_needed) for e in studies.importance] == [("a", True), ("b", False)]
    assert [effect.feature for effect in studies.ablation] == ["a", "b", "double"]
    assert [effect.is_needed for effect in studies.ablation] == [True, False, False]
    (curve,) = studies.learning_curves
    assert list(curve.rows) == sorted(set(curve.rows))
    assert curve.estimates[-1].value <= curve.estimates[0].value
    written = {path.name for path in (root / ".fairlead" / "results").iterdir()}
    names = ("importance", "ablation", "learning_curve", "leaderboard")
    assert written >= {f"{name}.{kind}" for name in names for kind in ("json", "png")}


def test_the_studies_do_not_depend_on_the_number_of_processes(tmp_path: Path) -> None:
    one = studied(tmp_path / "one", "random", "kfold", jobs=1)
    two = studied(tmp_path / "two", "random", "kfold", jobs=2)
    assert one.studies == two.studies


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_costly_studies_are_made_only_where_they_are_asked_for(tmp_path: Path) -> None:
    studies = trained(tmp_path, "hist_gradient_boosting").studies
    assert studies.importance
    assert not studies.ablation
    assert not studies.learning_curves


PLACES = """
name: places
task: regression
data:
  path: places.csv
  target: {name: price}
  columns:
    x: {type: number}
    y: {type: number}
    size: {type: number}
  split: {kind: random, holdout: 0.3}
candidates:
  far: {family: decision_tree, min_samples_leaf: 5, without: [x, y]}
  near:
    family: decision_tree
    min_samples_leaf: 5
    neighbours: {columns: {x: 1, y: 1}, k: [1, 3], mean: [price, size]}
evaluation:
  metric: rmse
  cv: {kind: kfold, folds: 4}
  validations: [{kind: blocks, blocks: {x: 5, y: 5}, folds: 4}]
  conditions: {large: size > 50}
"""


def test_neighbours_help_where_they_are_known_and_not_where_none_are(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    at, size = rng.uniform(0, 20, (400, 2)), rng.uniform(0, 100, 400)
    # Every square has a level of its own, which says nothing about the next one.
    level = rng.normal(0, 100, (4, 4))[tuple((at // 5).astype(int).T)]
    price = level + size + rng.normal(0, 5, 400)
    lines = [f"{x},{y},{s},{p}" for (x, y), s, p in zip(at, size, price, strict=True)]
    (tmp_path / "places.csv").write_text("\n".join(["x,y,size,price", *lines]))
    (tmp_path / "fairlead.yaml").write_text(PLACES)
    result = train(load(tmp_path), jobs=1)
    entries = {entry.name: entry for entry in result.leaderboard.entries}
    far, near = entries["far"], entries["near"]
    assert near.cv["rmse"].value < 0.7 * far.cv["rmse"].value
    assert near.holdout["rmse"].value < 0.7 * far.holdout["rmse"].value
    (near_blocks,), (far_blocks,) = near.validations, far.validations
    assert near_blocks.method == "4-fold by blocks of 5 × 5 (x, y)"
    assert near_blocks.mean > far_blocks.mean
    manifest = result.bundle("near").manifest
    assert manifest["parameters"]["neighbours"]["k"] == [1, 3]
    cuts = {(cut["column"], cut["value"]) for cut in manifest["slices"]["holdout"]}
    assert cuts == {("large", "false"), ("large", "true")}
