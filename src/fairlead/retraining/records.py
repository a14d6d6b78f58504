"""Facts about retrainings: what one is decided on, what was decided, and what came of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, get_args

from msgspec import Struct

from fairlead.monitoring.records import Quality
from fairlead.project.parts import seconds
from fairlead.project.spec import RetrainingSpec

Trigger = Literal["schedule", "alert", "age", "hand"]
TRIGGERS: tuple[Trigger, ...] = get_args(Trigger)
Action = Literal["retrain", "wait"]
Outcome = Literal["promoted", "challenger", "refused", "failed"]
BUDGET_SPAN = timedelta(days=30)


@dataclass(frozen=True)
class Rules:
    """When a model is retrained, as the project file has it.

    Attributes:
        min_quality_drop: smallest relative loss for which an alert retrains.
        min_labels: usable labelled predictions that there must be since the last retraining.
        max_label_age: of the newest of them.
        cooldown: after a retraining.
        budget: most retrainings in `BUDGET_SPAN`.
    """

    min_quality_drop: float = 0.03
    min_labels: int = 200
    max_label_age: timedelta = timedelta(days=14)
    cooldown: timedelta = timedelta(days=4)
    budget: int = 8

    @classmethod
    def of(cls, spec: RetrainingSpec) -> Rules:
        """Those of a project."""
        return cls(
            spec.min_quality_drop,
            spec.min_labels,
            timedelta(seconds=seconds(spec.max_label_age)),
            timedelta(seconds=seconds(spec.cooldown)),
            spec.budget,
        )


@dataclass(frozen=True)
class Facts:
    """What is known when somebody asks whether to retrain.

    Attributes:
        broken: column -> why it looks like a fault of the pipeline.
        drifted: columns that have drifted; None where it could not be told.
        schema: how the features of the project file differ from the champion's.
        quality: of the predictions with labels; None where there is none.
        labels: labelled predictions that can be trained on.
        new_labels: of those, the ones that the last retraining did not have.
        newest_label: when the newest of them was made, UTC; None without any.
        unusable: why -> labelled predictions that cannot be trained on.
    """

    broken: dict[str, str]
    drifted: tuple[str, ...] | None
    schema: tuple[str, ...]
    quality: Quality | None
    labels: int
    new_labels: int
    newest_label: datetime | None
    unusable: dict[str, int]


class Run(Struct, frozen=True):
    """One retraining, from its decision to its outcome.

    Attributes:
        id: of the run.
        started_at: UTC.
        trigger: what made somebody ask.
        reason: in words.
        actor: who, as `user@host`.
        champion: version that was to be beaten.
        data: SHA-256 of the labelled rows; empty until they are written.
        bundle: digest of what was made of them and put forward; empty until it is there.
        version: its number in the registry; None where it was not registered.
        outcome: None while it goes on.
        finished_at: UTC; None while it goes on.
        told: what came of it, in words.
    """

    id: str
    started_at: datetime
    trigger: Trigger
    reason: str
    actor: str
    champion: int
    data: str = ""
    bundle: str = ""
    version: int | None = None
    outcome: Outcome | None = None
    finished_at: datetime | None = None
    told: str = ""


@dataclass(frozen=True)
class Reason:
    """One step of the decision.

    Attributes:
        step: such as `pipeline`.
        text: what was found.
        stops: whether nothing is retrained because of it.
    """

    step: str
    text: str
    stops: bool = False


@dataclass(frozen=True)
class Verdict:
    """Whether to retrain.

    Attributes:
        action: what to do.
        trigger: what made somebody ask.
        reasons: every step, in the order in which they were asked.
        forced: whether it is done although a step says no.
    """

    action: Action
    trigger: Trigger
    reasons: tuple[Reason, ...]
    forced: bool = False

    @property
    def why(self) -> str:
        """The reasons that decide, in one line."""
        stops = [each.text for each in self.reasons if each.stops]
        return "; ".join(stops or [each.text for each in self.reasons])

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)
