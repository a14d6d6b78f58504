"""Promotion and rollback, each with its entry in the ledger."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import (
    AliasMovedError,
    BundleError,
    ModelVersionNotFoundError,
    NothingToRollBackError,
)
from fairlead.registry.champions import HISTORY, champion, former_champions
from fairlead.registry.ledger import Ledger
from fairlead.registry.moves import Act
from fairlead.registry.promotion import move_alias, promote, rollback
from fairlead.registry.records import ModelVersion
from fairlead.testing.registry import point, sample_bundle

NAME = "iris"
ADA = Act("ada@host", datetime(2026, 1, 1, tzinfo=UTC), "because")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("promotion")


@pytest.fixture(scope="module")
def bundle(folder: Path) -> Path:
    return sample_bundle(folder / "bundles")


class Desk:
    """A registry with a ledger of its own."""

    numbers = itertools.count()

    def __init__(self, folder: Path, bundle: Path, versions: int) -> None:
        self.registry = MemoryRegistry()
        self.ledger = Ledger(folder / f"{next(self.numbers)}.jsonl")
        for _ in range(versions):
            self.registry.register(NAME, bundle)

    def promote(self, version: int) -> ModelVersion:
        current = champion(self.registry, NAME)
        expected = None if current is None else current.version
        return promote(self.registry, self.ledger, NAME, version, ADA, expected=expected)

    def rollback(self) -> ModelVersion:
        return rollback(self.registry, self.ledger, NAME, ADA)

    @property
    def champion(self) -> int | None:
        current = champion(self.registry, NAME)
        return None if current is None else current.version

    @property
    def former(self) -> tuple[int, ...]:
        return former_champions(self.registry, NAME)


@pytest.fixture
def desk(folder: Path, bundle: Path) -> Desk:
    return Desk(folder, bundle, 3)


def test_a_model_without_champion_has_none(desk: Desk) -> None:
    assert desk.champion is None


def test_the_first_promotion_leaves_no_history(desk: Desk) -> None:
    assert desk.promote(1).aliases == ("champion",)
    assert desk.former == ()


def test_promoting_the_champion_changes_nothing(desk: Desk) -> None:
    desk.promote(1)
    desk.promote(1)
    assert desk.former == ()
    assert len(desk.ledger.entries()) == 1


def test_every_move_is_an_entry_that_says_who_why_and_what(desk: Desk) -> None:
    desk.promote(1)
    desk.promote(2)
    desk.rollback()
    move_alias(desk.registry, desk.ledger, NAME, "staging", 3, ADA)
    entries = desk.ledger.entries()
    assert [entry.kind for entry in entries] == ["promotion", "promotion", "rollback", "alias"]
    assert entries[2].before == {"aliases": {"champion": 2}}
    assert entries[2].after == {"aliases": {"champion": 1}}
    assert (entries[2].actor, entries[2].reason) == ("ada@host", "because")
    assert entries[2].at == "2026-01-01T00:00:00.000000+00:00"
    assert desk.ledger.pending() == ()
    assert desk.ledger.verify() == 4


def test_an_unknown_version_is_not_promoted(desk: Desk) -> None:
    with pytest.raises(ModelVersionNotFoundError):
        desk.promote(4)
    assert desk.champion is None


def test_there_is_nothing_to_roll_back_from_the_first_champion(desk: Desk) -> None:
    desk.promote(1)
    with pytest.raises(NothingToRollBackError, match="before version 1"):
        desk.rollback()


def test_rollback_without_champion_says_so(desk: Desk) -> None:
    with pytest.raises(ModelVersionNotFoundError):
        desk.rollback()


@pytest.mark.parametrize("note", ["[1, 2]", "[1, 9]"])
def test_rollback_passes_over_what_failed_and_what_was_deleted(desk: Desk, note: str) -> None:
    desk.promote(1)
    desk.promote(2)
    desk.registry.set_note(NAME, HISTORY, note)
    assert desk.rollback().version == 1


@settings(max_examples=40, deadline=None)
@given(steps=st.lists(st.sampled_from([1, 2, 3, 4, "rollback"]), max_size=12))
def test_promotions_and_rollbacks_are_pushes_and_pops(
    steps: list[int | str], folder: Path, bundle: Path
) -> None:
    desk, stack = Desk(folder, bundle, 4), [1]
    desk.promote(1)
    for step in steps:
        if isinstance(step, int):
            stack += [step] if stack[-1] != step else []
            desk.promote(step)
        elif len(stack) > 1:
            stack.pop()
            desk.rollback()
        else:
            with pytest.raises(NothingToRollBackError):
                desk.rollback()
        assert desk.champion == stack[-1]
        assert desk.former == tuple(stack[:-1])


@pytest.mark.parametrize("note", ["", "oops", "{}", "7", '["1", null, true]'])
def test_a_history_that_somebody_else_wrote_counts_as_none(desk: Desk, note: str) -> None:
    desk.promote(1)
    desk.registry.set_note(NAME, HISTORY, note)
    with pytest.raises(NothingToRollBackError):
        desk.rollback()
    desk.promote(2)
    assert desk.rollback().version == 1


def test_what_another_program_registered_is_not_promoted(folder: Path, bundle: Path) -> None:
    desk = Desk(folder, bundle, 1)
    desk.promote(1)
    desk.registry = _WithStranger()
    desk.registry.register(NAME, bundle)
    point(desk.registry, NAME, "champion", "1")
    with pytest.raises(BundleError, match=r"models:/iris/2 .*\n.*not registered by"):
        desk.promote(2)
    assert desk.champion == 1


class _WithStranger(MemoryRegistry):
    """Its second version came from elsewhere."""

    def resolve(self, name: str, reference: str) -> ModelVersion:
        found = super().resolve(name, "1" if reference == "2" else reference)
        return replace(found, version=2, digest="") if reference == "2" else found


def test_who_compared_with_another_champion_is_told_where_it_is_now(desk: Desk) -> None:
    desk.promote(1)
    desk.promote(2)
    with pytest.raises(AliasMovedError, match="iris@champion is 2, expected 1"):
        promote(desk.registry, desk.ledger, NAME, 3, ADA, expected=1)
    assert [entry.kind for entry in desk.ledger.entries()] == ["promotion", "promotion"]


def test_of_two_promotions_at_once_one_wins_and_the_other_is_told(desk: Desk) -> None:
    desk.promote(1)

    def attempt(version: int) -> int:
        try:
            promote(desk.registry, desk.ledger, NAME, version, ADA, expected=1)
        except AliasMovedError as error:
            return error.actual or 0
        return version

    with ThreadPoolExecutor(2) as pool:
        told = set(pool.map(attempt, (2, 3)))
    assert told == {desk.champion}
    assert [entry.kind for entry in desk.ledger.entries()] == ["promotion", "promotion"]


def test_whoever_is_overtaken_by_another_machine_takes_the_entry_back(
    folder: Path, bundle: Path
) -> None:
    desk = Desk(folder, bundle, 1)
    desk.promote(1)
    overtaken = _Overtaken()
    for _ in range(3):
        overtaken.register(NAME, bundle)
    point(overtaken, NAME, "champion", "1")
    overtaken.rival, desk.registry = 3, overtaken
    with pytest.raises(AliasMovedError, match="is 3, expected 1"):
        desk.promote(2)
    assert [entry.kind for entry in desk.ledger.entries()][-2:] == ["promotion", "undone"]
    desk.promote(2)
    assert [entry.kind for entry in desk.ledger.entries()][-2:] == ["foreign", "promotion"]
    assert desk.rollback().version == 3


class _Overtaken(MemoryRegistry):
    """Another machine moves the champion first, once."""

    rival: int | None = None

    def set_alias(self, name: str, alias: str, version: int, *, expected: int | None) -> None:
        if self.rival is not None:
            rival, self.rival = self.rival, None
            super().set_alias(name, alias, rival, expected=expected)
        super().set_alias(name, alias, version, expected=expected)
