"""Promotion and rollback, killed at random points of a real registry, fit together afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mlflow")
pytestmark = pytest.mark.slow
ROOT = Path(__file__).resolve().parents[2]


def test_whatever_moment_it_is_killed_in_the_next_run_finishes(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.kills", "--points", "4", "--folder", str(tmp_path)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert {name: each["wrong"] for name, each in found.items()} == {"promote": [], "rollback": []}
