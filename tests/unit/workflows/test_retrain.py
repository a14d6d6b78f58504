from __future__ import annotations

import importlib.util
import shutil
import sys
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.bundle.reading import load_bundle
from fairlead.errors import DataMissingError, RegistryUnavailableError, TrainingError
from fairlead.project.loading import Project
from fairlead.retraining.state import read_state
from fairlead.workflows.labelled_data import write_labelled
from fairlead.workflows.read import read
from fairlead.workflows.retrain import retrain
from fairlead.workflows.retraining_desk import Desk, Evidence
from fairlead.workflows.train import build


def loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


prices = loaded(Path(__file__).parent / "rising_prices.py")


@dataclass(frozen=True)
class Said:
    outcome: str
    promoted: bool = False
    is_champion: bool = False

    def to_json(self) -> dict[str, str]:
        return {"outcome": self.outcome}


@dataclass
class Gates:
    """Gates that always say the same, over a registry."""

    registry: MemoryRegistry
    outcome: str = "pass"
    asked: list[int] = field(default_factory=list)

    def ask(self, version: int, recent: Any) -> Said:
        assert len(recent)
        self.asked.append(version)
        return Said(self.outcome)

    def challenge(self, version: int) -> None:
        self.registry.set_alias("prices", "challenger", version, expected=None)

    def promote(self, version: int, recent: Any) -> Said:
        passed = self.ask(version, recent).outcome == "pass"
        if passed:
            self.registry.set_alias("prices", "champion", version, expected=1)
        return Said(self.outcome, passed)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one bundle."""
    root = tmp_path_factory.mktemp("prices")
    build(prices.project_in(root), "ridge", jobs=1)
    return root


def desk_of(trained: Path, root: Path, more: str = "") -> Desk:
    shutil.copytree(trained, root, dirs_exist_ok=True)
    project: Project = prices.project_in(root, more=more)
    registry = MemoryRegistry()
    (bundle,) = (root / ".fairlead" / "bundles").iterdir()
    registry.register("prices", bundle, aliases=("ridge", "champion"))
    return Desk(project, registry, None, Gates(registry), prices.NOW, "a@b", jobs=1)


def aliases(desk: Desk) -> dict[str, int]:
    versions = desk.registry.versions("prices")
    return {alias: each.version for each in versions for alias in each.aliases}


def bundles(desk: Desk) -> set[str]:
    return {path.name for path in (desk.project.root / ".fairlead" / "bundles").iterdir()}


RISEN = Evidence(prices.labelled_rows(1500))


def test_a_better_model_waits_as_challenger_and_the_levelled_recipe_is_chosen(
    trained: Path, tmp_path: Path
) -> None:
    desk = desk_of(trained, tmp_path)
    done = retrain(desk, RISEN, reason="by hand")
    assert done.run is not None
    assert (done.run.outcome, done.run.version) == ("challenger", 2)
    assert aliases(desk) == {"champion": 1, "ridge": 1, "challenger": 2}
    assert set(done.tried) == {"all", "recent", "levelled"}
    version = desk.registry.resolve("prices", "challenger")
    assert version.tags["labelled_sha256"] == done.run.data
    assert version.tags["retraining"] == done.run.id
    assert not (desk.folder / "work").exists()
    again = retrain(replace(desk, now=prices.NOW + timedelta(days=2)), RISEN)
    assert again.verdict is not None
    assert again.verdict.action == "wait"
    assert "0 new of 1,500" in again.verdict.why


def test_it_is_promoted_at_once_where_the_project_says_so(trained: Path, tmp_path: Path) -> None:
    desk = desk_of(trained, tmp_path, more="retraining: {promote: automatic}")
    done = retrain(desk, RISEN)
    assert done.run is not None
    assert done.run.outcome == "promoted"
    assert aliases(desk)["champion"] == 2


def test_one_that_is_no_better_is_not_registered_and_leaves_nothing(
    trained: Path, tmp_path: Path
) -> None:
    desk = desk_of(trained, tmp_path)
    before = bundles(desk)
    done = retrain(desk, Evidence(prices.labelled_rows(weekly=0.0)))
    assert done.run is not None
    assert done.run.outcome == "refused"
    assert len(desk.registry.versions("prices")) == 1
    assert bundles(desk) == before


def test_one_that_the_gates_refuse_is_no_challenger(trained: Path, tmp_path: Path) -> None:
    desk = desk_of(trained, tmp_path)
    desk.gates.outcome = "inconclusive"  # type: ignore[attr-defined]
    done = retrain(desk, RISEN)
    assert done.run is not None
    assert done.run.outcome == "refused"
    assert "challenger" not in aliases(desk)


def test_a_dry_run_says_and_does_nothing(trained: Path, tmp_path: Path) -> None:
    desk = desk_of(trained, tmp_path)
    said = retrain(desk, RISEN, dry_run=True)
    assert said.verdict is not None
    assert said.verdict.action == "retrain"
    assert said.run is None
    assert not desk.folder.exists()


class StoppedError(Exception):
    """Stands for a kill."""


def test_a_run_that_was_stopped_goes_on_with_its_rows(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(trained, tmp_path)

    def stop(*_: object) -> None:
        raise StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(desk.gates, "challenge", stop)
        with pytest.raises(StoppedError):
            retrain(desk, RISEN)
    begun = read_state(desk.folder).unfinished
    assert begun is not None
    done = retrain(desk, Evidence(prices.labelled_rows(seed=7)))
    assert done.resumed
    assert done.run is not None
    assert (done.run.id, done.run.data) == (begun.id, begun.data)
    assert (done.run.outcome, done.run.version) == ("challenger", 2)
    assert len(desk.registry.versions("prices")) == 2


def test_a_handful_of_labels_is_too_few_to_judge_by_and_the_run_is_told_to_have_failed(
    trained: Path, tmp_path: Path
) -> None:
    desk = desk_of(trained, tmp_path)
    few = Evidence(prices.labelled_rows(3))
    with pytest.raises(TrainingError, match="3 labelled predictions are too few"):
        retrain(desk, few, reason="to see", force=True)
    (run,) = read_state(desk.folder).runs
    assert run.outcome == "failed"
    with pytest.raises(DataMissingError):
        write_labelled(
            desk.project,
            read(desk.project),
            prices.labelled_rows(3).take(np.zeros(3, bool)),
            load_bundle(next((tmp_path / ".fairlead" / "bundles").iterdir())),
            prices.NOW,
        )


def test_a_registry_that_does_not_answer_leaves_the_run_for_later(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = desk_of(trained, tmp_path)

    def away(*_: object, **__: object) -> None:
        raise RegistryUnavailableError("http://nowhere", "no answer")

    with monkeypatch.context() as patch:
        patch.setattr(desk.registry, "register", away)
        with pytest.raises(RegistryUnavailableError):
            retrain(desk, RISEN)
    done = retrain(desk, RISEN)
    assert done.resumed
    assert done.run is not None
    assert done.run.outcome == "challenger"
    assert bundles(desk) == {each.digest for each in desk.registry.versions("prices")}
