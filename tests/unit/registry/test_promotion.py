"""Promotion and rollback."""

from __future__ import annotations

from dataclasses import replace
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
from fairlead.registry.promotion import (
    HISTORY,
    champion,
    crown,
    former_champions,
    promote,
    rollback,
)
from fairlead.registry.records import ModelVersion
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


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(st.sampled_from([1, 2, 3, 4, "rollback"]), max_size=20))
def test_promotions_and_rollbacks_are_pushes_and_pops(steps: list[int | str], bundle: Path) -> None:
    registry, stack = registry_of(bundle, 4), [1]
    promote(registry, NAME, 1)
    for step in steps:
        if isinstance(step, int):
            stack += [step] if stack[-1] != step else []
            promote(registry, NAME, step)
        elif len(stack) > 1:
            stack.pop()
            rollback(registry, NAME)
        else:
            with pytest.raises(NothingToRollBackError):
                rollback(registry, NAME)
        assert champion(registry, NAME) == registry.resolve(NAME, str(stack[-1]))
        assert former_champions(registry, NAME) == tuple(stack[:-1])


@pytest.mark.parametrize("note", ["", "oops", "{}", "7", '["1", null, true]'])
def test_a_history_that_somebody_else_wrote_counts_as_none(bundle: Path, note: str) -> None:
    registry = registry_of(bundle, 2)
    promote(registry, NAME, 1)
    registry.set_note(NAME, HISTORY, note)
    with pytest.raises(NothingToRollBackError):
        rollback(registry, NAME)
    promote(registry, NAME, 2)
    assert rollback(registry, NAME).version == 1


def test_what_another_program_registered_is_not_promoted(bundle: Path) -> None:
    registry = _WithStranger()
    registry.register(NAME, bundle)
    promote(registry, NAME, 1)
    with pytest.raises(BundleError, match=r"models:/iris/2 .*\n.*not registered by"):
        promote(registry, NAME, 2)
    assert registry.resolve(NAME, "champion").version == 1


class _WithStranger(MemoryRegistry):
    """Its second version came from elsewhere."""

    def resolve(self, name: str, reference: str) -> ModelVersion:
        found = super().resolve(name, "1" if reference == "2" else reference)
        return replace(found, version=2, digest="") if reference == "2" else found


def test_the_best_of_the_first_training_is_champion_and_that_of_the_next_challenger(
    bundle: Path,
) -> None:
    registry = registry_of(bundle, 3)
    for version, crowned in ((1, True), (2, False), (3, False)):
        best = registry.resolve(NAME, str(version))
        assert crown(registry, NAME, best) == (registry.resolve(NAME, "champion"), crowned)
    assert registry.resolve(NAME, "challenger").version == 3
    assert registry.resolve(NAME, "champion").version == 1


def test_of_two_trainings_at_once_the_faster_one_crowns(bundle: Path) -> None:
    registry = _Overtaken()
    for _ in range(2):
        registry.register(NAME, bundle)
    current, crowned = crown(registry, NAME, registry.resolve(NAME, "1"))
    assert (current.version, crowned) == (2, False)


class _Overtaken(MemoryRegistry):
    """Another training moves every alias first, to its own version of two."""

    def set_alias(self, name: str, alias: str, version: int, *, expected: int | None) -> None:
        super().set_alias(name, alias, 3 - version, expected=expected)
        raise AliasMovedError(name, alias, expected, 3 - version)
