"""One retraining, step by step; each is remembered, so that a run that is stopped can go on."""

from __future__ import annotations

import shutil
from dataclasses import replace

import msgspec

from fairlead.bundle.manifest import to_json
from fairlead.bundle.reading import Bundle, load_bundle
from fairlead.data.enforcement import Dataset
from fairlead.data.further import read_further
from fairlead.errors import FairleadError, RegistryUnavailableError
from fairlead.evaluation.comparison import Comparison
from fairlead.evaluation.metrics import find_metric
from fairlead.evaluation.tables import comparison_text
from fairlead.registry.moves import Act
from fairlead.registry.records import RETRAINING, ModelVersion
from fairlead.retraining.records import Outcome, Run, Verdict
from fairlead.retraining.state import read_state
from fairlead.storage import write_whole
from fairlead.workflows.labelled_data import LabelledData, for_gates, write_labelled
from fairlead.workflows.registration import register
from fairlead.workflows.retraining_candidates import Choice, against, challengers
from fairlead.workflows.retraining_desk import Desk, Evidence, Retraining
from fairlead.workflows.store import bundle_store, labelled_file, predictions_of

RUNS, WORK = "runs", "work"
"""Folder in which challengers are made; what is in it was not put forward yet."""


def carry_out(
    desk: Desk,
    run: Run,
    champion: Bundle,
    dataset: Dataset,
    evidence: Evidence,
    verdict: Verdict | None,
) -> Retraining:
    """Take a run from where it is to its end.

    Args:
        desk: what it works with; its lock is held.
        run: that was begun.
        champion: that is to be beaten.
        dataset: of the project.
        evidence: of the late past.
        verdict: of the policy; None where a run that was stopped goes on.

    Raises:
        RegistryUnavailableError: the registry does not answer; the run can go on later.
        FairleadError: a step failed, and so has the run.
    """
    try:
        data = _data(desk, run, champion, dataset, evidence)
        run = desk.remember(msgspec.structs.replace(run, data=data.rows.digest))
        result = Retraining(verdict, run, resumed=verdict is None)
        version = _registered(desk, run)
        if version is None:
            result, version = _made(desk, result, run, dataset, data, champion)
        if version is not None:
            result = _judged(desk, result, run, version, dataset, evidence)
    except RegistryUnavailableError:
        # It may answer at the next call, which goes on with this run.
        raise
    except FairleadError as error:
        _ended(desk, read_state(desk.folder).unfinished or run, "failed", str(error))
        raise
    return _kept(desk, result)


def sweep(desk: Desk) -> None:
    """Remove what a run that was killed has left; the lock is held, so nobody writes there."""
    shutil.rmtree(desk.folder / WORK, ignore_errors=True)
    labelled = labelled_file(desk.project.root, "").parent
    for folder in (labelled, desk.folder, desk.folder / RUNS):
        for part in folder.glob(".*.part"):
            part.unlink(missing_ok=True)


def _data(
    desk: Desk, run: Run, champion: Bundle, dataset: Dataset, evidence: Evidence
) -> LabelledData:
    """The rows of the run: those it has begun with, if they are there."""
    path = labelled_file(desk.project.root, run.data)
    if run.data and path.is_file():
        document = msgspec.json.decode(path.with_suffix(".json").read_bytes())
        rows = read_further(path, dataset.contract)
        return LabelledData(path, rows, document["base_level"], document["unusable"])
    return write_labelled(desk.project, dataset, evidence.labelled, champion, desk.now)


def _registered(desk: Desk, run: Run) -> ModelVersion | None:
    """The version that the run has registered, if it came so far."""
    if not run.bundle:
        return None
    known = desk.registry.versions(desk.project.spec.name)
    return next((each for each in known if each.digest == run.bundle), None)


def _made(
    desk: Desk,
    result: Retraining,
    run: Run,
    dataset: Dataset,
    data: LabelledData,
    champion: Bundle,
) -> tuple[Retraining, ModelVersion | None]:
    """Train challengers, and register the best one if it beats the champion on recent rows."""
    work = desk.folder / WORK
    if run.bundle:
        # What a run that was stopped has made and not registered.
        shutil.rmtree(bundle_store(desk.project) / run.bundle, ignore_errors=True)
        predictions_of(desk.project.root, run.bundle).unlink(missing_ok=True)
    try:
        choice = challengers(
            desk.project, dataset, data, champion, work, jobs=desk.jobs, progress=desk.progress
        )
        made = choice.best.bundle
        found = against(desk.project, dataset.contract, load_bundle(made), champion, data.rows)
        result = replace(result, tried=choice.tried, comparison=found)
        if found is None or found.verdict != "better":
            told = _told(desk, found)
            return replace(result, run=_ended(desk, run, "refused", told)), None
        # Its name is written down first: a bundle that nobody knows of would stay for ever.
        run = desk.remember(msgspec.structs.replace(run, bundle=made.name))
        return replace(result, run=run), _register(desk, run, choice)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _register(desk: Desk, run: Run, choice: Choice) -> ModelVersion:
    best = choice.best
    finished = best.finish()
    target = bundle_store(desk.project) / best.bundle.name
    target.parent.mkdir(parents=True, exist_ok=True)
    finished.bundle.rename(target)
    name = finished.entry.name
    more = {RETRAINING: run.id, "retraining_trigger": run.trigger}
    versions = register(
        best.experiment,
        {name: replace(finished, bundle=target)},
        desk.registry,
        desk.tracker,
        Act(desk.actor, desk.now, run.reason),
        named=False,
        more=more,
    )
    return versions[name]


def _judged(
    desk: Desk,
    result: Retraining,
    run: Run,
    version: ModelVersion,
    dataset: Dataset,
    evidence: Evidence,
) -> Retraining:
    """Ask the gates; whoever passes is the challenger, or the champion at once."""
    run = msgspec.structs.replace(run, bundle=version.digest, version=version.version)
    recent = for_gates(evidence.labelled, dataset.contract)
    if desk.project.spec.retraining.promote == "automatic":
        decision = desk.gates.promote(version.version, recent)
    else:
        decision = desk.gates.ask(version.version, recent)
    outcome: Outcome = "refused"
    if decision.promoted or decision.is_champion:
        outcome = "promoted"
    elif decision.outcome == "pass":
        desk.gates.challenge(version.version)
        outcome = "challenger"
    told = f"{version}: the gates say {decision.outcome}"
    return replace(result, run=_ended(desk, run, outcome, told), decision=decision)


def _told(desk: Desk, found: Comparison | None) -> str:
    if found is None:
        return "champion and challenger cannot be compared on the rows that are kept for gates"
    spec = desk.project.spec
    rule = find_metric(found.metric, spec.task)
    return comparison_text(found, rule, "challenger", "champion", spec.data.target.unit)


def _ended(desk: Desk, run: Run, outcome: Outcome, told: str) -> Run:
    done = msgspec.structs.replace(run, outcome=outcome, finished_at=desk.now, told=told)
    return desk.remember(done)


def _kept(desk: Desk, result: Retraining) -> Retraining:
    """Keep the whole reasoning as `.fairlead/retraining/runs/<id>.json`."""
    if result.run is not None:
        file = desk.folder / RUNS / f"{result.run.id}.json"
        write_whole(file, to_json(result.to_json()))
    return result
