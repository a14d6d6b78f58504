"""What a model has shown in use: how it became champion, its labelled predictions, its monitor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fairlead.evaluation.records import Estimate
from fairlead.monitoring.alerts import Alert, Kind
from fairlead.monitoring.findings import Z, loss
from fairlead.monitoring.records import Quality
from fairlead.monitoring.state import MonitorState

LABELLED_DAYS = 30
"""So long back a labelled prediction is one of late."""
AGED_DAYS = 3
"""What age does is told by predictions that are so far apart."""


@dataclass(frozen=True)
class Promotion:
    """How the champion became champion, as the ledger has it, whose chain holds.

    Attributes:
        entry: which line of the ledger holds the decision.
        at: when, as the ledger has it.
        gates: name -> what it said.
        forced: whether it was promoted against them.
    """

    entry: int
    at: str
    gates: Mapping[str, str]
    forced: bool = False

    def passed(self, *names: str) -> bool:
        """Whether all gates passed, and these were among them."""
        return set(names) <= set(self.gates) and set(self.gates.values()) == {"pass"}


@dataclass(frozen=True)
class Aged:
    """One version by its labels, when they were its oldest ones and its newest ones.

    Attributes:
        version: label of the version.
        metric: the one that ranks.
        days: between the two, from median to median.
        rows: labelled ones on each side.
        young, old: the metric.
    """

    version: str
    metric: str
    days: float
    rows: int
    young: Estimate
    old: Estimate


@dataclass(frozen=True)
class Served:
    """Predictions that callers got, with their labels.

    Attributes:
        qualities: label of a version -> the metric that ranks, in the last `LABELLED_DAYS`.
        aged: what age did to a version, over all that is logged; None where that is not known.
    """

    qualities: Mapping[str, Quality]
    aged: Aged | None = None


@dataclass(frozen=True)
class Watch:
    """What the monitor remembers.

    Attributes:
        state: all of it.
        is_running: whether a monitor attends to the project now.
    """

    state: MonitorState
    is_running: bool = False

    def firing(self, *kinds: Kind) -> Alert | None:
        """The first alert of these kinds that goes on."""
        return next((each for each in self.state.policy.firing if each.kind in kinds), None)


def against_training(quality: Quality) -> str:
    """What labels say beside what training said, in words."""
    measured = quality.measured.value if quality.measured else float("nan")
    told = f"{quality.metric} {measured:.4g} on {quality.labelled:,} labelled predictions"
    return f"{told}, {quality.baseline.value:.4g} in training"


def is_worse(quality: Quality, least: float) -> bool:
    """Whether labels show a loss of at least so much, as an alert would."""
    value, error = loss(quality, quality.measured)
    return value >= least and value > Z * error


def is_other(quality: Quality, least: float) -> bool:
    """The same, also where it is better than it should be."""
    value, error = loss(quality, quality.measured)
    return abs(value) >= least and abs(value) > Z * error


def are_reversed(one: Quality, other: Quality) -> bool:
    """Whether one version is surely better in training, and surely worse in use."""
    if one.measured is None or other.measured is None:
        return False
    return _order(one.baseline, other.baseline) * _order(one.measured, other.measured) < 0


def _order(one: Estimate, other: Estimate) -> int:
    """1 or -1 where one is surely the greater or the smaller; 0 where intervals meet."""
    return int(one.low > other.high) - int(one.high < other.low)
