from __future__ import annotations

import json
import logging
import sys

import pytest

from fairlead.serving.logs import JsonLines


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
