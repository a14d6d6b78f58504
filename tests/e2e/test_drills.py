"""Faults under the load of 64 callers, as `make bench` drills them, for a shorter time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
def test_no_request_fails_but_those_that_a_killed_worker_was_answering() -> None:
    drills = [sys.executable, "-m", "benchmarks.serving.drills", "--seconds", "3", "--busy"]
    done = subprocess.run(
        drills, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
