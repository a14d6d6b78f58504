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
    TrafficError,
)
from fairlead.registry.ledger import Ledger
from fairlead.registry.traffic import NOTE, Traffic, read_traffic
from fairlead.testing.registry import point, sample_bundle
from fairlead.workflows.traffic import (
    abort_canary,
    canary,
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


def test_a_canary_goes_up_step_by_step_and_promotes_nobody(
    registry: Registry, ledger: Ledger
) -> None:
    set_traffic(registry, ledger, NAME, Traffic(shadow="3", sticky="field:user"), **ADA)
    seen: list[Any] = []
    canary(
        registry,
        ledger,
        NAME,
        "challenger",
        steps=(5, 25, 100),
        every_s=60,
        reason="try",
        report=lambda step: seen.append((step, now(registry).weights)),
        sleep=seen.append,
        **ADA,
    )
    assert seen == [
        (5, {"champion": 95, "challenger": 5}),
        60,
        (25, {"champion": 75, "challenger": 25}),
        60,
        (100, {"champion": 0, "challenger": 100}),
    ]
    assert (now(registry).shadow, now(registry).sticky) == ("3", "field:user")
    assert registry.resolve(NAME, "champion").version == 1
    assert ledger.entries()[-1].reason == "canary: 100 % for challenger: try"
    assert len(ledger.entries()) == 4


def test_a_shadow_that_becomes_a_canary_is_no_shadow_any_more(
    registry: Registry, ledger: Ledger
) -> None:
    set_traffic(registry, ledger, NAME, Traffic(shadow="challenger"), **ADA)
    canary(registry, ledger, NAME, "challenger", steps=(100,), **ADA)
    assert now(registry).shadow is None


def test_an_interrupted_canary_stays_where_it_is(registry: Registry, ledger: Ledger) -> None:
    def interrupt(seconds: float) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        canary(registry, ledger, NAME, "challenger", steps=(5, 25), sleep=interrupt, **ADA)
    assert now(registry).weights == {"champion": 95, "challenger": 5}


def test_an_aborted_canary_gives_all_back_and_stops(registry: Registry, ledger: Ledger) -> None:
    def abort(seconds: float) -> None:
        abort_canary(registry, ledger, NAME, actor="bob@host")

    with pytest.raises(TrafficError, match="somebody else has set the traffic meanwhile"):
        canary(registry, ledger, NAME, "challenger", steps=(5, 25), sleep=abort, **ADA)
    assert now(registry) == Traffic()
    assert ledger.entries()[-1].reason == "canary aborted"


def test_a_canary_does_not_go_on_with_another_challenger(
    registry: Registry, ledger: Ledger
) -> None:
    def retrain(seconds: float) -> None:
        point(registry, NAME, "challenger", "3")

    with pytest.raises(TrafficError, match="iris version 2 is no longer what it was"):
        canary(registry, ledger, NAME, "challenger", steps=(5, 25), sleep=retrain, **ADA)
    assert now(registry).weights == {"champion": 95, "challenger": 5}


def test_an_abort_keeps_shadow_and_sticky(registry: Registry, ledger: Ledger) -> None:
    present = Traffic({"champion": 50, "challenger": 50}, "3", "field:user")
    set_traffic(registry, ledger, NAME, present, **ADA)
    after = abort_canary(registry, ledger, NAME, **ADA).after
    assert after == now(registry) == Traffic({"champion": 100}, "3", "field:user")


def test_an_abort_works_whatever_the_note_says(registry: Registry, ledger: Ledger) -> None:
    registry.set_note(NAME, NOTE, "nonsense")
    abort_canary(registry, ledger, NAME, **ADA)
    assert now(registry) == Traffic()


@pytest.mark.parametrize("steps", [(), (0,), (-5, 5), (5, 5), (25, 5), (50, 101), (float("nan"),)])
def test_steps_that_do_not_rise_are_refused(
    registry: Registry, ledger: Ledger, steps: tuple[float, ...]
) -> None:
    with pytest.raises(TrafficError, match="percentages that rise"):
        canary(registry, ledger, NAME, "challenger", steps=steps, **ADA)
    assert ledger.entries() == ()


@pytest.mark.parametrize("reference", ["champion", "1"])
def test_the_champion_is_no_canary(registry: Registry, ledger: Ledger, reference: str) -> None:
    with pytest.raises(TrafficError, match="is the champion"):
        canary(registry, ledger, NAME, reference, **ADA)


def test_a_canary_of_nothing_is_refused(registry: Registry, ledger: Ledger) -> None:
    with pytest.raises(ModelVersionNotFoundError):
        canary(registry, ledger, NAME, "lda", **ADA)


def test_an_actor_is_a_user_on_a_machine() -> None:
    user, _, host = this_actor().partition("@")
    assert user
    assert host
