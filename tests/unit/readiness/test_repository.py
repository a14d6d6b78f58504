"""What git and the files of CI and DVC say is found, and nothing that they do not say."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from fairlead.readiness.repository import pipeline_of, repository_of

AUTHOR = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")


def git(root: Path, *arguments: str) -> None:
    command = ["git", *AUTHOR, "-c", "commit.gpgsign=false", *arguments]
    subprocess.run(command, cwd=root, check=True, capture_output=True)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A project file in a folder of a repository, committed."""
    git(tmp_path, "init", "-q", "-b", "main")
    file = tmp_path / "projects" / "flats" / "fairlead.yaml"
    file.parent.mkdir(parents=True)
    file.write_text("name: flats\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "Begin")
    return file


def test_outside_a_repository_nothing_is_committed(tmp_path: Path) -> None:
    assert repository_of(tmp_path / "fairlead.yaml").commit is None


def test_a_file_is_committed_until_it_is_changed(file: Path) -> None:
    clean = repository_of(file)
    assert (clean.subject, clean.changed, clean.review) == ("Begin", False, None)
    file.write_text("name: other\n")
    assert repository_of(file).changed


def test_a_line_of_the_commit_names_who_reviewed_it(file: Path) -> None:
    file.write_text("name: other\n")
    git(file.parent, "commit", "-qam", "Rename\n\nReviewed-by: Grace <grace@example.org>")
    assert repository_of(file).review == "reviewed by Grace <grace@example.org>"


def test_a_merge_that_brought_the_commit_is_a_review(file: Path) -> None:
    git(file.parent, "checkout", "-q", "-b", "own")
    file.write_text("name: other\n")
    git(file.parent, "commit", "-qam", "Rename")
    git(file.parent, "checkout", "-q", "main")
    git(file.parent, "merge", "-q", "--no-ff", "-m", "Merge own", "own")
    assert str(repository_of(file).review).startswith("merged by ")


def test_a_merge_of_something_else_is_none(file: Path) -> None:
    git(file.parent, "checkout", "-q", "-b", "own")
    (file.parent / "other").touch()
    git(file.parent, "add", ".")
    git(file.parent, "commit", "-qm", "Add other")
    git(file.parent, "checkout", "-q", "main")
    git(file.parent, "merge", "-q", "--no-ff", "-m", "Merge own", "own")
    assert repository_of(file).review is None


@pytest.mark.parametrize(
    ("owners", "asked"),
    [
        ("* @ada", True),
        ("/projects/ @ada", True),
        ("projects/*/fairlead.yaml @ada", True),
        ("docs/ @ada", False),
        ("projects/ # nobody", False),
    ],
)
def test_owners_of_the_file_are_asked_for_a_review(file: Path, owners: str, asked: bool) -> None:
    (file.parents[2] / "CODEOWNERS").write_text(owners)
    assert (repository_of(file).review is not None) == asked


def workflow(root: Path, text: str) -> None:
    (root / ".github" / "workflows").mkdir(parents=True)
    (root / ".github" / "workflows" / "ci.yml").write_text(text)


def test_a_workflow_that_names_the_project_runs_its_commands(file: Path) -> None:
    root = file.parent
    text = "project: [flats]\n- run: .venv/bin/fairlead score projects/x --at-least 5\n# pytest\n"
    workflow(root.parents[1], text)
    assert pipeline_of(root) == {"fairlead score": ".github/workflows/ci.yml"}


def test_a_workflow_of_other_projects_runs_nothing_of_this_one(file: Path) -> None:
    root = file.parent
    workflow(root.parents[1], "project: [houses]\n- run: fairlead score projects/x\n- run: pytest")
    assert pipeline_of(root) == {}


def test_stages_of_dvc_run_by_themselves(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text("stages:\n  check:\n    cmd: fairlead check\n")
    assert pipeline_of(tmp_path) == {"fairlead check": "dvc.yaml"}
