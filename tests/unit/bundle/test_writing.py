from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.bundle.manifest import MANIFEST, SEAL, file_digest
from fairlead.bundle.writing import write_bundle
from fairlead.errors import StorageError


def test_a_bundle_is_named_by_the_digest_of_its_manifest(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, {"format": 1}, {"model.onnx": b"graph"})
    assert bundle.name == file_digest(bundle / MANIFEST)


def test_the_seal_is_one_that_sha256sum_reads(tmp_path: Path) -> None:
    bundle = write_bundle(tmp_path, {"format": 1}, {"model.onnx": b"graph"})
    subprocess.run(["sha256sum", "--check", "--status", SEAL], cwd=bundle, check=True)


def test_writing_the_same_bundle_twice_gives_one_folder(tmp_path: Path) -> None:
    first = write_bundle(tmp_path, {"format": 1}, {"model.onnx": b"graph"})
    second = write_bundle(tmp_path, {"format": 1}, {"model.onnx": b"graph"})
    assert first == second
    assert list(tmp_path.iterdir()) == [first]


def test_a_failing_step_leaves_nothing_behind(tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        raise OSError(5, os.strerror(5))

    with pytest.raises(StorageError, match="Input/output error"):
        write_bundle(tmp_path, {"format": 1}, {"model.onnx": b"graph"}, fail)
    assert list(tmp_path.iterdir()) == []


FULL_DISK = """
import sys
from pathlib import Path
from fairlead.bundle.writing import write_bundle
from fairlead.errors import StorageError
try:
    write_bundle(Path(sys.argv[1]), {"format": 1}, {"model.onnx": bytes(10**6)})
except StorageError as error:
    print(error)
"""


def test_a_full_disk_is_said_and_leaves_nothing_behind(tmp_path: Path) -> None:
    # A file system of 256 kB in a mount namespace of its own: really full, really ENOSPC.
    script = f"""
    mount -t tmpfs -o size=256k tmpfs {tmp_path}
    {sys.executable} -c '{FULL_DISK}' {tmp_path}/store
    ls -A {tmp_path}/store
    """
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        f"{tmp_path}/store could not be written: No space left on device; nothing was left behind"
    ]
