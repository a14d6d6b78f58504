"""Puts labels on the disk before they are acknowledged, many requests with one sync."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue

import msgspec

from fairlead.errors import StorageError
from fairlead.project.columns import Task
from fairlead.serving.labels import FEEDBACK, FORMAT, LabelHeader, LabelLine, labels_of
from fairlead.serving.prediction_segments import SegmentWriter

log = logging.getLogger(__name__)

SEGMENT_BYTES = 16 * 2**20
SEGMENT_S = 3600.0
LOOK_S = 60.0
MAX_PENDING_BYTES = 32 * 2**20


@dataclass(frozen=True)
class Block:
    """Labels of one request that wait for the disk."""

    model: str
    task: Task
    lines: bytes
    done: Future[None]


class LabelLog:
    """Writes the labels that one process receives.

    One thread writes whatever has come since its last sync, and syncs once for all of it.

    Args:
        folder: of the prediction log.
        segment_bytes: size at which a segment is finished.
        segment_s: age at which it is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        segment_s: float = SEGMENT_S,
    ) -> None:
        self._folder = folder
        self._segment_bytes, self._segment_s = segment_bytes, segment_s
        self._encoder = msgspec.json.Encoder()
        self._blocks: SimpleQueue[Block | None] = SimpleQueue()
        self._segments: dict[str, SegmentWriter] = {}
        self._counting = threading.Lock()
        self._next_time = 0
        self._pending_bytes = 0
        self._told = False
        self._thread = threading.Thread(target=self._run, name="label-log", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Whether the disk is so far behind that no further label should be taken."""
        return self._pending_bytes > MAX_PENDING_BYTES

    def times(self, count: int) -> int:
        """The first of so many microseconds that are given to no other label.

        Later labels have later times: the last one said of a prediction holds.
        """
        with self._counting:
            first = max(int(time.time() * 1e6), self._next_time)
            self._next_time = first + count
        return first

    def add(self, model: str, task: Task, lines: Sequence[LabelLine]) -> Future[None]:
        """Have labels written.

        Args:
            model: name that it is served under.
            task: of the model.
            lines: its labels, in the order of their times.

        Returns:
            Done when they are on the disk; it raises StorageError where they cannot be written.
        """
        block = Block(model, task, self._encoder.encode_lines(lines), Future())
        # A caller that leaves takes nothing back.
        block.done.set_running_or_notify_cancel()
        with self._counting:
            self._pending_bytes += len(block.lines)
        self._blocks.put(block)
        return block.done

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is left, for at most `timeout_s` seconds, and finish the segments."""
        self._blocks.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        ending = False
        while not ending:
            blocks, ending = self._taken()
            by_model: dict[str, list[Block]] = {}
            for block in blocks:
                by_model.setdefault(block.model, []).append(block)
            for model, group in by_model.items():
                self._write(model, group)
            self._finish_full()
        for model in list(self._segments):
            self._finish(model)

    def _taken(self) -> tuple[list[Block], bool]:
        """All that waits, once there is something, and whether it is the last."""
        blocks: list[Block] = []
        try:
            block = self._blocks.get(timeout=LOOK_S if self._segments else None)
            while block is not None:
                blocks.append(block)
                block = self._blocks.get_nowait()
        except Empty:
            return blocks, False
        return blocks, True

    def _write(self, model: str, group: Sequence[Block]) -> None:
        lines = b"".join(block.lines for block in group)
        try:
            self._sync(model, group[0].task, lines)
        except OSError as error:
            # Its last line may be cut, and nothing may follow that.
            self._finish(model)
            reason = error.strerror or type(error).__name__
            if not self._told:
                self._told = True
                log.error("labels_unwritable", extra={"reason": reason})
            for block in group:
                block.done.set_exception(StorageError(self._folder, reason))
        else:
            self._told = False
            for block in group:
                block.done.set_result(None)
        with self._counting:
            self._pending_bytes -= len(lines)

    def _sync(self, model: str, task: Task, lines: bytes) -> None:
        segment = self._segments.get(model)
        if segment is None or segment.is_gone:
            folder = labels_of(self._folder, model) / FEEDBACK
            header = LabelHeader(FORMAT, model, task, FEEDBACK, int(time.time() * 1e6))
            segment = SegmentWriter(folder, self._encoder.encode(header) + b"\n")
            self._segments[model] = segment
            for parent in (folder, folder.parent, folder.parent.parent, self._folder):
                sync_folder(parent)
        while lines:
            lines = lines[segment.write(lines) :]
        segment.sync()

    def _finish_full(self) -> None:
        oldest = time.monotonic() - self._segment_s
        for model, segment in list(self._segments.items()):
            if segment.size_bytes >= self._segment_bytes or segment.opened_at < oldest:
                self._finish(model)

    def _finish(self, model: str) -> None:
        segment = self._segments.pop(model, None)
        if segment is not None:
            segment.finish()


def sync_folder(folder: Path) -> None:
    """Have the names of new files in a folder outlive a crash of the machine.

    Raises:
        OSError: the disk refuses.
    """
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
