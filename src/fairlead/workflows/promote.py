"""Asks the gates of a version and makes it the champion if they let it pass."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from fairlead.bundle.manifest import to_json
from fairlead.bundle.measure import Measurements, measure
from fairlead.bundle.reading import load_bundle, verify_bundle
from fairlead.data.enforcement import Dataset
from fairlead.data.quality.assessment import assess
from fairlead.data.report import DataReport
from fairlead.errors import BundleError, DataError, EvaluationError, ReasonMissingError
from fairlead.monitoring.labelled import LabelledRows
from fairlead.project.loading import Project
from fairlead.registry import promotion
from fairlead.registry.arrival import refuse_strangers
from fairlead.registry.champions import champion, former_champions
from fairlead.registry.comparisons import Rows
from fairlead.registry.decisions import Decision, GateResult
from fairlead.registry.gates import Evidence, judge
from fairlead.registry.ledger import Ledger
from fairlead.registry.moves import Act, reconcile
from fairlead.registry.port import ModelRegistry
from fairlead.registry.publication import DECIDED, publish
from fairlead.registry.records import ModelVersion
from fairlead.storage import write_whole
from fairlead.workflows.promotion_rows import Side, holdout_rows, recent_rows, settled_rows
from fairlead.workflows.read import inspect
from fairlead.workflows.store import bundle_store, decisions_of
from fairlead.workflows.traffic import ledger_of


def promote(
    registry: ModelRegistry,
    project: Project,
    reference: str,
    *,
    now: datetime,
    actor: str,
    reason: str = "",
    force: bool = False,
    dry_run: bool = False,
    recent: LabelledRows | None = None,
    leave_out: Collection[Any] | None = None,
    is_frozen: bool = False,
) -> Decision:
    """Ask the gates of a version, and make it the champion if they let it pass.

    Args:
        registry: where the version is.
        project: what it is of.
        reference: alias, candidate or version number.
        now: UTC.
        actor: who asks, as `user@host`.
        reason: why.
        force: make it champion whatever the gates say; it needs a reason.
        dry_run: ask only: neither the registry nor the ledger is changed.
        recent: predictions of late whose labels are known.
        leave_out: ids of the labelled rows that one of the two was trained on; without it, only
            rows that are newer than both count.
        is_frozen: whether the version has seen none of the project's holdout although it was
            trained on other data than the project's, because whoever trained it saw to that.

    Returns:
        The whole reasoning, and whether the version is champion now.

    Raises:
        ReasonMissingError: it is to be forced without a reason.
        ModelVersionNotFoundError: there is no such version.
        BundleError: another program registered it.
        AliasMovedError: somebody else moved the champion meanwhile.
        StorageError: the decision cannot be written down; nothing was changed.
    """
    if force and not reason.strip():
        raise ReasonMissingError(reference)
    name, ledger, act = project.spec.name, ledger_of(project.root), Act(actor, now, reason)
    if not dry_run:
        reconcile(registry, ledger, name, now)
    version, current = registry.resolve(name, reference), champion(registry, name)
    refuse_strangers(version)
    against = None if current is None else current.version
    if against == version.version:
        if not dry_run:
            publish(registry, ledger, name)
        return replace(decision_on(version, None, act), is_champion=True)
    gates = _gates(registry, project, version, current, recent, leave_out, is_frozen=is_frozen)
    decision = decision_on(version, against, act, gates)
    decision = replace(decision, forced=force and decision.outcome != "pass")
    return decision if dry_run else carry_out(registry, project, ledger, decision, act)


def carry_out(
    registry: ModelRegistry, project: Project, ledger: Ledger, decision: Decision, act: Act
) -> Decision:
    """Write a decision down, and do as it says.

    Raises:
        AliasMovedError: somebody else moved the champion meanwhile.
        StorageError: the decision cannot be written down; nothing was changed.
    """
    name = decision.model
    entry = _record(project, ledger, decision, act)
    if decision.passes:
        details = {"decision": entry, **({"forced": True} if decision.forced else {})}
        expected = decision.champion
        promotion.promote(
            registry, ledger, name, decision.version, act, expected=expected, details=details
        )
        decision = replace(decision, promoted=True)
    publish(registry, ledger, name)
    return decision


def decision_on(
    version: ModelVersion, against: int | None, act: Act, gates: tuple[GateResult, ...] = ()
) -> Decision:
    """A decision that is not carried out yet."""
    return Decision(
        version.name,
        version.version,
        version.candidate,
        version.digest,
        against,
        act.now.isoformat(timespec="microseconds"),
        act.actor,
        act.reason,
        gates,
    )


def _record(project: Project, ledger: Ledger, decision: Decision, act: Act) -> int:
    """Keep the whole reasoning as a file, its seal in the ledger; the number of the entry."""
    document = to_json(decision.to_json())
    stamp = act.now.strftime("%Y%m%dT%H%M%S.%fZ")
    file = decisions_of(project.root) / f"{decision.version}-{stamp}.json"
    write_whole(file, document)
    after = {
        **decision.to_json(),
        "document": file.name,
        "sha256": hashlib.sha256(document).hexdigest(),
    }
    entry = ledger.append(
        DECIDED,
        decision.model,
        actor=act.actor,
        reason=act.reason,
        before={"champion": decision.champion},
        after=after,
        now=act.now,
    )
    return entry.sequence


def _gates(
    registry: ModelRegistry,
    project: Project,
    version: ModelVersion,
    current: ModelVersion | None,
    recent: LabelledRows | None,
    leave_out: Collection[Any] | None,
    *,
    is_frozen: bool,
) -> tuple[GateResult, ...]:
    store, expected = bundle_store(project), "verified, its golden rows replayed to the last bit"
    try:
        challenger = Side(version, verify_bundle(registry.fetch(version, store)))
        costs = costs_of(_measured(challenger.bundle.path))
    except BundleError as error:
        return (GateResult("parity", "fail", str(error), expected, "nothing else was asked"),)
    golden = len(challenger.bundle.golden()["records"])
    parity = GateResult("parity", "pass", f"{golden} golden rows are the same", expected)
    present, fault = None, ""
    if current is not None:
        try:
            present = Side(current, verify_bundle(registry.fetch(current, store)))
        except BundleError as error:
            fault = str(error)
    dataset, report = _data(project)
    evidence = Evidence(
        challenger.bundle.contract,
        None if present is None else present.bundle.contract,
        costs,
        champion_fault=fault,
        quality=_quality(project, challenger, dataset, report),
    )
    try:
        held = holdout_rows(project, dataset, challenger, present, is_frozen=is_frozen)
    except (DataError, EvaluationError) as error:
        held = str(error)
    evidence = (
        replace(evidence, why_no_holdout=held)
        if isinstance(held, str)
        else replace(evidence, holdout=held)
    )
    if recent is not None:
        try:
            late, refused = recent_rows(project, recent, challenger, present, leave_out)
            evidence = replace(evidence, recent=late, refused=refused)
        except EvaluationError as error:
            evidence = replace(evidence, why_no_recent=str(error))
        if dataset is not None and current is not None and current.is_retrained:
            settled = _settled(registry, project, dataset, recent, leave_out)
            evidence = replace(evidence, settled=settled)
    return (*judge(project.spec, evidence), parity)


def _settled(
    registry: ModelRegistry,
    project: Project,
    dataset: Dataset,
    recent: LabelledRows,
    leave_out: Collection[Any] | None,
) -> tuple[Rows, Rows] | None:
    """Holdout and recent rows by the last champion that has learned from the data alone, if any."""
    name = project.spec.name
    known = {each.version: each for each in registry.versions(name)}
    former = [known[each] for each in former_champions(registry, name) if each in known]
    version = next((each for each in reversed(former) if not each.is_retrained), None)
    if version is None:
        return None
    try:
        side = Side(version, load_bundle(registry.fetch(version, bundle_store(project))))
        return settled_rows(project, dataset, side, recent, leave_out)
    except (BundleError, EvaluationError):
        return None  # what is not sound, or knows other classes, tells nothing


def _data(project: Project) -> tuple[Dataset | None, DataReport | None]:
    """The project's data; nothing where it is not there, or cannot be read as declared."""
    try:
        return inspect(project)
    except DataError:
        return None, None


def _quality(
    project: Project, side: Side, dataset: Dataset | None, report: DataReport | None
) -> tuple[bool, str] | None:
    trained_on = side.bundle.manifest["provenance"].get("data_fingerprint")
    if dataset is None or report is None or dataset.fingerprint != trained_on:
        return None
    failed = [str(check) for check in report.checks if not check.passed]
    found = assess(project.spec, dataset)
    failed += [each.found for each in found.findings if each.severity == "error"]
    return not failed, "; ".join(failed) or found.counts


@cache
def _measured(bundle: Path) -> Measurements:
    """Measured once in a process: a bundle does not change, and its folder has its digest."""
    return measure(bundle)


def costs_of(measured: Measurements) -> dict[str, float]:
    """What was measured, in the units of `promotion.gates`."""
    return {
        "latency_p50_ms": measured.latency_p50_us / 1e3,
        "latency_p99_ms": measured.latency_p99_us / 1e3,
        "load_s": measured.load_s,
        "memory_mb": measured.memory_bytes / 1e6,
        "size_mb": measured.size_bytes / 1e6,
    }
