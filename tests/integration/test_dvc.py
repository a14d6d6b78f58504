"""The pipeline of the reference projects, run by DVC itself in a repository of git."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from fairlead.bundle.reading import verify_bundle
from fairlead.data.bundled import bundled_csv
from fairlead.wiring import model_registry, tracking_uri

pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]
MADE = (".fairlead", "cache", "tmp", "*.csv", "bundle", "evaluation", "check.json", "dvc.lock")
STAGES = ("fetch", "check", "train", "evaluate", "bundle")
MD5 = hashlib.md5(bundled_csv("iris"), usedforsecurity=False).hexdigest()
UP_TO_DATE = "Data and pipelines are up to date."

NAMES = ("NAME", "EMAIL")

Run = Callable[..., str]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the reference projects as they are committed; iris trains in seconds."""
    root = tmp_path_factory.mktemp("repository")
    shutil.copytree(ROOT / "projects", root / "projects", ignore=shutil.ignore_patterns(*MADE))
    file = root / "projects/iris/fairlead.yaml"
    spec = yaml.safe_load(file.read_text())
    spec["candidates"] = {
        "lda": {"family": "lda"},
        "tree": {"family": "decision_tree", "max_depth": 3},
    }
    spec["evaluation"] = {"metric": "accuracy", "cv": {"kind": "stratified", "folds": 3}}
    file.write_text(yaml.safe_dump(spec, sort_keys=False))
    return root


@pytest.fixture(scope="module")
def run(scratch: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Runs a command in the project; nothing of the machine's configuration is read."""
    outside = tmp_path_factory.mktemp("outside")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("FAIRLEAD", "MLFLOW", "GIT"))}
    environment = {
        **kept,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(outside),
        "GIT_CONFIG_NOSYSTEM": "1",
        **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in NAMES},
        "DVC_NO_ANALYTICS": "1",
        "FAIRLEAD_JOBS": "1",
        "DVC_SITE_CACHE_DIR": str(outside),
        "MLFLOW_DISABLE_TELEMETRY": "true",
    }

    def run(*command: str, project: str = "iris", code: int = 0) -> str:
        done = subprocess.run(
            command,
            cwd=scratch / "projects" / project,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=300,
        )
        assert done.returncode == code, done.stdout
        return done.stdout

    run("git", "init", "--quiet", "../..")
    commit(run)
    return run


def commit(run: Run) -> None:
    run("git", "add", "--all", "../..")
    run("git", "commit", "--quiet", "--message", "As it is")


@pytest.fixture(scope="module")
def repeated(run: Run) -> str:
    """The pipeline from nothing, as after a clone, and committed; what was said."""
    said = run("dvc", "repro")
    assert run("git", "status", "--short", "--untracked-files=all").split() == [
        *("??", "dvc.lock"),
        *("??", "evaluation/metrics.json"),
    ]
    commit(run)
    return said


def stages_run(said: str) -> list[str]:
    lines = said.splitlines()
    return [line.split("'")[1] for line in lines if line.startswith("Running stage '")]


@pytest.mark.parametrize("project", ["iris", "housing", "obesity"])
def test_the_steps_of_each_project_follow_each_other(run: Run, project: str) -> None:
    graph = run("dvc", "dag", "--dot", project=project)
    for before, after in (
        ("fetch", f"data/{project}.csv.dvc"),
        (f"data/{project}.csv.dvc", "check"),
        ("check", "train"),
        ("train", "evaluate"),
        ("evaluate", "bundle"),
    ):
        assert f'"{before}" -> "{after}"' in graph


def test_after_a_clone_everything_runs_and_then_nothing(run: Run, repeated: str) -> None:
    assert stages_run(repeated) == [*STAGES]
    again = run("dvc", "repro")
    assert stages_run(again) == []
    assert UP_TO_DATE in again


def test_the_version_of_the_data_is_in_the_bundle_and_in_mlflow(
    scratch: Path, repeated: str
) -> None:
    from mlflow import MlflowClient

    root = scratch / "projects/iris"
    bundle = verify_bundle(root / "bundle")
    assert bundle.manifest["provenance"]["data_version"] == {
        "tool": "dvc",
        "path": "data/iris.csv",
        "tracked_by": "data/iris.csv.dvc",
        "md5": MD5,
        "modified": False,
    }
    assert f"MD5 `{MD5}`" in (root / "bundle/card.md").read_text()
    versions = model_registry(root).versions("iris")
    assert {version.tags["data_version"] for version in versions} == {f"dvc:{MD5}"}
    tags = MlflowClient(tracking_uri(root)).get_run(versions[0].run_id).data.tags
    assert tags["fairlead.data_version"] == f"dvc:{MD5}"


def test_metrics_are_shown(run: Run, repeated: str) -> None:
    shown = json.loads(run("dvc", "metrics", "show", "--json"))
    metrics = shown[""]["data"]["evaluation/metrics.json"]["data"]
    assert metrics["cv_accuracy"] == max(metrics["lda.cv_accuracy"], metrics["tree.cv_accuracy"])
    assert 0 < metrics["cv_accuracy_se"] < 0.05


def test_an_experiment_with_one_parameter_trains_anew_and_can_be_compared(
    run: Run, repeated: str
) -> None:
    key = "candidates.tree.max_depth"
    said = run("dvc", "exp", "run", "--name", "stump", "--set-param", f"fairlead.yaml:{key}=1")
    assert stages_run(said) == ["train", "evaluate", "bundle"]
    assert "stump" in said
    changed: Any = json.loads(run("dvc", "params", "diff", "--json"))
    assert changed["fairlead.yaml"][key] == {"old": 3, "new": 1, "diff": -2}
    changed = json.loads(run("dvc", "metrics", "diff", "--json"))
    assert changed["evaluation/metrics.json"]["tree.cv_accuracy"]["diff"] < -0.1
    assert "lda.cv_accuracy" not in changed["evaluation/metrics.json"]
    run("git", "checkout", "--quiet", ".")
    assert ".fairlead/results/leaderboard.json" in run("dvc", "checkout")


def test_another_machine_pulls_what_was_pushed_and_has_nothing_to_do(
    run: Run, repeated: str, scratch: Path, tmp_path: Path
) -> None:
    root = scratch / "projects/iris"
    run("dvc", "remote", "add", "--local", "--default", "shelf", str(tmp_path))
    run("dvc", "push")
    for made in (".dvc/cache", "data/iris.csv", "bundle", "evaluation/figures", ".fairlead"):
        path = root / made
        (shutil.rmtree if path.is_dir() else Path.unlink)(path)
    run("dvc", "pull", "data/iris.csv.dvc", "dvc.yaml")
    assert (root / "data/iris.csv").read_bytes() == bundled_csv("iris")
    verify_bundle(root / "bundle")
    assert stages_run(run("dvc", "repro")) == []


def test_data_changed_by_hand_is_noticed_and_brought_anew(
    run: Run, repeated: str, scratch: Path
) -> None:
    file = scratch / "projects/iris/data/iris.csv"
    file.unlink()
    file.write_bytes(bundled_csv("iris").replace(b"5.1", b"5.2", 1))
    assert "modified:           data/iris.csv" in run("dvc", "status")
    run("dvc", "repro", "data/iris.csv.dvc")
    assert file.read_bytes() == bundled_csv("iris")
