"""Compaction runs beside a service, whatever becomes of it."""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairlead.serving.compaction import NICENESS, Compaction

PATIENCE_S = 20.0
WORKS = """
import os, sys, time
assert sys.argv[1] == "--folder"
time.sleep(0.5)
with open(sys.argv[2] + "/done", "a") as done:
    done.write(f"{os.nice(0)}\\n")
print('{"segments": 2, "rows": 30}')
"""
FAILS_ONCE = """
import json, pathlib, sys
done = pathlib.Path(sys.argv[2], "done")
if not done.exists():
    done.touch()
    print("a value of a row", file=sys.stderr)
    sys.exit(3)
print("{}")
"""
HANGS = """
import os, pathlib, sys, time
pathlib.Path(sys.argv[2], f"{os.getpid()}.pid").touch()
time.sleep(600)
"""
Start = Callable[..., Compaction]


def wait_for(happened: Callable[[], object]) -> None:
    until = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.005)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    made: list[Compaction] = []

    def make(*command: str, every_s: float = 600.0) -> Compaction:
        made.append(Compaction(tmp_path, command, first_s=0, every_s=every_s))
        made[-1].start()
        return made[-1]

    yield make
    for each in made:
        each.stop()


def messages(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records]


def test_it_runs_again_and_again_and_tells_what_it_did(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    compaction = start(sys.executable, "-S", "-c", WORKS, every_s=5)
    wait_for(lambda: messages(caplog))
    first = caplog.records[0]
    assert (vars(first)["segments"], vars(first)["rows"]) == (2, 30)
    assert (first.getMessage(), compaction.troubles()) == ("predictions_compacted", ())
    assert (tmp_path / "done").read_text() == f"{max(os.nice(0), NICENESS)}\n"


def test_a_failure_is_a_trouble_until_it_works_again(
    start: Start, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.INFO)
    compaction = start(sys.executable, "-S", "-c", FAILS_ONCE, every_s=1)
    wait_for(compaction.troubles)
    (trouble,) = compaction.troubles()
    wait_for(lambda: not compaction.troubles())
    assert trouble.kind == "compaction_failed"
    assert (
        trouble.what
        == f"`fairlead log compact --folder {tmp_path}` ended with 3; run it to see why"
    )
    assert messages(caplog)[0] == "compaction_failed"
    assert "a value" not in caplog.text


def test_a_program_that_is_not_there_is_a_trouble(start: Start, tmp_path: Path) -> None:
    compaction = start(str(tmp_path / "absent"))
    wait_for(compaction.troubles)
    assert "does not work here (FileNotFoundError)" in compaction.troubles()[0].what


def test_an_answer_that_is_none_is_a_trouble(start: Start) -> None:
    compaction = start(sys.executable, "-S", "-c", "print('hello')")
    wait_for(compaction.troubles)
    assert "DecodeError" in compaction.troubles()[0].what


def alive(path: Path) -> bool:
    try:
        os.kill(int(path.stem), 0)
    except ProcessLookupError:
        return False
    return True


def test_one_that_hangs_is_ended_before_the_next(start: Start, tmp_path: Path) -> None:
    compaction = start(sys.executable, "-S", "-c", HANGS, every_s=1.5)
    wait_for(compaction.troubles)
    wait_for(lambda: not alive(next(tmp_path.glob("*.pid"))))
    assert "TimeoutExpired" in compaction.troubles()[0].what


def test_a_service_that_stops_does_not_wait_for_it(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    compaction = start(sys.executable, "-S", "-c", HANGS)
    wait_for(lambda: list(tmp_path.glob("*.pid")))
    compaction.stop()
    wait_for(lambda: not alive(next(tmp_path.glob("*.pid"))))
    assert (messages(caplog), compaction.troubles()) == ([], ())
