"""Aliases are moved; the champion is promoted."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import AliasNameError, ChampionAliasError
from fairlead.registry.ledger import Ledger
from fairlead.registry.moves import Act
from fairlead.testing.registry import sample_bundle
from fairlead.workflows.models import Versions, move_alias

ADA = Act("ada@host", datetime(2026, 1, 1, tzinfo=UTC))


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.jsonl")


@pytest.fixture
def registry(tmp_path: Path) -> MemoryRegistry:
    registry = MemoryRegistry()
    for threshold in (5.0, 6.0):
        registry.register("iris", sample_bundle(tmp_path, threshold=threshold))
    return registry


def test_an_alias_moves_from_wherever_it_is(registry: MemoryRegistry, ledger: Ledger) -> None:
    move_alias(registry, ledger, "iris", "staging", "1", ADA)
    assert move_alias(registry, ledger, "iris", "staging", "2", ADA).aliases == ("staging",)
    assert registry.resolve("iris", "staging").version == 2
    assert [entry.after for entry in ledger.entries()] == [
        {"aliases": {"staging": version}} for version in (1, 2)
    ]


def test_the_champion_is_no_alias_to_move(registry: MemoryRegistry, ledger: Ledger) -> None:
    with pytest.raises(ChampionAliasError, match="`fairlead promote 2` asks the gates"):
        move_alias(registry, ledger, "iris", "champion", "2", ADA)
    assert ledger.entries() == ()


@pytest.mark.parametrize("name", ["a b", "v3", "latest", "", "ä"])
def test_a_name_that_no_registry_takes_is_refused(
    name: str, registry: MemoryRegistry, ledger: Ledger
) -> None:
    with pytest.raises(AliasNameError, match="cannot be an alias"):
        move_alias(registry, ledger, "iris", name, "1", ADA)


def test_versions_are_listed_for_terminal_and_notebook(registry: MemoryRegistry) -> None:
    versions = Versions(registry.versions("iris"))
    assert [version.version for version in versions] == [1, 2]
    assert versions[1].digest[:12] in repr(versions)
    assert versions[1].digest[:12] in versions._repr_html_()
    assert repr(Versions()) == "no versions yet"
    assert "no versions yet" in Versions()._repr_html_()
