"""What all errors have in common, and those that any part may raise."""

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


@dataclass(eq=False)
class StorageError(FairleadError):
    """Something could not be written; nothing half-written was left behind."""

    code: ClassVar[str] = "storage"
    path: Path
    reason: str

    def __str__(self) -> str:
        return f"{self.path} could not be written: {self.reason}; nothing was left behind"


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
