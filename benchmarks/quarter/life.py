"""A project's life through the quarter: requests, labels, monitor, retraining, all of it real.

What is simulated is the clock and who asks. The registry is MLflow on SQLite, the log is that of
the service, labels are imported as `fairlead labels import` does it, the monitor ticks once a day
as `fairlead monitor` would, and retrains by the project's own policy and gates.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from benchmarks.quarter.world import LABEL_DELAY_DAYS, Day, World
from numpy.typing import NDArray

from fairlead.bundle.golden import Scores
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.data.further import TRAINED, parts_of
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.records import Predictions
from fairlead.evaluation.report import evaluate
from fairlead.monitoring.labels import Label, import_labels
from fairlead.project.loading import Project
from fairlead.registry.champions import champion
from fairlead.registry.records import ModelVersion
from fairlead.retraining.state import read_state
from fairlead.serving.prediction_log import PredictionLog, _lines
from fairlead.serving.prediction_segments import STAMP, reference_path
from fairlead.settings import Settings
from fairlead.wiring import model_registry, monitor, promote, train
from fairlead.workflows.load import load
from fairlead.workflows.prediction_log import predictions_of
from fairlead.workflows.stopping import Stop
from fairlead.workflows.store import bundle_store, retraining_folder

START = datetime(2040, 1, 1, tzinfo=UTC)
"""Midnight before the first day: the same weekday in every run, and after every training."""
ROOT = Path(__file__).resolve().parents[2]
DAY = timedelta(days=1)
HOURS = 6
"""In a segment of the log; a service finishes one after five minutes."""
CANDIDATES: dict[str, dict[str, Any]] = {
    "housing": {
        "boosting": {
            "family": "hist_gradient_boosting",
            "max_iter": 200,
            "learning_rate": 0.1,
            "max_leaf_nodes": 31,
        },
        "worse": {"family": "decision_tree", "max_depth": 4},
    },
    "obesity": {
        "lightgbm": {
            "family": "lightgbm",
            "n_estimators": 200,
            "learning_rate": 0.08,
            "num_leaves": 7,
            "min_child_samples": 10,
        },
        "worse": {"family": "decision_tree", "max_depth": 4},
    },
}
WINDOWS = {"housing": "90d", "obesity": "14d"}
"""How young labels must be: prices can be brought to the level of today, a guideline cannot."""
SCHEDULES = {"housing": "0 3 1,15 * *", "obesity": "0 3 * * 1"}
LOG_DAYS = {"housing": 7, "obesity": 30}
"""How long the log is kept: 7 days are the default, and leave late labels little to join."""
GATES = {"housing": "rmse <= 70000", "obesity": "accuracy >= 0.7"}


@dataclass
class DayOfLife:
    """What one day was like.

    Attributes:
        day: from 1 on.
        rows: predictions.
        share: of drifted columns, as the monitor found it; None where it did not judge.
        champion: version that answered.
        truth: metric of the answers, on all rows of the day, as nobody but the world knows it.
        first: the same of the very first model.
        unseen: metric of the answers on the rows of the day that no retraining ever trains on.
        first_unseen: the same of the very first model.
        measured: metric as the monitor measured it on labels, of the window then known.
        expected: metric as the monitor estimated it without labels.
        baseline: metric that the champion was promoted with, by which the monitor judges it.
        firing: alerts that go on.
        raised: alerts of this day: kind and summary.
        action: what follows by rule.
        answered: what was done, in words.
    """

    day: int
    rows: int
    champion: int
    truth: float
    first: float
    unseen: float
    first_unseen: float
    share: float | None = None
    measured: float | None = None
    expected: float | None = None
    baseline: float | None = None
    firing: tuple[str, ...] = ()
    raised: tuple[tuple[str, str], ...] = ()
    action: str = "none"
    answered: str = ""


class Life:
    """One project in a folder of its own.

    Args:
        root: the folder.
        world: who asks, and what becomes of it.
        start: midnight before the first day, UTC.
    """

    def __init__(self, root: Path, world: World, start: datetime) -> None:
        self.world, self.start = world, start
        self.project = _made(root, world)
        name = world.scenery.name
        self.settings = Settings(prediction_log_days=LOG_DAYS[name])
        self.result = train(self.project, only=[next(iter(CANDIDATES[name]))], jobs=1)
        self.registry = model_registry(self.project.root)
        self.log = predictions_of(self.project.root, self.settings)
        self.first = self._champion()[1]
        self.metric = self.project.spec.evaluation.metric
        self.answers: dict[int, tuple[Day, list[str]]] = {}
        self._targets: dict[str, Any] = {}

    def live(self, days: int, report: Any = print) -> list[DayOfLife]:
        """Every day, one after the other."""
        told = []
        for number in range(1, days + 1):
            told.append(self.day(number))
            last = told[-1]
            if last.raised or last.answered:
                report(f"day {number}: {[kind for kind, _ in last.raised]} {last.answered}")
        return told

    def day(self, number: int) -> DayOfLife:
        """Requests, late labels, one tick of the monitor at midnight."""
        day = self.world.day(number)
        version, bundle = self._champion()
        X = encoded(bundle, day)
        scores = bundle.score(X)
        self._write(day, version, bundle, X, scores)
        self._import(number - LABEL_DELAY_DAYS)
        now = self.start + number * DAY
        life = DayOfLife(
            number,
            len(day.rows),
            version.version,
            *self._metrics(day, bundle, X),
        )
        watching = monitor(self.project, self.settings, DAY, Stop())
        before = {alert.id for alert in watching.state.policy.alerts}
        state = watching.tick(now)
        look = state.looks[-1]
        life.share = look.share
        life.measured, life.expected, life.baseline = look.measured, look.expected, look.baseline
        life.firing = tuple(alert.kind for alert in state.policy.firing)
        life.raised = tuple(
            (alert.kind, alert.summary) for alert in state.policy.alerts if alert.id not in before
        )
        life.action = state.consequence.action
        life.answered = self._answered(now)
        if state.failing:
            raise SystemExit(f"day {number}: {state.failing}")
        return life

    def _answered(self, now: datetime) -> str:
        """What a retraining of this tick came to, in words."""
        runs = read_state(retraining_folder(self.project.root)).runs
        last = runs[-1] if runs else None
        if last is None or last.started_at != now:
            return ""
        return f"{last.trigger} -> {last.outcome}: {last.told}"

    def try_worse(self, now: datetime) -> dict[str, Any]:
        """Train a model that is worse on purpose, and ask for its promotion."""
        worse = train(self.project, only=["worse"], jobs=1)
        version = str(worse.versions["worse"].version)
        decision = promote(self.project, version, now=now, settings=self.settings)
        return {
            "outcome": decision.outcome,
            "promoted": decision.promoted,
            "told": decision.verdict,
        }

    def _champion(self) -> tuple[ModelVersion, Bundle]:
        version = champion(self.registry, self.project.spec.name)
        assert version is not None
        return version, load_bundle(self.registry.fetch(version, bundle_store(self.project)))

    def _metrics(
        self, day: Day, bundle: Bundle, X: NDArray[np.float64]
    ) -> tuple[float, float, float, float]:
        """Of the served and the first model on all rows, and of both on those nobody learns."""
        own = encoded(self.first, day)
        # The same rows come again on other days: a retrained model knows many of them.
        kept = np.flatnonzero(parts_of(tuple(bundle.contract.columns), X) != TRAINED)
        every = np.arange(len(X))
        found = [
            self._metric(day, model, rows, which)
            for which in (every, kept)
            for model, rows in ((bundle, X), (self.first, own))
        ]
        return found[0], found[1], found[2], found[3]

    def _metric(
        self, day: Day, bundle: Bundle, X: NDArray[np.float64], rows: NDArray[np.int64]
    ) -> float:
        said, truth = bundle.score(X[rows]), day.truth[rows]
        classes = bundle.contract.classes
        if not classes:
            predictions = Predictions(truth.astype(float), said.prediction)
        else:
            codes = {label: code for code, label in enumerate(classes)}
            of = [np.array([codes[each] for each in side]) for side in (truth, said.prediction)]
            predictions = Predictions(of[0], of[1], said.probabilities, classes)
        return evaluate(predictions, [self.metric], resamples=0)[self.metric].value

    def _write(
        self,
        day: Day,
        version: ModelVersion,
        bundle: Bundle,
        X: NDArray[np.float64],
        scores: Scores,
    ) -> None:
        """As the service's own log has it, but dated by the simulated clock."""
        rng = np.random.default_rng((99, day.number))
        name, label = self.project.spec.name, str(version.version)
        log = PredictionLog(self.log)
        target = log.target(name, label, bundle.digest, bundle.contract)
        log.close()
        target.folder.mkdir(parents=True, exist_ok=True)
        reference = reference_path(target.folder, bundle.digest)
        if not reference.exists():
            reference.write_bytes((bundle.path / "sketch.json").read_bytes())
        began = self.start + (day.number - 1) * DAY
        seconds = np.sort(rng.uniform(0, 86_400, len(X)))
        ids = [f"d{day.number}-{row:06d}" for row in range(len(X))]
        edges = np.searchsorted(seconds, np.arange(0, 86_401, 3600 * HOURS))
        for hour, (first, last) in enumerate(itertools.pairwise(edges)):
            group = [
                (
                    target,
                    began.timestamp() + float(seconds[row]),
                    ids[row],
                    "champion",
                    X[row : row + 1],
                    Scores(
                        scores.prediction[row : row + 1],
                        None
                        if scores.probabilities is None
                        else scores.probabilities[row : row + 1],
                    ),
                    2e-4,
                    None,
                )
                for row in range(first, last)
            ]
            if not group:
                continue
            lines, _ = _lines(target, group)
            stem = f"{began + timedelta(hours=hour * HOURS):{STAMP}}-1-{day.number:08x}"
            content = target.header + msgspec.json.Encoder().encode_lines(lines)
            (target.folder / f"{stem}.jsonl").write_bytes(content)
        self.answers[day.number] = (day, ids)

    def _import(self, number: int) -> None:
        if number not in self.answers:
            return
        day, ids = self.answers.pop(number)
        known = np.flatnonzero(day.is_labelled)
        truth = day.truth.tolist()
        labels = [Label(ids[row], truth[row], None) for row in known.tolist()]
        contract = self.first.contract
        now = self.start + (number + LABEL_DELAY_DAYS) * DAY - timedelta(hours=1)
        name = self.project.spec.name
        import_labels(self.log, name, contract, labels, source="quarter", now=now)


def summary(life: list[DayOfLife]) -> list[dict[str, Any]]:
    """As JSON."""
    return [asdict(day) for day in life]


def better_of(project: Project) -> str:
    """Whether the metric is better the `greater` or the `smaller`."""
    return find_metric(project.spec.evaluation.metric, project.spec.task).better


def encoded(bundle: Bundle, day: Day) -> NDArray[np.float64]:
    """The rows of a day as a model takes them."""
    columns = bundle.contract.columns
    return bundle.contract.encode(
        {name: day.rows[name].to_list() for name in columns}, len(day.rows)
    )


def _made(root: Path, world: World) -> Project:
    """The reference project, on the rows of before the quarter, with less to train."""
    name = world.scenery.name
    spec = load(ROOT / "projects" / name).spec
    document = spec.model_dump(mode="json", exclude_defaults=True, by_alias=True)
    document["data"].pop("source")
    document["data"]["path"] = "past.csv"
    document["data"]["checks"] = ["rows >= 1000"]
    document["candidates"] = CANDIDATES[name]
    for key in ("validations", "coverage", "conditions"):
        document["evaluation"].pop(key, None)
    document["promotion"] = {"gates": [GATES[name]]}
    document["monitoring"] = {"window": "24h"}
    document["retraining"] = {
        "schedule": SCHEDULES[name],
        "promote": "automatic",
        "window": WINDOWS[name],
    }
    document.pop("score", None)
    root.mkdir(parents=True)
    world.past.write_csv(root / "past.csv")
    # JSON is YAML.
    (root / "fairlead.yaml").write_text(json.dumps(document, indent=1))
    return load(root)


def write(path: Path, document: Any) -> None:
    """A result, as JSON that people can read."""
    path.write_text(json.dumps(document, indent=1, default=str) + "\n")
