"""Errors of whoever writes a project file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from fairlead.errors.base import FairleadError


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
