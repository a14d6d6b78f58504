"""An import of labels that is killed anywhere is finished by a second one."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("duckdb")
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_wherever_an_import_is_killed_each_label_is_there_once() -> None:
    drill = [sys.executable, "-m", "benchmarks.kill_labels", "--points", "8", "--rows", "5000"]
    done = subprocess.run(drill, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
