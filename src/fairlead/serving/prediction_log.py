"""The prediction log: keeps what was scored, and has it written without delaying a request."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any
from zlib import crc32

import msgspec
import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.data.contract import Contract
from fairlead.serving.prediction_segments import (
    FORMAT,
    Column,
    Header,
    Line,
    SegmentWriter,
    folder_name,
)

log = logging.getLogger(__name__)

RETRY_S = 1.0
FLUSH_ROWS = 1_000
"""So many rows are encoded at once, not later: the event loop is not to stand still for long."""
LINE_VALUES = 20_000
"""A request with more values takes several lines, so that none is larger than a reader's buffer."""


@dataclass(eq=False)
class LogTarget:
    """Where the predictions of one version go. Made by `PredictionLog.target`.

    Attributes:
        folder: of its segments.
        header: first line of each.
        codes: class -> code; empty for a regression.
        kept: indices of the columns that are logged.
        masked: indices of those that are logged as missing, among the kept ones.
        segment: that is being written; belongs to the writer's thread.
    """

    folder: Path
    header: bytes
    codes: dict[str, int]
    kept: list[int]
    masked: list[int]
    segment: SegmentWriter | None = None


Numbers = Sequence[int] | None
Kept = tuple[LogTarget, float, str, str, NDArray[np.float64], Scores, float, Numbers]
Block = tuple[LogTarget, bytes, int]


class PredictionLog:
    """The prediction log of one process.

    Args:
        folder: of all models; made if it does not exist.
        sample: share of the requests that are logged, in [0, 1]. It depends on the request's id
            alone, so all processes and all routes choose the same requests.
        mask: columns whose values are logged as missing.
        omit: columns that are not logged at all.
        max_pending_rows: once so many wait to be written, further ones are dropped.
        segment_bytes: size at which a segment is finished.
        segment_s: age at which it is.
    """

    def __init__(
        self,
        folder: Path,
        *,
        sample: float = 1.0,
        mask: frozenset[str] = frozenset(),
        omit: frozenset[str] = frozenset(),
        max_pending_rows: int = 50_000,
        segment_bytes: int = 16 * 2**20,
        segment_s: float = 300.0,
    ) -> None:
        self._folder = folder
        self._below = None if sample >= 1 else int(sample * 2**32)
        self._mask, self._omit = mask, omit
        self._max_pending_rows = max_pending_rows
        self._segment_bytes, self._segment_s = segment_bytes, segment_s
        self.dropped_rows = 0
        """Rows that could not be kept, since the start."""
        self.written_rows = 0
        """Rows that are in segments, since the start."""
        # Each of these grows only, and is changed by one side: so no lock delays a request.
        self._taken_rows = self._settled_rows = self._encoded_rows = 0
        self._pending: list[Kept] = []
        self._flushing = threading.Lock()
        self._encoder = msgspec.json.Encoder()
        self._blocks: SimpleQueue[Block | None] = SimpleQueue()
        self._writing: set[LogTarget] = set()
        self._ending = threading.Event()
        self._told = False
        self._thread = threading.Thread(target=self._run, name="prediction-log", daemon=True)
        self._thread.start()

    def target(self, model: str, label: str, digest: str, contract: Contract) -> LogTarget:
        """Where the predictions of a version go.

        Args:
            model: name that it is served under.
            label: of the version.
            digest: of the bundle.
            contract: of the bundle.
        """
        named = list(enumerate(contract.columns.items()))
        kept = [index for index, (name, _) in named if name not in self._omit]
        columns = tuple(
            Column(
                name, spec.type, spec.values if spec.type == "category" else (), name in self._mask
            )
            for _, (name, spec) in named
            if name not in self._omit
        )
        header = Header(FORMAT, model, label, digest, columns, contract.classes)
        return LogTarget(
            folder=self._folder / folder_name(model) / folder_name(label),
            header=self._encoder.encode(header) + b"\n",
            codes={name: code for code, name in enumerate(contract.classes)},
            kept=kept,
            masked=[index for index, column in enumerate(columns) if column.masked],
        )

    def add(
        self,
        target: LogTarget,
        request_id: str,
        route: str,
        X: NDArray[np.float64],
        scores: Scores,
        seconds: float,
        numbers: Numbers = None,
    ) -> None:
        """Keep an answered request until the next `flush`; never waits.

        Args:
            target: of the version that answered.
            request_id: as the answer gave it.
            route: that the request took.
            X: shape (n, columns), what was scored; n > 0.
            scores: of those rows.
            seconds: that it took.
            numbers: places of the rows in the list that was sent; None for a single record.
        """
        if self._below is not None and _draw(request_id) >= self._below:
            return
        rows = len(X)
        if self._taken_rows - self._settled_rows >= self._max_pending_rows:
            self.dropped_rows += rows
            return
        self._taken_rows += rows
        self._pending.append((target, time.time(), request_id, route, X, scores, seconds, numbers))
        if self._taken_rows - self._encoded_rows >= FLUSH_ROWS:
            self.flush()

    def flush(self) -> None:
        """Encode what was kept and hand it to the writer: about 1.5 µs a request of one row."""
        if not self._pending:
            return
        with self._flushing:
            # Another thread may add while this is done: cut off the front, keep the rest.
            count = len(self._pending)
            pending = self._pending[:count]
            del self._pending[:count]
            groups: dict[LogTarget, list[Kept]] = {}
            for each in pending:
                groups.setdefault(each[0], []).append(each)
            for target, group in groups.items():
                lines, rows = _lines(target, group)
                self._encoded_rows += rows
                self._blocks.put((target, self._encoder.encode_lines(lines), rows))

    def close(self, timeout_s: float = 2.0) -> None:
        """Write what is left, for at most `timeout_s` seconds, and finish the segments."""
        self.flush()
        self._ending.set()
        self._blocks.put(None)
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            try:
                block = self._blocks.get(timeout=RETRY_S)
            except Empty:
                self._finish_full()
                continue
            if block is None:
                break
            self._write(*block)
            # Or it stays, with its megabytes, until the next one comes.
            del block
            self._finish_full()
        for target in list(self._writing):
            self._finish(target)

    def _write(self, target: LogTarget, lines: bytes, rows: int) -> None:
        left = lines
        while left:
            try:
                if target.segment is None or target.segment.is_gone:
                    target.segment = SegmentWriter(target.folder, target.header)
                    self._writing.add(target)
                    left = lines
                left = left[target.segment.write(left) :]
            except OSError as error:
                self._tell(error)
                if self._ending.is_set():
                    self.dropped_rows += rows
                    self._settled_rows += rows
                    # Its last line may be cut, and nothing may follow that.
                    self._finish(target)
                    return
                self._ending.wait(RETRY_S)
        self.written_rows += rows
        self._settled_rows += rows
        if self._told:
            self._told = False
            log.info("prediction_log_writable")

    def _tell(self, error: OSError) -> None:
        if not self._told:
            self._told = True
            reason = error.strerror or type(error).__name__
            log.error("prediction_log_unwritable", extra={"reason": reason})

    def _finish_full(self) -> None:
        oldest = time.monotonic() - self._segment_s
        for target in list(self._writing):
            segment = target.segment
            if segment is not None and (
                segment.size_bytes >= self._segment_bytes or segment.opened_at < oldest
            ):
                self._finish(target)

    def _finish(self, target: LogTarget) -> None:
        self._writing.discard(target)
        if target.segment is not None:
            target.segment.finish()
            target.segment = None


def _draw(request_id: str) -> int:
    """A number in [0, 2**32), the same for the same id wherever it is drawn."""
    # CRC alone gives ids that count up neighbouring numbers; the product spreads them.
    return (crc32(request_id.encode()) * 2_654_435_761) & 0xFFFFFFFF


def _lines(target: LogTarget, group: Sequence[Kept]) -> tuple[list[Line], int]:
    """The lines of some requests of one version, and how many rows they have."""
    X = np.concatenate([each[4] for each in group])
    if len(target.kept) < X.shape[1]:
        X = X[:, target.kept]
    X[:, target.masked] = np.nan
    rows = X.tolist()
    predictions = np.concatenate([each[5].prediction for each in group]).tolist()
    probabilities: list[Any] = []
    if target.codes:
        predictions = [target.codes[name] for name in predictions]
        probabilities = np.concatenate([each[5].probabilities for each in group]).tolist()
    lines: list[Line] = []
    end = 0
    for _, at, request_id, route, block, _, seconds, numbers in group:
        start, end = end, end + len(block)
        t, us = int(at * 1e6), int(seconds * 1e6)
        if numbers is None:
            cut = slice(start, end)
            lines.append(
                Line(t, request_id, route, us, rows[cut], predictions[cut], probabilities[cut])
            )
            continue
        for first, cut in _spans(start, end, X.shape[1]):
            of = rows[cut], predictions[cut], probabilities[cut]
            places = numbers[first : first + cut.stop - cut.start]
            follow_on = places[-1] - places[0] == len(places) - 1
            gaps = [] if follow_on else list(places)
            lines.append(Line(t, request_id, route, us, *of, places[0], gaps))
    return lines, end


def _spans(start: int, end: int, columns: int) -> Iterator[tuple[int, slice]]:
    """How the rows of a request are spread over lines: number of the first one, and where."""
    step = max(1, LINE_VALUES // max(1, columns))
    for first in range(start, end, step):
        yield first - start, slice(first, min(first + step, end))
