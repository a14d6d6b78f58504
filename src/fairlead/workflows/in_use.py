"""What a project's model has shown in use: ledger, labelled predictions and monitor are read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from fairlead.bundle.reading import Bundle
from fairlead.errors import FairleadError, LedgerError, MonitorRunningError
from fairlead.evaluation.metrics import expand_names
from fairlead.evaluation.records import Estimate
from fairlead.evaluation.report import evaluate
from fairlead.monitoring.labelled import LabelledRows
from fairlead.monitoring.quality import realised
from fairlead.monitoring.state import read_state
from fairlead.project.loading import Project
from fairlead.readiness.evidence import Champion
from fairlead.readiness.in_use import AGED_DAYS, LABELLED_DAYS, Aged, Promotion, Served, Watch
from fairlead.registry.ledger_lines import Entry
from fairlead.registry.moves import UNDONE, moved
from fairlead.registry.port import ModelRegistry
from fairlead.registry.promotion import PROMOTION, ROLLBACK
from fairlead.registry.publication import DECIDED
from fairlead.registry.records import CHAMPION
from fairlead.settings import Settings
from fairlead.workflows.history import verify_history
from fairlead.workflows.labels import labelled_rows
from fairlead.workflows.monitor import LOCK_FILE, STATE_FILE, alone
from fairlead.workflows.prediction_log import LogDatabase, predictions_of
from fairlead.workflows.quality import baselines_of
from fairlead.workflows.store import monitoring_of
from fairlead.workflows.traffic import ledger_of

DAY_US = 86_400e6


def promotion_of(project: Project, registry: ModelRegistry, own: Champion) -> Promotion | str:
    """The decision by which the champion became champion, else why there is none.

    After a rollback it is the decision on the version that is champion again.

    Raises:
        RegistryUnavailableError: the registry does not answer.
    """
    try:
        verify_history(registry, project)
        entries = ledger_of(project.root).entries(project.spec.name)
    except LedgerError as error:
        return f"the ledger does not hold: {error}"
    undone = {each.before["entry"] for each in entries if each.kind == UNDONE}
    moves = [
        each for each in entries if CHAMPION in (moved(each) or {}) and each.sequence not in undone
    ]
    if not moves or _goal(moves[-1]) != own.version:
        return "the ledger does not say how it became champion"
    last = [each for each in moves if _goal(each) == own.version and each.kind != ROLLBACK][-1:]
    for entry in last:
        number = entry.after.get("decision")
        decisions = [each for each in entries if each.kind == DECIDED and each.sequence == number]
        if entry.kind == PROMOTION and decisions and decisions[0].after["digest"] == own.digest:
            gates = {gate["name"]: gate["outcome"] for gate in decisions[0].after["gates"]}
            forced = bool(entry.after.get("forced"))
            return Promotion(decisions[0].sequence, entry.at, gates, forced)
        return f"no gate was asked: entry {entry.sequence} of the ledger, {entry.kind}"
    return "the ledger does not say how it became champion"


def _goal(entry: Entry) -> int | None:
    return (moved(entry) or {}).get(CHAMPION)


def served_of(
    project: Project,
    registry: ModelRegistry | None,
    settings: Settings,
    database: LogDatabase | None,
    bundle: Bundle,
    now: datetime,
) -> Served | str:
    """The labelled predictions of a project's model, else why they cannot be told.

    Raises:
        RegistryUnavailableError: the registry does not answer.
    """
    if database is None:
        return "labelled predictions cannot be read: pip install 'fairlead[monitor]'"
    spec, folder = project.spec, predictions_of(project.root, settings)
    try:
        rows = labelled_rows(folder, spec.name, bundle.contract, None, database)
    except FairleadError as error:
        return str(error)
    if not len(rows):
        return "no labels of served predictions"
    (metric,) = expand_names((spec.evaluation.metric,), spec.task, bundle.contract.classes)
    least, baselines = spec.monitoring.min_rows, baselines_of(project, registry)
    late = rows.take(rows.times >= (now - timedelta(days=LABELLED_DAYS)).timestamp() * 1e6)
    qualities = {
        version: replace(
            realised(late.take(late.versions == version), (), (metric,), baselines, min_rows=least)[
                0
            ],
            version=version,
        )
        for version in np.unique(late.versions).tolist()
    }
    each = (
        aged(rows.take(rows.versions == version), metric, least)
        for version in np.unique(rows.versions).tolist()
    )
    known = [found for found in each if found is not None]
    return Served(qualities, max(known, key=lambda found: found.days, default=None))


def aged(rows: LabelledRows, metric: str, least: int) -> Aged | None:
    """What age did to one version; None where its labels are too few or too near together.

    Args:
        rows: of the version, the oldest first.
        metric: its name.
        least: rows on each side.
    """
    if len(rows) < 2 * least:
        return None
    sides = [rows.take(np.arange(least)), rows.take(np.arange(len(rows) - least, len(rows)))]
    first, last = (float(np.median(side.times)) for side in sides)
    days = (last - first) / DAY_US
    young, old = (_measured(side, metric) for side in sides)
    if days < AGED_DAYS or young is None or old is None:
        return None
    return Aged(str(rows.versions[0]), metric, days, least, young, old)


def _measured(rows: LabelledRows, metric: str) -> Estimate | None:
    found = evaluate(rows.predictions, [metric]).get(metric)
    return found if found is not None and found.is_defined else None


def watch_of(root: Path) -> Watch | None:
    """What the monitor of a project remembers; None where there was none.

    Raises:
        MonitorStateError: that cannot be read.
    """
    folder = monitoring_of(root)
    if not (folder / STATE_FILE).is_file():
        return None
    return Watch(read_state(folder / STATE_FILE), _is_running(root, folder))


def _is_running(root: Path, folder: Path) -> bool:
    if not (folder / LOCK_FILE).is_file():
        return False
    try:
        with alone(root):
            return False
    except MonitorRunningError:
        return True
