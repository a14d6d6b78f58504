"""`python -m benchmarks.kill_retraining`: kill -9 a retraining at random points; run it again."""

from __future__ import annotations

import argparse
import importlib.util
import json
import sys
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

from benchmarks.kills import Drill, run

from fairlead.adapters.mlflow_registry import MlflowRegistry
from fairlead.adapters.mlflow_tracking import MlflowTracker
from fairlead.bundle.measure import Measurements
from fairlead.bundle.reading import verify_bundle
from fairlead.retraining.state import read_state
from fairlead.workflows import experiment, promote
from fairlead.workflows.gatekeeping import Gates
from fairlead.workflows.history import verify_history
from fairlead.workflows.load import load
from fairlead.workflows.retrain import retrain
from fairlead.workflows.retraining_desk import Desk, Evidence
from fairlead.workflows.store import bundle_store
from fairlead.workflows.traffic import ledger_of
from fairlead.workflows.train import train

SOURCE = Path(__file__).parents[1] / "tests" / "unit" / "workflows" / "rising_prices.py"
MORE = "retraining: {promote: automatic}"


def _loaded(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


prices = _loaded(SOURCE)
EVIDENCE = Evidence(prices.labelled_rows())


def desk_of(folder: Path, now: datetime) -> Desk:
    """What a retraining in a folder works with."""
    # Measuring takes a second in which nothing is written: no point of interest lies in it.
    for module in (experiment, promote):
        module.measure = lambda _: Measurements(1.0, 1.0, 1, 1.0, 1)  # type: ignore[attr-defined]
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    project, registry = load(folder), MlflowRegistry(uri)
    gates = Gates(project, registry, now, "ada@host", "a drill")
    tracker = MlflowTracker(uri, project.spec.name)
    return Desk(project, registry, tracker, gates, now, "ada@host", jobs=1)


def prepare(folder: Path) -> None:
    """A project with its first champion."""
    prices.project_in(folder, more=MORE)
    desk = desk_of(folder, prices.NOW)
    train(desk.project, registry=desk.registry, tracker=desk.tracker, jobs=1)


def work(folder: Path) -> None:
    """Retrain."""
    retrain(desk_of(folder, prices.NOW), EVIDENCE)


def check(folder: Path) -> list[str]:
    """What is wrong after a kill, and after the next run."""
    wrong = _whole(folder)
    # After the cool-down, as whoever comes next would.
    desk = desk_of(folder, prices.NOW + timedelta(days=2))
    retrain(desk, EVIDENCE)
    wrong += _whole(folder)
    name, root = desk.project.spec.name, folder / ".fairlead"
    versions = desk.registry.versions(name)
    if [each.version for each in versions] != [1, 2]:
        wrong.append(f"versions {[each.version for each in versions]}")
    runs = read_state(desk.folder).runs
    if [run.outcome for run in runs] != ["promoted"]:
        wrong.append(f"runs {[(run.outcome, run.told) for run in runs]}")
    if desk.registry.resolve(name, "champion").version != 2:
        wrong.append("the challenger is not champion")
    if ledger_of(folder).pending():
        wrong.append("entries of the ledger are pending")
    kept = {path.name for path in bundle_store(desk.project).iterdir()}
    if kept != {each.digest for each in versions}:
        wrong.append(f"bundles {sorted(kept)}")
    labelled = sorted(path.suffix for path in (root / "labelled").iterdir())
    if labelled != [".json", ".parquet"]:
        wrong.append(f"labelled {labelled}")
    left = sorted(path.name for path in (root / "retraining").iterdir())
    if left != ["lock", "runs", "state.json"]:
        wrong.append(f"left behind {left}")
    return wrong


def _whole(folder: Path) -> list[str]:
    """What does not fit together at any time: ledger, champion, its bundle, the state."""
    desk = desk_of(folder, prices.NOW)
    verify_history(desk.registry, desk.project)
    read_state(desk.folder)
    version = desk.registry.resolve(desk.project.spec.name, "champion")
    verify_bundle(desk.registry.fetch(version, bundle_store(desk.project)))
    return [] if version.version in (1, 2) else [f"champion {version.version}"]


def main() -> None:
    """Run the drill and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    drill = Drill(prepare, work, check)
    found = run(drill, asked.folder, asked.points, asked.seed, timings=1)
    print(json.dumps(found, indent=1))
    sys.exit(bool(found["wrong"]))


if __name__ == "__main__":
    main()
