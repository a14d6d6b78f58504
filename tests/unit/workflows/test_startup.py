"""A service begins with what it served last, what the registry says, and bundles' folders."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.bundle.reading import load_bundle
from fairlead.errors import ModelVersionNotFoundError, RegistryUnavailableError
from fairlead.serving.table import Served, Table, TableFile, Trouble, Version, served_alone
from fairlead.testing.registry import sample_bundle
from fairlead.workflows import startup
from fairlead.workflows.follower import Follower
from fairlead.workflows.serve import Registered
from fairlead.workflows.startup import add_bundles, first_look, take_over


@pytest.fixture
def file(tmp_path: Path) -> TableFile:
    return TableFile(tmp_path / "routes.json")


@pytest.fixture
def served(tmp_path: Path) -> Served:
    """A sound bundle by its folder."""
    path = sample_bundle(tmp_path)
    return served_alone(path, load_bundle(path).digest)


def test_what_was_served_last_is_served_again(file: TableFile, served: Served) -> None:
    trouble = Trouble("worker_crashed", "worker 0 ended")
    file.edit(lambda _: Table({"a": served}, "a", (trouble,), {"b": served}))
    take_over(file, ["a", "b", "c"])
    assert file.read() == Table({"a": served, "b": served})


def test_what_is_not_asked_for_again_is_left_behind(file: TableFile, served: Served) -> None:
    file.edit(lambda _: Table({"a": served, "b": served}, "a"))
    take_over(file, ["b"])
    assert file.read().models == {"b": served}


def test_what_is_not_sound_any_more_is_left_behind(file: TableFile, served: Served) -> None:
    label, version = next(iter(served.versions.items()))
    other = Served({label: Version(version.path, "0" * 64)}, served.routes)
    lost = Served({label: Version(str(file.path.parent / "lost"), "0" * 64)}, served.routes)
    file.edit(lambda _: Table({"other": other, "lost": lost, "good": served}))
    take_over(file, ["other", "lost", "good"])
    assert list(file.read().models) == ["good"]


def test_a_table_that_something_else_has_written_is_begun_anew(
    file: TableFile, caplog: pytest.LogCaptureFixture
) -> None:
    file.path.write_text('{"models": 3}')
    take_over(file, ["a"])
    assert file.read() == Table({})
    assert [record.getMessage() for record in caplog.records] == ["table_unreadable"]


def test_bundles_are_served_beside_the_others_and_one_is_the_default(
    file: TableFile, served: Served
) -> None:
    file.edit(lambda _: Table({"a": served}))
    add_bundles(file, {"b": served}, None)
    first = file.read()
    add_bundles(file, {}, "b")
    assert (list(first.models), first.default) == (["a", "b"], "a")
    assert file.read().default == "b"


class Silent(MemoryRegistry):
    """Answers when it is released, not before."""

    def __init__(self) -> None:
        super().__init__()
        self.released = threading.Event()

    def notes(self, name: str) -> Mapping[str, str]:
        self.released.wait(30)
        return super().notes(name)


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Silent]:
    monkeypatch.setattr(startup, "FIRST_LOOK_S", 0.05)
    registry = Silent()
    registry.register("iris", sample_bundle(tmp_path), aliases=["champion"])
    yield registry
    registry.released.set()


def test_a_registry_that_never_answers_does_not_keep_a_service_from_what_it_served_last(
    file: TableFile, served: Served, silent: Silent
) -> None:
    file.edit(lambda _: Table({"iris": served}))
    model = Registered(file.path.parent, "iris", "champion")
    first_look(Follower(file, [model], lambda _: silent), file, [model])
    assert file.read().models == {"iris": served}
    assert [trouble.kind for trouble in file.read().troubles] == ["registry_unavailable"]


def test_a_registry_that_never_answers_leaves_a_new_service_nothing_to_serve(
    file: TableFile, silent: Silent
) -> None:
    model = Registered(file.path.parent, "iris", "champion")
    with pytest.raises(RegistryUnavailableError, match="no answer within"):
        first_look(Follower(file, [model], lambda _: silent), file, [model])


def test_a_model_that_does_not_exist_is_told(file: TableFile) -> None:
    registry = MemoryRegistry()
    model = Registered(file.path.parent, "iris", "champion")
    with pytest.raises(ModelVersionNotFoundError):
        first_look(Follower(file, [model], lambda _: registry), file, [model])
