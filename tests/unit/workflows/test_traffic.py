"""Traffic is set, shown, and moved step by step; each change is in the ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import (
    ModelVersionNotFoundError,
    RegistryUnavailableError,
    StorageError,
)
from fairlead.registry.ledger import Ledger
from fairlead.registry.traffic import NOTE, Traffic, read_traffic
from fairlead.testing.registry import point, sample_bundle
from fairlead.workflows.traffic import (
    ledger_of,
    set_traffic,
    show_traffic,
    this_actor,
)

NAME = "iris"
SPLIT = Traffic({"champion": 90, "challenger": 10})
ADA: dict[str, Any] = {"actor": "ada@host"}


class Registry(MemoryRegistry):
    """Can be out of reach for writing."""

    away = False

    def set_note(self, name: str, key: str, value: str) -> None:
        if self.away:
            raise RegistryUnavailableError("memory:", "away")
        super().set_note(name, key, value)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sample_bundle(tmp_path_factory.mktemp("bundles"))


@pytest.fixture
def registry(bundle: Path) -> Registry:
    """Version 1 is champion, 2 challenger, 3 neither."""
    registry = Registry()
    for _ in range(3):
        registry.register(NAME, bundle)
    point(registry, NAME, "champion", "1")
    point(registry, NAME, "challenger", "2")
    return registry


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return ledger_of(tmp_path)


def now(registry: MemoryRegistry) -> Traffic:
    return read_traffic(registry.notes(NAME))


def test_a_change_is_noted_and_written_down(registry: Registry, ledger: Ledger) -> None:
    change = set_traffic(registry, ledger, NAME, SPLIT, reason="new data", **ADA)
    assert now(registry) == SPLIT
    assert change.before == Traffic()
    assert ledger.entries() == (change.entry,)
    assert change.entry is not None
    assert (change.entry.kind, change.entry.model) == ("traffic", NAME)
    assert (change.entry.actor, change.entry.reason) == ("ada@host", "new data")
    assert change.entry.before == Traffic().to_json()
    assert change.entry.after == SPLIT.to_json()


def test_what_holds_already_is_no_change(registry: Registry, ledger: Ledger) -> None:
    set_traffic(registry, ledger, NAME, SPLIT, **ADA)
    assert set_traffic(registry, ledger, NAME, SPLIT, **ADA).entry is None
    assert len(ledger.entries()) == 1


def test_before_the_first_change_the_project_decides(registry: Registry, ledger: Ledger) -> None:
    assert set_traffic(registry, ledger, NAME, SPLIT, default=SPLIT, **ADA).entry is None
    assert set_traffic(registry, ledger, NAME, Traffic(), default=SPLIT, **ADA).before == SPLIT


@pytest.mark.parametrize(
    "traffic", [Traffic({"champion": 90, "lda": 10}), Traffic(shadow="lda"), Traffic({"9": 1})]
)
def test_a_version_that_does_not_exist_is_refused(
    registry: Registry, ledger: Ledger, traffic: Traffic
) -> None:
    with pytest.raises(ModelVersionNotFoundError, match="known: challenger, champion, 1, 2, 3"):
        set_traffic(registry, ledger, NAME, traffic, **ADA)
    assert NOTE not in registry.notes(NAME)
    assert ledger.entries() == ()


def test_a_note_that_somebody_else_wrote_is_replaced(registry: Registry, ledger: Ledger) -> None:
    registry.set_note(NAME, NOTE, "nonsense")
    change = set_traffic(registry, ledger, NAME, SPLIT, **ADA)
    assert change.before is None
    assert ledger.entries()[0].before == "nonsense"


def test_what_the_registry_refuses_is_taken_back(registry: Registry, ledger: Ledger) -> None:
    registry.away = True
    with pytest.raises(RegistryUnavailableError):
        set_traffic(registry, ledger, NAME, SPLIT, **ADA)
    asked, undone = ledger.entries()
    assert (undone.before, undone.after) == (asked.after, asked.before)
    assert undone.reason == "entry 1 did not take effect: registry_unavailable"


def test_without_a_ledger_nothing_is_changed(registry: Registry, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        set_traffic(registry, Ledger(tmp_path / "file" / "ledger.jsonl"), NAME, SPLIT, **ADA)
    assert NOTE not in registry.notes(NAME)


def test_what_is_shown_names_versions_and_shares(registry: Registry, ledger: Ledger) -> None:
    traffic = Traffic({"champion": 3, "challenger": 1}, "3", "header:X-User")
    set_traffic(registry, ledger, NAME, traffic, reason="try", **ADA)
    document = show_traffic(registry, ledger, NAME).to_json()
    assert document["routes"] == {
        "champion": {"version": 1, "candidate": "rules", "percent": 75.0},
        "challenger": {"version": 2, "candidate": "rules", "percent": 25.0},
        "3": {"version": 3, "candidate": "rules", "percent": 0.0},
    }
    assert (document["shadow"], document["sticky"]) == ("3", "header:X-User")
    assert document["last_change"]["reason"] == "try"


def test_an_alias_that_does_not_exist_yet_is_shown_as_such(
    registry: Registry, ledger: Ledger
) -> None:
    shown = show_traffic(registry, ledger, NAME, Traffic({"champion": 1, "later": 1}))
    assert shown.versions["later"] is None
    assert shown.last is None


def test_an_actor_is_a_user_on_a_machine() -> None:
    user, _, host = this_actor().partition("@")
    assert user
    assert host
