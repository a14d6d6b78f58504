"""A service leaves what its log is judged by, once, and goes on where it cannot."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from fairlead.bundle.manifest import SKETCH
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.serving.prediction_segments import reference_path
from fairlead.serving.references import leave_reference


@pytest.fixture
def sketched(flowers: Bundle, tmp_path: Path) -> Bundle:
    """A bundle with a sketch."""
    copy = shutil.copytree(flowers.path, tmp_path / "bundle")
    (copy / SKETCH).write_text("{}\n")
    return load_bundle(copy)


def test_the_sketch_of_the_bundle_is_left_beside_the_log(sketched: Bundle, tmp_path: Path) -> None:
    left = reference_path(tmp_path / "flowers" / "3", sketched.digest)
    leave_reference(left.parent, sketched)
    assert left.read_text() == "{}\n"


def test_a_bundle_without_one_leaves_nothing(flowers: Bundle, tmp_path: Path) -> None:
    leave_reference(tmp_path / "flowers", flowers)
    assert not (tmp_path / "flowers").exists()


def test_a_folder_that_cannot_be_written_stops_no_service(
    sketched: Bundle, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    leave_reference(tmp_path / "file" / "3", sketched)
    (record,) = caplog.records
    assert (record.message, record.levelno) == ("reference_not_left", logging.WARNING)
