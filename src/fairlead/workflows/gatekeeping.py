"""Lets a challenger pass or not, by the gates of the project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fairlead.monitoring.records import Window
from fairlead.project.loading import Project
from fairlead.project.parts import seconds
from fairlead.registry.decisions import Decision
from fairlead.registry.moves import Act
from fairlead.registry.port import ModelRegistry
from fairlead.registry.promotion import move_alias
from fairlead.registry.records import CHALLENGER
from fairlead.workflows.labelled_data import Labelled, for_gates
from fairlead.workflows.labels import labelled_rows
from fairlead.workflows.prediction_log import LogDatabase
from fairlead.workflows.promote import promote
from fairlead.workflows.read import read
from fairlead.workflows.traffic import ledger_of


@dataclass(frozen=True)
class Gates:
    """The gates of a project, on labelled rows that no version is ever trained on.

    Attributes:
        project: the project.
        registry: where its versions are.
        now: UTC.
        actor: who asks, as `user@host`.
        reason: why.
    """

    project: Project
    registry: ModelRegistry
    now: datetime
    actor: str
    reason: str = ""

    def ask(self, version: int, recent: Labelled) -> Decision:
        """Ask the gates of a version, on these rows and on the holdout; nothing is changed."""
        return self._decide(version, recent, dry_run=True)

    def challenge(self, version: int) -> None:
        """Point the alias `challenger` at a version, and write that down."""
        act = Act(self.actor, self.now, self.reason)
        ledger, name = ledger_of(self.project.root), self.project.spec.name
        move_alias(self.registry, ledger, name, CHALLENGER, version, act)

    def promote(self, version: int, recent: Labelled) -> Decision:
        """Ask them, and make the version the champion if it passes."""
        return self._decide(version, recent, dry_run=False)

    def _decide(self, version: int, recent: Labelled, *, dry_run: bool) -> Decision:
        return promote(
            self.registry,
            self.project,
            str(version),
            now=self.now,
            actor=self.actor,
            reason=self.reason,
            dry_run=dry_run,
            recent=recent,
            # None was trained on: they are kept back by what is in them.
            leave_out=(),
        )


def approve(gates: Gates, folder: Path, database: LogDatabase) -> Decision:
    """Ask the gates of the challenger once more, and make it the champion if it passes.

    Args:
        gates: of the project.
        folder: of the prediction log.
        database: that reads it.

    Raises:
        ModelVersionNotFoundError: there is no challenger.
        AliasMovedError: somebody else moved the champion meanwhile.
        LogQueryError: the log cannot be read.
    """
    spec = gates.project.spec
    found = gates.registry.resolve(spec.name, CHALLENGER)
    contract = read(gates.project).contract
    start = gates.now - timedelta(seconds=seconds(spec.retraining.window))
    rows = labelled_rows(folder, spec.name, contract, Window(start, gates.now), database)
    return gates.promote(found.version, for_gates(rows, contract))
