"""Structured logs: one JSON object a line on standard output, without values of requests."""

from __future__ import annotations

import logging
import os
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from queue import SimpleQueue
from select import PIPE_BUF
from stat import S_ISFIFO
from threading import Thread
from typing import Any

import msgspec

PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
QUEUED_LINES = 1000
"""Pieces of log that wait for a slow reader; what comes on top is lost, not waited for."""


class LineWriter:
    """Writes lines from a thread of its own, so that no request waits for a slow reader.

    It survives a full disk or a reader that left: says so once, and goes on without a log.

    Args:
        descriptor: where to write; standard output if not given.
    """

    def __init__(self, descriptor: int | None = None) -> None:
        self._descriptor = sys.stdout.fileno() if descriptor is None else descriptor
        self._is_pipe = S_ISFIFO(os.fstat(self._descriptor).st_mode)
        # Of all queues, the one that a signal's handler may use whatever it has interrupted.
        self._queue: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread = Thread(target=self._write, name="log", daemon=True)
        self._thread.start()
        self.lost = 0

    def put(self, lines: bytes) -> None:
        """Have whole lines written; never waits."""
        if self._queue.qsize() < QUEUED_LINES:
            self._queue.put(lines)
        else:
            self.lost += 1

    def close(self, timeout_s: float = 1.0) -> None:
        """Write what waits, for at most that long."""
        self._queue.put(None)
        self._thread.join(timeout_s)

    def _write(self) -> None:
        silent = False
        while (lines := self._queue.get()) is not None:
            try:
                for piece in _pieces(lines) if self._is_pipe else (lines,):
                    left = piece
                    while left:
                        left = left[os.write(self._descriptor, left) :]
            except OSError as error:
                self.lost += 1
                if not silent:
                    silent = True
                    print(f"standard output cannot be written: {error}", file=sys.stderr)  # noqa: T201


def _pieces(lines: bytes) -> Iterator[bytes]:
    """Whole lines, as many at a time as a pipe takes at once.

    Workers share the pipe of their supervisor: what is longer than `PIPE_BUF` would be mixed with
    what another one writes, and cut where a worker is killed.
    """
    start = 0
    while start < len(lines):
        end = lines.rfind(b"\n", start, start + PIPE_BUF) + 1 or lines.find(b"\n", start) + 1
        end = end or len(lines)
        yield lines[start:end]
        start = end


class Line(msgspec.Struct, frozen=True, gc=False):
    """What is logged of a request."""

    event: str
    time: str
    level: str
    route: str
    status: int
    duration_ms: float
    request_id: str
    rows: int


class RequestLines:
    """Keeps what is to be logged of requests until it is written, many at a time."""

    def __init__(self, writer: LineWriter, *, enabled: bool = True) -> None:
        self._writer = writer
        self._enabled = enabled
        self._kept: list[tuple[float, str, int, float, str, int]] = []
        self._encoder = msgspec.json.Encoder()

    def add(self, route: str, status: int, seconds: float, request_id: str, rows: int) -> None:
        """Keep one request.

        Args:
            route: operation or template of the path, never the path itself.
            status: of the answer.
            seconds: from the first byte to the answer.
            request_id: as the answer gave it.
            rows: number of scored rows.
        """
        if self._enabled:
            self._kept.append((time.time(), route, status, seconds, request_id, rows))

    @property
    def lost(self) -> int:
        """Pieces of the log that nobody took."""
        return self._writer.lost

    def flush(self) -> None:
        """Hand what was kept to the writer."""
        if not self._kept:
            return
        kept, self._kept = self._kept, []
        lines = [
            Line("request", _stamp(at), "info", route, status, round(1e3 * seconds, 3), name, rows)
            for at, route, status, seconds, name, rows in kept
        ]
        self._writer.put(self._encoder.encode_lines(lines))


def _stamp(seconds: float) -> str:
    whole = int(seconds)
    return f"{_second(whole)}.{int((seconds - whole) * 1e6):06d}Z"


_known: dict[int, str] = {}


def _second(whole: int) -> str:
    if whole not in _known:
        _known.clear()
        _known[whole] = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole))
    return _known[whole]


class JsonLines(logging.Formatter):
    """A record as JSON: the event, when and where, then the fields given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without its end."""
        document: dict[str, Any] = {
            "event": record.getMessage(),
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
        }
        document |= {name: value for name, value in vars(record).items() if name not in PLAIN}
        if record.exc_info and record.exc_info[1] is not None:
            document |= _without_message(record.exc_info[1])
        return msgspec.json.encode(document, enc_hook=str).decode()


class _ToWriter(logging.Handler):
    def __init__(self, writer: LineWriter) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        self._writer.put(self.format(record).encode() + b"\n")


def configure_logging(level: str, writer: LineWriter) -> None:
    """Send every log of this process to a writer as JSON lines.

    Args:
        level: least severe level that is logged.
        writer: of standard output.
    """
    handler = _ToWriter(writer)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.captureWarnings(capture=True)
    # The service logs its own start, stop and requests.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def _without_message(error: BaseException) -> dict[str, Any]:
    """An exception as its type and its frames: its message might hold a value."""
    frames = traceback.extract_tb(error.__traceback__)
    return {
        "error": type(error).__name__,
        "frames": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
