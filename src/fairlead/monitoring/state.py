"""What a monitor remembers between its looks, in one file that is written whole."""

from __future__ import annotations

import math
from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from fairlead.errors import MonitorStateError
from fairlead.evaluation.records import Estimate
from fairlead.monitoring.consequences import Consequence
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.outbox import Delivery
from fairlead.monitoring.policy import PolicyState
from fairlead.monitoring.records import DriftReport, Window
from fairlead.storage import write_whole

KEPT = 400
"""Looks that are remembered."""


class Looked(Struct, frozen=True):
    """One look, in figures.

    Attributes:
        at: UTC.
        window: that was looked at.
        version: that was watched.
        rows: in the window; None where drift could not be told.
        share: of the columns that had drifted.
        drifted, broken: names of columns.
        effects: column, or `prediction` -> effect over its threshold, for what had one.
        metric: whose values follow; None where quality could not be told.
        measured, expected, baseline: of all rows together.
        labelled: rows with a label.
    """

    at: datetime
    window: Window
    version: str
    rows: int | None = None
    share: float | None = None
    drifted: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    effects: dict[str, float] = {}
    metric: str | None = None
    measured: float | None = None
    expected: float | None = None
    baseline: float | None = None
    labelled: int | None = None

    @classmethod
    def of(cls, seen: Observation, now: datetime) -> Looked:
        """The figures of an observation."""
        look = cls(now, seen.window, seen.watched.version)
        drift, quality = seen.drift, seen.overall
        if drift is not None:
            look = msgspec.structs.replace(
                look,
                rows=drift.rows,
                share=drift.share,
                drifted=drift.drifted,
                broken=drift.broken,
                effects=_effects(drift),
            )
        if quality is not None:
            look = msgspec.structs.replace(
                look,
                metric=quality.metric,
                measured=_value(quality.measured),
                expected=_value((seen.current or quality).expected),
                baseline=_value(quality.baseline),
                labelled=quality.labelled,
            )
        return look


def _effects(drift: DriftReport) -> dict[str, float]:
    judged = [*drift.columns, *([drift.prediction] if drift.prediction else [])]
    return {
        each.column: each.effect / each.threshold
        for each in judged
        if each.threshold > 0 and math.isfinite(each.effect)
    }


def _value(estimate: Estimate | None) -> float | None:
    return estimate.value if estimate is not None and estimate.is_defined else None


class Failing(Struct, frozen=True):
    """A step that does not work.

    Attributes:
        what: why, the last time.
        since: when it failed first, UTC.
        times: that it has failed in a row.
    """

    what: str
    since: datetime
    times: int = 1


class MonitorState(Struct, frozen=True):
    """All of it.

    Attributes:
        format: of this file.
        model: that is watched.
        policy: streaks and alerts.
        outbox: alerts that are still to be told.
        looks: the last ones.
        failing: steps that did not work at the last tick.
        consequence: of the last look.
        ticked_at: when the last tick ended, UTC; None before the first.
        ticks: number of them.
        given_up: deliveries that never arrived.
    """

    format: Literal[1] = 1
    model: str = ""
    policy: PolicyState = PolicyState()
    outbox: tuple[Delivery, ...] = ()
    looks: tuple[Looked, ...] = ()
    failing: dict[str, Failing] = {}
    consequence: Consequence = Consequence("none", "nobody has looked yet")
    ticked_at: datetime | None = None
    ticks: int = 0
    given_up: int = 0


def read_state(path: Path) -> MonitorState:
    """What was remembered; a new one where there is no file.

    Raises:
        MonitorStateError: the file is not what was written.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=MonitorState)
    except FileNotFoundError:
        return MonitorState()
    except msgspec.DecodeError as error:
        raise MonitorStateError(path, str(error)) from error


def write_state(path: Path, state: MonitorState) -> None:
    """Remember.

    Raises:
        StorageError: it could not be written; the old one is still there.
    """
    content = msgspec.json.encode(state)
    write_whole(path, msgspec.json.format(content, indent=1) + b"\n")
