from __future__ import annotations

from pathlib import Path

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
