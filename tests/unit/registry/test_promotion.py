"""Promotion and rollback."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import ModelVersionNotFoundError, NothingToRollBackError
from fairlead.registry.promotion import (
    HISTORY,
    champion,
    former_champions,
    promote,
    rollback,
)
from fairlead.testing.registry import sample_bundle

NAME = "iris"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("bundles"))


def registry_of(bundle: Path, versions: int) -> MemoryRegistry:
    registry = MemoryRegistry()
    for _ in range(versions):
        registry.register(NAME, bundle)
    return registry


def test_a_model_without_champion_has_none(bundle: Path) -> None:
    assert champion(registry_of(bundle, 1), NAME) is None


def test_the_first_promotion_leaves_no_history(bundle: Path) -> None:
    registry = registry_of(bundle, 1)
    assert promote(registry, NAME, 1).aliases == ("champion",)
    assert former_champions(registry, NAME) == ()


def test_promoting_the_champion_changes_nothing(bundle: Path) -> None:
    registry = registry_of(bundle, 1)
    promote(registry, NAME, 1)
    promote(registry, NAME, 1)
    assert former_champions(registry, NAME) == ()


def test_an_unknown_version_is_not_promoted(bundle: Path) -> None:
    registry = registry_of(bundle, 1)
    with pytest.raises(ModelVersionNotFoundError):
        promote(registry, NAME, 2)
    assert champion(registry, NAME) is None


def test_there_is_nothing_to_roll_back_from_the_first_champion(bundle: Path) -> None:
    registry = registry_of(bundle, 1)
    promote(registry, NAME, 1)
    with pytest.raises(NothingToRollBackError, match="before version 1"):
        rollback(registry, NAME)


def test_rollback_without_champion_says_so(bundle: Path) -> None:
    with pytest.raises(ModelVersionNotFoundError):
        rollback(registry_of(bundle, 1), NAME)


def test_rollback_passes_over_an_entry_that_a_failed_promotion_left(bundle: Path) -> None:
    registry = registry_of(bundle, 2)
    promote(registry, NAME, 1)
    promote(registry, NAME, 2)
    registry.set_note(NAME, HISTORY, "[1, 2]")
    assert rollback(registry, NAME).version == 1


def test_rollback_passes_over_versions_that_were_deleted(bundle: Path) -> None:
    registry = registry_of(bundle, 2)
    promote(registry, NAME, 1)
    promote(registry, NAME, 2)
    registry.set_note(NAME, HISTORY, "[1, 9]")
    assert rollback(registry, NAME).version == 1


@settings(max_examples=50, deadline=None)
@given(promotions=st.lists(st.integers(1, 4), min_size=1, max_size=12))
def test_rolling_back_walks_the_promotions_backwards(promotions: list[int], bundle: Path) -> None:
    registry = registry_of(bundle, 4)
    for version in promotions:
        promote(registry, NAME, version)
    changes = [new for old, new in zip([0, *promotions], promotions, strict=False) if new != old]
    walked = [rollback(registry, NAME).version for _ in changes[1:]]
    assert walked == changes[-2::-1]
    with pytest.raises(NothingToRollBackError):
        rollback(registry, NAME)
