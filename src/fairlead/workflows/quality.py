"""How good a model is by the labels that came, and what to expect where they have not come yet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fairlead.bundle.manifest import MANIFEST, SKETCH
from fairlead.bundle.reading import Bundle
from fairlead.data.contract import Contract
from fairlead.errors import DataMissingError
from fairlead.evaluation.metrics import expand_names
from fairlead.evaluation.records import Estimate, Predictions
from fairlead.evaluation.slices import Cut, cut
from fairlead.monitoring.estimates import ErrorsByPrediction, expected_by_probabilities
from fairlead.monitoring.labelled import LabelledRows, Seen
from fairlead.monitoring.quality import Baselines, Expect, realised
from fairlead.monitoring.records import Quality, Window
from fairlead.project.derived import extend, parse_derived
from fairlead.project.loading import Project
from fairlead.project.spec import ProjectSpec
from fairlead.registry.port import ModelRegistry
from fairlead.workflows.evidence import recall
from fairlead.workflows.labels import NO_BINS, labelled_rows, seen
from fairlead.workflows.prediction_log import LogDatabase
from fairlead.workflows.standing import champion_of
from fairlead.workflows.store import bundles_of

POINTS = 12
"""Windows in the picture of quality over time."""


@dataclass(frozen=True)
class QualityReport:
    """A window of a model.

    Attributes:
        model: its name.
        window: when the predictions were made.
        estimated_by: what the expected values come from, in words; None where there are none.
        min_rows: labels that it takes.
        absent: columns that have no value in the log, so that no slice can be cut by them.
        qualities: as `realised` orders them.
        history: the metric that ranks, in this window and those before it, the oldest first.
    """

    model: str
    window: Window
    estimated_by: str | None
    min_rows: int
    absent: tuple[str, ...]
    qualities: tuple[Quality, ...]
    history: tuple[tuple[Window, Quality], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            **vars(self),
            "window": self.window.to_json(),
            "qualities": [each.to_json() for each in self.qualities],
            "history": [
                {**window.to_json(), "quality": each.to_json()} for window, each in self.history
            ],
        }


def quality(
    project: Project,
    registry: ModelRegistry | None,
    folder: Path,
    database: LogDatabase,
    *,
    length: timedelta,
    now: datetime,
    history: bool = False,
) -> QualityReport:
    """Judge what a project's model has predicted lately.

    Args:
        project: the project.
        registry: where its champion is; without one, the first of the last leaderboard.
        folder: of the prediction log.
        database: that reads it.
        length: of the window that ends now.
        now: UTC.
        history: judge the windows before it too.

    Raises:
        DataMissingError: there is no model yet.
        LogQueryError: the log cannot be read.
        ExtraMissingError: the database is not installed.
    """
    bundle, _ = champion_of(project, registry)
    if bundle is None:
        raise DataMissingError(bundles_of(project.root), "train a model first")
    judge = _Judge(project, registry, bundle, folder, database)
    window = Window(now - length, now)
    rows, qualities = judge.window(window)
    former: list[tuple[Window, Quality]] = []
    for back in range(POINTS - 1, 0, -1) if history else ():
        earlier = Window(now - (back + 1) * length, now - back * length)
        former.append((earlier, judge.window(earlier, ranking=True)[1][0]))
    if history:
        former.append((window, qualities[0]))
    return QualityReport(
        model=project.spec.name,
        window=window,
        estimated_by=judge.estimated_by,
        min_rows=project.spec.monitoring.min_rows,
        absent=rows.absent if len(rows) else (),
        qualities=qualities,
        history=tuple(former),
    )


class _Judge:
    """What stays the same for all windows of a model."""

    def __init__(
        self,
        project: Project,
        registry: ModelRegistry | None,
        bundle: Bundle,
        folder: Path,
        database: LogDatabase,
    ) -> None:
        self._spec, self._bundle = project.spec, bundle
        self._contract = bundle.contract
        self._place = (folder, project.spec.name, bundle.contract)
        self._database = database
        self._baselines = baselines_of(project, registry)
        # Where recent rows are its baseline, the holdout does not stand for the present any more.
        is_renewed = "recent" in bundle.manifest["metrics"]
        evidence = None if is_renewed else recall(project.root, bundle.digest)
        self._reference = None if evidence is None else evidence.repeats[0]
        self._expect, self._bins, self.estimated_by = expectation(
            bundle.contract, self._reference, "" if evidence is None else evidence.source
        )

    def window(
        self, window: Window, *, ranking: bool = False
    ) -> tuple[LabelledRows, tuple[Quality, ...]]:
        """The labelled rows of a window, and what they say; of the first metric alone if asked."""
        evaluation = self._spec.evaluation
        rows = labelled_rows(*self._place, window, self._database)
        sums = seen(*self._place, window, self._database, self._bins)
        names = (evaluation.metric, *(() if ranking else evaluation.also))
        found = realised(
            rows,
            sums,
            expand_names(names, self._spec.task, self._contract.classes),
            self._baselines,
            min_rows=self._spec.monitoring.min_rows,
            cuts=() if ranking else cuts_of(self._spec, self._bundle, rows),
            min_slice_rows=evaluation.min_slice_rows,
            expect=self._expect,
        )
        return rows, found


def expectation(
    contract: Contract, reference: Predictions | None, source: str
) -> tuple[Expect | None, NDArray[np.float64], str | None]:
    """How to estimate a metric without labels, the bins that takes, and what it is called.

    Args:
        contract: of the model.
        reference: what the model predicted for rows that it had not seen, with the truth.
        source: what these rows are: `holdout` or `cv`.
    """
    if contract.classes:

        def by_probabilities(seen: Seen, metric: str) -> Estimate | None:
            found = expected_by_probabilities(seen, metric, contract.classes, reference)
            return found if found.is_defined else None

        corrected = f", corrected by the {source}" if reference is not None else ""
        return by_probabilities, NO_BINS, f"the probabilities{corrected}"
    if reference is None:
        return None, NO_BINS, None
    errors = ErrorsByPrediction.of(reference)

    def by_errors(seen: Seen, metric: str) -> Estimate | None:
        found = errors.expected(seen.bins, metric) if seen.bins is not None else None
        return found if found is not None and found.is_defined else None

    return by_errors, errors.edges, f"the errors of the {source}, weighted by what is predicted now"


def baselines_of(project: Project, registry: ModelRegistry | None) -> Baselines:
    """Label of each version -> metric -> what recent rows said, else the holdout, else `cv`."""
    found: dict[str, Mapping[str, Estimate]] = {}
    for file in sorted(bundles_of(project.root).glob(f"*/{MANIFEST}")):
        found[file.parent.name] = _baseline_of(json.loads(file.read_bytes()))
    labelled = {digest[:12]: own for digest, own in found.items()}
    for version in registry.versions(project.spec.name) if registry is not None else ():
        if version.digest in found:
            labelled[str(version.version)] = found[version.digest]
    return labelled


def _baseline_of(manifest: Mapping[str, Any]) -> dict[str, Estimate]:
    metrics = manifest["metrics"]
    # What was retrained knows a world that the holdout does not stand for any more.
    own = metrics.get("recent") or metrics.get("holdout") or metrics.get("cv") or {}
    return {name: Estimate.from_dict(fields) for name, fields in own.items()}


def cuts_of(spec: ProjectSpec, bundle: Bundle, rows: LabelledRows) -> Sequence[Cut]:
    """The project's slices of labelled rows; columns that were not logged give none.

    Quarters are those of the training rows, so that a slice means the same in each window.
    """
    columns = bundle.contract.columns
    known = dict(zip(rows.columns, rows.X.T, strict=True))
    if not len(rows):
        return ()
    file = bundle.path / SKETCH
    sketches = json.loads(file.read_bytes())["columns"] if file.is_file() else {}
    cuts = []
    for name in spec.evaluation.slices:
        if name in columns and name not in rows.absent:
            # None where it overflowed; of a category there are none.
            quantiles = sketches.get(name, {}).get("quantiles") or known[name].tolist()
            learned = np.array([each for each in quantiles if each is not None])
            both = np.concatenate([known[name], learned])
            train = np.arange(len(rows), len(both))
            cuts.append(cut(name, columns[name], both, train).of(np.arange(len(rows))))
    if not set(rows.absent) & set(columns):
        for name, text in spec.evaluation.conditions.items():
            parsed = parse_derived(columns, {**spec.data.derived, name: text})
            codes = extend(known, parsed)[name].astype(np.int64)
            cuts.append(Cut(name, ("false", "true"), codes))
    return cuts
