"""Every deliberate error, drawn as a tree with who can mend it.

FairleadError
├── ProjectError          the author of fairlead.yaml: every problem of the file at once
├── ExpressionError       the author of an expression
├── DataError             whoever delivers the data
│   ├── DataInvalidError      the file cannot be read as declared
│   ├── DataMissingError      the file is not there: `fairlead data fetch`
│   ├── DecisionError         data that only its owner can decide about
│   ├── FetchError            the source does not answer, or answers wrongly
│   ├── DigestMismatchError   the file is not the one that was declared
│   ├── ContractError         rows break the contract
│   ├── ChecksFailedError     a check of the project does not hold
│   └── FoldsError            too few rows for `evaluation.cv`
├── ModelError            the author of a candidate
│   ├── UnknownFamilyError    no such family is installed
│   ├── TrainingError         it cannot be fitted on this data
│   ├── EvaluationError       predictions cannot be scored, or not by the metric asked for
│   ├── CompileError          the fitted estimator cannot become an exact graph
│   ├── AdoptionError         a fitted model of another origin cannot become a bundle
│   └── ParityError           graph and estimator disagree: a bug, please report it
├── ReproductionError     whoever asks for a version that nothing says how to make
├── BundleError           whoever copied or stored the bundle: it is not what was written
├── StorageError          the operator: disk full, no permission
├── RegistryError         the operator of the registry
│   ├── ModelVersionNotFoundError  no such name, version or alias
│   ├── AliasMovedError            somebody else moved the alias first
│   ├── NothingToRollBackError     the present champion is the first
│   ├── AliasNameError             no registry takes such a name
│   ├── ChampionAliasError         the champion is moved by promotion and rollback only
│   ├── ReasonMissingError         whoever forces a promotion and does not say why
│   ├── TrafficError               whoever shares out the traffic
│   └── RegistryUnavailableError   the registry does not answer
├── FilesExistError       whoever starts a project where there is one already
├── LedgerError           whoever changed the ledger by hand
├── LogQueryError         whoever asks the prediction log
├── MonitorError          the operator of a monitor
│   ├── MonitorRunningError   another process watches the project
│   ├── MonitorStateError     somebody changed what a monitor remembers
│   ├── DeliveryError         whoever receives alerts: it did not take one
│   └── AlertNotFoundError    whoever asks for an alert
├── RetrainingRunningError  whoever retrains while somebody else does
├── RetrainingStateError  whoever changed what retrainings remember
├── FlowError             whoever runs a flow: its command failed
├── FlowServerError       the operator of Prefect's server
├── ExtraMissingError     whoever installed Fairlead: one `pip install` away
└── SettingsError         whoever set the environment variables

Errors cross process pools, so each keeps its fields and can be pickled.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar


class FairleadError(Exception):
    """Any error that Fairlead raises on purpose; `code` never changes once published."""

    code: ClassVar[str] = "fairlead"

    def __reduce__(self) -> tuple[object, ...]:
        """Rebuild from the fields: `Exception` would call `__init__` with no arguments."""
        return (_rebuild, (type(self), self.__dict__.copy()))


def _rebuild(kind: type[FairleadError], fields: dict[str, object]) -> FairleadError:
    error = kind.__new__(kind)
    error.__dict__.update(fields)
    return error


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong in a project file."""

    where: str
    """Key path, such as `data.columns.age.min`."""
    found: str
    expected: str
    line: int | None = None

    def __str__(self) -> str:
        return f"{self.where}: found {self.found}, expected {self.expected}"


@dataclass(eq=False)
class ProjectError(FairleadError):
    """The project file is not valid; all problems are listed, in the order of the file."""

    code: ClassVar[str] = "project"
    path: Path
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        lines = [
            f"{self.path}:{problem.line}: {problem}" if problem.line else f"{self.path}: {problem}"
            for problem in self.problems
        ]
        count = len(lines)
        head = f"{count} problem{'' if count == 1 else 's'} in the project file"
        return "\n  ".join([head, *lines])


@dataclass(eq=False)
class ExpressionError(FairleadError):
    """An expression is not in the language, or names something that does not exist."""

    code: ClassVar[str] = "expression"
    text: str
    found: str
    expected: str

    def __str__(self) -> str:
        return f"in `{self.text}`: found {self.found}, expected {self.expected}"


class DataError(FairleadError):
    """Something is wrong with the data."""

    code: ClassVar[str] = "data"


@dataclass(eq=False)
class DataInvalidError(DataError):
    """The file cannot be read as the project says."""

    code: ClassVar[str] = "data_invalid"
    path: Path
    found: str
    expected: str

    def __str__(self) -> str:
        return f"{self.path}: found {self.found}, expected {self.expected}"


@dataclass(eq=False)
class DataMissingError(DataError):
    """A data file is not where the project says."""

    code: ClassVar[str] = "data_missing"
    path: Path
    hint: str

    def __str__(self) -> str:
        return f"{self.path} does not exist; {self.hint}"


@dataclass(eq=False)
class DecisionError(DataError):
    """A project cannot be made of this data before somebody decides something."""

    code: ClassVar[str] = "decision"
    path: Path
    found: str
    decision: str

    def __str__(self) -> str:
        return f"{self.path}: found {self.found}; to decide: {self.decision}"


@dataclass(eq=False)
class FetchError(DataError):
    """A source could not be downloaded; what has arrived is kept for the next try."""

    code: ClassVar[str] = "fetch"
    url: str
    reason: str

    def __str__(self) -> str:
        return f"{self.url} could not be fetched: {self.reason}"


@dataclass(eq=False)
class DigestMismatchError(DataError):
    """The bytes are not those that the project declares."""

    code: ClassVar[str] = "digest_mismatch"
    path: Path
    expected: str
    actual: str

    def __str__(self) -> str:
        return (
            f"{self.path} has SHA-256 {self.actual}, expected {self.expected}; "
            "the source has changed or the copy is damaged: delete it and fetch again, "
            "or review the new data and update `data.source.sha256`"
        )


@dataclass(frozen=True)
class Violation:
    """One rule of the contract, and how many rows break it. Never holds a value."""

    column: str
    rule: str
    """Such as `a whole number`, `<= 90`, `not missing`, `one of the declared categories`."""
    count: int
    rows: tuple[int, ...]
    """The first few rows, counted from 0 within what was given; of a file, from 1."""

    def __str__(self) -> str:
        shown = ", ".join(str(row) for row in self.rows)
        more = ", …" if self.count > len(self.rows) else ""
        return f"column {self.column}: must be {self.rule} (row {shown}{more}; {self.count} in all)"


@dataclass(eq=False)
class ContractError(DataError):
    """Rows break the contract and its policy is to reject them."""

    code: ClassVar[str] = "contract"
    source: str
    violations: tuple[Violation, ...]

    def __str__(self) -> str:
        head = f"{self.source} breaks the contract"
        return "\n  ".join([head, *(str(violation) for violation in self.violations)])


@dataclass(eq=False)
class ChecksFailedError(DataError):
    """The data keeps the contract, but not the project's own checks."""

    code: ClassVar[str] = "checks_failed"
    path: Path
    checks: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join([f"{self.path} fails `data.checks`", *self.checks])


@dataclass(eq=False)
class FoldsError(DataError):
    """The training rows cannot be cut as `evaluation.cv` says."""

    code: ClassVar[str] = "folds"
    kind: str
    rows: int
    reason: str

    def __str__(self) -> str:
        return (
            f"`evaluation.cv` ({self.kind}) cannot cut the {self.rows} training rows: "
            f"{self.reason}; take fewer folds, another kind, or more rows"
        )


class ModelError(FairleadError):
    """Something is wrong with a candidate."""

    code: ClassVar[str] = "model"


@dataclass(eq=False)
class UnknownFamilyError(ModelError):
    """No installed package provides this family."""

    code: ClassVar[str] = "unknown_family"
    family: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"family {self.family!r} is not installed; known: {', '.join(self.known)}"


@dataclass(eq=False)
class TrainingError(ModelError):
    """A candidate could not be fitted."""

    code: ClassVar[str] = "training"
    candidate: str
    reason: str

    def __str__(self) -> str:
        return f"candidate {self.candidate} cannot be trained: {self.reason}"


@dataclass(eq=False)
class EvaluationError(ModelError):
    """Predictions cannot be scored, or not by the metric that was asked for."""

    code: ClassVar[str] = "evaluation"
    found: str
    expected: str

    def __str__(self) -> str:
        return f"cannot evaluate: found {self.found}, expected {self.expected}"


@dataclass(eq=False)
class CompileError(ModelError):
    """The fitted estimator cannot be expressed as an exact graph."""

    code: ClassVar[str] = "compile"
    family: str
    reason: str

    def __str__(self) -> str:
        return f"family {self.family} cannot be compiled: {self.reason}"


@dataclass(eq=False)
class AdoptionError(ModelError):
    """A model that was fitted elsewhere cannot become a bundle."""

    code: ClassVar[str] = "adoption"
    step: str
    """The file, the step of a pipeline, or the column that is to blame."""
    reason: str

    def __str__(self) -> str:
        return f"the model cannot be adopted: {self.step} {self.reason}"


@dataclass(eq=False)
class ParityError(ModelError):
    """The graph does not give what the fitted estimator gives."""

    code: ClassVar[str] = "parity"
    output: str
    rows: int
    of: int
    worst: float
    tolerance: float

    def __str__(self) -> str:
        return (
            f"output {self.output} of the graph differs from the fitted estimator on {self.rows} "
            f"of {self.of} rows (largest difference {self.worst:.3g}, "
            f"allowed {self.tolerance:.3g}); no bundle was written"
        )


@dataclass(eq=False)
class ReproductionError(FairleadError):
    """A version cannot be made again, whatever would come of it."""

    code: ClassVar[str] = "reproduction"
    version: str
    reason: str

    def __str__(self) -> str:
        return f"{self.version} cannot be made again: {self.reason}"


@dataclass(eq=False)
class BundleError(FairleadError):
    """A bundle is not what was written; every fault is listed."""

    code: ClassVar[str] = "bundle"
    path: Path
    faults: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join([f"{self.path} is not a sound bundle", *self.faults])


@dataclass(eq=False)
class StorageError(FairleadError):
    """Something could not be written; nothing half-written was left behind."""

    code: ClassVar[str] = "storage"
    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} could not be written: {self.reason}; nothing was left behind"


@dataclass(eq=False)
class FilesExistError(FairleadError):
    """Files that would be written are there already; nothing was written."""

    code: ClassVar[str] = "files_exist"
    folder: Path
    names: tuple[str, ...]

    def __str__(self) -> str:
        return (
            f"{self.folder} has {', '.join(self.names)} already; nothing was written: take "
            "another --folder, or move them away"
        )


class RegistryError(FairleadError):
    """Something is wrong with the registry or with what was asked of it."""

    code: ClassVar[str] = "registry"


@dataclass(eq=False)
class ModelVersionNotFoundError(RegistryError):
    """The registry has no such model, version or alias."""

    code: ClassVar[str] = "model_version_not_found"
    model: str
    reference: str
    known: tuple[str, ...] = ()

    def __str__(self) -> str:
        known = f"known: {', '.join(self.known)}" if self.known else "nothing is registered"
        return f"{self.model} has no version or alias {self.reference!r}; {known}"


@dataclass(eq=False)
class AliasMovedError(RegistryError):
    """The alias no longer points where the caller last saw it."""

    code: ClassVar[str] = "alias_moved"
    model: str
    alias: str
    expected: int | None
    actual: int | None

    def __str__(self) -> str:
        return (
            f"{self.model}@{self.alias} is {self.actual}, expected {self.expected}: somebody else "
            "has moved it; `fairlead history` says who"
        )


@dataclass(eq=False)
class NothingToRollBackError(RegistryError):
    """No former champion is left to return to."""

    code: ClassVar[str] = "nothing_to_roll_back"
    model: str
    version: int

    def __str__(self) -> str:
        return (
            f"{self.model} has no champion before version {self.version}: nothing to roll back to"
        )


@dataclass(eq=False)
class AliasNameError(RegistryError):
    """A name that cannot be an alias."""

    code: ClassVar[str] = "alias_name"
    alias: str

    def __str__(self) -> str:
        return (
            f"{self.alias!r} cannot be an alias: found something other than letters, digits, _ "
            "and -, a version such as v1, or latest"
        )


@dataclass(eq=False)
class ChampionAliasError(RegistryError):
    """The champion was to be moved like any other alias."""

    code: ClassVar[str] = "champion_alias"
    reference: str

    def __str__(self) -> str:
        return (
            f"the champion is no alias to move by hand: `fairlead promote {self.reference}` asks "
            "the gates first, `fairlead rollback` goes back"
        )


@dataclass(eq=False)
class ReasonMissingError(RegistryError):
    """A promotion was to be forced without a reason."""

    code: ClassVar[str] = "reason_missing"
    reference: str

    def __str__(self) -> str:
        return (
            f"to force {self.reference} against the gates needs a reason, which the ledger keeps: "
            '--reason "..."'
        )


@dataclass(eq=False)
class RegistryUnavailableError(RegistryError):
    """The registry does not answer, or answers with an error of its own."""

    code: ClassVar[str] = "registry_unavailable"
    uri: str
    reason: str

    def __str__(self) -> str:
        return f"the registry at {self.uri} cannot be used: {self.reason}"


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


@dataclass(eq=False)
class TrafficError(RegistryError):
    """Traffic cannot be split as was asked; every fault is listed."""

    code: ClassVar[str] = "traffic"
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join(["the traffic cannot be split like that", *self.problems])


@dataclass(eq=False)
class LedgerError(FairleadError):
    """A line of the ledger is not what was appended, or not where."""

    code: ClassVar[str] = "ledger"
    path: Path
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.reason}"


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


@dataclass(eq=False)
class ExtraMissingError(FairleadError):
    """An optional part of Fairlead is not installed."""

    code: ClassVar[str] = "extra_missing"
    what: str
    extra: str

    def __str__(self) -> str:
        return f"{self.what} needs an extra: pip install 'fairlead[{self.extra}]'"


@dataclass(eq=False)
class SettingsError(FairleadError):
    """An environment variable is unknown or has an illegal value."""

    code: ClassVar[str] = "settings"
    problems: tuple[str, ...]

    def __str__(self) -> str:
        return "\n  ".join(["the environment is not valid", *self.problems])
