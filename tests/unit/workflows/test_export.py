from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest

from fairlead.bundle.reading import verify_bundle
from fairlead.errors import BundleError, DataInvalidError, DataMissingError, FilesExistError
from fairlead.project.loading import Project
from fairlead.workflows.export import export
from fairlead.workflows.leaderboard import last_leaderboard, write_leaderboard
from fairlead.workflows.load import load
from fairlead.workflows.train import train

SPEC = """
name: small
task: {task}
data:
  path: small.csv
  target: {{name: t}}
  columns: {{a: {{type: number}}}}
  split: {{kind: random, holdout: 0.25, seed: 1}}
candidates: {{one: {{family: {family}}}, least: {{family: dummy}}}}
evaluation: {{metric: {metric}, cv: {{kind: kfold, folds: 3}}}}
"""
SOURCES = ("cv", "holdout")


def trained(root: Path, task: str, family: str, metric: str) -> Project:
    labels = ["low" if n < 20 else "high" for n in range(40)]
    rows = [f"{n},{labels[n] if task == 'classification' else n * 2 + n % 3}" for n in range(40)]
    (root / "small.csv").write_text("\n".join(["a,t", *rows]))
    (root / "fairlead.yaml").write_text(SPEC.format(task=task, family=family, metric=metric))
    project = load(root)
    train(project, jobs=1)
    return project


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return trained(tmp_path_factory.mktemp("line"), "regression", "linear", "rmse")


def test_the_bundle_put_forward_is_copied_and_sound(line: Project, tmp_path: Path) -> None:
    made = export(line, tmp_path / "deep/bundle")
    assert made.candidate == "one"
    assert verify_bundle(tmp_path / "deep/bundle").digest == made.digest
    assert export(line, tmp_path / "other", "least").candidate == "least"


def test_what_running_a_bundle_has_left_there_is_not_copied(line: Project, tmp_path: Path) -> None:
    digest = last_leaderboard(line).ranked[0].digest
    stray = line.root / ".fairlead/bundles" / str(digest) / "code/__pycache__/x.pyc"
    stray.parent.mkdir(parents=True)
    stray.write_bytes(b"")
    export(line, tmp_path / "bundle")
    assert not list((tmp_path / "bundle").rglob("__pycache__"))


def test_nothing_is_written_over_what_is_there(line: Project, tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("mine")
    with pytest.raises(FilesExistError, match=r"has manifest\.json already"):
        export(line, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.json"]


def test_a_candidate_that_was_not_trained_is_named(line: Project, tmp_path: Path) -> None:
    with pytest.raises(DataInvalidError, match="no bundle of two, expected one of one, least"):
        export(line, tmp_path / "bundle", "two")


def test_metrics_are_flat_and_figures_and_predictions_beside_them(
    line: Project, tmp_path: Path
) -> None:
    written = write_leaderboard(line, tmp_path / "evaluation")
    assert {path.name for path in (tmp_path / "evaluation").iterdir()} == set(written)
    metrics = json.loads((tmp_path / "evaluation/metrics.json").read_text())
    board = last_leaderboard(line)
    assert metrics == {
        **{f"{source}_rmse": getattr(board.ranked[0], source)["rmse"].value for source in SOURCES},
        **{
            f"{source}_rmse_se": getattr(board.ranked[0], source)["rmse"].standard_error
            for source in SOURCES
        },
        **{
            f"{entry.name}.{source}_rmse": getattr(entry, source)["rmse"].value
            for entry in board.ranked
            for source in SOURCES
        },
    }
    with (tmp_path / "evaluation/predictions.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 10
    for row in rows:
        error = float(row["actual"]) - float(row["predicted"])
        assert float(row["residual"]) == pytest.approx(error)
    assert {path.name for path in (tmp_path / "evaluation/figures").iterdir()} == {
        "leaderboard.png",
        "predicted_vs_actual.png",
        "residuals.png",
    }


def test_classes_are_written_by_name_and_metrics_of_one_class_are_not(tmp_path: Path) -> None:
    project = trained(tmp_path, "classification", "decision_tree", "accuracy")
    write_leaderboard(project, tmp_path / "e")
    assert "[" not in (tmp_path / "e/metrics.json").read_text()
    head, first, *_ = (tmp_path / "e/predictions.csv").read_text().splitlines()
    assert head == "row,actual,predicted"
    assert set(first.split(",")[1:]) <= {"low", "high"}


@pytest.fixture
def own(line: Project, tmp_path: Path) -> Project:
    """A copy, to damage."""
    return load(shutil.copytree(line.root, tmp_path / "own"))


def test_what_is_not_here_is_said_to_be_missing(own: Project, tmp_path: Path) -> None:
    digest = str(last_leaderboard(own).ranked[0].digest)
    (own.root / f".fairlead/results/predictions/{digest}.npz").unlink()
    with pytest.raises(DataMissingError, match="run `fairlead train` here"):
        write_leaderboard(own, tmp_path / "evaluation")
    assert not (tmp_path / "evaluation").exists()
    (own.root / f".fairlead/bundles/{digest}/golden.json").write_text("{}")
    with pytest.raises(BundleError):
        export(own, tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()
    (own.root / f".fairlead/bundles/{digest}").rename(tmp_path / "gone")
    with pytest.raises(DataMissingError, match="trained elsewhere"):
        export(own, tmp_path / "bundle")


def test_a_leaderboard_of_an_older_fairlead_names_no_bundles(own: Project, tmp_path: Path) -> None:
    file = own.root / ".fairlead/results/leaderboard.json"
    board = json.loads(file.read_text())
    for entry in board["entries"]:
        del entry["digest"]
    file.write_text(json.dumps(board))
    with pytest.raises(DataInvalidError, match="run `fairlead train` again"):
        export(own, tmp_path / "bundle")
