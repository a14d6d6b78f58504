"""What a monitor remembers between its looks, in one file that is written whole."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from fairlead.errors import MonitorStateError
from fairlead.monitoring.consequences import Consequence
from fairlead.monitoring.observation import Observation
from fairlead.monitoring.outbox import Delivery
from fairlead.monitoring.policy import PolicyState
from fairlead.monitoring.records import Window
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
        drift, quality = seen.drift, seen.overall
        told = {} if drift is None else {"rows": drift.rows, "share": drift.share}
        judged = [*drift.columns, drift.prediction] if drift is not None else []
        effects = {
            each.column: each.effect / each.threshold
            for each in judged
            if each is not None and each.threshold > 0 and each.effect == each.effect
        }
        look = cls(now, seen.window, seen.watched.version, effects=effects, **told)  # type: ignore[arg-type]
        if drift is not None:
            look = msgspec.structs.replace(look, drifted=drift.drifted, broken=drift.broken)
        if quality is None:
            return look
        values = {
            name: None if estimate is None else estimate.to_dict()["value"]
            for name in ("measured", "expected", "baseline")
            for estimate in [getattr(quality, name)]
        }
        return msgspec.structs.replace(
            look, metric=quality.metric, labelled=quality.labelled, **values
        )


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
