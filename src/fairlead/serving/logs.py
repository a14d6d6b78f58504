"""Structured logs: one JSON object a line on standard output, without values of requests."""

from __future__ import annotations

import logging
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import msgspec

PLAIN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


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


class _Patient(logging.StreamHandler[Any]):
    """Survives a full disk or a reader that left: says so once, and goes on without a log."""

    silent = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Told of each record that could not be written."""
        del record
        if not self.silent:
            self.silent = True
            reason = sys.exc_info()[1]
            print(f"standard output cannot be written: {reason}", file=sys.stderr)  # noqa: T201


def configure_logging(level: str) -> None:
    """Send every log of this process to standard output as JSON lines.

    Args:
        level: least severe level that is logged.
    """
    handler = _Patient(sys.stdout)
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
