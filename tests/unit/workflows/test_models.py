"""Aliases are moved; the champion is promoted."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import AliasNameError
from fairlead.registry.promotion import rollback
from fairlead.testing.registry import sample_bundle
from fairlead.workflows.models import Versions, move_alias


@pytest.fixture
def registry(tmp_path: Path) -> MemoryRegistry:
    registry = MemoryRegistry()
    for threshold in (5.0, 6.0):
        registry.register("iris", sample_bundle(tmp_path, threshold=threshold))
    return registry


def test_an_alias_moves_from_wherever_it_is(registry: MemoryRegistry) -> None:
    move_alias(registry, "iris", "staging", "1")
    assert move_alias(registry, "iris", "staging", "2").aliases == ("staging",)
    assert registry.resolve("iris", "staging").version == 2


def test_a_champion_that_is_moved_as_an_alias_can_be_rolled_back(registry: MemoryRegistry) -> None:
    move_alias(registry, "iris", "champion", "1")
    move_alias(registry, "iris", "champion", "2")
    assert rollback(registry, "iris").version == 1


@pytest.mark.parametrize("name", ["a b", "v3", "latest", "", "ä"])
def test_a_name_that_no_registry_takes_is_refused(name: str, registry: MemoryRegistry) -> None:
    with pytest.raises(AliasNameError, match="cannot be an alias"):
        move_alias(registry, "iris", name, "1")


def test_versions_are_listed_for_terminal_and_notebook(registry: MemoryRegistry) -> None:
    versions = Versions(registry.versions("iris"))
    assert [version.version for version in versions] == [1, 2]
    assert versions[1].digest[:12] in repr(versions)
    assert versions[1].digest[:12] in versions._repr_html_()
    assert repr(Versions()) == "no versions yet"
    assert "no versions yet" in Versions()._repr_html_()
