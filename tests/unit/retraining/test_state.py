from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from fairlead.errors import RetrainingRunningError, RetrainingStateError
from fairlead.retraining.records import Run
from fairlead.retraining.state import KEPT, State, alone, read_state, write_state

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def run(number: int) -> Run:
    return Run(f"r{number}", NOW, "alert", "a loss", "a@b", 1, outcome="refused", finished_at=NOW)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    state = State().with_run(run(1)).with_run(msgspec.structs.replace(run(2), outcome=None))
    write_state(tmp_path, state)
    assert read_state(tmp_path) == state
    assert read_state(tmp_path).unfinished == state.runs[-1]


def test_a_run_takes_its_own_place_and_old_ones_go() -> None:
    state = State()
    for number in range(KEPT + 5):
        state = state.with_run(run(number))
    state = state.with_run(run(KEPT + 4))
    assert len(state.runs) == KEPT
    assert state.runs[-1].id == f"r{KEPT + 4}"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text("{")
    with pytest.raises(RetrainingStateError, match=r"state\.json"):
        read_state(tmp_path)


def test_only_one_goes_on_and_the_other_is_told_who(tmp_path: Path) -> None:
    with (
        alone(tmp_path),
        pytest.raises(RetrainingRunningError, match=f"process {os.getpid()}"),
        alone(tmp_path),
    ):
        pass
    with alone(tmp_path):
        pass
