"""Retrains a model on evidence: the policy is asked; a run that was stopped is finished first."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

import polars as pl

from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.data.enforcement import Dataset
from fairlead.data.further import ID
from fairlead.project.loading import Project
from fairlead.registry.records import CHAMPION, ModelVersion
from fairlead.retraining.policy import decide
from fairlead.retraining.records import Facts, Rules, Run, Trigger, Verdict
from fairlead.retraining.schedule import due
from fairlead.retraining.state import alone, read_state
from fairlead.workflows.labelled_data import usable
from fairlead.workflows.read import read
from fairlead.workflows.retraining_desk import Desk, Evidence, Retraining
from fairlead.workflows.retraining_run import carry_out, sweep
from fairlead.workflows.store import bundle_store, labelled_file, retraining_folder


def retrain(
    desk: Desk,
    evidence: Evidence,
    *,
    trigger: Trigger = "hand",
    reason: str = "",
    force: bool = False,
    dry_run: bool = False,
) -> Retraining:
    """Ask the policy, and retrain if it says so; a run that was stopped is finished first.

    Args:
        desk: what it works with.
        evidence: of the late past.
        trigger: what makes one ask.
        reason: in words.
        force: retrain although the policy says no.
        dry_run: ask the policy only.

    Raises:
        RetrainingRunningError: another process retrains the project.
        ModelVersionNotFoundError: there is no champion: train first.
        FairleadError: a training failed; that counts as a retraining.
    """
    if dry_run:
        _, bundle, dataset = _start(desk)
        facts = facts_of(desk, dataset, bundle, evidence)
        return Retraining(_decide(desk, facts, trigger, force=force))
    with alone(desk.folder):
        sweep(desk)
        version, bundle, dataset = _start(desk)
        unfinished = read_state(desk.folder).unfinished
        if unfinished is not None:
            return carry_out(desk, unfinished, bundle, dataset, evidence, None)
        facts = facts_of(desk, dataset, bundle, evidence)
        verdict = _decide(desk, facts, trigger, force=force)
        if verdict.action == "wait":
            return Retraining(verdict)
        told = reason or verdict.why
        run = Run(uuid.uuid4().hex[:12], desk.now, trigger, told, desk.actor, version.version)
        return carry_out(desk, desk.remember(run), bundle, dataset, evidence, verdict)


def asked_by(
    project: Project, *, trained_at: datetime, alerted: bool, now: datetime
) -> Trigger | None:
    """What asks for a retraining now; None if nothing does.

    Args:
        project: the project.
        trained_at: when its champion was trained, UTC.
        alerted: whether an alert says that quality was lost.
        now: UTC.

    Raises:
        ProjectError: `retraining.schedule` is none.
        RetrainingStateError: what retrainings remember cannot be read.
    """
    state = read_state(retraining_folder(project.root))
    if state.unfinished is not None:
        return state.unfinished.trigger
    return due(
        project.spec.retraining,
        since=state.runs[-1].started_at if state.runs else trained_at,
        trained_at=trained_at,
        alerted=alerted,
        now=now,
        path=project.path,
    )


def facts_of(desk: Desk, dataset: Dataset, champion: Bundle, evidence: Evidence) -> Facts:
    """What the policy wants to know."""
    labelled, drift = evidence.labelled, evidence.drift
    found = usable(labelled, dataset.contract)
    ids, times = labelled.ids[found.mask], labelled.times[found.mask]
    known = _trained_on(desk)
    newest = int(times.max()) if len(times) else None
    columns = () if drift is None else drift.columns
    return Facts(
        broken={each.column: each.reason for each in columns if each.is_broken},
        drifted=None if drift is None or drift.verdict == "too_few_rows" else drift.drifted,
        schema=schema_changes(dataset, champion),
        quality=evidence.quality,
        labels=found.rows,
        new_labels=sum(each not in known for each in ids.tolist()),
        newest_label=None if newest is None else datetime.fromtimestamp(newest / 1e6, UTC),
        unusable=dict(found.unusable),
    )


def schema_changes(dataset: Dataset, champion: Bundle) -> tuple[str, ...]:
    """How the features of the project file differ from those of the champion."""
    then, now = champion.contract.declarations, dataset.contract.declarations
    return (
        *(f"{name} is new" for name in now.keys() - then.keys()),
        *(f"{name} is gone" for name in then.keys() - now.keys()),
        *(f"{name} is declared anew" for name in now if name in then and now[name] != then[name]),
    )


def _start(desk: Desk) -> tuple[ModelVersion, Bundle, Dataset]:
    project = desk.project
    version = desk.registry.resolve(project.spec.name, CHAMPION)
    bundle = load_bundle(desk.registry.fetch(version, bundle_store(project)))
    return version, bundle, read(project)


def _decide(desk: Desk, facts: Facts, trigger: Trigger, *, force: bool) -> Verdict:
    runs = read_state(desk.folder).runs
    rules = Rules.of(desk.project.spec.retraining)
    return decide(trigger, facts, runs, rules, desk.now, force=force)


def _trained_on(desk: Desk) -> set[str]:
    """Ids of the predictions that the last retraining had."""
    had = [run.data for run in read_state(desk.folder).runs if run.data]
    path = labelled_file(desk.project.root, had[-1]) if had else None
    if path is None or not path.is_file():
        return set()
    return set(pl.read_parquet(path, columns=[ID])[ID].to_list())
