"""`python -m benchmarks.kills`: kill -9 at random points, then look whether all fits together.

Each drill runs in processes that are forked after everything is imported: one that makes the
state, one that is killed in the middle of the work, one that checks and does the work again.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store
import mlflow.tracking  # noqa: F401 (here, and not in every child)

from fairlead.adapters.mlflow_registry import MlflowRegistry
from fairlead.bundle.measure import Measurements
from fairlead.errors import NothingToRollBackError
from fairlead.project.loading import Project
from fairlead.registry.champions import champion, former_champions
from fairlead.registry.moves import Act, known_aliases, reconcile
from fairlead.registry.promotion import rollback
from fairlead.registry.traffic import Traffic
from fairlead.serving.table import TableFile
from fairlead.testing.registry import sample_bundle
from fairlead.workflows import promote as promotion
from fairlead.workflows.follower import Follower
from fairlead.workflows.history import verify_history
from fairlead.workflows.load import load
from fairlead.workflows.serve import Registered
from fairlead.workflows.traffic import ledger_of

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ADA = Act("ada@host", NOW, "a drill")
SPEC = """
name: sample
task: classification
data:
  path: absent.csv
  target: {name: kind, classes: [small, large]}
  columns: {length: {type: number}}
candidates: {rules: {family: dummy}}
evaluation: {metric: accuracy}
"""


@dataclass(frozen=True)
class Drill:
    """What is killed.

    Attributes:
        prepare: makes the state before the work, in a folder.
        work: the work.
        check: says what is wrong afterwards; it does the work again first where that is allowed.
    """

    prepare: Callable[[Path], None]
    work: Callable[[Path], None]
    check: Callable[[Path], list[str]]


def run(drill: Drill, folder: Path, points: int, seed: int, timings: int = 3) -> dict[str, Any]:
    """Kill a drill at so many random points of its time, the longest of some timings.

    A run that ended before its point was not killed: it is checked like the others, does not
    count, and another point is drawn.

    Returns:
        Its time undisturbed, how many runs were killed before their end, how many were not, and
        what was wrong.
    """
    rng = random.Random(seed)  # noqa: S311 (points in time, no secrets)
    made = folder / "made"
    _in_child(lambda: drill.prepare(made))
    # The longest: a point after the end is no kill.
    span = max(_timed(drill, made, folder / f"timed-{number}") for number in range(timings))
    killed, tried, wrong = 0, 0, []
    while killed < points:
        place, after = folder / f"point-{tried}", rng.uniform(0, span)
        tried += 1
        shutil.copytree(made, place)
        killed += _killed(lambda place=place: drill.work(place), after)  # type: ignore[misc]
        faults = place / "faults.json"
        _in_child(lambda place=place, to=faults: to.write_text(json.dumps(drill.check(place))))  # type: ignore[misc]
        wrong += [f"{after:.4f} s: {each}" for each in json.loads(faults.read_text())]
        shutil.rmtree(place)
        print(f"{folder.name} {tried}: killed {killed}, wrong {wrong}", file=sys.stderr)
    ended = tried - killed
    return {"span_s": round(span, 3), "killed": killed, "ended_before": ended, "wrong": wrong}


def _timed(drill: Drill, made: Path, place: Path) -> float:
    shutil.copytree(made, place)
    started = time.perf_counter()
    _in_child(lambda: drill.work(place))
    seconds = time.perf_counter() - started
    shutil.rmtree(place)
    return seconds


def _fork(step: Callable[[], object]) -> int:
    child = os.fork()
    if child:
        return child
    try:
        step()
    except BaseException:  # noqa: BLE001 (a child must not go on as its parent)
        import traceback

        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _in_child(step: Callable[[], object]) -> None:
    _, status = os.waitpid(_fork(step), 0)
    if status:
        raise SystemExit(f"a step of the drill ended with status {status}")


def _killed(step: Callable[[], object], after_s: float) -> bool:
    """Whether the step was still at it."""
    child = _fork(step)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise SystemExit("the work of the drill failed by itself")
    return os.WIFSIGNALED(status)


def registry_of(folder: Path) -> MlflowRegistry:
    """MLflow on SQLite."""
    return MlflowRegistry(f"sqlite:///{folder / 'mlflow.db'}")


def prepare_versions(folder: Path) -> None:
    """Three versions of which the first two were champions."""
    folder.mkdir(parents=True)
    (folder / "fairlead.yaml").write_text(SPEC)
    registry, project = registry_of(folder), load(folder)
    for threshold in (4.0, 5.0, 6.0):
        registry.register("sample", sample_bundle(folder / "bundles", threshold=threshold))
    for version in ("1", "2"):
        promote_by_force(registry, project, version)


def promote_by_force(registry: MlflowRegistry, project: Project, version: str) -> None:
    """The whole promotion; nothing shows that one of the samples is better than another."""
    keys = {"now": NOW, "actor": ADA.actor, "reason": ADA.reason}
    # Measuring takes a second in which nothing is written: no point of interest lies in it.
    promotion.measure = lambda _: Measurements(1.0, 1.0, 1, 1.0, 1)  # type: ignore[attr-defined]
    promotion.promote(registry, project, version, force=True, **keys)  # type: ignore[arg-type]


def work_promote(folder: Path) -> None:
    """Promote the third version."""
    promote_by_force(registry_of(folder), load(folder), "3")


def work_rollback(folder: Path) -> None:
    """Go back to the first version."""
    rollback(registry_of(folder), ledger_of(folder), "sample", ADA)


def check_promote(folder: Path) -> list[str]:
    """What is wrong after a promotion that was killed, and after the next one."""
    wrong = consistent(folder, {2: (1,), 3: (1, 2)})
    work_promote(folder)
    return [*wrong, *consistent(folder, {3: (1, 2)})]


def check_rollback(folder: Path) -> list[str]:
    """The same of a rollback; one that was done cannot be done again."""
    pending = bool(ledger_of(folder).pending())
    done = not pending and ledger_of(folder).entries("sample")[-1].kind == "rollback"
    wrong = [] if pending else consistent(folder, {2: (1,), 1: ()})
    try:
        work_rollback(folder)
        if done:
            wrong.append("it went back twice")
    except NothingToRollBackError:
        if not done:
            wrong.append("the next run did not go back")
    return [*wrong, *consistent(folder, {1: ()})]


def consistent(folder: Path, allowed: Mapping[int, tuple[int, ...]]) -> list[str]:
    """What does not fit together.

    Args:
        folder: the project.
        allowed: champion -> those before it.
    """
    registry, project, ledger = registry_of(folder), load(folder), ledger_of(folder)
    wrong = []
    verify_history(registry, project)
    reconcile(registry, ledger, "sample", NOW)
    verify_history(registry, project)
    kinds = [entry.kind for entry in ledger.entries("sample")]
    if "foreign" in kinds:
        wrong.append("a move of our own is called foreign")
    if ledger.pending():
        wrong.append(f"entries are pending: {ledger.pending()}")
    now = champion(registry, "sample")
    if now is None or now.version not in allowed:
        return [*wrong, f"the champion is {now}"]
    former = [each for each in former_champions(registry, "sample") if each != now.version]
    if tuple(former) != allowed[now.version]:
        wrong.append(f"champion {now.version} after {former}")
    if known_aliases(ledger, "sample") != {"champion": now.version}:
        wrong.append(f"the ledger has {known_aliases(ledger, 'sample')}, champion {now.version}")
    return [*wrong, *_served(folder, registry, now.version)]


def _served(folder: Path, registry: MlflowRegistry, version: int) -> list[str]:
    file = TableFile(folder / "routes.json")
    model = Registered(folder, "sample", "champion", Traffic())
    failed = Follower(file, [model], lambda _: registry).look()
    served = file.read().models["sample"].routes["champion"].version
    return [f"{failed}"] if failed else [] if served == str(version) else [f"{served} is served"]


DRILLS = {
    "promote": Drill(prepare_versions, work_promote, check_promote),
    "rollback": Drill(prepare_versions, work_rollback, check_rollback),
}


def main() -> None:
    """Run the drills and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("drills", nargs="*", default=list(DRILLS))
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    found = {
        name: run(DRILLS[name], asked.folder / name, asked.points, asked.seed)
        for name in asked.drills
    }
    print(json.dumps(found, indent=1))
    sys.exit(any(each["wrong"] for each in found.values()))


if __name__ == "__main__":
    main()
