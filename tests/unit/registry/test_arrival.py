"""Bundles arrive whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.bundle.manifest import GRAPH, MANIFEST
from fairlead.errors import BundleError, StorageError
from fairlead.registry.arrival import receive
from fairlead.registry.records import ModelVersion
from fairlead.testing.registry import contents, sample_bundle


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return sample_bundle(tmp_path / "bundles")


@pytest.fixture
def version(bundle: Path) -> ModelVersion:
    return MemoryRegistry().register("iris", bundle)


def test_what_a_store_added_is_left_behind(
    bundle: Path, version: ModelVersion, tmp_path: Path
) -> None:
    def download(part: Path) -> Path:
        arrived = Path(shutil.copytree(bundle, part / "artifacts"))
        (arrived / "registered_model_meta").write_text("model_name: iris")
        (arrived / "code" / "__pycache__").mkdir()
        (arrived / "code" / "__pycache__" / "loader.pyc").write_bytes(b"\0")
        return arrived

    assert contents(receive(version, tmp_path / "cache", download)) == contents(bundle)


@pytest.mark.parametrize("name", [GRAPH, MANIFEST])
def test_a_bundle_damaged_on_the_way_does_not_arrive(
    bundle: Path, version: ModelVersion, tmp_path: Path, name: str
) -> None:
    def download(part: Path) -> Path:
        arrived = Path(shutil.copytree(bundle, part / "artifacts"))
        (arrived / name).write_bytes((arrived / name).read_bytes()[:-1])
        return arrived

    with pytest.raises(BundleError):
        receive(version, tmp_path / "cache", download)
    assert list((tmp_path / "cache").iterdir()) == []


def test_an_empty_artifact_is_not_a_bundle(version: ModelVersion, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"without manifest\.json"):
        receive(version, tmp_path / "cache", lambda part: part)
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_version_that_is_no_bundle_is_not_downloaded(
    version: ModelVersion, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="not registered by Fairlead"):
        receive(replace(version, digest=""), tmp_path, lambda part: part)


def test_a_full_disk_leaves_nothing_behind(version: ModelVersion, tmp_path: Path) -> None:
    def download(part: Path) -> Path:
        (part / "model.onnx").write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(StorageError, match="No space left on device"):
        receive(version, tmp_path / "cache", download)
    assert list((tmp_path / "cache").iterdir()) == []


def test_two_arrivals_at_once_leave_one_bundle(
    bundle: Path, version: ModelVersion, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"

    def copy(part: Path) -> Path:
        return Path(shutil.copytree(bundle, part / "artifacts"))

    def copy_while_another_arrives(part: Path) -> Path:
        receive(version, cache, copy)
        return copy(part)

    arrived = receive(version, cache, copy_while_another_arrives)
    assert contents(arrived) == contents(bundle)
    assert list(cache.iterdir()) == [arrived]


def copier(bundle: Path) -> Callable[[Path], Path]:
    return lambda part: Path(shutil.copytree(bundle, part / "artifacts"))


@pytest.mark.parametrize("name", [GRAPH, MANIFEST])
def test_a_bundle_damaged_where_it_stands_is_brought_again(
    bundle: Path, version: ModelVersion, tmp_path: Path, name: str
) -> None:
    arrived = receive(version, tmp_path / "cache", copier(bundle))
    (arrived / name).write_bytes(b"damaged")
    assert receive(version, tmp_path / "cache", copier(bundle)) == arrived
    assert contents(arrived) == contents(bundle)
    assert list((tmp_path / "cache").iterdir()) == [arrived]


def test_a_damaged_bundle_stays_where_no_better_one_can_be_had(
    bundle: Path, version: ModelVersion, tmp_path: Path
) -> None:
    arrived = receive(version, tmp_path / "cache", copier(bundle))
    (arrived / GRAPH).write_bytes(b"damaged")
    with pytest.raises(BundleError):
        receive(version, tmp_path / "cache", lambda part: part)
    assert (arrived / GRAPH).read_bytes() == b"damaged"
    assert list((tmp_path / "cache").iterdir()) == [arrived]


def test_a_bundle_that_is_there_needs_no_store(
    bundle: Path, version: ModelVersion, tmp_path: Path
) -> None:
    (bundle / "code" / "__pycache__").mkdir()
    (bundle / "code" / "__pycache__" / "loader.pyc").write_bytes(b"left by Python")
    assert receive(version, bundle.parent, lambda _: tmp_path / "gone") == bundle
