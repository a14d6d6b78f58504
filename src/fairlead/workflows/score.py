"""Scores a project by the ML Test Score: gathers what is there, tries the champion, judges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from fairlead.bundle.manifest import to_json
from fairlead.bundle.reading import Bundle
from fairlead.data.enforcement import Dataset
from fairlead.data.quality.assessment import assess as assess_quality
from fairlead.errors import DataError, FairleadError
from fairlead.evaluation.leaderboard import Leaderboard
from fairlead.project.loading import Project
from fairlead.readiness.assessment import assess
from fairlead.readiness.evidence import CheckedRows, Evidence, Probed
from fairlead.readiness.new_feature import new_feature
from fairlead.readiness.probes import (
    extremes,
    feature_cost,
    one_row,
    predictor_of,
    refusals,
    skew,
)
from fairlead.readiness.project_tests import project_tests
from fairlead.readiness.records import Score
from fairlead.readiness.repository import pipeline_of, repository_of
from fairlead.readiness.speed import speed
from fairlead.registry.port import ModelRegistry
from fairlead.settings import Settings
from fairlead.storage import write_whole
from fairlead.workflows.environment import environment_of
from fairlead.workflows.in_use import promotion_of, served_of, watch_of
from fairlead.workflows.prediction_log import LogDatabase
from fairlead.workflows.provenance import provenance
from fairlead.workflows.read import inspect
from fairlead.workflows.standing import (
    board_of,
    canary_of,
    champion_of,
    former_of,
    reproduction_of,
    searches_of,
    study_of,
)
from fairlead.workflows.store import results_folder

SPEED_ROWS = 2_000


def score(
    project: Project,
    registry: ModelRegistry | None = None,
    settings: Settings | None = None,
    database: LogDatabase | None = None,
    *,
    now: datetime | None = None,
) -> Score:
    """Judge a project and its champion by the 28 tests.

    Speed and the steps of one row are written to `.fairlead/results/score/`.

    Args:
        project: a loaded project.
        registry: where the champion is; without one, the first of the leaderboard is judged.
        settings: say where the prediction log is; beside the project file if not given.
        database: that reads the prediction log; without one, labelled predictions do not count.
        now: UTC; the clock's if not given.

    Raises:
        BundleError: the champion's bundle is not what was written.
        RegistryUnavailableError: the registry does not answer.
        StorageError: what was measured cannot be written.
        MonitorStateError: what the monitor remembers cannot be read.
    """
    at, settings = now or datetime.now(UTC), settings or Settings()
    return assess(_gather(project, registry, settings, database, at), project.root.resolve())


def _gather(
    project: Project,
    registry: ModelRegistry | None,
    settings: Settings,
    database: LogDatabase | None,
    now: datetime,
) -> Evidence:
    """Everything that the rules look at."""
    root = project.root.resolve()
    dataset, rows = _rows(project)
    bundle, own = champion_of(project, registry)
    found = Evidence(
        spec=project.spec,
        spec_digest=project.digest,
        now=now,
        champion=own,
        rows=rows,
        environment=provenance(root, environment_of(root)),
        pinned=_pinned(project),
        pipeline=pipeline_of(root),
        repository=repository_of(project.path.resolve()),
        tests=project_tests(root, project.path),
        watch=watch_of(project.root),
    )
    if bundle is None or own is None:
        return found
    if registry is not None:
        found = replace(
            found,
            former=former_of(project, registry, own),
            promotion=promotion_of(project, registry, own),
        )
    board = board_of(project, own)
    return replace(
        found,
        board=board,
        searches={} if board is None else searches_of(project, board),
        importance=study_of(project, "importance", own),
        ablation=study_of(project, "ablation", own),
        reproduction=reproduction_of(project, own),
        canary=canary_of(project, settings, own),
        served=served_of(project, registry, settings, database, bundle, now),
        probes=_probes(project, bundle, dataset, board),
    )


def _rows(project: Project) -> tuple[Dataset | None, CheckedRows | str]:
    """The data, and what `fairlead check` finds of it."""
    try:
        dataset, report = inspect(project)
    except DataError as error:
        return None, str(error)
    problems = [str(violation) for violation in report.violations]
    problems += [str(check) for check in report.checks if not check.passed]
    if dataset is not None:
        findings = assess_quality(project.spec, dataset).findings
        problems += [finding.found for finding in findings if finding.severity == "error"]
    return dataset, CheckedRows(report.rows_kept, tuple(problems))


def _pinned(project: Project) -> str | None:
    """What would tell that the data has changed."""
    if project.spec.data.source is not None:
        return "the data (`data.source.sha256`)"
    file = project.root / f"{project.spec.data.path}.dvc"
    return f"the data ({file.name})" if file.is_file() else None


def _probes(
    project: Project, bundle: Bundle, dataset: Dataset | None, board: Leaderboard | None
) -> dict[str, Probed]:
    """Every trial of the champion; one that cannot be made has not passed."""
    predictor, folder = predictor_of(bundle), results_folder(project) / "score"
    trials: dict[str, Callable[[], Probed]] = {
        "refusals": lambda: refusals(predictor),
        "extremes": lambda: extremes(predictor),
        "feature_cost": lambda: feature_cost(predictor),
        "one_row": lambda: _one_row(bundle, folder / "one-row.json"),
    }
    if dataset is None or dataset.contract.declarations != bundle.contract.declarations:
        why = "the data cannot be read, or the columns have changed since the champion's training"
        unread = Probed(passed=False, text=why)
        trials |= dict.fromkeys(("skew", "new_feature", "speed"), lambda: unread)
    else:
        X, seed = dataset.X, project.spec.evaluation.cv.seed
        entries = () if board is None else board.entries
        known = {entry.name: entry.training_s for entry in entries}
        training_s = known.get(bundle.candidate)
        trials["skew"] = lambda: skew(predictor, X, seed)
        trials["new_feature"] = lambda: new_feature(project.spec, dataset, board)
        trials["speed"] = lambda: speed(bundle, X[:SPEED_ROWS], training_s, folder / "speed.json")
    return {name: _tried(trial) for name, trial in trials.items()}


def _tried(trial: Callable[[], Probed]) -> Probed:
    try:
        return trial()
    except FairleadError as error:
        return Probed(passed=False, text=str(error))


def _one_row(bundle: Bundle, file: Path) -> Probed:
    probed, document = one_row(bundle)
    write_whole(file, to_json(document))
    return probed
