"""What a bundle records of the code and of what ran it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pytest

from fairlead.workflows.environment import environment_of
from fairlead.workflows.provenance import provenance

GIT = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    top = tmp_path / "repository"
    (top / "projects" / "flats").mkdir(parents=True)
    (top / "requirements").mkdir()
    (top / "requirements" / "train.txt").write_text("numpy==2.4.0\n")
    (top / "projects" / "flats" / "requirements.txt").write_text("polars\n")
    for arguments in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "start"]):
        subprocess.run([*GIT, *arguments], cwd=top, check=True)
    return top


def test_lock_files_are_found_in_the_project_and_at_the_top_of_the_repository(
    repository: Path,
) -> None:
    locks = environment_of(repository / "projects" / "flats")["locks"]
    assert locks == {
        "projects/flats/requirements.txt": sha256(b"polars\n").hexdigest(),
        "requirements/train.txt": sha256(b"numpy==2.4.0\n").hexdigest(),
    }


def test_outside_a_repository_only_the_folder_is_looked_at(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("")
    (tmp_path / "inner").mkdir()
    assert list(environment_of(tmp_path)["locks"]) == ["uv.lock"]
    assert environment_of(tmp_path / "inner")["locks"] == {}


def test_every_distribution_and_what_its_build_depends_on_is_recorded(tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    assert environment["distributions"]["numpy"] == version("numpy")
    assert environment["platform"].keys() >= {"machine", "libc", "instructions", "blas"}
    assert environment["platform"]["blas"]


def test_the_commit_and_the_place_in_the_repository_are_recorded(repository: Path) -> None:
    project = repository / "projects" / "flats"
    origin = provenance(project, environment_of(project))
    assert len(origin["git_commit"]) == 40
    assert (origin["project_folder"], origin["git_dirty"]) == ("projects/flats", False)
    (repository / "requirements" / "train.txt").write_text("numpy==2.4.1\n")
    top = provenance(repository, environment_of(repository))
    assert (top["project_folder"], top["git_dirty"]) == (".", True)


def test_outside_a_repository_there_is_no_commit(tmp_path: Path) -> None:
    origin = provenance(tmp_path, environment_of(tmp_path))
    keys = ("git_commit", "git_dirty", "project_folder")
    assert [origin[key] for key in keys] == [None, None, None]


def test_a_project_may_be_named_from_where_one_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "requirements.txt").write_text("polars\n")
    monkeypatch.chdir(tmp_path)
    assert list(environment_of(Path("inner"))["locks"]) == ["requirements.txt"]
