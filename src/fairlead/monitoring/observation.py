"""What one look at a model found, whoever looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from fairlead.monitoring.records import DriftReport, Quality, Window


@dataclass(frozen=True)
class Fault:
    """A step that failed; the others went on.

    Attributes:
        step: such as `drift`.
        what: why, in words; never a row.
    """

    step: str
    what: str


@dataclass(frozen=True)
class Watched:
    """The version that answers for a model.

    Attributes:
        model: name of the registered model.
        version: its label, as in the prediction log.
        digest: of its bundle.
        run_id: of the run that made it; None where none was logged.
        trained_at: UTC; None where nobody wrote it down.
    """

    model: str
    version: str
    digest: str
    run_id: str | None = None
    trained_at: datetime | None = None


@dataclass(frozen=True)
class Observation:
    """What was found in one window.

    Attributes:
        watched: what is compared and judged.
        window: that `drift` is about; its end is when somebody looked.
        drift: None where it could not be told.
        quality: all of it, in parts too; empty where it could not be told.
        quality_window: that `quality` is about, earlier where labels are late; None without.
        current: the quality in `window`, where `quality` is of an earlier one; None if it is not.
        last_prediction: time of the newest, UTC; None where there is none.
        last_label: time of the newest prediction with a label, UTC; None where there is none.
        faults: what could not be told, and why.
    """

    watched: Watched
    window: Window
    drift: DriftReport | None = None
    quality: tuple[Quality, ...] = ()
    quality_window: Window | None = None
    current: Quality | None = None
    last_prediction: datetime | None = None
    last_label: datetime | None = None
    faults: tuple[Fault, ...] = ()

    @property
    def overall(self) -> Quality | None:
        """The quality of the watched version; None where only others have labels.

        Late labels are of predictions that a version before it may have made: they say nothing
        about this one.
        """
        whole = [each for each in self.quality if each.route is None and each.slice is None]
        named = [each for each in whole if each.version is not None]
        own = [each for each in named if each.version == self.watched.version]
        found = own or ([] if named else whole)
        return found[0] if found else None


Look = Callable[[Window], Observation]
"""Looks at a window; what fails on the way is a fault of the observation."""
