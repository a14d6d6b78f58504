"""Hands what a training made to the registry and the tracker: versions and runs."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import asdict

from fairlead.data.versions import shown_version
from fairlead.registry.moves import Act
from fairlead.registry.port import ModelRegistry, RunTracker
from fairlead.registry.promotion import move_alias
from fairlead.registry.records import ModelVersion, RunRecord
from fairlead.workflows.experiment import Experiment, Finished
from fairlead.workflows.traffic import ledger_of

LABELLED = ("sha256", "rows", "recipe")
TAGS = ("data_fingerprint", "spec_digest", "git_commit", "git_dirty")


def register(
    experiment: Experiment,
    finished: Mapping[str, Finished],
    registry: ModelRegistry,
    tracker: RunTracker | None,
    act: Act,
    *,
    named: bool = True,
    more: Mapping[str, str] | None = None,
) -> dict[str, ModelVersion]:
    """Log a run per candidate and register its bundle.

    Args:
        experiment: what the candidates share.
        finished: candidate -> what has become of it.
        registry: where versions go.
        tracker: where runs go; None logs none.
        act: who does it, and when.
        named: whether the candidate's alias points to the new version from now on.
        more: further tags.
    """
    ledger = ledger_of(experiment.project.root)
    name, origin = experiment.spec.name, experiment.origin
    tags = {"project": name, **(more or {})}
    tags |= {tag: str(origin[tag]) for tag in TAGS if origin[tag] is not None}
    tags["data_version"] = shown_version(origin["data_version"])
    if "labelled" in origin:
        tags |= {f"labelled_{key}": str(origin["labelled"][key]) for key in LABELLED}
    parent = tracker.start("training", tags) if tracker else None
    versions = {}
    for candidate, result in finished.items():
        own = {**tags, "candidate": candidate, "family": result.entry.family}
        if result.search is not None:
            states = ("complete", "pruned", "failed")
            own["search_trials"] = str(len(result.search.trials))
            own |= {f"search_{state}": str(result.search.count(state)) for state in states}
        run = None
        if tracker:
            record = _record(result, own, int(origin["seed"]))
            run = tracker.log_run(record, parent_id=parent)
        made = registry.register(name, result.bundle, run_id=run, tags=own)
        if named:
            made = move_alias(registry, ledger, name, candidate, made.version, act)
        versions[candidate] = made
    if tracker and parent:
        tracker.finish(parent)
    return versions


def _record(result: Finished, tags: Mapping[str, str], seed: int) -> RunRecord:
    entry, metrics, errors = result.entry, {}, {}
    for source, report in (("cv", entry.cv), ("holdout", entry.holdout), ("oob", entry.oob)):
        for metric, estimate in report.items():
            # recall[setosa] becomes recall.setosa; what MLflow takes in no name becomes _.
            key = f"{source}_{metric}".replace("[", ".").replace("]", "")
            key = re.sub(r"[^\w.\- :/]", "_", key)
            if estimate.is_defined:
                metrics[key] = estimate.value
            if math.isfinite(estimate.standard_error):
                errors[key] = estimate.standard_error
    costs = {**asdict(result.measurements), "training_s": entry.training_s}
    return RunRecord(
        candidate=entry.name,
        parameters={"family": entry.family, "seed": seed, **result.parameters},
        metrics={**metrics, **costs},
        standard_errors=errors,
        tags=tags,
        artifacts=result.figures,
    )
