"""What is served follows the registry, and outlives whatever the registry does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.errors import BundleError, RegistryUnavailableError, StorageError
from fairlead.registry.records import ModelVersion
from fairlead.registry.traffic import Traffic, read_traffic, write_traffic
from fairlead.serving.table import Route, Served, Table, TableFile, Trouble
from fairlead.testing.registry import point, sample_bundle
from fairlead.workflows import follower as module
from fairlead.workflows.follower import RETRY_S, Follower
from fairlead.workflows.serve import Registered

NAME = "iris"
SPLIT = Traffic({"champion": 90, "challenger": 10})


class Registry(MemoryRegistry):
    """Can be out of reach, and can have damaged bundles."""

    def __init__(self) -> None:
        super().__init__()
        self.away = False
        self.damaged: set[int] = set()
        self.unfetched: set[int] = set()
        self.fetched: list[int] = []
        self.interrupt: Callable[[], None] = lambda: None

    def resolve(self, name: str, reference: str) -> ModelVersion:
        self._answer()
        return super().resolve(name, reference)

    def notes(self, name: str) -> Mapping[str, str]:
        self._answer()
        return super().notes(name)

    def set_note(self, name: str, key: str, value: str) -> None:
        super().set_note(name, key, value)
        self.interrupt()

    def fetch(self, version: ModelVersion, folder: Path) -> Path:
        self._answer()
        self.fetched.append(version.version)
        if version.version in self.damaged:
            raise BundleError(folder, (f"version {version.version} is damaged",))
        if version.version in self.unfetched:
            raise RegistryUnavailableError("memory:", "its files are away")
        return super().fetch(version, folder)

    def _answer(self) -> None:
        if self.away:
            raise RegistryUnavailableError("memory:", "away")


class Clock:
    """Stands still until it is told to go on."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    store = tmp_path_factory.mktemp("bundles")
    return [sample_bundle(store, threshold=threshold) for threshold in (4.0, 5.0, 6.0)]


@pytest.fixture
def registry(bundles: list[Path]) -> Registry:
    """Version 1 is champion, 2 challenger, 3 neither."""
    registry = Registry()
    for bundle in bundles:
        registry.register(NAME, bundle)
    registry.set_alias(NAME, "champion", 1, expected=None)
    registry.set_alias(NAME, "challenger", 2, expected=None)
    return registry


@pytest.fixture
def file(tmp_path: Path) -> TableFile:
    return TableFile(tmp_path / "routes.json")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock)
    return clock


def follower(
    file: TableFile,
    registry: MemoryRegistry,
    reference: str = "champion",
    traffic: Traffic | None = None,
) -> Follower:
    model = Registered(file.path.parent, NAME, reference, traffic or Traffic())
    return Follower(file, [model], lambda _: registry)


def ways(file: TableFile) -> dict[str, tuple[str, float]]:
    """Route -> version and share."""
    routes = file.read().models[NAME].routes
    return {name: (route.version, route.weight) for name, route in routes.items()}


def troubles(file: TableFile) -> list[str]:
    return [trouble.kind for trouble in file.read().troubles]


def test_the_champion_alone_is_served_at_first(file: TableFile, registry: Registry) -> None:
    assert follower(file, registry).look() == {}
    assert ways(file) == {"champion": ("1", 100.0)}
    assert file.read().default == NAME
    version = file.read().models[NAME].versions["1"]
    assert version.digest == registry.resolve(NAME, "1").digest
    assert Path(version.path).parent == file.path.parent / ".fairlead" / "bundles"


def test_a_moved_alias_is_followed(file: TableFile, registry: Registry) -> None:
    following = follower(file, registry)
    following.look()
    point(registry, NAME, "champion", "3")
    following.look()
    assert ways(file) == {"champion": ("3", 100.0)}


def test_nothing_is_written_while_nothing_changes(file: TableFile, registry: Registry) -> None:
    following = follower(file, registry)
    following.look()
    stamp = file.stamp()
    following.look()
    assert file.stamp() == stamp
    assert registry.fetched == [1]


@pytest.mark.parametrize("reference", ["challenger", "2"])
def test_another_reference_is_served_whatever_the_notes_say(
    file: TableFile, registry: Registry, reference: str
) -> None:
    write_traffic(registry, NAME, SPLIT)
    follower(file, registry, reference).look()
    assert ways(file) == {reference: ("2", 100.0)}


def test_shares_shadow_and_sticky_come_from_the_notes(file: TableFile, registry: Registry) -> None:
    following = follower(file, registry)
    following.look()
    write_traffic(registry, NAME, Traffic({"champion": 3, "2": 1}, "3", "header:X-User"))
    following.look()
    served = file.read().models[NAME]
    assert ways(file) == {"champion": ("1", 3.0), "2": ("2", 1.0), "3": ("3", 0.0)}
    assert (served.shadow, served.sticky) == ("3", "header:X-User")


def test_the_project_file_holds_until_the_traffic_is_set(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry, traffic=SPLIT)
    following.look()
    before = ways(file)
    write_traffic(registry, NAME, Traffic())
    following.look()
    assert before == {"champion": ("1", 90.0), "challenger": ("2", 10.0)}
    assert ways(file) == {"champion": ("1", 100.0)}


def test_a_note_that_cannot_be_read_changes_nothing(file: TableFile, registry: Registry) -> None:
    following = follower(file, registry)
    following.look()
    registry.set_note(NAME, "fairlead.traffic", "nonsense")
    assert following.look()[NAME].code == "traffic"
    assert (ways(file), troubles(file)) == ({"champion": ("1", 100.0)}, ["traffic_refused"])


def test_a_model_without_a_champion_is_told(file: TableFile, bundles: list[Path]) -> None:
    registry = Registry()
    registry.register(NAME, bundles[0])
    assert follower(file, registry).look()[NAME].code == "model_version_not_found"
    assert (file.read().models, troubles(file)) == ({}, ["version_missing"])


def test_a_registry_that_goes_away_and_comes_back_is_a_trouble_for_so_long(
    file: TableFile, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    following = follower(file, registry)
    following.look()
    registry.away = True
    following.look()
    following.look()
    told = troubles(file), ways(file)
    registry.away = False
    point(registry, NAME, "champion", "2")
    following.look()
    assert told == (["registry_unavailable"], {"champion": ("1", 100.0)})
    assert (troubles(file), ways(file)) == ([], {"champion": ("2", 100.0)})
    assert [record.getMessage() for record in caplog.records] == ["not_followed", "followed_again"]


def test_a_registry_that_never_answered_is_a_trouble_until_it_does(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry)
    following.give_up(10)
    before = file.read().troubles
    following.look()
    assert [trouble.what for trouble in before] == [
        "the registry has not answered within 10 seconds"
    ]
    assert troubles(file) == []


def test_a_damaged_bundle_is_fetched_again_after_a_minute_and_not_before(
    file: TableFile, registry: Registry, clock: Clock
) -> None:
    registry.damaged = {3}
    following = follower(file, registry)
    following.look()
    point(registry, NAME, "champion", "3")
    following.look()
    clock.now += RETRY_S - 1
    following.look()
    before = [*registry.fetched], ways(file), troubles(file)
    registry.damaged = set()
    clock.now += 1
    following.look()
    assert before == ([1, 3], {"champion": ("1", 100.0)}, ["bundle_refused"])
    assert registry.fetched == [1, 3, 3]
    assert (ways(file), troubles(file)) == ({"champion": ("3", 100.0)}, [])


def test_a_damaged_challenger_leaves_its_share_to_the_champion(
    file: TableFile, registry: Registry
) -> None:
    registry.damaged = {2}
    following = follower(file, registry, traffic=SPLIT)
    assert following.look() == {}
    before = ways(file)
    point(registry, NAME, "champion", "3")
    following.look()
    (trouble,) = file.read().troubles
    assert (before, ways(file)) == ({"champion": ("1", 90.0)}, {"champion": ("3", 90.0)})
    assert (trouble.kind, trouble.model) == ("bundle_refused", NAME)
    assert trouble.what.startswith("nothing is served as challenger: ")


@pytest.mark.parametrize("fault", ["damaged", "unfetched"])
def test_the_challenger_that_was_served_stays_where_the_next_one_cannot_be_had(
    file: TableFile, registry: Registry, fault: str
) -> None:
    following = follower(file, registry, traffic=SPLIT)
    following.look()
    setattr(registry, fault, {3})
    point(registry, NAME, "challenger", "3")
    point(registry, NAME, "champion", "2")
    following.look()
    assert ways(file) == {"champion": ("2", 90.0), "challenger": ("2", 10.0)}
    assert file.read().troubles[0].what.startswith("version 2 stays as challenger: ")


def test_what_was_served_stays_after_a_new_start_too(file: TableFile, registry: Registry) -> None:
    follower(file, registry, traffic=SPLIT).look()
    registry.damaged = {3}
    point(registry, NAME, "challenger", "3")
    follower(file, registry, traffic=SPLIT).look()
    assert ways(file) == {"champion": ("1", 90.0), "challenger": ("2", 10.0)}


def test_a_champion_that_cannot_be_had_does_not_hold_the_challenger_back(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry, traffic=SPLIT)
    following.look()
    registry.damaged = {3}
    point(registry, NAME, "champion", "3")
    point(registry, NAME, "challenger", "1")
    assert following.look() == {}
    assert ways(file) == {"champion": ("1", 90.0), "challenger": ("1", 10.0)}


def test_a_damaged_shadow_is_no_shadow(file: TableFile, registry: Registry) -> None:
    registry.damaged = {2}
    following = follower(file, registry, traffic=Traffic(shadow="challenger"))
    following.look()
    before = file.read().models[NAME]
    registry.set_alias(NAME, "challenger", 3, expected=2)
    following.look()
    assert (before.shadow, [*before.routes]) == (None, ["champion"])
    assert file.read().models[NAME].shadow == "challenger"
    assert (ways(file)["challenger"], troubles(file)) == (("3", 0.0), [])


def test_a_version_that_does_not_exist_any_more_leaves_its_share_to_the_others(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry, traffic=SPLIT)
    following.look()
    write_traffic(registry, NAME, Traffic({"champion": 1, "7": 1}))
    assert following.look() == {}
    assert (ways(file), troubles(file)) == ({"champion": ("1", 1.0)}, ["version_missing"])


def test_where_no_version_can_be_had_the_model_is_not_followed(
    file: TableFile, registry: Registry
) -> None:
    registry.damaged = {1, 2}
    assert follower(file, registry, traffic=SPLIT).look()[NAME].code == "bundle"
    assert file.read().models == {}


def test_each_version_that_cannot_be_had_is_told_once(
    file: TableFile, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    registry.damaged = {2, 3}
    following = follower(file, registry, traffic=SPLIT)
    for _ in range(3):
        following.look()
    point(registry, NAME, "challenger", "3")
    for _ in range(3):
        following.look()
    told = [str(vars(record)["what"]).splitlines()[-1].strip() for record in caplog.records]
    assert told == ["version 2 is damaged", "version 3 is damaged"]
    assert "version 3" in file.read().troubles[0].what


def test_an_operators_change_stays_until_the_registry_wants_something_else(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry, traffic=SPLIT)
    following.look()
    served = file.read().models[NAME]
    all_to_one = {
        name: msgspec.structs.replace(way, weight=1) for name, way in served.routes.items()
    }
    changed = msgspec.structs.replace(served, routes=all_to_one)
    file.edit(lambda table: msgspec.structs.replace(table, models={NAME: changed}))
    following.look()
    kept = ways(file)
    point(registry, NAME, "challenger", "3")
    following.look()
    assert kept == {"champion": ("1", 1.0), "challenger": ("2", 1.0)}
    assert ways(file) == {"champion": ("1", 90.0), "challenger": ("3", 10.0)}


def ask(file: TableFile, weights: Mapping[str, float]) -> None:
    """What the admin route does with a change."""
    served = file.read().models[NAME]
    routes = {
        name: msgspec.structs.replace(way, weight=weights.get(name, 0.0))
        for name, way in served.routes.items()
    }
    asked = msgspec.structs.replace(served, routes=routes, asked=Traffic(weights))
    file.edit(lambda table: msgspec.structs.replace(table, models={NAME: asked}))


def test_what_was_asked_of_the_service_is_noted_in_the_registry(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry, traffic=SPLIT)
    following.look()
    ask(file, {"challenger": 1.0})
    following.look()
    assert read_traffic(registry.notes(NAME)) == Traffic({"challenger": 1})
    assert ways(file) == {"challenger": ("2", 1.0)}
    assert file.read().models[NAME].asked is None


def test_what_was_asked_while_the_registry_is_away_holds_until_it_is_noted(
    file: TableFile, registry: Registry
) -> None:
    follower(file, registry, traffic=SPLIT).look()
    registry.away = True
    ask(file, {"champion": 1.0, "challenger": 1.0})
    again = follower(file, registry, traffic=SPLIT)
    again.look()
    meanwhile = ways(file), troubles(file)
    registry.away = False
    again.look()
    assert meanwhile == (
        {"champion": ("1", 1.0), "challenger": ("2", 1.0)},
        ["registry_unavailable"],
    )
    assert (ways(file), troubles(file)) == (meanwhile[0], [])
    assert read_traffic(registry.notes(NAME)) == Traffic({"champion": 1, "challenger": 1})


def test_what_is_asked_while_the_registry_is_told_is_not_lost(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry, traffic=SPLIT)
    following.look()
    ask(file, {"champion": 1.0, "challenger": 1.0})
    asks = iter([{"champion": 3.0, "challenger": 1.0}])
    registry.interrupt = lambda: ask(file, next(asks))
    following.look()
    registry.interrupt = lambda: None
    between = ways(file)
    following.look()
    assert between == ways(file) == {"champion": ("1", 3.0), "challenger": ("2", 1.0)}
    assert read_traffic(registry.notes(NAME)) == Traffic({"champion": 3, "challenger": 1})


def test_only_a_champions_traffic_is_the_registrys(file: TableFile, registry: Registry) -> None:
    follower(file, registry, "challenger").look()
    alone = file.read().models[NAME].ledger
    follower(file, registry).look()
    assert alone is None
    assert file.read().models[NAME].ledger == str(
        file.path.parent.resolve() / ".fairlead" / "ledger.jsonl"
    )


def test_what_was_unloaded_by_request_does_not_come_back_by_itself(
    file: TableFile, registry: Registry
) -> None:
    following = follower(file, registry)
    following.look()
    unloaded = file.read().models
    file.edit(lambda _: Table({}, unloaded=unloaded))
    point(registry, NAME, "champion", "2")
    following.look()
    table = file.read()
    assert table.models == {}
    assert table.unloaded[NAME].routes == {"champion": Route("2", 100.0)}


def test_models_are_followed_whatever_becomes_of_others(
    file: TableFile, registry: Registry
) -> None:
    root = file.path.parent
    models = [Registered(root, "lost", "champion"), Registered(root, NAME, "champion")]
    failed = Follower(file, models, lambda _: registry).look()
    assert failed.keys() == {"lost"}
    assert list(file.read().models) == [NAME]


def test_troubles_that_others_have_noticed_are_told_too(
    file: TableFile, registry: Registry
) -> None:
    crashed = Trouble("worker_crashed", "worker 0 ended with 1; it is started again")
    follower(file, registry).look([crashed])
    assert file.read().troubles == (crashed,)


def test_following_outlives_a_look_that_fails(
    file: TableFile, registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    stop, looks = threading.Event(), iter(range(3))
    failures = [StorageError(file.path, "No space left on device"), ValueError("anything")]

    def others() -> tuple[Trouble, ...]:
        number = next(looks)
        if number < 2:
            raise failures[number]
        stop.set()
        return ()

    follower(file, registry).follow(0.001, stop, others)
    assert [record.getMessage() for record in caplog.records] == [
        "table_unwritable",
        "follow_failed",
    ]
    assert ways(file) == {"champion": ("1", 100.0)}


def test_bundles_go_to_the_cache_that_was_named(
    file: TableFile, registry: Registry, tmp_path: Path
) -> None:
    model = Registered(tmp_path, NAME, "champion")
    Follower(file, [model], lambda _: registry, tmp_path / "cache").look()
    served: Served = file.read().models[NAME]
    assert Path(served.versions["1"].path).parent == tmp_path / "cache"
    assert json.loads(file.path.read_text())["models"][NAME]["versions"]["1"]["number"] == 1
