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

from fairlead.errors.base import ExtraMissingError, FairleadError, SettingsError, StorageError
from fairlead.errors.data import (
    ChecksFailedError,
    ContractError,
    DataError,
    DataInvalidError,
    DataMissingError,
    DecisionError,
    DigestMismatchError,
    FetchError,
    FoldsError,
    Violation,
)
from fairlead.errors.models import (
    AdoptionError,
    BundleError,
    CompileError,
    EvaluationError,
    ModelError,
    ParityError,
    ReproductionError,
    TrainingError,
    UnknownFamilyError,
)
from fairlead.errors.operation import (
    AlertNotFoundError,
    DeliveryError,
    FlowError,
    FlowServerError,
    LogQueryError,
    MonitorError,
    MonitorRunningError,
    MonitorStateError,
    RetrainingRunningError,
    RetrainingStateError,
)
from fairlead.errors.project import ExpressionError, FilesExistError, Problem, ProjectError
from fairlead.errors.registry import (
    AliasMovedError,
    AliasNameError,
    ChampionAliasError,
    LedgerError,
    ModelVersionNotFoundError,
    NothingToRollBackError,
    ReasonMissingError,
    RegistryError,
    RegistryUnavailableError,
    TrafficError,
)

__all__ = [
    "AdoptionError",
    "AlertNotFoundError",
    "AliasMovedError",
    "AliasNameError",
    "BundleError",
    "ChampionAliasError",
    "ChecksFailedError",
    "CompileError",
    "ContractError",
    "DataError",
    "DataInvalidError",
    "DataMissingError",
    "DecisionError",
    "DeliveryError",
    "DigestMismatchError",
    "EvaluationError",
    "ExpressionError",
    "ExtraMissingError",
    "FairleadError",
    "FetchError",
    "FilesExistError",
    "FlowError",
    "FlowServerError",
    "FoldsError",
    "LedgerError",
    "LogQueryError",
    "ModelError",
    "ModelVersionNotFoundError",
    "MonitorError",
    "MonitorRunningError",
    "MonitorStateError",
    "NothingToRollBackError",
    "ParityError",
    "Problem",
    "ProjectError",
    "ReasonMissingError",
    "RegistryError",
    "RegistryUnavailableError",
    "ReproductionError",
    "RetrainingRunningError",
    "RetrainingStateError",
    "SettingsError",
    "StorageError",
    "TrafficError",
    "TrainingError",
    "UnknownFamilyError",
    "Violation",
]
