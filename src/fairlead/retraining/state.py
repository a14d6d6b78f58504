"""What retrainings remember, in one file that is written whole; and that only one goes on."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from fairlead.errors import RetrainingRunningError, RetrainingStateError, StorageError
from fairlead.retraining.records import Run
from fairlead.storage import write_whole

KEPT = 200
"""Runs that are remembered."""
STATE, LOCK = "state.json", "lock"


class State(Struct, frozen=True):
    """All of it.

    Attributes:
        format: of this file.
        runs: the last ones, the latest last; only that one may have no outcome.
    """

    format: Literal[1] = 1
    runs: tuple[Run, ...] = ()

    @property
    def unfinished(self) -> Run | None:
        """The run that was stopped, if one was, or that goes on."""
        last = self.runs[-1] if self.runs else None
        return last if last is not None and last.outcome is None else None

    def with_run(self, run: Run) -> State:
        """With this run in place of that of its id, or behind all others."""
        others = tuple(each for each in self.runs if each.id != run.id)
        return State(runs=(*others, run)[-KEPT:])


def read_state(folder: Path) -> State:
    """What was remembered; a new one where there is no file.

    Raises:
        RetrainingStateError: the file is not what was written.
    """
    path = folder / STATE
    try:
        return msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return State()
    except msgspec.DecodeError as error:
        raise RetrainingStateError(path, str(error)) from error


def write_state(folder: Path, state: State) -> None:
    """Remember.

    Raises:
        StorageError: it could not be written; the old one is still there.
    """
    write_whole(folder / STATE, msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Have no other retraining of this project go on meanwhile.

    Raises:
        RetrainingRunningError: one does; who holds the lock is told.
        StorageError: the lock cannot be made.
    """
    path = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b")
    except OSError as error:
        raise StorageError(path, error.strerror or str(error)) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            file.seek(0)
            holder = file.read().decode("ascii", errors="replace").strip()
            raise RetrainingRunningError(path, holder or "unknown") from error
        file.truncate(0)
        file.write(f"{os.getpid()}\n".encode())
        file.flush()
        yield
