"""The files in which workers keep what they have counted, and from which any of them reads all."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

import msgspec

from fairlead.serving.counted import Snapshot as Snapshot
from fairlead.serving.counted import compact
from fairlead.serving.counted import merge as merge

log = logging.getLogger(__name__)

REMEMBERED = 1000
"""Ended workers whose names are kept: a reader would have to outlive so many to count one twice."""
SUFFIX = ".stats"
ENDED = "ended"


class Source(Protocol):
    """Where a snapshot is taken: `fairlead.serving.recorder.Recorder`."""

    def snapshot(self, worker_id: str, *, ready: bool) -> Snapshot:
        """All that was counted so far."""


class Snapshots:
    """The files of all workers, in one folder, which is made.

    Args:
        folder: the same for all workers of a service, and for no other service.
        worker_id: whose file `write` replaces; `ended` is taken.
    """

    def __init__(self, folder: Path, worker_id: str) -> None:
        if worker_id == ENDED:
            raise ValueError(f"a worker cannot be called {ENDED!r}")
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._worker_id = worker_id
        self._failing = False

    def write(self, source: Source, *, ready: bool) -> bool:
        """Replace this worker's file; not synced, as counters may die with the machine.

        Args:
            source: what was counted.
            ready: whether requests are welcome.

        Returns:
            Whether it could be written; the log says once if not.
        """
        content = msgspec.msgpack.encode(source.snapshot(self._worker_id, ready=ready))
        try:
            self._replace(self._worker_id, content)
        except OSError as error:
            if not self._failing:
                log.error("snapshot_failed", extra={"reason": error.strerror or str(error)})
            self._failing = True
        else:
            self._failing = False
        return not self._failing

    def read_all(self) -> list[Snapshot]:
        """The snapshots of all workers, living and ended.

        The file of the ended ones is read last: a worker's file that is gone by then is in it,
        and one that was read before is named in it, and left out.
        """
        found = [snapshot for path in self._files() if (snapshot := _read(path)) is not None]
        ended = _read(self._path(ENDED))
        if ended is None:
            return found
        return [ended, *(each for each in found if _instance(each) not in ended.ended)]

    def fold_ended(self, live_ids: Iterable[str]) -> None:
        """Put the files of ended workers into one; only the supervisor does this.

        An ended worker must not write again. Call this before a worker is started under the id
        of an ended one, which would replace that one's file.

        Args:
            live_ids: ids of the workers that run.

        Raises:
            OSError: the file could not be written; nothing is lost.
        """
        live = set(live_ids)
        over = [path for path in self._files() if path.stem not in live]
        ended = _read(self._path(ENDED)) or Snapshot()
        snapshots = [snapshot for path in over if (snapshot := _read(path)) is not None]
        fresh = [each for each in snapshots if _instance(each) not in ended.ended]
        if fresh:
            merged = merge([ended, *fresh])
            merged.workers = ()
            merged.seen = compact(merged.seen, int(time.time() // 60))
            merged.ended = [*ended.ended, *map(_instance, fresh)][-REMEMBERED:]
            self._replace(ENDED, msgspec.msgpack.encode(merged))
        for path in over:
            path.unlink(missing_ok=True)

    def stamp(self, worker_id: str) -> int | None:
        """What changes whenever that worker writes, its heartbeat; None if it never did."""
        try:
            return self._path(worker_id).stat().st_mtime_ns
        except FileNotFoundError:
            return None

    def _files(self) -> list[Path]:
        ended = self._path(ENDED)
        return [path for path in sorted(self._folder.glob(f"*{SUFFIX}")) if path != ended]

    def _path(self, name: str) -> Path:
        return self._folder / f"{name}{SUFFIX}"

    def _replace(self, name: str, content: bytes) -> None:
        part = self._folder / f".{name}.{os.getpid()}.part"
        part.write_bytes(content)
        part.replace(self._path(name))


def _instance(snapshot: Snapshot) -> str:
    return snapshot.workers[0].instance


def _read(path: Path) -> Snapshot | None:
    """A file's snapshot; None if it is gone, or something else wrote it."""
    try:
        return msgspec.msgpack.decode(path.read_bytes(), type=Snapshot)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError as error:
        log.warning("snapshot_unreadable", extra={"file": path.name, "reason": str(error)})
        return None
