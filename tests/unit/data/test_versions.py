from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fairlead.data.versions import data_version, shown_version
from fairlead.errors import DataInvalidError

TEXT = b"x,y\n1,2\n"
MD5 = hashlib.md5(TEXT, usedforsecurity=False).hexdigest()
TRACKED = f"outs:\n- md5: {MD5}\n  size: 8\n  hash: md5\n  path: a.csv\n"
LOCKED = f"""\
schema: '2.0'
stages:
  other: {{cmd: no}}
  fetch:
    cmd: get it
    outs:
    - {{path: data/a.csv, hash: md5, md5: {MD5}, size: 8}}
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data/a.csv").write_bytes(TEXT)
    return tmp_path


def test_without_dvc_it_is_the_digest(root: Path) -> None:
    version = data_version(root, "data/a.csv")
    sha256 = hashlib.sha256(TEXT).hexdigest()
    assert version == {"tool": "sha256", "path": "data/a.csv", "sha256": sha256}
    assert shown_version(version) == f"sha256:{sha256}"


@pytest.mark.parametrize(
    ("place", "text"),
    [
        ("data/a.csv.dvc", TRACKED),
        ("data/a.csv.dvc", TRACKED.replace("a.csv", "data/a.csv") + "wdir: ..\n"),
        ("dvc.lock", LOCKED),
    ],
)
def test_what_dvc_tracks_has_its_version(root: Path, place: str, text: str) -> None:
    (root / place).write_text(text)
    version = data_version(root, "data/a.csv")
    assert version == {
        "tool": "dvc",
        "path": "data/a.csv",
        "tracked_by": place,
        "md5": MD5,
        "modified": False,
    }
    assert shown_version(version) == f"dvc:{MD5}"


def test_another_file_than_the_one_that_is_tracked_is_said_to_be_modified(root: Path) -> None:
    (root / "data/a.csv.dvc").write_text(TRACKED)
    (root / "data/a.csv").write_bytes(TEXT + b"3,4\n")
    version = data_version(root, "data/a.csv")
    actual = hashlib.md5(TEXT + b"3,4\n", usedforsecurity=False).hexdigest()
    assert (version["md5"], version["modified"]) == (actual, True)
    assert shown_version(version) == f"dvc:{actual}+modified"


@pytest.mark.parametrize(
    "text",
    [
        "outs:\n- path: other.csv\n  md5: 0\n",
        # Imported, and not yet brought: DVC knows no digest.
        "deps:\n- path: ../a.csv\nouts:\n- path: a.csv\n",
        "outs:\n",
    ],
)
def test_a_dvc_file_that_knows_nothing_of_it_says_nothing(root: Path, text: str) -> None:
    (root / "data/a.csv.dvc").write_text(text)
    assert data_version(root, "data/a.csv")["tool"] == "sha256"


def test_what_only_depends_on_the_data_does_not_track_it(root: Path) -> None:
    (root / "dvc.lock").write_text(LOCKED.replace("outs:", "deps:"))
    assert data_version(root, "data/a.csv")["tool"] == "sha256"


@pytest.mark.parametrize("place", ["data/a.csv.dvc", "dvc.lock"])
@pytest.mark.parametrize(
    "text", ["<<<<<<< HEAD\nouts:\n=======\n", "- 1", "", "outs: 3\nstages: 3", "\udcff"]
)
def test_a_damaged_file_of_dvc_is_an_error(root: Path, place: str, text: str) -> None:
    (root / place).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataInvalidError, match=r"as DVC 3 writes it"):
        data_version(root, "data/a.csv")


def test_data_may_lie_outside_the_project(root: Path) -> None:
    (root / "data/a.csv.dvc").write_text(TRACKED)
    (root / "project").mkdir()
    version = data_version(root / "project", "../data/a.csv")
    assert (version["tracked_by"], version["modified"]) == ("../data/a.csv.dvc", False)


def test_a_link_to_the_cache_is_the_file(root: Path) -> None:
    (root / "cached").write_bytes(TEXT)
    (root / "data/a.csv").unlink()
    (root / "data/a.csv").symlink_to(root / "cached")
    (root / "data/a.csv.dvc").write_text(TRACKED)
    assert data_version(root, "data/a.csv")["modified"] is False
