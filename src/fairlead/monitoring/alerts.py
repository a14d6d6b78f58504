"""What an alert is, and the rules by which something is one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from fairlead.monitoring.records import Window
from fairlead.project.parts import seconds
from fairlead.project.spec import ProjectSpec

Kind = Literal["pipeline", "quality", "drift", "estimate", "prediction", "stale"]
Severity = Literal["info", "warning", "critical"]
KINDS: tuple[Kind, ...] = ("pipeline", "quality", "drift", "estimate", "prediction", "stale")
"""In the order in which they are to be answered."""
SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


class Alert(Struct, frozen=True):
    """Something that somebody should know; it goes on until it is over.

    Attributes:
        id: never given twice; starts with the alert's number.
        kind: what is wrong: `pipeline` (columns look like a fault upstream), `quality` (measured
            on labels), `drift`, `estimate` (quality as it is expected without labels),
            `prediction` (what is predicted drifts), `stale`.
        severity: as it was when the alert was raised.
        subjects: columns; the metric; `prediction`; or what is stale.
        summary: one line for people; holds no value of a row.
        model, version, digest, run_id: what was watched.
        window: in which it was found, when it was raised.
        first_seen: when it was found first, UTC: before it was raised, if that took two windows.
        raised_at: UTC.
        last_seen: when it was found last, UTC.
        resolved_at: when it was found to be over, UTC; None while it goes on.
    """

    id: str
    kind: Kind
    severity: Severity
    subjects: tuple[str, ...]
    summary: str
    model: str
    version: str
    digest: str
    run_id: str | None
    window: Window
    first_seen: datetime
    raised_at: datetime
    last_seen: datetime
    resolved_at: datetime | None = None

    @property
    def number(self) -> int:
        """1, 2, 3, … in the order in which alerts were raised."""
        return int(self.id.partition("-")[0])

    @property
    def is_firing(self) -> bool:
        """Whether it goes on."""
        return self.resolved_at is None


@dataclass(frozen=True)
class Rules:
    """When something is an alert, as the project file has it.

    Attributes:
        drift_share: of the columns, from which the data has drifted.
        min_rows: fewer are not judged.
        consecutive: windows in a row, none overlapping another.
        cooldown: after an alert of a kind, before another one of it.
        min_quality_drop: smallest relative loss that is an alert.
        max_age: from which a model is too old; None without a limit.
        max_silence: without predictions or labels; None without a limit.
    """

    drift_share: float = 0.5
    min_rows: int = 200
    consecutive: int = 2
    cooldown: timedelta = timedelta(hours=6)
    min_quality_drop: float = 0.03
    max_age: timedelta | None = None
    max_silence: timedelta | None = None

    @classmethod
    def of(cls, spec: ProjectSpec) -> Rules:
        """Those of a project."""
        watch, renew = spec.monitoring, spec.retraining
        return cls(
            drift_share=watch.drift_share,
            min_rows=watch.min_rows,
            consecutive=watch.consecutive,
            cooldown=timedelta(seconds=seconds(watch.cooldown)),
            min_quality_drop=renew.min_quality_drop,
            max_age=_length(renew.max_age),
            max_silence=_length(watch.max_silence),
        )


def _length(text: str | None) -> timedelta | None:
    return None if text is None else timedelta(seconds=seconds(text))
