"""`fairlead reproduce` on iris, as a user types it: the same bits, and what differs if not."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

ONE = {"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1", "TZ": "UTC", "LC_ALL": "C.UTF-8"}
OTHER = {"PYTHONHASHSEED": "2", "OMP_NUM_THREADS": "3", "TZ": "Asia/Kolkata", "LC_ALL": "C"}


def fairlead(
    *arguments: str, cwd: Path, code: int = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("FAIRLEAD", "MLFLOW"))}
    done = subprocess.run(
        [sys.executable, "-m", "fairlead", *arguments],
        cwd=cwd,
        env={**inherited, **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done


def git(root: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org", *arguments]
    return subprocess.run(command, cwd=root, check=True, capture_output=True, text=True).stdout


@pytest.fixture(scope="module")
def project(
    reference_project: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Iris in a repository, trained once; its data have no source but the folder."""
    top = tmp_path_factory.mktemp("repository")
    root = top / "models" / "iris"
    shutil.copytree(reference_project("iris"), root)
    text = (root / "fairlead.yaml").read_text()
    text = re.sub(r"  source:\n(    .*\n)+", "", text).replace("leave_one_out", "stratified")
    (root / "fairlead.yaml").write_text(text)
    (top / ".gitignore").write_text("data/\n.fairlead/\n")
    git(top, "init", "-q")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "start")
    fairlead("train", "--candidate", "lda", "--jobs", "1", cwd=root, **ONE)
    return root


def reproduced(project: Path, *arguments: str, code: int = 0) -> Any:
    place = ("--project", str(project), "--json")
    done = fairlead(
        "reproduce", "champion", *place, *arguments, cwd=project.parent, code=code, **OTHER
    )
    return json.loads(done.stdout)


def test_another_hash_seed_thread_count_time_zone_and_number_of_processes_do_not_matter(
    project: Path,
) -> None:
    found = reproduced(project, "--jobs", "2")
    assert found["verdict"] == "reproduced"
    assert found["graph"]["then"] == found["graph"]["now"]
    assert {metric["difference"] for metric in found["metrics"]} == {0.0}
    assert found["changes"]["code"] == []


def test_one_changed_row_is_told(project: Path) -> None:
    path = project / "data" / "iris.csv"
    kept = path.read_text()
    first, _, rest = kept.partition("\n")[2].partition(",")
    path.write_text(kept.replace(f"\n{first},{rest}", f"\n9.75,{rest}"))
    try:
        found = reproduced(project, "--jobs", "1", code=1)
    finally:
        path.write_text(kept)
    assert found["verdict"] == "not reproduced: the data differs"
    assert found["graph"]["differences"]
    assert "One of them is still there but for its sepal_length." in found["data"]["remarks"]
    assert "9.75" not in json.dumps(found)


def test_the_recorded_commit_is_checked_out_and_nothing_of_it_is_left(project: Path) -> None:
    text = (project / "fairlead.yaml").read_text()
    (project / "fairlead.yaml").write_text(text.replace("max_depth: 3", "max_depth: 2", 1))
    git(project, "commit", "-qam", "another tree")
    before = git(project, "worktree", "list")
    found = reproduced(project, "--checkout", "--jobs", "1")
    assert found["verdict"] == "reproduced"
    assert found["code"] == f"the code of commit {git(project, 'rev-parse', 'HEAD~1')[:12]}"
    changed = [each["name"] for each in found["changes"]["project file"]]
    assert changed == ["candidates.decision_tree.max_depth"]
    assert git(project, "worktree", "list") == before
    assert git(project, "status", "--porcelain") == ""
