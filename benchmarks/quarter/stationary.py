"""Stationary weeks, again and again: how often is there an alert where nothing happens?

The same judgement as the monitor's, window by window, without the files between its parts.
"""

from __future__ import annotations

import functools
import json
import os
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.quarter.life import DAY, Life, encoded
from benchmarks.quarter.world import LABEL_DELAY_DAYS, Scenery, World

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.monitoring.alerts import Rules
from fairlead.monitoring.drift import judge
from fairlead.monitoring.estimates import confusion_of, expected_sums
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.observation import Observation, Watched
from fairlead.monitoring.policy import PolicyState, step
from fairlead.monitoring.quality import realised
from fairlead.monitoring.records import Quality, Window
from fairlead.monitoring.reference import Reference, reference_of
from fairlead.monitoring.sketches import sketch_of
from fairlead.training.processes import in_processes
from fairlead.wiring import model_registry
from fairlead.workflows.evidence import recall
from fairlead.workflows.load import load
from fairlead.workflows.quality import baselines_of, expectation
from fairlead.workflows.store import bundle_store

WEEKS, DAYS_OF_WEEK = 2, 7


@dataclass
class Watch:
    """What stays the same over all repetitions: the model and what is known of it."""

    bundle: Bundle
    reference: Reference
    rules: Rules
    watched: Watched
    metric: str
    baselines: Any
    evidence: Any

    @functools.cached_property
    def expectation(self) -> Any:
        """How to estimate the metric without labels, and the bins that takes."""
        contract = self.bundle.contract
        return expectation(contract, self.evidence.repeats[0], self.evidence.source)[:2]


@functools.cache
def watch_at(root: Path, digest: str) -> Watch:
    """A model of a project, once in each process."""
    project = load(root)
    bundle = load_bundle(bundle_store(project) / digest)
    document = json.loads((bundle.path / "sketch.json").read_bytes())
    evidence = recall(project.root, digest)
    assert evidence is not None
    return Watch(
        bundle,
        reference_of(document, digest, "training rows"),
        Rules.of(project.spec),
        Watched(project.spec.name, "1", digest),
        project.spec.evaluation.metric,
        baselines_of(project, model_registry(root)),
        evidence,
    )


def repeat(life: Life, scenery: Scenery, rows: Any, times: int) -> dict[str, Any]:
    """So many runs of stationary weeks, and the alerts that there were."""
    known = (life.project.root, life.first.digest, scenery, rows)
    calls = [(*known, 1000 + seed, life.start) for seed in range(times)]
    alerts = [alert for each in in_processes(_run, calls, os.cpu_count() or 1) for alert in each]
    windows = WEEKS * DAYS_OF_WEEK
    return {"repetitions": times, "windows": times * windows, "alerts": sorted(alerts)}


def _run(
    root: Path, digest: str, scenery: Scenery, rows: Any, seed: int, start: datetime
) -> list[tuple[int, int, str, str]]:
    world = World(scenery, rows, chapters=(), seed=seed)
    return [(seed, *alert) for alert in weeks(watch_at(root, digest), world, start)]


def weeks(watch: Watch, world: World, start: datetime) -> list[tuple[int, str, str]]:
    """Daily looks; labels are as late as they are in the quarter."""
    state, raised = PolicyState(), []
    qualities: dict[int, Quality] = {}
    for number in range(1, WEEKS * DAYS_OF_WEEK + 1):
        now = start + number * DAY
        window = Window(now - DAY, now)
        drift, qualities[number] = _looked(watch, world, number, window)
        known = qualities.get(number - LABEL_DELAY_DAYS)
        late = timedelta(days=LABEL_DELAY_DAYS)
        seen = Observation(
            watch.watched,
            window,
            drift=drift,
            quality=() if known is None else (known,),
            quality_window=None if known is None else Window(window.start - late, now - late),
        )
        taken = step(state, seen, watch.rules, now)
        state = taken.state
        raised += [(number, alert.kind, alert.summary) for alert in taken.raised]
    return raised


def _looked(watch: Watch, world: World, number: int, window: Window) -> tuple[Any, Quality]:
    day = world.day(number)
    X = encoded(watch.bundle, day)
    scores = watch.bundle.score(X)
    classes = watch.bundle.contract.classes
    codes = {label: code for code, label in enumerate(classes)}
    said, truth = scores.prediction, day.truth
    if classes:
        said = np.array([codes[each] for each in said])
        truth = np.array([codes[each] for each in truth])
    drift = judge(
        watch.reference,
        [sketch_of(watch.reference.grid, X, np.asarray(said, float), scores.probabilities)],
        window=window,
    )
    chosen = day.is_labelled
    probabilities = scores.probabilities
    rows = LabelledRows(
        ids=np.array([str(row) for row in np.flatnonzero(chosen)]),
        times=np.full(int(chosen.sum()), int(window.start.timestamp() * 1e6)),
        versions=np.full(int(chosen.sum()), "1"),
        routes=np.full(int(chosen.sum()), "champion"),
        X=X[chosen],
        columns=tuple(watch.bundle.contract.columns),
        prediction=said[chosen],
        probabilities=None if probabilities is None else probabilities[chosen],
        label=truth[chosen],
        classes=classes,
    )
    (whole, *_) = realised(
        rows,
        [_seen(watch, said, probabilities, len(rows))],
        [watch.metric],
        watch.baselines,
        min_rows=watch.rules.min_rows,
        expect=watch.expectation[0],
    )
    return drift, whole


def _seen(watch: Watch, said: Any, probabilities: Any, labelled: int) -> Seen:
    if probabilities is None:
        places = np.searchsorted(watch.expectation[1], said, side="left")
        bins = np.bincount(places, minlength=len(watch.expectation[1]) + 1).astype(float)
        return Seen("1", "champion", len(said), labelled, bins=bins)
    sums = {name: float(each.sum()) for name, each in expected_sums(probabilities).items()}
    return Seen("1", "champion", len(said), labelled, confusion_of(said, probabilities), **sums)
