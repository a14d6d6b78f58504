"""What is left unfinished is settled by the registry, and what others moved is written down."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import ModelVersionNotFoundError, NothingToRollBackError
from fairlead.registry.champions import former_champions
from fairlead.registry.ledger import Ledger
from fairlead.registry.moves import Act, reconcile
from fairlead.registry.promotion import move_alias, promote, rollback
from fairlead.testing.registry import point, sample_bundle

NAME = "iris"
NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Act("ada@host", NOW)


class Stopped(MemoryRegistry):
    """Its process is killed before or after the next move of an alias."""

    when: str | None = None

    def set_alias(self, name: str, alias: str, version: int, *, expected: int | None) -> None:
        when, self.when = self.when, None
        if when == "before":
            raise KeyboardInterrupt
        super().set_alias(name, alias, version, expected=expected)
        if when == "after":
            raise KeyboardInterrupt


@pytest.fixture
def registry(tmp_path: Path) -> Stopped:
    registry, bundle = Stopped(), sample_bundle(tmp_path)
    for _ in range(3):
        registry.register(NAME, bundle)
    return registry


@pytest.fixture
def ledger(registry: Stopped, tmp_path: Path) -> Ledger:
    ledger = Ledger(tmp_path / "ledger.jsonl")
    promote(registry, ledger, NAME, 1, ADA, expected=None)
    promote(registry, ledger, NAME, 2, ADA, expected=1)
    return ledger


def kinds(ledger: Ledger) -> list[str]:
    return [entry.kind for entry in ledger.entries()][2:]


def stop(registry: Stopped, when: str, step: object) -> None:
    registry.when = when
    with pytest.raises(KeyboardInterrupt):
        step()  # type: ignore[operator]


def test_what_nobody_moved_needs_no_entry(registry: Stopped, ledger: Ledger) -> None:
    assert reconcile(registry, ledger, NAME, NOW) == ()


def test_what_there_was_before_the_first_entry_is_found_not_foreign(
    registry: Stopped, tmp_path: Path
) -> None:
    point(registry, NAME, "champion", "3")
    (entry,) = reconcile(registry, Ledger(tmp_path / "new.jsonl"), NAME, NOW)
    assert (entry.kind, entry.after) == ("found", {"aliases": {"champion": 3}})


def test_a_move_behind_our_back_is_foreign_once(registry: Stopped, ledger: Ledger) -> None:
    point(registry, NAME, "champion", "3")
    point(registry, NAME, "staging", "1")
    (entry,) = reconcile(registry, ledger, NAME, NOW)
    assert entry.kind == "foreign"
    assert entry.before == {"aliases": {"champion": 2, "staging": None}}
    assert entry.after == {"aliases": {"champion": 3, "staging": 1}}
    assert reconcile(registry, ledger, NAME, NOW) == ()


def test_a_champion_that_another_program_replaced_can_be_gone_back_to(
    registry: Stopped, ledger: Ledger
) -> None:
    point(registry, NAME, "champion", "3")
    assert rollback(registry, ledger, NAME, ADA).version == 2
    assert kinds(ledger) == ["foreign", "rollback"]


def test_a_promotion_that_was_stopped_before_its_move_is_taken_back(
    registry: Stopped, ledger: Ledger
) -> None:
    stop(registry, "before", lambda: promote(registry, ledger, NAME, 3, ADA, expected=2))
    assert len(ledger.pending()) == 1
    reconcile(registry, ledger, NAME, NOW)
    assert kinds(ledger) == ["promotion", "undone"]
    promote(registry, ledger, NAME, 3, ADA, expected=2)
    assert kinds(ledger) == ["promotion", "undone", "promotion"]
    assert (ledger.pending(), former_champions(registry, NAME)) == ((), (1, 2))


def test_a_promotion_that_was_stopped_after_its_move_is_finished(
    registry: Stopped, ledger: Ledger
) -> None:
    stop(registry, "after", lambda: promote(registry, ledger, NAME, 3, ADA, expected=2))
    assert promote(registry, ledger, NAME, 3, ADA, expected=2).version == 3
    assert (kinds(ledger), ledger.pending()) == (["promotion"], ())


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_rollback_that_was_stopped_goes_back_once(
    registry: Stopped, ledger: Ledger, when: str
) -> None:
    promote(registry, ledger, NAME, 3, ADA, expected=2)
    stop(registry, when, lambda: rollback(registry, ledger, NAME, ADA))
    assert rollback(registry, ledger, NAME, ADA).version == 2
    assert former_champions(registry, NAME) == (1,)
    assert rollback(registry, ledger, NAME, ADA).version == 1
    with pytest.raises(NothingToRollBackError):
        rollback(registry, ledger, NAME, ADA)


def test_a_stopped_move_after_which_somebody_else_moved_is_both(
    registry: Stopped, ledger: Ledger
) -> None:
    stop(registry, "before", lambda: move_alias(registry, ledger, NAME, "staging", 1, ADA))
    point(registry, NAME, "staging", "3")
    reconcile(registry, ledger, NAME, NOW)
    assert kinds(ledger) == ["alias", "undone", "foreign"]
    assert ledger.entries()[-1].before == {"aliases": {"staging": None}}


def test_an_alias_of_no_version_leaves_no_entry(registry: Stopped, ledger: Ledger) -> None:
    with pytest.raises(ModelVersionNotFoundError):
        move_alias(registry, ledger, NAME, "staging", 9, ADA)
    assert kinds(ledger) == []


def test_a_damaged_ledger_keeps_nobody_from_going_back(registry: Stopped, ledger: Ledger) -> None:
    _, *others = ledger.path.read_bytes().splitlines(keepends=True)
    ledger.path.write_bytes(b"".join([b"no json\n", *others]))
    assert rollback(registry, ledger, NAME, ADA).version == 1
    assert ledger.readable()[-1].kind == "rollback"
