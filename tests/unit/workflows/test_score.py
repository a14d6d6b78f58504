"""A small project is scored from what is really there: its data, champion, service and ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.project.loading import Project
from fairlead.readiness.records import Score, Verdict
from fairlead.registry.champions import remember
from fairlead.registry.traffic import Traffic
from fairlead.testing.registry import point
from fairlead.workflows.load import load
from fairlead.workflows.score import score
from fairlead.workflows.standing import champion_of
from fairlead.workflows.traffic import ledger_of, set_traffic
from fairlead.workflows.train import train

pytestmark = pytest.mark.slow

SPEC = """
name: flats
task: regression
data:
  path: flats.csv
  target: {name: rent}
  columns:
    area: {type: number, min: 5, max: 500}
    rooms: {type: integer, min: 1, max: 9, nullable: true, missing: median}
    heating: {type: category, values: [gas, oil], unknown: flag}
    garden: {type: boolean}
  derived: {size: area * area}
  split: {kind: none}
candidates:
  ridge: {family: ridge}
  tree: {family: decision_tree, max_depth: 3}
evaluation: {metric: rmse, cv: {kind: kfold, folds: 3}}
"""


def write(root: Path) -> Project:
    rows = ["area,rooms,heating,garden,rent"]
    for number in range(60):
        area, rooms = 20 + 37 * number % 181, ("", 2, 3)[number % 3]
        rent = 10 * area + 300 * (rooms or 2) + number % 7
        rows.append(f"{area},{rooms},{('gas', 'oil')[number % 2]},true,{rent}")
    (root / "flats.csv").write_text("\n".join(rows))
    (root / "fairlead.yaml").write_text(SPEC)
    return load(root)


def verdict(score: Score, test: str) -> Verdict:
    (found,) = [each.verdict for each in score.outcomes if each.id == test]
    return found


@pytest.fixture(scope="module")
def registry() -> MemoryRegistry:
    return MemoryRegistry()


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, registry: MemoryRegistry) -> Project:
    """Trained: the tree after the ridge, which it follows as champion after a canary."""
    project = write(tmp_path_factory.mktemp("flats"))
    train(project, registry=registry, only=["ridge"], jobs=1)
    train(project, registry=registry, only=["tree"], jobs=1)
    split = Traffic({"champion": 95, "challenger": 5})
    set_traffic(registry, ledger_of(project.root), "flats", split, actor="ada@host")
    point(registry, "flats", "champion", "2")
    remember(registry, "flats", 1)
    return project


@pytest.fixture(scope="module")
def scores(project: Project, registry: MemoryRegistry) -> list[Score]:
    """Scored twice, as speed is compared with the time before."""
    return [score(project, registry), score(project, registry)]


def test_the_champion_is_tried_behind_the_code_that_serves(scores: list[Score]) -> None:
    first, second = scores
    assert second.champion == "flats version 2 (tree)"
    tried = ("data_3", "data_6", "infrastructure_5", *(f"monitoring_{n}" for n in (2, 3, 5)))
    assert {name: verdict(first, name).points for name in tried} == dict.fromkeys(tried, 0.5)
    assert "60 rows of the data" in verdict(first, "monitoring_3").text
    assert verdict(first, "monitoring_6").points == 0
    assert verdict(second, "monitoring_6").points == 0.5


def test_the_steps_of_one_row_are_written_down(scores: list[Score], project: Project) -> None:
    assert verdict(scores[0], "infrastructure_5").points
    file = project.root / ".fairlead" / "results" / "score" / "one-row.json"
    steps = json.loads(file.read_text())["steps"]
    assert "TreeEnsemble" in {step["operation"] for step in steps}


def test_history_and_ledger_are_read(scores: list[Score]) -> None:
    former, first_share = (verdict(scores[0], f"infrastructure_{n}") for n in (7, 6))
    assert former.points == 0.5
    assert former.text.startswith("flats version 1 (ridge) is sound")
    assert first_share.points == 0.5
    assert first_share.text.startswith("5 % of the traffic first, entry 6 of the ledger; no answer")


def test_what_is_of_another_training_or_was_changed_does_not_count(
    scores: list[Score], project: Project, registry: MemoryRegistry
) -> None:
    assert "not shown to be needed" in verdict(scores[0], "data_2").text
    point(registry, "flats", "champion", "1")
    path = ledger_of(project.root).path
    path.write_bytes(path.read_bytes().replace(b"ada@host", b"eve@host"))
    other = score(project, registry)
    assert verdict(other, "data_2").text.startswith("not measured")
    assert verdict(other, "model_5").text == "the leaderboard is of another training"
    assert verdict(other, "infrastructure_6").points == 0


def test_without_data_and_model_everything_is_missing(tmp_path: Path) -> None:
    project = write(tmp_path)
    (tmp_path / "flats.csv").unlink()
    found = score(project)
    assert (found.champion, found.points) == (None, 0)
    assert {each.kind for each in found.outcomes} == {"missing"}
    assert "fetch" in verdict(found, "data_1").text or "flats.csv" in verdict(found, "data_1").text


def test_without_a_registry_the_first_of_the_leaderboard_is_judged(
    project: Project, registry: MemoryRegistry
) -> None:
    bundle, own = champion_of(project, None)
    assert bundle is not None
    assert own is not None
    assert bundle.digest == registry.resolve("flats", "tree").digest
    assert own.label == f"{bundle.digest[:12]} (tree)"
