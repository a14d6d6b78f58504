"""Finds everything that is wrong with a project's values at once, however much that is."""

from __future__ import annotations

import copy
import difflib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args

from pydantic import ValidationError

from fairlead.errors import Problem
from fairlead.project.columns import Task
from fairlead.project.document import key_path
from fairlead.project.parts import PARTS_ONLY, SpecPart
from fairlead.project.problems import Refusal, refusals
from fairlead.project.spec import ProjectSpec

Path = tuple[str | int, ...]

# What stands in for a required key that is absent or refused, so that the rest can be checked.
_STAND_INS: dict[Path, Any] = {
    ("name",): "unnamed",
    ("task",): "regression",
    ("candidates",): {"unnamed": {"family": ""}},
    ("evaluation",): {"metric": ""},
    ("evaluation", "metric"): "",
    ("data", "path"): "",
    ("data", "target"): {"name": "unnamed"},
    ("data", "target", "name"): "unnamed",
}
_MAX_ROUNDS = 10


@dataclass
class Salvage:
    """What could be read of the values.

    Attributes:
        spec: the whole spec, or one in which stand-ins fill the gaps; None where too little is
            left to check.
        problems: what pydantic and the parts say.
        lost: paths that are not in `spec` as they are in the file.
    """

    spec: ProjectSpec | None
    problems: list[Problem] = field(default_factory=list)
    lost: set[Path] = field(default_factory=set)

    def news(self, problems: Iterable[Problem], values: Any) -> list[Problem]:
        """Those problems that are no mere echo of what is lost."""
        return [problem for problem in problems if not self._echoes(problem, values)]

    def _echoes(self, problem: Problem, values: Any) -> bool:
        # Names stand in backticks; outside them, `a` is an article.
        said = " ".join([*re.findall("`[^`]*`", problem.found), _text_at(problem.where, values)])
        for path in self.lost:
            if re.match(rf"{re.escape(key_path(path))}(?![^.\[])", problem.where):
                return True
            if path[:2] == ("data", "target") and problem.where.startswith("data.checks"):
                return True
            name = _lost_name(path)
            if name and re.search(rf"\b{re.escape(name)}\b", said):
                return True
        return False


def _lost_name(path: Path) -> str | None:
    """The column whose type is not known, or the derived name that is not there."""
    derived = path[:2] == ("data", "derived") and len(path) == 3
    column = path[:2] == ("data", "columns") and path[3:] in ((), ("type",), ("values",), ("role",))
    return str(path[2]) if derived or (column and len(path) > 2) else None


def salvage(values: Any) -> Salvage:
    """Validate plain values; on faults go on with what is valid.

    Types are strict, as in JSON: no text is taken for a number, no number for a text.
    """
    try:
        return Salvage(_validate(values))
    except ValidationError as error:
        first = refusals(error, values, ProjectSpec)
    result = Salvage(None, [refusal.problem for refusal in first])
    rest = copy.deepcopy(values)
    # Half of the checks need the task: a misspelt one is taken for what it must mean.
    meant = difflib.get_close_matches(str(rest.get("task")), get_args(Task), n=1)
    if meant:
        rest["task"] = meant[0]
    for _ in range(_MAX_ROUNDS):
        try:
            result.spec = _validate(rest, parts_only=True)
            break
        except ValidationError as error:
            if not _repaired(rest, refusals(error, rest, ProjectSpec), result.lost):
                return result
    if ("task",) in result.lost:
        result.spec = None
    elif result.spec:
        gaps = {path[:-1] for path in result.lost} - {(), ("data",)}
        later = _contradictions(result.spec, (), gaps)
        fresh = [problem for problem in later if problem not in result.problems]
        result.problems += result.news(fresh, values)
    return result


def _validate(values: Any, *, parts_only: bool = False) -> ProjectSpec:
    text = json.dumps(values, ensure_ascii=False)
    return ProjectSpec.model_validate_json(text, strict=True, context={PARTS_ONLY: parts_only})


def _repaired(values: Any, found: list[Refusal], lost: set[Path]) -> bool:
    """Take out what is refused, deepest first; say whether anything is left."""
    for refusal in sorted(found, key=lambda refusal: -len(refusal.path)):
        path = _whole(refusal.path)
        if refusal.kind != "extra_forbidden":
            lost.add(path)
        if refusal.kind == "missing":
            path = _fill(values, path)
        elif path:
            _remove(values, path)
        if not path:
            return False
    return True


def _whole(path: Path) -> Path:
    """The list rather than its item: without one, the others would move."""
    return next((path[:i] for i, key in enumerate(path) if isinstance(key, int)), path)


def _fill(values: Any, path: Path) -> Path:
    """Put a stand-in at `path`, or take out the part that cannot be without it."""
    if path in _STAND_INS:
        _part(values, path[:-1])[path[-1]] = copy.deepcopy(_STAND_INS[path])
        return path
    if path[:2] == ("data", "columns") and path[3:] == ("type",):
        column = _part(values, path[:-1])
        role = {"role": column["role"]} if "role" in column else {}
        column.clear()
        column.update({"type": "number", **role})
        return path
    parent = path[:-1]
    if parent:
        _remove(values, parent)
    return parent


def _remove(values: Any, path: Path) -> None:
    part = _part(values, path[:-1])
    if isinstance(part, dict):
        part.pop(path[-1], None)


def _part(values: Any, path: Path) -> Any:
    for key in path:
        values = values.get(key) if isinstance(values, dict) else None
    return values


def _contradictions(part: SpecPart, path: Path, gaps: set[Path]) -> Iterator[Problem]:
    """Faults of every part without gaps; pydantic itself goes no further than an inner part's."""
    if path not in gaps:
        for fault in part.faults():
            at = ".".join(filter(None, (key_path(path), fault.at)))
            yield Problem(at, fault.found, fault.expected)
    for name in type(part).model_fields:
        value = getattr(part, name)
        inner = value.items() if isinstance(value, dict) else ()
        for keys, item in [((name,), value), *(((name, key), item) for key, item in inner)]:
            if isinstance(item, SpecPart):
                yield from _contradictions(item, (*path, *keys), gaps)


def _text_at(where: str, values: Any) -> str:
    for key in re.findall(r"[^.\[\]]+", where):
        if isinstance(values, dict):
            values = values.get(key)
        elif isinstance(values, list) and key.isdigit() and int(key) < len(values):
            values = values[int(key)]
        else:
            return ""
    return str(values) if isinstance(values, str) else ""
