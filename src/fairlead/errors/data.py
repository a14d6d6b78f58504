"""Errors of whoever delivers the data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fairlead.errors.base import FairleadError


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
