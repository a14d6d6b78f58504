from __future__ import annotations

import json
import logging
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from threading import Thread

import pytest

from fairlead.serving.logs import QUEUED_LINES, JsonLines, LineWriter, RequestLines

PATIENCE_S = 10.0


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_log_that_cannot_be_written_is_told_once_and_without_a_trace(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Path("/dev/full").open("wb") as full:
        writer = LineWriter(full.fileno())
        writer.put(b"ready\n")
        writer.put(b"request\n")
        writer.close()
    message = "standard output cannot be written: [Errno 28] No space left on device\n"
    assert capsys.readouterr().err == message
    assert writer.lost == 2


def test_lines_that_a_slow_reader_leaves_waiting_are_lost_and_not_waited_for() -> None:
    read, write = os.pipe()
    writer = LineWriter(write)
    for _ in range(QUEUED_LINES + 100):
        writer.put(b"x" * 65536)
    assert writer.lost > 0
    os.close(read)
    # What waits is lost at once, now that there is no reader; then its thread ends.
    writer.close(PATIENCE_S)
    os.close(write)


def test_lines_of_several_writers_on_one_pipe_are_not_mixed() -> None:
    read, write = os.pipe()
    writers = [LineWriter(write) for _ in range(4)]
    sent = [b"%d" % number * 150 + b"\n" for number in range(4)]
    for writer, line in zip(writers, sent, strict=True):
        for _ in range(20):
            writer.put(line * 400)
    closing = Thread(target=lambda: [*map(LineWriter.close, writers), os.close(write)])
    closing.start()
    with os.fdopen(read, "rb") as pipe:
        found = Counter(pipe)
    closing.join()
    assert found == dict.fromkeys(sent, 20 * 400)


def test_a_line_too_long_for_one_write_is_written_nevertheless() -> None:
    read, write = os.pipe()
    writer = LineWriter(write)
    writer.put(b"a\n" + b"b" * 20_000 + b"\nc")
    writer.close()
    os.close(write)
    with os.fdopen(read, "rb") as pipe:
        assert pipe.read() == b"a\n" + b"b" * 20_000 + b"\nc"


def test_requests_are_written_many_at_a_time(tmp_path: Path) -> None:
    with (tmp_path / "log").open("wb") as file:
        writer = LineWriter(file.fileno())
        lines = RequestLines(writer)
        lines.add("predict", 200, 0.0012345, "r1", 1)
        lines.add("predict", 422, 0.0, "r2", 0)
        lines.flush()
        writer.close()
    first, second = map(json.loads, (tmp_path / "log").read_text().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", first.pop("time"))
    assert first == {
        "event": "request",
        "level": "info",
        "route": "predict",
        "status": 200,
        "duration_ms": 1.234,
        "request_id": "r1",
        "rows": 1,
    }
    assert second["request_id"] == "r2"


INTERRUPTED = """
import logging, os, signal, time
from fairlead.serving.logs import LineWriter, configure_logging

writer = LineWriter(os.open(os.devnull, os.O_WRONLY))
configure_logging("info", writer)
log = logging.getLogger("test")
told = []

def tell(sent, frame):
    log.info("stopping")
    told.append(sent)

signal.signal(signal.SIGALRM, tell)
signal.setitimer(signal.ITIMER_REAL, 0.0002, 0.0002)
until = time.monotonic() + 0.5
while time.monotonic() < until:
    for _ in range(100):
        writer.put(b"line\\n")
signal.setitimer(signal.ITIMER_REAL, 0)
writer.close()
print(len(told))
"""


def test_a_signal_that_interrupts_a_line_can_be_logged_itself() -> None:
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100
