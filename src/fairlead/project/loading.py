"""Reads a project file and reports everything that is wrong with it, line by line."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from fairlead.errors import Problem, ProjectError
from fairlead.project import FILE_NAME
from fairlead.project.document import Document, read_document, write_document
from fairlead.project.readiness import ScoreSpec
from fairlead.project.salvage import salvage
from fairlead.project.scope import check_expressions
from fairlead.project.spec import ProjectSpec

Check = Callable[[ProjectSpec], Iterable[Problem]]
"""A later layer's part in checking a file, such as the parameters of the candidates."""


@dataclass(frozen=True)
class Project:
    """A project whose file is valid.

    Attributes:
        path: the file.
        root: its folder, to which all paths in the file are relative.
        spec: what the file says.
        digest: SHA-256 of the spec as canonical JSON: layout, comments, written defaults, the
            order of a candidate's parameters and `score` do not change it; the order of columns
            does.
    """

    path: Path
    root: Path
    spec: ProjectSpec
    digest: str

    @classmethod
    def from_spec(cls, spec: ProjectSpec, root: Path | str, *checks: Check) -> Self:
        """A project made in Python.

        Raises:
            ProjectError: an expression or one of `checks` finds problems; all are listed.
        """
        root = Path(root)
        path = root / FILE_NAME
        problems = tuple(_checked(spec, checks))
        if problems:
            raise ProjectError(path, problems)
        return cls(path, root, spec, spec_digest(spec))


def load_project(path: Path | str, *checks: Check) -> Project:
    """Load a project.

    Args:
        path: the project file, or the folder that has a `fairlead.yaml`.
        checks: further checks; their problems are reported together with the file's own.

    Raises:
        ProjectError: there is no such file, or it has problems; all of them are listed, in the
            order of the file.
    """
    file = _located(Path(path))
    document = read_document(_text(file))
    if document.problems and document.values is None:
        raise ProjectError(file, document.problems)
    if not isinstance(document.values, dict):
        found = "an empty file" if document.values is None else "something else"
        expected = "keys and values: `name`, `task`, `data`, `candidates` and `evaluation` at least"
        raise ProjectError(file, (Problem("file", found, expected, 1),))
    result = salvage(document.values)
    problems = list(result.problems)
    if result.spec:
        problems += result.news(_checked(result.spec, checks), document.values)
    if problems or document.problems or not result.spec:
        raise ProjectError(file, _in_file_order((*document.problems, *problems), document))
    return Project(file, file.parent, result.spec, spec_digest(result.spec))


def dump_spec(spec: ProjectSpec) -> str:
    """The text of a project file that says what `spec` says; defaults are left out."""
    return write_document(spec.model_dump(mode="json", exclude_defaults=True))


def spec_digest(spec: ProjectSpec) -> str:
    """SHA-256 of a spec as canonical JSON, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(spec)).hexdigest()


def canonical_json(spec: ProjectSpec) -> bytes:
    """A spec with all its defaults, without `score`, for `ProjectSpec.model_validate_json`."""
    # What was tested by hand is written down after the training that it is about.
    untold = spec.model_copy(update={"score": ScoreSpec()})
    values: dict[str, Any] = untold.model_dump(mode="json")
    # Elsewhere the order of keys has a meaning: the model takes columns as they are listed.
    values["candidates"] = {
        name: dict(sorted(candidate.items())) for name, candidate in values["candidates"].items()
    }
    return json.dumps(values, separators=(",", ":")).encode()


def _checked(spec: ProjectSpec, checks: Iterable[Check]) -> Iterable[Problem]:
    for check in (check_expressions, *checks):
        yield from check(spec)


def _in_file_order(problems: Iterable[Problem], document: Document) -> tuple[Problem, ...]:
    located = [
        problem
        if problem.line
        else dataclasses.replace(problem, line=document.line_of(problem.where))
        for problem in problems
    ]
    return tuple(sorted(located, key=lambda problem: problem.line or 0))


def _located(path: Path) -> Path:
    try:
        return _found(path)
    except OSError as error:
        problem = Problem("file", error.strerror or "an error", "the path of a project")
        raise ProjectError(path, (problem,)) from error


def _found(path: Path) -> Path:
    if path.is_file():
        return path
    file = path / FILE_NAME
    if file.is_file():
        return file
    if not path.exists():
        found = "nothing at this path"
    elif inner := sorted(other.parent.name for other in path.glob(f"*/{FILE_NAME}")):
        found = f"a folder of projects ({', '.join(inner[:5])}{', …' if inner[5:] else ''})"
    else:
        found = f"a folder without {FILE_NAME}"
    expected = f"the path of a project's folder or of its {FILE_NAME}"
    raise ProjectError(path, (Problem("file", found, expected),))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        problem = Problem("file", "bytes that are not UTF-8", "a text in UTF-8", line)
    except OSError as error:
        problem = Problem("file", error.strerror or "an error", "a file that can be read")
    raise ProjectError(file, (problem,))
