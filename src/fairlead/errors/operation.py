"""Errors of what runs beside a service: its log, monitor, retrainings and flows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fairlead.errors.base import FairleadError


@dataclass(eq=False)
class LogQueryError(FairleadError):
    """The prediction log cannot answer what was asked."""

    code: ClassVar[str] = "log_query"
    found: str
    expected: str

    def __str__(self) -> str:
        return f"cannot ask the prediction log: found {self.found}\nexpected {self.expected}"


@dataclass(eq=False)
class RetrainingRunningError(FairleadError):
    """Another process retrains the project."""

    code: ClassVar[str] = "retraining_running"
    path: Path
    pid: str

    def __str__(self) -> str:
        return (
            f"process {self.pid} retrains this project, found its lock {self.path}\n"
            "expected one retraining at a time: wait for its end"
        )


@dataclass(eq=False)
class RetrainingStateError(FairleadError):
    """The file of what retrainings remember is not what was written."""

    code: ClassVar[str] = "retraining_state"
    path: Path
    found: str

    def __str__(self) -> str:
        return (
            f"{self.path}: found {self.found}, expected what a retraining wrote\n"
            "move the file away to begin anew: cool-down and budget are forgotten then"
        )


@dataclass(eq=False)
class FlowError(FairleadError):
    """The command of a flow failed; its log has all that it said."""

    code: ClassVar[str] = "flow"
    verb: str
    status: int
    last: str
    passing: bool = False
    """Whether another try may do better."""

    def __str__(self) -> str:
        return f"`fairlead {self.verb}` ended with status {self.status}: {self.last}"


@dataclass(eq=False)
class FlowServerError(FairleadError):
    """There is no server of Prefect's to run flows for."""

    code: ClassVar[str] = "flow_server"
    found: str
    expected: str

    def __str__(self) -> str:
        return f"cannot serve flows: found {self.found}, expected {self.expected}"


class MonitorError(FairleadError):
    """Something is wrong with a monitor, or with what was asked of it."""

    code: ClassVar[str] = "monitor"


@dataclass(eq=False)
class MonitorRunningError(MonitorError):
    """A project has one monitor at a time."""

    code: ClassVar[str] = "monitor_running"
    lock: Path

    def __str__(self) -> str:
        return (
            f"another process watches this project: it holds {self.lock}; see what it does with "
            "`fairlead monitor status`, or end it first"
        )


@dataclass(eq=False)
class MonitorStateError(MonitorError):
    """What a monitor remembers cannot be read."""

    code: ClassVar[str] = "monitor_state"
    path: Path
    reason: str

    def __str__(self) -> str:
        return (
            f"{self.path} is not what a monitor wrote: {self.reason}; move it away to begin "
            "anew, with no alert and no window counted"
        )


@dataclass(eq=False)
class DeliveryError(MonitorError):
    """A receiver did not take an alert; it is sent again."""

    code: ClassVar[str] = "delivery"
    sink: str
    reason: str

    def __str__(self) -> str:
        return f"{self.sink} did not take the alert: {self.reason}"


@dataclass(eq=False)
class AlertNotFoundError(MonitorError):
    """There is no such alert."""

    code: ClassVar[str] = "alert_not_found"
    alert: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        known = f"known: {', '.join(self.known)}" if self.known else "none was ever raised"
        return f"no alert {self.alert!r}; {known}"
