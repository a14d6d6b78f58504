"""What a retraining works with, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

import msgspec

from fairlead.data.further import Recipe
from fairlead.evaluation.comparison import Comparison
from fairlead.monitoring.labelled import LabelledRows
from fairlead.monitoring.records import DriftReport, Quality
from fairlead.progress import Progress
from fairlead.project.loading import Project
from fairlead.registry.port import ModelRegistry, RunTracker
from fairlead.retraining.records import Run, Verdict
from fairlead.retraining.state import read_state, write_state
from fairlead.workflows.store import retraining_folder


@dataclass(frozen=True, eq=False)
class Evidence:
    """What is known of the model's late past.

    Attributes:
        labelled: predictions with labels, the oldest first.
        drift: None where it could not be told.
        quality: of all of them together; None where there is none.
    """

    labelled: LabelledRows
    drift: DriftReport | None = None
    quality: Quality | None = None


class Gated(Protocol):
    """What the gates say of a version; `Decision` in `fairlead.registry.decisions`."""

    @property
    def outcome(self) -> str:
        """`pass`, `fail` or `inconclusive`."""

    @property
    def promoted(self) -> bool:
        """Whether it was made champion."""

    @property
    def is_champion(self) -> bool:
        """Whether it was champion already."""

    def render(self) -> Any:
        """For a terminal."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""


class Gatekeeper(Protocol):
    """Asks the gates of a version, see `fairlead.workflows.promote`."""

    def ask(self, version: int, recent: LabelledRows) -> Gated:
        """Ask the gates of a version, on these rows and on the holdout; nothing is changed."""

    def challenge(self, version: int) -> None:
        """Point the alias `challenger` at a version, and write that down."""

    def promote(self, version: int, recent: LabelledRows) -> Gated:
        """Ask them, and make the version the champion if it passes."""


@dataclass(frozen=True, eq=False)
class Retraining:
    """What came of it.

    Attributes:
        verdict: of the policy; None where a run that was stopped went on.
        run: what was done; None where it waits, or only asked.
        tried: recipe -> the metric that ranks on rows that were kept to choose by, or an error.
        comparison: of challenger and champion on the newest rows that are kept for gates.
        decision: of the gates, as they render it; None where they were not asked.
        resumed: whether a run that was stopped went on.
    """

    verdict: Verdict | None = None
    run: Run | None = None
    tried: Mapping[Recipe, float | str] = field(default_factory=dict)
    comparison: Comparison | None = None
    decision: Gated | None = None
    resumed: bool = False

    @property
    def told(self) -> str:
        """In one line."""
        if self.run is not None:
            return f"{self.run.outcome}: {self.run.told}"
        if self.verdict is None:
            return "nothing was asked"
        return f"{self.verdict.action}: {self.verdict.why}"

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return {
            "verdict": self.verdict and self.verdict.to_json(),
            "run": None if self.run is None else msgspec.to_builtins(self.run),
            "tried": dict(self.tried),
            "comparison": self.comparison and self.comparison.to_dict(),
            "decision": self.decision and self.decision.to_json(),
            "resumed": self.resumed,
        }


@dataclass(frozen=True, eq=False)
class Desk:
    """All that a retraining works with.

    Attributes:
        project: the project.
        registry: where versions are.
        tracker: where runs are logged; None logs none.
        gates: who judges a version.
        now: UTC, the moment that everything is dated by.
        actor: who, as `user@host`.
        jobs: processes; 0 takes one per core.
        progress: told how far it is.
    """

    project: Project
    registry: ModelRegistry
    tracker: RunTracker | None
    gates: Gatekeeper
    now: datetime
    actor: str
    jobs: int = 0
    progress: Progress | None = None

    @property
    def folder(self) -> Path:
        """Of what retrainings remember."""
        return retraining_folder(self.project.root)

    def remember(self, run: Run) -> Run:
        """Write down how far a run is."""
        write_state(self.folder, read_state(self.folder).with_run(run))
        return run
