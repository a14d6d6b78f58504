"""A version is made again from its record; where anything differs, it is said what."""

from __future__ import annotations

import json
import shutil
import subprocess
from hashlib import md5, sha256
from pathlib import Path
from typing import Any

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.bundle.manifest import ENVIRONMENT, MANIFEST, PROJECT
from fairlead.bundle.writing import write_bundle
from fairlead.errors import DataMissingError, ExtraMissingError, ReproductionError
from fairlead.workflows.load import load
from fairlead.workflows.recorded import Recorded, find_recorded
from fairlead.workflows.recorded_data import FoundData, _in_dvc_cache, find_data
from fairlead.workflows.reproduce import reproduce
from fairlead.workflows.train import train

SPEC = """
name: flats
task: regression
data:
  path: data/flats.csv
  target: {name: rent}
  columns:
    area: {type: number, min: 0}
    rooms: {type: integer}
    heating: {type: category, values: [gas, none]}
  split: {holdout: 0.25}
candidates:
  tree: {family: decision_tree, max_depth: 3}
evaluation: {metric: rmse, also: [r2], cv: {kind: kfold, folds: 3}}
"""
ROWS = [
    f"{20 + (7 * n) % 83},{1 + n % 5},{('gas', 'none')[n % 3 == 0]},{300 + 11 * ((7 * n) % 83)}"
    for n in range(60)
]


def write_rows(root: Path, rows: list[str]) -> None:
    (root / "data").mkdir(exist_ok=True)
    (root / "data" / "flats.csv").write_text("\n".join(["area,rooms,heating,rent", *rows]))


def with_another(area: str) -> list[str]:
    """The rows, one of them with another area."""
    return [*ROWS[:10], f"{area},{ROWS[10].partition(',')[2]}", *ROWS[11:]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, MemoryRegistry]:
    root = tmp_path_factory.mktemp("flats")
    write_rows(root, ROWS)
    (root / "fairlead.yaml").write_text(SPEC)
    registry = MemoryRegistry()
    train(load(root), registry=registry, jobs=1)
    return root, registry


@pytest.fixture
def flats(trained: tuple[Path, MemoryRegistry], tmp_path: Path) -> Path:
    """A copy of the trained project, to be changed at will."""
    shutil.copytree(trained[0], tmp_path / "flats")
    return tmp_path / "flats"


def digest_of(root: Path) -> str:
    (bundle,) = (root / ".fairlead" / "bundles").iterdir()
    return bundle.name


def contents(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_a_version_is_made_again_though_the_project_file_has_changed(
    trained: tuple[Path, MemoryRegistry], flats: Path
) -> None:
    registry = trained[1]
    (flats / "fairlead.yaml").write_text(SPEC.replace("max_depth: 3", "max_depth: 2"))
    files, versions = contents(flats), registry.versions("flats")
    found = reproduce(load(flats), 1, registry=registry, jobs=1)
    assert (found.verdict, found.version) == ("reproduced", "flats version 1")
    assert found.graphs.then == found.graphs.now
    assert {metric.source for metric in found.metrics} == {"cv", "holdout"}
    assert {metric.difference for metric in found.metrics} == {0.0}
    changed = [(each.name, each.then, each.now) for each in found.changes["project file"] or ()]
    assert changed == [("candidates.tree.max_depth", 3, 2)]
    assert [found.changes[part] for part in ("code", "libraries", "platform")] == [(), (), ()]
    kept = f".fairlead/results/reproduction/{found.digest}.json"
    written = contents(flats)
    assert json.loads(written.pop(kept))["reproduced"] is True
    assert written == files
    assert registry.versions("flats") == versions


def test_one_changed_row_is_told_by_its_column_and_by_what_it_did(flats: Path) -> None:
    write_rows(flats, with_another(secret := "54.321"))
    found = reproduce(load(flats), digest_of(flats)[:12], jobs=1)
    assert found.verdict == "not reproduced: the data differs"
    assert not found.graphs.is_same
    assert not all(metric.is_same for metric in found.metrics)
    assert (found.data.rows_then, found.data.rows_now) == (60, 60)
    told = " ".join(found.data.remarks)
    assert "Of 45 training rows in the bundle, 1 are gone." in told
    assert "there but for its area." in told
    assert secret not in told
    document = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert document["reproduced"] is False
    assert document["data"]["recorded"] != document["data"]["fingerprint"]


def recorded_as(root: Path, changes: dict[str, Any], *, spec: bool = True) -> Path:
    """The bundle of a project as if it had been written with another record."""
    bundle = root / ".fairlead" / "bundles" / digest_of(root)
    manifest = json.loads((bundle / MANIFEST).read_bytes())
    kept = [name for name in manifest.pop("files") if spec or name not in (PROJECT, ENVIRONMENT)]
    origin = {**manifest["provenance"], **changes}
    manifest["provenance"] = {key: value for key, value in origin.items() if value != "absent"}
    files = {name: (bundle / name).read_bytes() for name in kept}
    return write_bundle(root / "other", manifest, files)


NEW_KEYS = ("project_folder", "project_file", "data_sha256", "data_rows")


def test_a_bundle_without_the_record_is_made_again_by_the_present_file(flats: Path) -> None:
    old = recorded_as(flats, dict.fromkeys(NEW_KEYS, "absent"), spec=False)
    found = reproduce(load(flats), str(old), jobs=1)
    assert found.verdict == "reproduced"
    unknown = [subject for subject, changes in found.changes.items() if changes is None]
    assert unknown == ["project file", "platform", "lock files"]
    assert any("older than project.json" in remark for remark in found.remarks)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"adopted": {"file": "model.joblib"}}, "it was adopted, not trained here"),
        ({"git_commit": None}, "not trained in one"),
        ({"git_commit": "0" * 40}, "is in none now"),
    ],
)
def test_what_cannot_be_made_again_is_refused_with_the_reason(
    flats: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(ReproductionError, match=told):
        reproduce(load(flats), str(recorded_as(flats, changes)), checkout=True)


def test_a_bundle_of_another_project_is_refused(flats: Path) -> None:
    (flats / "fairlead.yaml").write_text(SPEC.replace("name: flats", "name: houses"))
    with pytest.raises(ReproductionError, match="of the project flats, not of houses"):
        reproduce(load(flats), digest_of(flats))


def test_a_project_file_of_a_newer_fairlead_is_refused(flats: Path) -> None:
    bundle = flats / ".fairlead" / "bundles" / digest_of(flats)
    spec = json.loads((bundle / PROJECT).read_bytes()) | {"novelty": 1}
    newer = Recorded("version", find(flats).bundle, json.dumps(spec).encode(), None)
    with pytest.raises(ReproductionError, match="found `novelty`"):
        newer.spec()


@pytest.mark.parametrize("reference", ["1", "tree", "0123456789ab"])
def test_without_a_registry_only_bundles_are_known(flats: Path, reference: str) -> None:
    with pytest.raises(ExtraMissingError, match="mlflow"):
        reproduce(load(flats), reference)


def find(root: Path) -> Recorded:
    return find_recorded(load(root), digest_of(root), None)


def data_of(root: Path, recorded: Recorded, spec: str = SPEC, mirror: str | None = None) -> Any:
    (root / "fairlead.yaml").write_text(spec)
    return find_data(recorded, load(root).spec, [root], root / "work", mirror)


def is_recorded_content(found: FoundData) -> bool:
    return found.is_recorded and "54.321" not in found.path.read_text()


def test_the_same_rows_in_other_bytes_are_the_recorded_data(flats: Path) -> None:
    path = flats / "data" / "flats.csv"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    assert data_of(flats, find(flats)).is_recorded


def test_recorded_data_are_fetched_from_their_source(flats: Path) -> None:
    mirror = flats / "mirror"
    mirror.mkdir()
    (flats / "data" / "flats.csv").rename(mirror / "origin.csv")
    write_rows(flats, with_another("54.321"))
    digest = sha256((mirror / "origin.csv").read_bytes()).hexdigest()
    source = f"data:\n  source: {{url: https://example.org/origin.csv, sha256: {digest}}}"
    found = data_of(flats, find(flats), SPEC.replace("data:", source, 1), str(mirror))
    assert is_recorded_content(found)
    assert found.origin.endswith("origin.csv")
    assert found.remarks == (
        "Rows of the recorded data that are gone: 1; new rows: 1.",
        "One of them is still there but for its area.",
    )


def committed(root: Path, *paths: str) -> str:
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (["init", "-q"], ["add", *paths], ["commit", "-qm", "data"]):
        subprocess.run([*git, *arguments], cwd=root, check=True)
    done = subprocess.run([*git, "rev-parse", "HEAD"], cwd=root, check=True, capture_output=True)
    return done.stdout.decode().strip()


def test_recorded_data_are_taken_from_the_commit(flats: Path) -> None:
    commit = committed(flats, "data")
    write_rows(flats, with_another("54.321"))
    bundle = recorded_as(flats, {"git_commit": commit, "project_folder": "."})
    found = data_of(flats, find_recorded(load(flats), str(bundle), None))
    assert is_recorded_content(found)
    assert found.origin == f"commit {commit[:12]}"


# As `dvc add` writes it, and as `dvc import-url` does, which begins with the MD5 of the stage.
@pytest.mark.parametrize("head", ["", f"md5: {'0' * 32}\nfrozen: true\n"])
def test_recorded_data_are_taken_from_the_cache_of_dvc(flats: Path, head: str) -> None:
    content = (flats / "data" / "flats.csv").read_bytes()
    digest = md5(content, usedforsecurity=False).hexdigest()
    outs = f"outs:\n- md5: {digest}\n  path: flats.csv\n"
    (flats / "data" / "flats.csv.dvc").write_text(head + outs)
    commit = committed(flats, "data/flats.csv.dvc")
    bundle = recorded_as(flats, {"git_commit": commit, "project_folder": "."})
    write_rows(flats, with_another("54.321"))
    recorded = find_recorded(load(flats), str(bundle), None)
    missing = data_of(flats, recorded)
    assert not missing.is_recorded
    assert any("dvc pull" in remark for remark in missing.remarks)
    cached = flats / ".dvc" / "cache" / "files" / "md5" / digest[:2] / digest[2:]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(content)
    assert data_of(flats, recorded).is_recorded


def test_a_project_has_its_own_cache_of_dvc_or_that_of_a_folder_above(tmp_path: Path) -> None:
    project = tmp_path / "projects" / "flats"
    (project / ".dvc").mkdir(parents=True)
    (tmp_path / ".dvc").mkdir()
    subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
    assert _in_dvc_cache(project, "a" * 32).is_relative_to(project)
    (project / ".dvc").rmdir()
    assert _in_dvc_cache(project, "a" * 32).is_relative_to(tmp_path / ".dvc")


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (ROWS[:-1], "are gone"),
        ([*ROWS, "30,2,gas,1"], "are all there: what differs is the rest"),
        ([row.replace("gas", "wood") for row in ROWS], "it breaks the contract"),
    ],
)
def test_what_differs_is_told_without_a_value(flats: Path, rows: list[str], told: str) -> None:
    write_rows(flats, rows)
    found = data_of(flats, find(flats))
    assert not found.is_recorded
    assert (found.rows_then, found.rows_now) == (60, len(rows))
    assert told in " ".join(found.remarks)
    assert "wood" not in " ".join(found.remarks)


def test_data_that_cannot_be_trained_on_are_told_with_the_reason(flats: Path) -> None:
    write_rows(flats, [row.replace("gas", "wood") for row in ROWS])
    with pytest.raises(ReproductionError, match=r"the data differs\. flats"):
        reproduce(load(flats), digest_of(flats), jobs=1)


def test_where_there_are_no_data_the_wanted_fingerprint_is_told(flats: Path) -> None:
    (flats / "data" / "flats.csv").unlink()
    recorded = find(flats)
    with pytest.raises(DataMissingError, match=recorded.provenance["data_fingerprint"][:12]):
        reproduce(load(flats), digest_of(flats))
