"""What becomes of the best of a training: the first champion, or the challenger."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from fairlead.bundle.measure import Measurements
from fairlead.errors import AliasMovedError
from fairlead.project.loading import Project
from fairlead.registry.champions import champion
from fairlead.registry.comparisons import Rows
from fairlead.registry.decisions import Decision
from fairlead.registry.gates import bounds, no_champion, terms_of
from fairlead.registry.moves import Act, reconcile
from fairlead.registry.port import ModelRegistry
from fairlead.registry.promotion import move_alias
from fairlead.registry.records import CHALLENGER, CHAMPION, ModelVersion
from fairlead.workflows.evidence import recall
from fairlead.workflows.promote import carry_out, costs_of, decision_on
from fairlead.workflows.traffic import ledger_of

FIRST = "training: no champion yet"


@dataclass(frozen=True)
class Crowned:
    """Who is champion after a training.

    Attributes:
        champion: the champion now; None where the first one does not keep the bounds.
        decision: on the first champion; None where there was one already.
    """

    champion: ModelVersion | None
    decision: Decision | None = None


def crown(
    registry: ModelRegistry, project: Project, best: ModelVersion, cost: Measurements, act: Act
) -> Crowned:
    """Make the best of a training the champion if there is none yet, else the challenger.

    The first champion has nobody to beat, but must keep the bounds of `promotion.gates`.

    Args:
        registry: where it is registered.
        project: what was trained.
        best: the version that the training puts forward.
        cost: what it costs.
        act: who trained, and when.
    """
    name, ledger = project.spec.name, ledger_of(project.root)
    reconcile(registry, ledger, name, act.now)
    current, decision = champion(registry, name), None
    if current is None:
        first = replace(act, reason=FIRST)
        decision = decide(project, best, cost, first)
        try:
            decision = carry_out(registry, project, ledger, decision, first)
        except AliasMovedError:
            # Another training was faster; its choice stands.
            return Crowned(registry.resolve(name, CHAMPION))
        if decision.promoted:
            return Crowned(registry.resolve(name, CHAMPION), decision)
    move_alias(registry, ledger, name, CHALLENGER, best.version, act)
    return Crowned(current, decision)


def decide(project: Project, best: ModelVersion, cost: Measurements, act: Act) -> Decision:
    """Ask of a first champion whether it keeps the bounds."""
    spec, rows = project.spec, kept_rows(project.root, best.digest)
    asked = bounds(spec, rows, costs_of(cost), "no rows were kept of its training")
    return decision_on(best, None, act, (no_champion(terms_of(spec)), *asked))


def kept_rows(root: Path, digest: str) -> Rows | None:
    """What a bundle predicted in its training for rows that it had not seen."""
    kept = recall(root, digest)
    return None if kept is None else Rows(kept.source, tuple(kept.repeats), groups=kept.groups)
