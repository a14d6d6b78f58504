"""Errors of the registry, and of those who promote, roll back and share out the traffic."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fairlead.errors.base import FairleadError


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
