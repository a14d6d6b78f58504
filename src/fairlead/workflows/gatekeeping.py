"""Lets a challenger pass or not, by the gates of the project."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from fairlead.errors import DataError
from fairlead.monitoring.labelled import LabelledRows
from fairlead.monitoring.records import Window
from fairlead.project.loading import Project
from fairlead.project.parts import seconds
from fairlead.registry.decisions import Decision
from fairlead.registry.moves import Act
from fairlead.registry.port import ModelRegistry
from fairlead.registry.promotion import move_alias
from fairlead.registry.records import CHALLENGER
from fairlead.workflows.labelled_data import for_gates
from fairlead.workflows.labels import labelled_rows
from fairlead.workflows.prediction_log import LogDatabase, models_of
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

    def ask(self, version: int, recent: LabelledRows) -> Decision:
        """Ask the gates of a version, on these rows and on the holdout; nothing is changed."""
        return self._decide(version, recent, dry_run=True)

    def challenge(self, version: int) -> None:
        """Point the alias `challenger` at a version, and write that down."""
        act = Act(self.actor, self.now, self.reason)
        ledger, name = ledger_of(self.project.root), self.project.spec.name
        move_alias(self.registry, ledger, name, CHALLENGER, version, act)

    def promote(self, version: int, recent: LabelledRows) -> Decision:
        """Ask them, and make the version the champion if it passes."""
        return self._decide(version, recent, dry_run=False)

    def _decide(self, version: int, recent: LabelledRows, *, dry_run: bool) -> Decision:
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


def rows_for_gates(
    project: Project, folder: Path, database: LogDatabase, now: datetime
) -> LabelledRows | None:
    """The newest labelled predictions that no version is trained on.

    Args:
        project: the project.
        folder: of the prediction log.
        database: that reads it.
        now: UTC.

    Returns:
        None where nothing was logged, or the project's data, which says what is kept, is not here.

    Raises:
        LogQueryError: the log cannot be read.
    """
    spec = project.spec
    if spec.name not in models_of(folder):
        return None
    try:
        contract = read(project).contract
    except DataError:
        return None
    window = Window(now - timedelta(seconds=seconds(spec.retraining.window)), now)
    return for_gates(labelled_rows(folder, spec.name, contract, window, database), contract)
