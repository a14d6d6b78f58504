from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest

from fairlead.serving.logs import JsonLines, configure_logging


def test_a_record_becomes_one_line_of_json_with_its_fields() -> None:
    record = logging.makeLogRecord(
        {"name": "fairlead", "msg": "request", "levelname": "INFO", "status": 200, "text": "a\nb"}
    )
    line = JsonLines().format(record)
    document = json.loads(line)
    assert "\n" not in line
    assert document.pop("time").endswith("Z")
    assert document == {
        "event": "request",
        "level": "info",
        "logger": "fairlead",
        "status": 200,
        "text": "a\nb",
    }


def test_an_exception_is_told_by_type_and_place_and_not_by_its_message() -> None:
    with pytest.raises(KeyError) as caught:
        raise KeyError("secret")
    record = logging.makeLogRecord(
        {"msg": "internal_error", "exc_info": (KeyError, caught.value, caught.tb)}
    )
    document = json.loads(JsonLines().format(record))
    assert document["error"] == "KeyError"
    assert __file__ in document["frames"][-1]
    assert "secret" not in json.dumps(document)


def test_a_field_that_json_does_not_know_is_written_as_text() -> None:
    record = logging.makeLogRecord({"msg": "x", "where": sys.stdout})
    assert isinstance(json.loads(JsonLines().format(record))["where"], str)


@pytest.fixture
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, which afterwards is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield root
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.captureWarnings(capture=False)


def test_a_log_that_cannot_be_written_is_told_once_and_without_a_trace(
    root_logger: logging.Logger,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", _Full())
    configure_logging("info")
    root_logger.info("ready")
    root_logger.info("request")
    message = "standard output cannot be written: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == message


class _Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(28, "No space left on device")
