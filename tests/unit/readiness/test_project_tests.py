"""A run of pytest claims tests of the score, as long as it stands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fairlead.readiness.project_tests import RESULT, project_tests

TESTS = """
import pytest

def test_good(record_property):
    record_property("ml_test_score", "data_7")

def test_bad(record_property):
    record_property("ml_test_score", "model_7")
    assert False

def test_skipped(record_property):
    record_property("ml_test_score", "model_4")
    pytest.skip("not here")
"""
CASE = """<testcase name="{name}"><properties><property name="ml_test_score" value="{test}"/>
</properties>{rest}</testcase>"""
GOOD = CASE.format(name="test_good", test="data_7", rest="")
BAD = CASE.format(name="test_bad", test="model_7", rest="<failure/>")
SKIPPED = CASE.format(name="test_skipped", test="model_4", rest="<skipped/>")


def report(root: Path, *cases: str) -> Path:
    (root / "fairlead.yaml").touch()
    (root / RESULT).parent.mkdir(parents=True)
    (root / RESULT).write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    return root / "fairlead.yaml"


def test_without_a_run_there_is_none(tmp_path: Path) -> None:
    assert project_tests(tmp_path, tmp_path / "fairlead.yaml").trouble == "there was no run of them"


def test_what_passed_claims_and_what_was_skipped_does_not(tmp_path: Path) -> None:
    found = project_tests(tmp_path, report(tmp_path, GOOD, SKIPPED))
    assert found.trouble is None
    assert found.claims == {"data_7": ("test_good",)}
    assert found.passed == 1


def test_a_run_in_which_one_failed_does_not_count(tmp_path: Path) -> None:
    found = project_tests(tmp_path, report(tmp_path, GOOD, BAD))
    assert found.trouble == "test_bad failed"
    assert found.claims == {"data_7": ("test_good",)}


@pytest.mark.slow
def test_what_pytest_writes_is_read(tmp_path: Path) -> None:
    (tmp_path / "fairlead.yaml").touch()
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_project.py").write_text(TESTS)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"]
    subprocess.run(
        [*command, f"--rootdir={tmp_path}", f"--junit-xml={RESULT}"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    found = project_tests(tmp_path, tmp_path / "fairlead.yaml")
    assert found.claims == {"data_7": ("test_good",)}
    assert found.failed == ("test_bad",)
    assert "def test_good" in found.sources


@pytest.mark.parametrize("changed", ["fairlead.yaml", "tests/test_project.py"])
def test_a_run_before_a_change_does_not_count(tmp_path: Path, changed: str) -> None:
    file = tmp_path / "fairlead.yaml"
    for path in (file, tmp_path / "tests" / "test_project.py"):
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / RESULT).parent.mkdir(parents=True)
    (tmp_path / RESULT).write_text("<testsuites/>")
    assert project_tests(tmp_path, file).trouble is None
    later = (tmp_path / RESULT).stat().st_mtime + 10
    os.utime(tmp_path / changed, (later, later))
    assert "have changed" in str(project_tests(tmp_path, file).trouble)


def test_what_is_no_report_does_not_count(tmp_path: Path) -> None:
    (tmp_path / RESULT).parent.mkdir(parents=True)
    (tmp_path / RESULT).write_text("<testsuites>")
    trouble = project_tests(tmp_path, tmp_path / "fairlead.yaml").trouble
    assert "no report of pytest" in str(trouble)
