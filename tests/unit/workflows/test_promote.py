"""Versions of a small project are promoted, refused and forced; everything is written down."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from fairlead.adapters.memory_registry import MemoryRegistry
from fairlead.bundle.reading import load_bundle
from fairlead.errors import LedgerError, ReasonMissingError
from fairlead.project.loading import Project
from fairlead.registry.decisions import Decision
from fairlead.registry.moves import Act
from fairlead.registry.promotion import rollback
from fairlead.workflows.history import read_history, verify_history
from fairlead.workflows.load import load
from fairlead.workflows.promote import promote
from fairlead.workflows.store import bundles_of, decisions_of
from fairlead.workflows.traffic import ledger_of
from fairlead.workflows.train import TrainingResult, train

pytestmark = pytest.mark.slow

NOW = datetime(2030, 1, 1, tzinfo=UTC)
SPEC = """
name: flats
task: regression
data:
  path: flats.csv
  target: {name: rent}
  columns:
    area: {type: number, min: 5, max: 500}
    heating: {type: category, values: [gas, oil]}
  split: {kind: random, holdout: 0.3}
candidates:
  dummy: {family: dummy}
  ridge: {family: ridge}
  twin: {family: ridge}
evaluation: {metric: rmse, cv: {kind: kfold, folds: 3}, slices: [heating], min_slice_rows: 20}
promotion: {gates: [GATE]}
monitoring: {min_rows: 100}
"""


def write(root: Path, gate: str = "rmse <= 900") -> Project:
    rng = np.random.default_rng(1)
    rows = ["area,heating,rent"]
    for area, noise in zip(rng.uniform(20, 200, 300), rng.normal(0, 100, 300), strict=True):
        rows.append(f"{area:.1f},{('gas', 'oil')[len(rows) % 2]},{10 * area + noise:.1f}")
    root.mkdir(exist_ok=True)
    (root / "flats.csv").write_text("\n".join(rows))
    (root / "fairlead.yaml").write_text(SPEC.replace("GATE", gate))
    return load(root)


@dataclass
class Desk:
    """A project whose champion is the dummy; ridge is far better, twin is the same."""

    project: Project
    registry: MemoryRegistry
    first: TrainingResult

    def promote(self, reference: str, **keys: Any) -> Decision:
        keys = {"now": NOW, "actor": "ada@host", **keys}
        return promote(self.registry, self.project, reference, **keys)

    @property
    def champion(self) -> str:
        return self.registry.resolve("flats", "champion").candidate

    @property
    def kinds(self) -> list[str]:
        return [entry.kind for entry in ledger_of(self.project.root).entries()]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    project, registry = write(tmp_path_factory.mktemp("flats")), MemoryRegistry()
    first = train(project, registry=registry, only=["dummy"], jobs=1, now=NOW, actor="ada@host")
    train(project, registry=registry, only=["ridge", "twin"], jobs=1, now=NOW)
    return Desk(project, registry, first)


@pytest.fixture
def desk(trained: Desk) -> Desk:
    """The same, with the dummy as champion again."""
    if trained.champion != "dummy":
        trained.promote("dummy", force=True, reason="begin again")
    return trained


def test_the_first_champion_keeps_the_bounds_and_is_written_down(trained: Desk) -> None:
    assert trained.first.decision is not None
    assert [gate.name for gate in trained.first.decision.gates] == ["beats_champion", "rmse <= 900"]
    assert trained.kinds[:6] == ["alias", "decision", "promotion", "alias", "alias", "alias"]
    assert ledger_of(trained.project.root).entries()[0].actor == "ada@host"


def test_who_is_better_is_promoted_with_all_that_was_asked(desk: Desk) -> None:
    decision = desk.promote("ridge", reason="new")
    assert (decision.outcome, decision.promoted, desk.champion) == ("pass", True, "ridge")
    named = [gate.name for gate in decision.gates]
    asked = ["beats_champion", "classes", "slices", "calibration", "rmse <= 900", "cost"]
    assert named == [*asked, "contract", "data_quality", "parity"]
    assert decision.gates[0].why == "paired, on 90 rows of the holdout"
    *_, decided, promoted = ledger_of(desk.project.root).entries()
    document = decisions_of(desk.project.root) / decided.after["document"]
    assert hashlib.sha256(document.read_bytes()).hexdigest() == decided.after["sha256"]
    assert promoted.after == {"aliases": {"champion": 2}, "decision": decided.sequence}
    note = json.loads(desk.registry.notes("flats")["fairlead.decision.2"])
    assert (note["outcome"], note["promoted"], note["forced"]) == ("pass", True, False)


def test_a_refusal_is_written_down_and_changes_nothing(desk: Desk) -> None:
    desk.promote("ridge")
    before = len(desk.kinds)
    decision = desk.promote("twin")
    assert (decision.outcome, decision.promoted) == ("inconclusive", False)
    refused = desk.promote("dummy")
    assert (refused.outcome, desk.champion) == ("fail", "ridge")
    assert desk.kinds[before:] == ["decision", "decision"]
    assert "is not made champion: failed: beats_champion" in repr(refused)


def test_force_needs_a_reason_and_is_marked_everywhere(desk: Desk) -> None:
    desk.promote("ridge")
    with pytest.raises(ReasonMissingError, match="needs a reason"):
        desk.promote("dummy", force=True, reason=" ")
    decision = desk.promote("dummy", force=True, reason="a drill")
    assert (decision.forced, decision.promoted, desk.champion) == (True, True, "dummy")
    assert decision.verdict.startswith("flats version 1 (dummy) is champion now by force (a drill)")
    assert ledger_of(desk.project.root).entries()[-1].after["forced"] is True
    assert json.loads(desk.registry.notes("flats")["fairlead.decision.1"])["forced"] is True
    assert "promotion, forced" in repr(read_history(desk.registry, desk.project, NOW))


def test_what_passes_is_not_called_forced(desk: Desk) -> None:
    assert not desk.promote("ridge", force=True, reason="to be sure").forced


def test_a_dry_run_writes_nothing(desk: Desk) -> None:
    state = {path: path.read_bytes() for path in desk.project.root.rglob("*") if path.is_file()}
    notes = desk.registry.notes("flats")
    decision = desk.promote("ridge", dry_run=True)
    assert (decision.outcome, decision.promoted, desk.champion) == ("pass", False, "dummy")
    now = {path: path.read_bytes() for path in desk.project.root.rglob("*") if path.is_file()}
    assert (now, desk.registry.notes("flats")) == (state, notes)


def test_the_champion_is_told_that_it_is_one(desk: Desk) -> None:
    before = len(desk.kinds)
    assert desk.promote("dummy").is_champion
    assert len(desk.kinds) == before


def test_without_the_data_what_was_kept_of_the_trainings_decides(desk: Desk) -> None:
    data = desk.project.root / "flats.csv"
    content = data.read_bytes()
    data.unlink()
    try:
        decision = desk.promote("ridge", dry_run=True)
    finally:
        data.write_bytes(content)
    gates = {gate.name: gate for gate in decision.gates}
    assert gates["beats_champion"].outcome == "pass"
    assert gates["beats_champion"].why == "paired, on 90 rows of the holdout"
    assert gates["data_quality"].found == "not asked"


@dataclass(frozen=True)
class Labelled:
    """What the prediction log and the labels give."""

    ids: NDArray[Any]
    times: NDArray[np.int64]
    X: NDArray[np.float64]
    columns: tuple[str, ...]
    label: NDArray[np.float64]
    classes: tuple[str, ...] = ()


def labelled(count: int, *, slope: float = 10.0, at: datetime | None = None) -> Labelled:
    rng = np.random.default_rng(2)
    area = rng.uniform(20, 200, count)
    moment = at or datetime.now(UTC) + timedelta(days=1)
    return Labelled(
        np.array([f"id-{number}" for number in range(count)]),
        np.full(count, int(moment.timestamp() * 1e6)),
        np.column_stack([area, np.arange(count) % 2]),
        ("area", "heating"),
        slope * area + rng.normal(0, 100, count),
    )


def beaten(decision: Decision) -> str:
    return decision.gates[0].why


def test_enough_labelled_rows_of_late_decide(desk: Desk) -> None:
    decision = desk.promote("ridge", dry_run=True, recent=labelled(150))
    assert beaten(decision) == "paired, on 150 recent labelled rows"
    assert [gate.name for gate in decision.gates][1] == "holdout_guard"
    assert decision.outcome == "pass"
    (contract,) = [gate for gate in decision.gates if gate.name == "contract"]
    assert contract.why.endswith("of 150 rows that were sent it refuses 0")


def test_in_another_world_the_better_one_by_the_holdout_is_refused(desk: Desk) -> None:
    assert desk.promote("ridge", dry_run=True, recent=labelled(150, slope=-30)).outcome == "fail"


def test_rows_older_than_the_versions_or_trained_on_do_not_count(desk: Desk) -> None:
    old = labelled(150, at=datetime(2020, 1, 1, tzinfo=UTC))
    assert beaten(desk.promote("ridge", dry_run=True, recent=old)).endswith(
        "90 rows of the holdout"
    )
    trained_on = {f"id-{number}" for number in range(60)}
    few = desk.promote("ridge", dry_run=True, recent=old, leave_out=trained_on)
    assert beaten(few).endswith("90 recent labelled rows are too few to decide")
    some = desk.promote("ridge", dry_run=True, recent=old, leave_out={"id-0"})
    assert beaten(some) == "paired, on 149 recent labelled rows"


def test_a_damaged_bundle_fails_and_nothing_else_is_asked(desk: Desk) -> None:
    folder = bundles_of(desk.project.root) / desk.registry.resolve("flats", "twin").digest
    graph = folder / "model.onnx"
    content = graph.read_bytes()
    files = desk.registry._files[folder.name]
    kept = dict(files)
    graph.write_bytes(b"damaged")
    files["model.onnx"] = b"damaged"
    try:
        decision = desk.promote("twin", dry_run=True)
    finally:
        graph.write_bytes(content)
        files.update(kept)
    assert [(gate.name, gate.outcome) for gate in decision.gates] == [("parity", "fail")]
    assert load_bundle(folder)


def test_the_registry_knows_where_the_ledger_ended(desk: Desk) -> None:
    desk.promote("ridge")
    assert verify_history(desk.registry, desk.project) == len(desk.kinds)
    ledger = ledger_of(desk.project.root)
    files = {path: path.read_bytes() for path in (ledger.path, ledger.head_path)}
    for path in files:
        path.unlink()
    try:
        with pytest.raises(LedgerError, match=":1: is gone"):
            verify_history(desk.registry, desk.project)
    finally:
        for path, content in files.items():
            path.write_bytes(content)


def test_a_rollback_returns_to_the_champion_before(desk: Desk) -> None:
    desk.promote("ridge")
    act = Act("ada@host", NOW)
    assert rollback(desk.registry, ledger_of(desk.project.root), "flats", act).candidate == "dummy"


def test_a_first_champion_that_misses_a_bound_is_none_and_is_told_what_to_do(
    tmp_path: Path,
) -> None:
    project, registry = write(tmp_path, "rmse <= 1"), MemoryRegistry()
    result = train(project, registry=registry, only=["dummy"], jobs=1)
    assert result.champion is None
    assert result.outcome.startswith("No champion: dummy (version 1) does not keep rmse <= 1.")
    assert registry.resolve("flats", "challenger").version == 1
    refused = promote(registry, project, "challenger", now=NOW, actor="ada@host")
    assert refused.named("fail") == ("rmse <= 1",)
