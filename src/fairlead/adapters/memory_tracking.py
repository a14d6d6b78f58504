"""Runs that live in this process: for tests, and for training without a tracking server."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from fairlead.registry.records import RunRecord


@dataclass
class MemoryRun:
    """One run, or the parent of several.

    Attributes:
        record: what was logged; a parent has a title and tags alone.
        parent_id: the run that holds this one.
        status: `running` until it is finished.
    """

    record: RunRecord
    parent_id: str | None
    status: Literal["running", "finished", "failed"] = "running"


class MemoryTracker:
    """A `RunTracker` that keeps its runs in `runs`, by id."""

    def __init__(self) -> None:
        self.runs: dict[str, MemoryRun] = {}

    def start(self, title: str, tags: Mapping[str, str]) -> str:
        """Open the run of a whole training; see `RunTracker`."""
        return self._add(MemoryRun(RunRecord(title, tags=tags), parent_id=None))

    def log_run(self, record: RunRecord, *, parent_id: str | None = None) -> str:
        """Keep what is known of one candidate; see `RunTracker`."""
        return self._add(MemoryRun(record, parent_id, "finished"))

    def finish(self, run_id: str, *, failed: bool = False) -> None:
        """Close a run; see `RunTracker`."""
        self.runs[run_id].status = "failed" if failed else "finished"

    def _add(self, run: MemoryRun) -> str:
        run_id = uuid.uuid4().hex
        self.runs[run_id] = run
        return run_id
