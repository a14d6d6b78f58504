"""The ledger keeps every decision, notices what was changed, and survives a crash."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.errors import LedgerError, StorageError
from fairlead.registry.ledger import Ledger
from fairlead.registry.ledger_head import FIRST, parse_head

WRITER = """
import sys
from pathlib import Path
from fairlead.registry.ledger import Ledger
for number in range(25):
    Ledger(Path(sys.argv[1])).append(
        "traffic", sys.argv[2], actor="a@b", reason="ü", before=number, after=None
    )
"""


def add(ledger: Ledger, model: str = "iris", after: Any = None, reason: str = "") -> bytes:
    """Append an entry and return its line."""
    return ledger.append(
        "traffic", model, actor="ada@host", reason=reason, before=None, after=after
    ).sealed()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """Three decisions on two models."""
    ledger = Ledger(tmp_path / "state" / "ledger.jsonl")
    for model, after in (("iris", {"champion": 1.0}), ("housing", [1, "two"]), ("iris", None)):
        add(ledger, model, after)
    return ledger


def lines(ledger: Ledger) -> list[bytes]:
    return ledger.path.read_bytes().splitlines(keepends=True)


def test_a_ledger_that_was_never_written_is_empty(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    assert (ledger.entries(), ledger.verify()) == ((), 0)


def test_entries_are_numbered_and_chained(ledger: Ledger) -> None:
    entries = ledger.entries()
    assert [entry.sequence for entry in entries] == [1, 2, 3]
    assert entries[0].previous == FIRST
    assert ledger.verify() == 3


def test_the_entries_of_one_model_can_be_asked_for(ledger: Ledger) -> None:
    assert [entry.sequence for entry in ledger.entries("iris")] == [1, 3]


def test_an_entry_is_what_was_appended(ledger: Ledger) -> None:
    entry = ledger.append("traffic", "iris", actor="ö@h", reason="a\nb", before=1, after={"x": "é"})
    assert ledger.entries()[-1] == entry
    assert (entry.actor, entry.reason, entry.after) == ("ö@h", "a\nb", {"x": "é"})
    assert entry.at.endswith("+00:00")


@pytest.mark.parametrize(
    ("broken", "line"),
    [
        pytest.param(
            lambda each: [each[0], each[1].replace(b"two", b"six"), each[2]], 2, id="edited"
        ),
        pytest.param(
            lambda each: [each[0], each[1], each[2].replace(b"iris", b"wine")], 3, id="last edited"
        ),
        pytest.param(
            lambda each: [each[0], each[1].replace(b":", b": ", 1), each[2]],
            2,
            id="written otherwise",
        ),
        pytest.param(lambda each: [each[0], each[2]], 2, id="removed"),
        pytest.param(lambda each: [each[1], each[2]], 1, id="first removed"),
        pytest.param(lambda each: [each[0], each[2], each[1]], 2, id="reordered"),
        pytest.param(lambda each: [each[0], each[1], each[1], each[2]], 3, id="repeated"),
        pytest.param(lambda each: [each[0], b"\n", each[1], each[2]], 2, id="empty line"),
        pytest.param(lambda each: [each[0], b"no json\n", each[1], each[2]], 2, id="no json"),
        pytest.param(lambda each: [each[0], b"[]\n", each[1], each[2]], 2, id="no object"),
        pytest.param(lambda each: [each[0], each[1], each[2][:-20]], 3, id="cut off"),
    ],
)
def test_the_first_broken_link_is_named(ledger: Ledger, broken: Any, line: int) -> None:
    ledger.path.write_bytes(b"".join(broken(lines(ledger))))
    with pytest.raises(LedgerError) as caught:
        ledger.verify()
    assert caught.value.line == line


def test_a_line_that_was_sealed_anew_does_not_fit_the_next(ledger: Ledger) -> None:
    first, *others = ledger.entries()
    forged = replace(first, actor="eve@host").sealed() + b"\n"
    ledger.path.write_bytes(b"".join([forged, *(entry.sealed() + b"\n" for entry in others)]))
    with pytest.raises(LedgerError, match=":2: does not follow"):
        ledger.verify()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Two entries, written once: what is done to them is done to copies."""
    ledger = Ledger(tmp_path_factory.mktemp("ledger") / "ledger.jsonl")
    for number in range(2):
        add(ledger, after=number)
    return ledger


@given(position=st.integers(0, 10**6), value=st.integers(0, 255))
def test_no_byte_can_be_changed_unnoticed(written: Ledger, position: int, value: int) -> None:
    copy = copied(written)
    content = bytearray(copy.path.read_bytes())
    position %= len(content) - 1  # the last end of line may be missing
    if content[position] == value:
        value ^= 1
    content[position] = value
    copy.path.write_bytes(content)
    with pytest.raises(LedgerError):
        copy.verify()


@given(kept=st.integers(0, 10**6))
def test_no_end_can_be_cut_off_unnoticed(written: Ledger, kept: int) -> None:
    copy = copied(written)
    content = copy.path.read_bytes()
    copy.path.write_bytes(content[: kept % (len(content) - 1)])
    with pytest.raises(LedgerError):
        copy.verify()


def copied(ledger: Ledger) -> Ledger:
    copy = Ledger(ledger.path.with_name("copy.jsonl"))
    copy.path.write_bytes(ledger.path.read_bytes())
    copy.head_path.write_bytes(ledger.head_path.read_bytes())
    return copy


@settings(max_examples=30)
@given(kept=st.integers(1, 10**6))
def test_whatever_a_crash_leaves_of_the_last_line_the_others_stay(
    written: Ledger, kept: int
) -> None:
    copy = copied(written)
    whole, head = copy.path.read_bytes(), copy.head_path.read_bytes()
    last = add(copy, after="torn")
    kept %= len(last)
    copy.path.write_bytes(whole + last[:kept])
    copy.head_path.write_bytes(head)  # it is written after the line
    assert (len(copy.entries()), copy.verify()) == (2, 2)
    add(copy, after="next")
    assert [entry.after for entry in copy.entries()] == [0, 1, "next"]
    assert copy.verify() == 3


def test_a_line_that_a_crash_left_without_its_head_is_sound_and_pending(ledger: Ledger) -> None:
    head = ledger.head_path.read_bytes()
    add(ledger)
    ledger.head_path.write_bytes(head)
    assert ledger.verify() == 4
    assert [entry.sequence for entry in ledger.pending()] == [4]
    add(ledger)
    assert ledger.verify() == 5
    assert [entry.sequence for entry in ledger.pending()] == [4]
    ledger.settle([4])
    assert (ledger.pending(), ledger.verify()) == ((), 5)


def test_an_entry_is_pending_until_it_is_settled(ledger: Ledger) -> None:
    common: Any = {"actor": "a@b", "reason": "", "before": 1, "after": 2}
    first = ledger.append("alias", "iris", pending=True, **common)
    assert ledger.pending() == (first,)
    ledger.append("undone", "iris", settles=[first.sequence], **common)
    assert ledger.pending() == ()


@pytest.mark.parametrize("gone", [1, 2, 3])
def test_entries_dropped_at_the_end_stay_missed_whatever_is_appended(
    ledger: Ledger, gone: int
) -> None:
    ledger.path.write_bytes(b"".join(lines(ledger)[:-gone]))
    with pytest.raises(LedgerError, match=f":{4 - gone}: is gone: there were 3 entries"):
        ledger.verify()
    for _ in range(4):
        add(ledger)
    with pytest.raises(LedgerError, match=f":{4 - gone}: does not follow"):
        ledger.verify()


def test_a_last_line_that_was_sealed_anew_is_not_what_the_head_says(ledger: Ledger) -> None:
    *others, last = ledger.entries()
    forged = [*others, replace(last, actor="eve@host")]
    ledger.path.write_bytes(b"".join(entry.sealed() + b"\n" for entry in forged))
    with pytest.raises(LedgerError, match=":3: is not the line that was written"):
        ledger.verify()


def test_a_head_that_is_gone_is_missed(ledger: Ledger) -> None:
    ledger.head_path.unlink()
    with pytest.raises(LedgerError, match=":3: is the last line, and the head"):
        ledger.verify()


def test_a_head_kept_elsewhere_notices_that_both_files_were_replaced(ledger: Ledger) -> None:
    witness = ledger.head()
    assert ledger.verify(parse_head(witness.to_json())) == 3
    ledger.path.unlink()
    ledger.head_path.unlink()
    add(ledger)
    assert ledger.verify() == 1
    with pytest.raises(LedgerError, match=":2: is gone: there were 3 entries"):
        ledger.verify(witness)


def test_what_is_left_of_a_torn_line_is_put_aside(
    ledger: Ledger, caplog: pytest.LogCaptureFixture
) -> None:
    whole = ledger.path.read_bytes()
    ledger.path.write_bytes(whole + b'{"sequence":4,"at')
    with caplog.at_level(logging.WARNING):
        add(ledger)
    assert ledger.path.with_suffix(".torn").read_bytes() == b'{"sequence":4,"at\n'
    assert [record.message for record in caplog.records] == ["ledger_torn"]
    assert ledger.path.read_bytes().startswith(whole)


def test_a_whole_last_line_without_its_end_is_kept(ledger: Ledger) -> None:
    ledger.path.write_bytes(ledger.path.read_bytes()[:-1])
    assert ledger.verify() == 3
    add(ledger)
    assert ledger.verify() == 4
    assert not ledger.path.with_suffix(".torn").exists()


def test_a_damaged_ledger_still_takes_decisions_and_stays_damaged(ledger: Ledger) -> None:
    ledger.path.write_bytes(ledger.path.read_bytes().replace(b"two", b"six"))
    add(ledger)
    assert len(ledger.entries()) == 4
    with pytest.raises(LedgerError, match=":2: was changed after it was written"):
        ledger.verify()


def test_entries_of_a_file_that_is_no_ledger_are_refused(ledger: Ledger) -> None:
    ledger.path.write_bytes(b'{"a": 1}\n')
    with pytest.raises(LedgerError, match=":1: is no entry"):
        ledger.entries()


def test_what_is_not_json_is_refused_and_nothing_is_written(ledger: Ledger) -> None:
    before = ledger.path.read_bytes()
    with pytest.raises(ValueError, match="JSON"):
        add(ledger, after=float("nan"))
    assert ledger.path.read_bytes() == before


def test_a_full_disk_leaves_the_ledger_as_it_was(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = ledger.path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match="No space left"):
        add(ledger)
    assert ledger.path.read_bytes() == before


def test_several_processes_append_in_turns(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    command = [sys.executable, "-c", WRITER, str(ledger.path)]
    writers = [subprocess.Popen([*command, model]) for model in ("iris", "housing", "wine")]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    assert ledger.verify() == 75
    assert [entry.before for entry in ledger.entries("wine")] == list(range(25))


def test_a_line_is_plain_json(ledger: Ledger) -> None:
    keys = "sequence,at,kind,model,actor,reason,before,after,previous,hash"
    assert ",".join(json.loads(lines(ledger)[0])) == keys
